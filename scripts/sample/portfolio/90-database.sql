-- portfolio: what belongs to the database and not to one schema: settings, publications, an event trigger, large
-- objects, a foreign server. Needs a superuser.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET search_path = '"$user"', public, extensions;
ALTER DATABASE :"database" SET "app.settings.jwt_secret" = 'not a secret: ''quoted''';
ALTER ROLE app_user IN DATABASE :"database" SET work_mem = '8MB';
COMMENT ON DATABASE :"database" IS E'erp and agent,\none foreign key between them';
GRANT CONNECT ON DATABASE :"database" TO authenticator;

SELECT :SERVER_VERSION_NUM >= 150000 AS at_least_15 \gset
-- Servers below wal_level logical warn here; a backup does not care.
SET LOCAL client_min_messages = error;
CREATE PUBLICATION everything_in_erp FOR TABLE erp.customers, erp.budgets, erp.execution_runs WITH (publish = 'insert, update');
\if :at_least_15
CREATE PUBLICATION filtered FOR TABLE erp.products (id, sku) WHERE (price > 10);
CREATE PUBLICATION whole_schema FOR TABLES IN SCHEMA agent;
\endif

CREATE SCHEMA "SPECIAL ""@/\#~_-" AUTHORIZATION portfolio;
CREATE TABLE "SPECIAL ""@/\#~_-".names (id integer PRIMARY KEY);
INSERT INTO "SPECIAL ""@/\#~_-".names VALUES (1);

-- PostgREST's way to notice a changed schema.
CREATE FUNCTION public.pgrst_watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY pgrst, 'reload schema'; END $$;
CREATE EVENT TRIGGER pgrst_watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION public.pgrst_watch();
ALTER EVENT TRIGGER pgrst_watch ENABLE ALWAYS;

-- Large objects: of several pages, with a hole, empty, owned by another role.
SELECT lo_from_bytea(424201, (SELECT string_agg(sha512(i::text::bytea), ''::bytea ORDER BY i) FROM generate_series(1, 5000) i)), lo_from_bytea(424202, E'\\x'), lo_from_bytea(424203, convert_to(E'text \\. with\nlines', 'UTF8')), lo_create(424204), lo_create(424205);
SELECT lo_put(424204, 100000, '\x00ff');
ALTER LARGE OBJECT 424201 OWNER TO portfolio;
ALTER LARGE OBJECT 424203 OWNER TO app_user;
GRANT SELECT ON LARGE OBJECT 424201, 424202 TO web_anon;
GRANT SELECT, UPDATE ON LARGE OBJECT 424201 TO app_auditor WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 424201 IS 'the first report';

SELECT count(*) > 0 AS has_fdw FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :has_fdw
CREATE EXTENSION postgres_fdw SCHEMA extensions;
CREATE SERVER warehouse FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'warehouse.invalid', dbname 'stock', port '5432');
ALTER SERVER warehouse OWNER TO portfolio;
CREATE USER MAPPING FOR app_user SERVER warehouse OPTIONS (user 'reader', password 'it''s not one');
CREATE FOREIGN TABLE erp.remote_stock (sku text NOT NULL, quantity integer OPTIONS (column_name 'qty')) SERVER warehouse OPTIONS (schema_name 'public', table_name 'stock');
GRANT USAGE ON FOREIGN SERVER warehouse TO app_user;
\endif
