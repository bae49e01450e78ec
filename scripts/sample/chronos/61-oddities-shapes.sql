-- chronos, schema shapes: tables, names, constraints, indexes and settings that are hard to recreate.
\ir generate.psql
SELECT :SERVER_VERSION_NUM >= 150000 AS at_least_15 \gset
CREATE SCHEMA shapes;

-- Names: dots, quotes, spaces, percent signs, emoji, upper case, reserved words, exactly 63 bytes, like a system column.
CREATE SCHEMA "Odd.Schema ""100%"" 🙂";
CREATE TABLE "Odd.Schema ""100%"" 🙂"."Table.with ""every"" %s thing\ 'here' 🚀" ("id" integer PRIMARY KEY, "a.b" text, "a""b" text, " lead" text, "100%" text, "col
umn" text, "🙂" text, "SELECT" text, "select" text, "tab	" text, "back\slash" text, "ctid2" text, "$1" text, "it's" text, ":var" text);
INSERT INTO "Odd.Schema ""100%"" 🙂"."Table.with ""every"" %s thing\ 'here' 🚀" SELECT i, 'a', 'b', NULL, '', E'\n', '🙂', 'upper', 'lower', E'\t', E'\\', 'tid', '$', '''', ':' FROM generate_series(1, 5) i;
CREATE TABLE "Odd.Schema ""100%"" 🙂".n23456789_123456789_123456789_123456789_123456789_123456789_123 (c23456789_123456789_123456789_123456789_123456789_123456789_123 serial PRIMARY KEY);
INSERT INTO "Odd.Schema ""100%"" 🙂".n23456789_123456789_123456789_123456789_123456789_123456789_123 SELECT FROM generate_series(1, 3);
CREATE TABLE shapes."table" ("user" integer, "order" integer, "group" text, "primary" boolean, "end" text, "all" text, "default" integer DEFAULT 7, "check" text, oid integer, "ctid2" integer, "tableoid_" integer, PRIMARY KEY ("user", "order"));
INSERT INTO shapes."table" ("user", "order", "group", oid) SELECT i, -i, 'g', i FROM generate_series(1, 10) i;
COMMENT ON COLUMN shapes."table"."default" IS E'a comment with ''quotes'', \\backslashes\nand a line end;';

-- Columns: three hundred; dropped in the middle; none; only generated; order changed.
SELECT 'CREATE TABLE shapes.wide (' || string_agg(format('c%s %s', i, (ARRAY['integer', 'text', 'numeric', 'timestamptz', 'boolean'])[1 + i % 5]), ', ') || ')' FROM generate_series(1, 300) i \gexec
INSERT INTO shapes.wide (c1, c4, c5, c150, c299, c300) SELECT 'value ' || i, i % 2 = 0, i, i * 10, i % 3 = 0, i FROM generate_series(1, 50) i;
CREATE TABLE shapes.dropped (a integer, b text, c integer, d text DEFAULT 'old', e integer);
INSERT INTO shapes.dropped SELECT i, 'b' || i, i * 2, 'd' || i, i * 3 FROM generate_series(1, 100) i;
ALTER TABLE shapes.dropped DROP COLUMN b, DROP COLUMN d, ADD COLUMN f text DEFAULT 'added later' NOT NULL, ADD COLUMN b bigint;
INSERT INTO shapes.dropped (a, c, e, b) VALUES (101, 202, 303, 404);
ALTER TABLE shapes.dropped ALTER COLUMN c TYPE text USING c || '!';
CREATE TABLE shapes.no_columns ();
INSERT INTO shapes.no_columns SELECT FROM generate_series(1, 7);
CREATE TABLE shapes.all_dropped (gone integer);
INSERT INTO shapes.all_dropped VALUES (1), (2);
ALTER TABLE shapes.all_dropped DROP COLUMN gone;
CREATE TABLE shapes.generated (seven integer GENERATED ALWAYS AS (3 + 4) STORED, text_of_it text GENERATED ALWAYS AS ('seven') STORED);
INSERT INTO shapes.generated SELECT FROM generate_series(1, 4);
CREATE TABLE shapes.generated_between (a integer, twice integer GENERATED ALWAYS AS (a * 2) STORED, b text, loud text GENERATED ALWAYS AS (upper(b)) STORED, c date);
INSERT INTO shapes.generated_between (a, b, c) SELECT i, pg_temp.word(i), date '2025-01-01' + i FROM generate_series(1, 20) i;
CREATE TABLE shapes.empty (id integer PRIMARY KEY, note text);
CREATE TABLE shapes.all_null (a integer, b text, c timestamptz);
INSERT INTO shapes.all_null SELECT FROM generate_series(1, 11);
CREATE TABLE shapes.duplicates (a integer, b text);
INSERT INTO shapes.duplicates SELECT i % 3, NULLIF(i % 3, 0)::text FROM generate_series(1, 30) i;

-- Storage: compression, TOAST options, fillfactor, statistics targets, a clustered index, unlogged.
CREATE TABLE shapes.stored (id integer PRIMARY KEY, main text, external text, plain text) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 256, parallel_workers = 2);
ALTER TABLE shapes.stored ALTER COLUMN main SET STORAGE MAIN, ALTER COLUMN external SET STORAGE EXTERNAL, ALTER COLUMN plain SET STORAGE PLAIN, ALTER COLUMN main SET COMPRESSION pglz, ALTER COLUMN main SET STATISTICS 500, ALTER COLUMN plain SET (n_distinct = -0.5);
SELECT 'ALTER TABLE shapes.stored ALTER COLUMN external SET COMPRESSION lz4' FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals) \gexec
INSERT INTO shapes.stored SELECT i, repeat(md5(i::text), 200), repeat(md5((i * 7)::text), 300), md5(i::text) FROM generate_series(1, 200) i;
CREATE INDEX stored_plain_index ON shapes.stored (plain) WITH (fillfactor = 60);
ALTER TABLE shapes.stored CLUSTER ON stored_plain_index;
ALTER INDEX shapes.stored_plain_index SET (deduplicate_items = off);
CREATE UNLOGGED TABLE shapes.unlogged (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
INSERT INTO shapes.unlogged (what) SELECT pg_temp.word(i) FROM generate_series(1, 100) i;

-- Indexes and constraints.
CREATE TABLE shapes.constrained (
    id integer, label text, code text, low integer, high integer, parent integer, span int4range,
    CONSTRAINT constrained_pkey PRIMARY KEY (id) INCLUDE (label), CONSTRAINT ordered CHECK (low <= high) NO INHERIT, CONSTRAINT one_code UNIQUE (code) DEFERRABLE INITIALLY DEFERRED, CONSTRAINT apart EXCLUDE USING gist (span WITH &&) WHERE (span IS NOT NULL));
INSERT INTO shapes.constrained SELECT i, pg_temp.word(i), 'c' || i, i, i + 5, NULLIF(i / 2, 0), int4range(i * 10, i * 10 + 9) FROM generate_series(1, 60) i;
CREATE FUNCTION shapes.forbidden() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$ SELECT '{}'::text[] $$;
CREATE FUNCTION shapes.plausible(value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN length(value) BETWEEN 1 AND 40 AND value <> ALL (shapes.forbidden()); END $$;
ALTER TABLE shapes.constrained ADD CONSTRAINT plausible_label CHECK (shapes.plausible(label)), ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES shapes.constrained (id) ON UPDATE CASCADE DEFERRABLE INITIALLY IMMEDIATE;
CREATE UNIQUE INDEX constrained_partial ON shapes.constrained (label, id) WHERE low > 10;
CREATE INDEX constrained_expression ON shapes.constrained ((lower(label) || ' ' || code) DESC NULLS LAST, (high - low));
CREATE INDEX constrained_covering ON shapes.constrained (low) INCLUDE (high, code);
CREATE INDEX constrained_hash ON shapes.constrained USING hash (code);
ALTER INDEX shapes.constrained_expression ALTER COLUMN 1 SET STATISTICS 300;
CREATE TABLE shapes.broken (id integer PRIMARY KEY, parent integer, amount integer);
INSERT INTO shapes.broken VALUES (1, 1, 5), (2, 99, -5), (3, NULL, 0);
-- Rows that break their constraints: allowed, because both are NOT VALID.
ALTER TABLE shapes.broken ADD CONSTRAINT orphan_allowed FOREIGN KEY (parent) REFERENCES shapes.empty (id) NOT VALID, ADD CONSTRAINT amount_positive CHECK (amount > 0) NOT VALID;
CREATE TABLE shapes.nulls (a integer, b text);
INSERT INTO shapes.nulls VALUES (1, NULL), (2, 'x'), (NULL, 'x');
\if :at_least_15
ALTER TABLE shapes.nulls ADD CONSTRAINT one_null UNIQUE NULLS NOT DISTINCT (a, b);
\endif

-- Triggers, replica identities, rules of inheritance.
CREATE TABLE shapes.watched (id integer NOT NULL, seen integer DEFAULT 0 NOT NULL, other text);
CREATE FUNCTION shapes.count_seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := NEW.seen + 1000; RETURN NEW; END $$;
INSERT INTO shapes.watched SELECT i, i, 'row ' || i FROM generate_series(1, 25) i;
CREATE TRIGGER "fires on load" BEFORE INSERT ON shapes.watched FOR EACH ROW EXECUTE FUNCTION shapes.count_seen();
CREATE TRIGGER disabled_one BEFORE UPDATE OF seen ON shapes.watched FOR EACH ROW EXECUTE FUNCTION shapes.count_seen();
CREATE TRIGGER always_one BEFORE UPDATE ON shapes.watched FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION shapes.count_seen();
CREATE TRIGGER replica_one BEFORE DELETE ON shapes.watched FOR EACH ROW EXECUTE FUNCTION shapes.count_seen();
ALTER TABLE shapes.watched DISABLE TRIGGER disabled_one, ENABLE ALWAYS TRIGGER always_one, ENABLE REPLICA TRIGGER replica_one;
CREATE UNIQUE INDEX watched_identity ON shapes.watched (id);
ALTER TABLE shapes.watched REPLICA IDENTITY USING INDEX watched_identity;
ALTER TABLE shapes.duplicates REPLICA IDENTITY FULL;
ALTER TABLE shapes.empty REPLICA IDENTITY NOTHING;
CREATE TABLE shapes.parent_a (id integer, label text DEFAULT 'a');
CREATE TABLE shapes.parent_b (extra text, id integer);
CREATE TABLE shapes.child (own date, CHECK (id > 0)) INHERITS (shapes.parent_a, shapes.parent_b);
CREATE TABLE shapes.grandchild (label text DEFAULT 'grandchild') INHERITS (shapes.child);
INSERT INTO shapes.parent_a VALUES (1, 'only in the parent');
INSERT INTO shapes.child VALUES (2, 'in the child', 'x', '2025-01-01');
INSERT INTO shapes.grandchild (id, own) VALUES (3, '2025-02-02');

-- Sequences: own steps, limits and cycles; one never called; one owned by a column; identities with both kinds.
CREATE SEQUENCE shapes.never_called START 42;
CREATE SEQUENCE shapes.downwards INCREMENT -3 MINVALUE -100 MAXVALUE 50 START 50 CYCLE CACHE 5;
SELECT setval('shapes.downwards', -97, true);
CREATE SEQUENCE shapes.set_not_called AS smallint MAXVALUE 1000;
SELECT setval('shapes.set_not_called', 17, false);
CREATE SEQUENCE shapes.at_the_end AS bigint;
SELECT setval('shapes.at_the_end', 9223372036854775807, true);
CREATE TABLE shapes.identities (always_id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 10 MINVALUE 5 MAXVALUE 100000 CYCLE), default_id smallint, "Serial Id" bigserial, label text);
ALTER TABLE shapes.identities ALTER COLUMN default_id SET NOT NULL, ALTER COLUMN default_id ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME shapes."own name" START 7);
INSERT INTO shapes.identities (label) SELECT 'row ' || i FROM generate_series(1, 10) i;

-- Privileges on columns, on sequences and with the grant option; a view on a view; a policy that hides rows from the owner.
GRANT SELECT (id, label), UPDATE (label) ON shapes.constrained TO chronos_readonly;
GRANT INSERT (id) ON shapes.empty TO directus_app WITH GRANT OPTION;
GRANT USAGE, SELECT ON SEQUENCE shapes.never_called TO directus_app;
GRANT USAGE ON SCHEMA shapes TO chronos_readonly;
GRANT SELECT ON shapes.all_null TO PUBLIC;
REVOKE ALL ON shapes.duplicates FROM CURRENT_USER;
CREATE VIEW shapes.zz_first AS SELECT id, label FROM shapes.constrained WHERE low > 3 WITH CASCADED CHECK OPTION;
CREATE VIEW shapes.aa_second AS SELECT upper(label) AS label FROM shapes.zz_first;
CREATE TABLE shapes.guarded (id integer PRIMARY KEY, owner name, body text);
INSERT INTO shapes.guarded SELECT i, CASE WHEN i % 2 = 0 THEN 'chronos' ELSE 'grafana' END, 'secret ' || i FROM generate_series(1, 10) i;
ALTER TABLE shapes.guarded OWNER TO chronos;
ALTER TABLE shapes.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON shapes.guarded AS PERMISSIVE FOR ALL TO chronos, chronos_readonly USING (owner = CURRENT_USER) WITH CHECK (body <> '');
CREATE POLICY "never 3" ON shapes.guarded AS RESTRICTIVE FOR SELECT USING (id <> 3);
CREATE OPERATOR shapes.=~= (FUNCTION = textlike, LEFTARG = text, RIGHTARG = text);
CREATE AGGREGATE shapes.concat_all (text) (SFUNC = textcat, STYPE = text, INITCOND = '');
CREATE TEXT SEARCH CONFIGURATION shapes.plain_english (COPY = pg_catalog.english);
