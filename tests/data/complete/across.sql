-- After ../definitions/kinds.sql: what belongs to one schema's objects and lies in another, or says something of objects that come along
-- unasked. A selection of one schema, or of one table, has to bring it or to name it. Run as a superuser.
CREATE ROLE cleo;
CREATE SCHEMA shop; CREATE SCHEMA depot; CREATE SCHEMA tools AUTHORIZATION ben;
COMMENT ON SCHEMA tools IS 'for everybody'; GRANT USAGE ON SCHEMA tools TO PUBLIC; COMMENT ON SCHEMA public IS 'changed'; GRANT CREATE ON SCHEMA public TO cleo;

-- An extension's objects: their grants and comments are the user's.
CREATE EXTENSION unaccent WITH SCHEMA tools; COMMENT ON EXTENSION unaccent IS 'ours'; CREATE EXTENSION hstore WITH SCHEMA tools; CREATE EXTENSION btree_gist WITH SCHEMA tools;
REVOKE EXECUTE ON FUNCTION tools.unaccent(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION tools.unaccent(text) TO cleo; COMMENT ON FUNCTION tools.unaccent(text) IS 'no accents';
GRANT USAGE ON TYPE tools.hstore TO cleo; COMMENT ON TYPE tools.hstore IS 'pairs';

-- Types and functions elsewhere, with casts, a transform, comments, grants and late checks.
CREATE TYPE shop.grade AS ENUM ('a', 'b'); CREATE TYPE tools.colour AS ENUM ('red'); COMMENT ON TYPE tools.colour IS 'one'; REVOKE USAGE ON TYPE tools.colour FROM PUBLIC; GRANT USAGE ON TYPE tools.colour TO cleo;
CREATE FUNCTION tools.grade_number(shop.grade) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE CAST (shop.grade AS int) WITH FUNCTION tools.grade_number(shop.grade);
COMMENT ON CAST (shop.grade AS int) IS 'by number'; CREATE CAST (tools.colour AS text) WITH INOUT; CREATE CAST (shop.grade AS tools.colour) WITH INOUT AS ASSIGNMENT;
CREATE TRANSFORM FOR shop.grade LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal)); COMMENT ON TRANSFORM FOR shop.grade LANGUAGE sql IS 'odd';
CREATE DOMAIN tools.positive AS int DEFAULT 1; ALTER DOMAIN tools.positive ADD CONSTRAINT above CHECK (VALUE > 0); COMMENT ON CONSTRAINT above ON DOMAIN tools.positive IS 'above zero';
CREATE TYPE tools.pair AS (a tools.positive, b text); COMMENT ON COLUMN tools.pair.b IS 'the second';
CREATE FUNCTION tools.next() RETURNS int LANGUAGE sql AS 'SELECT 7'; COMMENT ON FUNCTION tools.next() IS 'seven'; REVOKE EXECUTE ON FUNCTION tools.next() FROM PUBLIC; ALTER FUNCTION tools.next() OWNER TO ben;
CREATE FUNCTION tools.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; GRANT EXECUTE ON FUNCTION tools.stamp() TO ann;
CREATE COLLATION tools.own FROM "C"; COMMENT ON COLLATION tools.own IS 'plain';
CREATE TEXT SEARCH DICTIONARY tools.words (TEMPLATE = simple); COMMENT ON TEXT SEARCH DICTIONARY tools.words IS 'w'; CREATE TEXT SEARCH CONFIGURATION shop.search (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION shop.search ALTER MAPPING FOR asciiword WITH tools.words;
CREATE FUNCTION tools.alike(shop.grade, shop.grade) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE OPERATOR tools.<=> (leftarg = shop.grade, rightarg = shop.grade, function = tools.alike); COMMENT ON OPERATOR tools.<=> (shop.grade, shop.grade) IS 'like';
CREATE FUNCTION tools.compare(shop.grade, shop.grade) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0'; CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; COMMENT ON ACCESS METHOD heap2 IS 'second';
COMMENT ON LANGUAGE plpgsql IS 'changed'; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO ann;

-- Tables that need all of it.
CREATE TABLE shop.item (id int GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY, serial bigserial, n int DEFAULT tools.next(), p tools.positive, pair tools.pair, colour tools.colour, grade shop.grade,
    name text COLLATE tools.own, plain text, tags tools.hstore, room int, place int4range, EXCLUDE USING gist (room WITH =, place WITH &&));
CREATE SEQUENCE shop.spare OWNED BY shop.item.name; ALTER SEQUENCE shop.spare RESTART 33; COMMENT ON SEQUENCE shop.item_id_seq IS 'counts'; GRANT USAGE ON SEQUENCE shop.item_id_seq TO cleo; GRANT SELECT ON SEQUENCE shop.spare TO cleo;
CREATE SEQUENCE depot.shared; ALTER TABLE shop.item ALTER room SET DEFAULT nextval('depot.shared'); COMMENT ON SEQUENCE depot.shared IS 'of many';
INSERT INTO shop.item (p, plain, place) VALUES (-1 + 2, 'é', '[1,2)'), (2, 'x', '[3,4)'); ALTER DOMAIN tools.positive ADD CONSTRAINT more CHECK (VALUE > 1) NOT VALID; COMMENT ON CONSTRAINT more ON DOMAIN tools.positive IS 'late';
CREATE FUNCTION tools.plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT tools.unaccent($1)'; ALTER TABLE shop.item ADD bare text GENERATED ALWAYS AS (tools.plain(plain)) STORED;
CREATE INDEX item_bare ON shop.item (tools.plain(plain)); COMMENT ON INDEX shop.item_bare IS 'bare'; CREATE STATISTICS depot.item_stats ON n, room FROM shop.item; COMMENT ON STATISTICS depot.item_stats IS 'both'; ALTER STATISTICS depot.item_stats SET STATISTICS 7;
CREATE TRIGGER stamp BEFORE UPDATE ON shop.item FOR EACH ROW EXECUTE FUNCTION tools.stamp(); COMMENT ON TRIGGER stamp ON shop.item IS 'stamps'; ALTER TABLE shop.item DISABLE TRIGGER stamp;
CREATE POLICY seen ON shop.item TO cleo USING (n > 0); COMMENT ON POLICY seen ON shop.item IS 'seen'; ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY;
CREATE RULE quiet AS ON DELETE TO shop.item DO INSTEAD NOTHING; COMMENT ON RULE quiet ON shop.item IS 'quiet'; COMMENT ON CONSTRAINT item_pkey ON shop.item IS 'key'; GRANT SELECT (n), UPDATE (n) ON shop.item TO ann WITH GRANT OPTION;
ALTER TABLE shop.item REPLICA IDENTITY USING INDEX item_pkey;
CREATE TABLE shop.second (i int) USING heap2; CREATE TYPE tools.row AS (x int, y text); CREATE TABLE shop.typed OF tools.row (x DEFAULT 5); CREATE UNLOGGED TABLE shop.unlogged (i int);

-- What crosses to tables elsewhere.
CREATE TABLE depot.bin (id int PRIMARY KEY, room int); INSERT INTO depot.bin VALUES (1, 1); CREATE TABLE depot.log (t text);
CREATE TABLE shop.pick (id int PRIMARY KEY, item int REFERENCES shop.item, bin int REFERENCES depot.bin, above int REFERENCES shop.pick);
COMMENT ON CONSTRAINT pick_bin_fkey ON shop.pick IS 'where'; CREATE RULE also AS ON UPDATE TO shop.pick DO ALSO INSERT INTO depot.log VALUES ('u'); COMMENT ON RULE also ON shop.pick IS 'log';
CREATE POLICY of_bin ON shop.pick USING (bin IN (SELECT id FROM depot.bin)); COMMENT ON POLICY of_bin ON shop.pick IS 'bin'; ALTER TABLE shop.pick ENABLE ROW LEVEL SECURITY;
CREATE CONSTRAINT TRIGGER of_bin AFTER INSERT ON shop.pick FROM depot.bin FOR EACH ROW EXECUTE FUNCTION tools.stamp(); COMMENT ON TRIGGER of_bin ON shop.pick IS 'bin';
CREATE FUNCTION shop.bins() RETURNS SETOF depot.bin LANGUAGE sql BEGIN ATOMIC SELECT * FROM depot.bin; END; COMMENT ON FUNCTION shop.bins() IS 'all'; CREATE VIEW shop.located AS SELECT p.id, b.room FROM shop.pick p JOIN depot.bin b ON b.id = p.bin;
COMMENT ON VIEW shop.located IS 'where'; GRANT SELECT ON shop.located TO cleo; CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.located; CREATE INDEX kept_id ON shop.kept (id);

CREATE VIEW shop.counted AS SELECT id, n, count(*) FROM shop.item GROUP BY id; CREATE VIEW shop.writable AS SELECT id, bin FROM shop.pick; ALTER VIEW shop.writable ALTER bin SET DEFAULT 1; COMMENT ON COLUMN shop.writable.bin IS 'bin';
CREATE TRIGGER instead INSTEAD OF UPDATE ON shop.writable FOR EACH ROW EXECUTE FUNCTION tools.stamp(); CREATE RULE no_delete AS ON DELETE TO shop.writable DO INSTEAD NOTHING;
CREATE TABLE shop.sale (id int GENERATED BY DEFAULT AS IDENTITY, day date, item int REFERENCES shop.item, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE shop.sale_1 PARTITION OF shop.sale FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); CREATE TABLE depot.sale_rest PARTITION OF shop.sale DEFAULT; COMMENT ON TABLE depot.sale_rest IS 'rest';
CREATE INDEX sale_day ON shop.sale (day); COMMENT ON INDEX shop.sale_day IS 'day'; INSERT INTO shop.sale (day) VALUES ('2026-01-05'), ('2026-05-05');

-- Foreign servers, publications, a subscription, an event trigger, what is the database's.
COMMENT ON SERVER far IS 'away'; GRANT USAGE ON FOREIGN SERVER far TO ann; GRANT USAGE ON FOREIGN DATA WRAPPER nowhere TO ann; COMMENT ON FOREIGN DATA WRAPPER nowhere IS 'nowhere'; CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (secret 'y');
CREATE FOREIGN TABLE shop.remote (a int DEFAULT 3) SERVER far; CREATE PUBLICATION goods FOR TABLE shop.item (id, n), depot.bin; CREATE PUBLICATION whole FOR TABLES IN SCHEMA depot, shop; CREATE PUBLICATION every FOR ALL TABLES; COMMENT ON PUBLICATION goods IS 'goods';
CREATE SUBSCRIPTION far_away CONNECTION 'host=h dbname=x' PUBLICATION p WITH (connect = false); COMMENT ON SUBSCRIPTION far_away IS 'far';
CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE OPERATOR CLASS') EXECUTE FUNCTION public.watch(); COMMENT ON EVENT TRIGGER watch IS 'looks';
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO cleo; ALTER DEFAULT PRIVILEGES FOR ROLE ann GRANT EXECUTE ON FUNCTIONS TO cleo; REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %1$I IS ''odd ones''; ALTER DATABASE %1$I SET work_mem = ''5MB''; ALTER ROLE cleo IN DATABASE %1$I SET search_path = shop, public; REVOKE TEMPORARY ON DATABASE %1$I FROM PUBLIC; GRANT CONNECT ON DATABASE %1$I TO cleo', current_database()); END $$;
