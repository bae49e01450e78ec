-- What the order of a restore could get wrong: whatever pg_dump's dependencies do not say. A function that looks something up raises where
-- it finds nothing, so that an order that is wrong is loud. Run as a superuser in an empty database.
CREATE ROLE torture_owner;
CREATE SCHEMA lookup; CREATE SCHEMA rows; CREATE SCHEMA views; CREATE SCHEMA tenant AUTHORIZATION torture_owner;

-- Looked up by functions; larger and smaller than the tables whose rows need them.
CREATE TABLE lookup.words (word text PRIMARY KEY, n int);
INSERT INTO lookup.words SELECT 'word ' || n, n FROM generate_series(1, 2000) n;
CREATE TABLE lookup.few (id int PRIMARY KEY, what text); INSERT INTO lookup.few VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE TABLE lookup.parts (id int, what text) PARTITION BY LIST (id);
CREATE TABLE lookup.parts_1 PARTITION OF lookup.parts FOR VALUES IN (1);
CREATE TABLE lookup.parts_2 PARTITION OF lookup.parts FOR VALUES IN (2);
INSERT INTO lookup.parts VALUES (1, 'uno'), (2, 'due');
CREATE VIEW lookup.all_few AS SELECT * FROM lookup.few;
CREATE FUNCTION lookup.number(word text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$DECLARE found int; BEGIN SELECT w.n INTO STRICT found FROM lookup.words w WHERE w.word = $1; RETURN found; END$$;
CREATE FUNCTION lookup.what(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$DECLARE found text; BEGIN SELECT f.what INTO STRICT found FROM lookup.all_few f WHERE f.id = $1; RETURN found; END$$;
CREATE FUNCTION lookup.part(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$DECLARE found text; BEGIN SELECT p.what INTO STRICT found FROM lookup.parts p WHERE p.id = $1; RETURN found; END$$;
-- By a name that is put together: no text says which table it reads.
CREATE FUNCTION lookup.hidden(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$DECLARE found text; BEGIN EXECUTE 'SELECT what FROM lookup.' || 'few WHERE id = $1' INTO STRICT found USING id; RETURN found; END$$;
CREATE FUNCTION lookup.through(id int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT lookup.what(id) IS NOT NULL';
CREATE FUNCTION lookup.parsed(id int) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT EXISTS (SELECT FROM lookup.few f WHERE f.id = parsed.id); END;

-- Checks, generated columns, domains and partition keys that look something up while rows are loaded.
CREATE TABLE rows.checked (word text CHECK (lookup.number(word) > 0));
INSERT INTO rows.checked SELECT 'word ' || n FROM generate_series(1, 2000) n;
CREATE TABLE rows.generated (id int, what text GENERATED ALWAYS AS (lookup.what(id)) STORED);
INSERT INTO rows.generated SELECT 1 + n % 3 FROM generate_series(1, 3000) n;
CREATE TABLE rows.of_parts (id int CHECK (lookup.part(id) IS NOT NULL)); INSERT INTO rows.of_parts VALUES (1), (2);
CREATE TABLE rows.of_parsed (id int CHECK (lookup.parsed(id))); INSERT INTO rows.of_parsed SELECT 1 + n % 3 FROM generate_series(1, 3000) n;
CREATE DOMAIN rows.known AS int CHECK (lookup.through(VALUE));
CREATE TYPE rows.pair AS (a rows.known, b text);
CREATE TABLE rows.typed (v rows.known, p rows.pair, list rows.known[]); INSERT INTO rows.typed VALUES (1, (2, 'x'), '{3}');
CREATE TABLE rows.keyed (id int) PARTITION BY LIST (lookup.what(id));
CREATE TABLE rows.keyed_one PARTITION OF rows.keyed FOR VALUES IN ('one'); CREATE TABLE rows.keyed_rest PARTITION OF rows.keyed DEFAULT;
INSERT INTO rows.keyed VALUES (1), (2), (3);
-- Two that look at each other: no order is right for both, and either does.
CREATE TABLE rows.left_hand (i int); CREATE TABLE rows.right_hand (i int);
CREATE FUNCTION rows.in_right(i int) RETURNS boolean LANGUAGE sql AS 'SELECT i > 0 OR EXISTS (SELECT FROM rows.right_hand r WHERE r.i = $1)';
CREATE FUNCTION rows.in_left(i int) RETURNS boolean LANGUAGE sql AS 'SELECT i > 0 OR EXISTS (SELECT FROM rows.left_hand l WHERE l.i = $1)';
ALTER TABLE rows.left_hand ADD CHECK (rows.in_right(i)); ALTER TABLE rows.right_hand ADD CHECK (rows.in_left(i));
INSERT INTO rows.left_hand VALUES (1); INSERT INTO rows.right_hand VALUES (1);

-- What is built from rows by functions that look elsewhere, by name and by none.
CREATE TABLE rows.indexed (id int, word text, room int, place int4range); INSERT INTO rows.indexed SELECT 1 + n % 3, 'word ' || n, n, int4range(n, n + 1) FROM generate_series(1, 500) n;
CREATE INDEX indexed_what ON rows.indexed (lookup.what(id)); CREATE UNIQUE INDEX indexed_number ON rows.indexed (lookup.number(word));
CREATE INDEX indexed_hidden ON rows.indexed (lookup.hidden(id)) WHERE lookup.hidden(id) <> 'two';
CREATE STATISTICS rows.indexed_stats ON (lookup.hidden(id)), word FROM rows.indexed;
CREATE TABLE rows.excluding (id int, place int4range, EXCLUDE USING gist (place WITH &&) WHERE (lookup.hidden(id) IS NOT NULL));
INSERT INTO rows.excluding SELECT 1 + n % 3, int4range(n * 2, n * 2 + 1) FROM generate_series(1, 200) n;
CREATE TABLE rows.of_row (id int); INSERT INTO rows.of_row VALUES (1), (3);
CREATE FUNCTION rows.fine(r rows.of_row) RETURNS boolean LANGUAGE sql AS 'SELECT lookup.hidden(r.id) IS NOT NULL';
ALTER TABLE rows.of_row ADD CONSTRAINT is_fine CHECK (rows.fine(of_row)); COMMENT ON CONSTRAINT is_fine ON rows.of_row IS 'by the row';
CREATE TABLE rows.slices (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE rows.slices_1 PARTITION OF rows.slices FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE rows.slices_2 PARTITION OF rows.slices FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO rows.slices SELECT 1 + n % 3, date '2026-01-05' + n % 50 FROM generate_series(1, 300) n;
CREATE INDEX slices_hidden ON rows.slices (lookup.hidden(id)); COMMENT ON INDEX rows.slices_hidden IS 'of all slices';

-- Rows that are against what is NOT VALID.
CREATE DOMAIN rows.positive AS int; CREATE DOMAIN rows.small AS rows.positive; CREATE TYPE rows.amount AS (v rows.positive, unit text);
CREATE TABLE rows.amounts (v rows.positive, s rows.small, a rows.amount, list rows.positive[]);
INSERT INTO rows.amounts VALUES (-5, -6, (-7, 'EUR'), '{-8}');
ALTER DOMAIN rows.positive ADD CONSTRAINT is_positive CHECK (VALUE > 0) NOT VALID; ALTER DOMAIN rows.positive ADD CONSTRAINT is_less CHECK (VALUE < 1000) NOT VALID;
ALTER DOMAIN rows.small ADD CONSTRAINT is_small CHECK (VALUE < -100) NOT VALID; COMMENT ON CONSTRAINT is_positive ON DOMAIN rows.positive IS 'from now on';
CREATE FUNCTION rows.as_positive(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i::rows.positive; END';
CREATE TABLE rows.parent (i int); CREATE TABLE rows.child (j int) INHERITS (rows.parent); CREATE TABLE rows.grandchild () INHERITS (rows.child);
INSERT INTO rows.parent VALUES (-1); INSERT INTO rows.child VALUES (-1, 1), (-2, 2); INSERT INTO rows.grandchild VALUES (-3, 3);
ALTER TABLE rows.parent ADD CONSTRAINT parent_positive CHECK (i > 0) NOT VALID;
ALTER TABLE rows.slices ADD CONSTRAINT slices_known CHECK (id > 2) NOT VALID;
CREATE TABLE rows.target (id int PRIMARY KEY); INSERT INTO rows.target VALUES (1);
CREATE TABLE rows.orphans (id int, target int); INSERT INTO rows.orphans VALUES (1, 1), (2, 99);
ALTER TABLE rows.orphans ADD CONSTRAINT orphans_target FOREIGN KEY (target) REFERENCES rows.target NOT VALID;

-- Keys among partitioned tables, to oneself and in a circle; identities, clustering, replica identities.
CREATE TABLE rows.sale (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE rows.sale_1 PARTITION OF rows.sale FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE rows.sale_2 PARTITION OF rows.sale FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id);
CREATE TABLE rows.sale_2_odd PARTITION OF rows.sale_2 FOR VALUES IN (1, 3, 5); CREATE TABLE rows.sale_2_rest PARTITION OF rows.sale_2 DEFAULT;
INSERT INTO rows.sale SELECT n % 50, date '2026-01-01' + n FROM generate_series(0, 50) n;
CREATE TABLE rows.line (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sale int, day date, above int REFERENCES rows.line DEFERRABLE INITIALLY DEFERRED, FOREIGN KEY (sale, day) REFERENCES rows.sale) PARTITION BY HASH (id);
CREATE TABLE rows.line_0 PARTITION OF rows.line FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE rows.line_1 PARTITION OF rows.line FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO rows.line (sale, day, above) SELECT n % 50, date '2026-01-01' + n, NULLIF(n, 0) FROM generate_series(0, 50) n;
ALTER TABLE rows.sale_1 CLUSTER ON sale_1_pkey; ALTER TABLE rows.line_0 REPLICA IDENTITY USING INDEX line_0_pkey;
CREATE TABLE rows.hen (id int PRIMARY KEY, egg int); CREATE TABLE rows.egg (id int PRIMARY KEY, hen int REFERENCES rows.hen);
INSERT INTO rows.hen VALUES (1, 1); INSERT INTO rows.egg VALUES (1, 1); ALTER TABLE rows.hen ADD FOREIGN KEY (egg) REFERENCES rows.egg;

-- A megabyte, which is truncated before it is loaded, and what must not fire meanwhile.
CREATE FUNCTION rows.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'a trigger fired: %', TG_NAME; END$$;
CREATE TABLE rows.large (id int, note text); INSERT INTO rows.large SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 6000) n;
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON rows.large EXECUTE FUNCTION rows.refuse(); CREATE TRIGGER no_insert BEFORE INSERT ON rows.large FOR EACH ROW EXECUTE FUNCTION rows.refuse();
ALTER TABLE rows.large ENABLE ALWAYS TRIGGER no_insert; CREATE TRIGGER no_sale AFTER INSERT ON rows.sale FOR EACH ROW EXECUTE FUNCTION rows.refuse();
CREATE RULE no_rows AS ON INSERT TO rows.large DO INSTEAD NOTHING; COMMENT ON TRIGGER no_insert ON rows.large IS 'no more';

-- Views that need keys, materialized views that are read by text alone, in the wrong order of their names.
CREATE VIEW views.grouped AS SELECT t.id, t.note, count(*) FROM (SELECT 1) x, rows.target k JOIN rows.large t USING (id) GROUP BY t.id, t.note, k.id;
CREATE TABLE views.named (id int PRIMARY KEY, name text); INSERT INTO views.named VALUES (1, 'a'), (2, 'b');
CREATE VIEW views.counted AS SELECT id, name, count(*) AS n FROM views.named GROUP BY id;
CREATE MATERIALIZED VIEW views.counted_stored AS SELECT id, name, count(*) AS n FROM views.named GROUP BY id;
CREATE UNIQUE INDEX ON views.counted_stored (id); CREATE MATERIALIZED VIEW views.over_counted AS SELECT c.*, s.n AS stored FROM views.counted c JOIN views.counted_stored s USING (id);
CREATE MATERIALIZED VIEW views.z_base AS SELECT id, what FROM lookup.few; CREATE UNIQUE INDEX ON views.z_base (id);
CREATE FUNCTION views.of_base(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN (SELECT b.what FROM views.z_base b WHERE b.id = $1); END$$;
CREATE MATERIALIZED VIEW views.a_first AS SELECT f.id, views.of_base(f.id) AS what FROM lookup.few f; CREATE INDEX ON views.a_first (views.of_base(id));
CREATE MATERIALIZED VIEW views.never AS SELECT 1 AS one WITH NO DATA;

-- A tenant that binds itself, and takes rights from itself.
SET ROLE torture_owner;
CREATE TABLE tenant.users (id int, tenant int); INSERT INTO tenant.users VALUES (1, 1), (2, 2);
CREATE POLICY of_tenant ON tenant.users USING (tenant = 1); CREATE TABLE tenant.secrets (s text); INSERT INTO tenant.secrets VALUES ('s');
CREATE TABLE tenant.parts (id int) PARTITION BY LIST (id); CREATE TABLE tenant.parts_1 PARTITION OF tenant.parts FOR VALUES IN (1); INSERT INTO tenant.parts VALUES (1);
CREATE MATERIALIZED VIEW tenant.seen AS SELECT * FROM tenant.users;
ALTER TABLE tenant.users ENABLE ROW LEVEL SECURITY; ALTER TABLE tenant.users FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant.parts ENABLE ROW LEVEL SECURITY; ALTER TABLE tenant.parts FORCE ROW LEVEL SECURITY;
REFRESH MATERIALIZED VIEW tenant.seen;
REVOKE ALL ON tenant.secrets FROM torture_owner; ALTER DEFAULT PRIVILEGES IN SCHEMA tenant REVOKE ALL ON TABLES FROM torture_owner;
RESET ROLE;

CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION large_ones FOR TABLE rows.large (id) WHERE (id > 5); CREATE PUBLICATION lookups FOR TABLES IN SCHEMA lookup;
CREATE FUNCTION public.no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'a definition changed: %', tg_tag; END$$;
-- Of a trigger that is disabled at a leaf of two levels nothing says whose it is, and the leaf comes first in the archive.
CREATE SCHEMA leaves; CREATE FUNCTION leaves.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE leaves.top (id int, k int) PARTITION BY LIST (k); CREATE TABLE leaves.middle PARTITION OF leaves.top FOR VALUES IN (1) PARTITION BY HASH (id);
CREATE TABLE leaves.a_leaf PARTITION OF leaves.middle FOR VALUES WITH (MODULUS 1, REMAINDER 0); CREATE TABLE leaves.large PARTITION OF leaves.top FOR VALUES IN (2);
CREATE TRIGGER zz BEFORE INSERT ON leaves.top FOR EACH ROW EXECUTE FUNCTION leaves.pass(); ALTER TABLE leaves.a_leaf DISABLE TRIGGER zz;
INSERT INTO leaves.top SELECT g, 2 FROM generate_series(1, 5000) g; INSERT INTO leaves.top VALUES (1, 1); CREATE INDEX ON leaves.large (id);
CREATE EVENT TRIGGER no_ddl ON ddl_command_end EXECUTE FUNCTION public.no_ddl();
