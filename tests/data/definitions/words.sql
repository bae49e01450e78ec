-- One word of each kind of entry of kinds.sql changed. Before each change stands what is told of it: entry | of the source's line | of the target's.
-- Where a change cannot be made in place, the object is dropped and made again.
-- SCHEMA k | owner: ann | owner: ben
ALTER SCHEMA k OWNER TO ben;
-- EXTENSION citext | WITH SCHEMA k | WITH SCHEMA public
ALTER EXTENSION citext SET SCHEMA public;
-- TYPE m.colour | 'green' | 'greenish'
ALTER TYPE m.colour RENAME VALUE 'green' TO 'greenish';
-- TYPE m.address | varying(10) | varying(20)
ALTER TYPE m.address ALTER ATTRIBUTE street TYPE varchar(20);
-- TYPE m.span | double precision | numeric
DROP TYPE m.span; CREATE TYPE m.span AS RANGE (subtype = numeric, multirange_type_name = m.spans);
-- DOMAIN m.state | 'old' | 'odd'
ALTER DOMAIN m.state DROP CONSTRAINT known; ALTER DOMAIN m.state ADD CONSTRAINT known CHECK (VALUE IN ('new', 'odd'));
-- DOMAIN m.code | < 5 | < 6
ALTER DOMAIN m.code DROP CONSTRAINT short; ALTER DOMAIN m.code ADD CONSTRAINT short CHECK (length(VALUE) < 6);
-- COLLATION m.german | 'de' | 'fr'
DROP COLLATION m.german; CREATE COLLATION m.german (provider = icu, locale = 'fr', deterministic = false);
-- CONVERSION m.latin | LATIN2 | LATIN3
DROP CONVERSION m.latin; CREATE DEFAULT CONVERSION m.latin FOR 'LATIN3' TO 'UTF8' FROM iso8859_to_utf8;
-- FUNCTION m.one(integer) | a + 1 | a + 2
CREATE OR REPLACE FUNCTION m.one(a int DEFAULT 1) RETURNS int LANGUAGE sql STRICT AS 'SELECT a + 2';
-- FUNCTION m.whole(character varying) | 'b' | 'c'
CREATE OR REPLACE FUNCTION m.whole(s varchar) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT s IN ('a', 'c'); END;
-- PROCEDURE m.act() | TO 'm' | TO 'k'
ALTER PROCEDURE m.act() SET search_path = k;
-- AGGREGATE m.total(integer) | '0' | '1'
DROP AGGREGATE m.total(int); CREATE AGGREGATE m.total(int) (sfunc = int4pl, stype = int4, initcond = '1');
-- OPERATOR m.=== | eqsel | neqsel
ALTER OPERATOR m.=== (text, text) SET (restrict = neqsel);
-- OPERATOR FAMILY m.loose | OPERATOR 1 < | OPERATOR 5 >
ALTER OPERATOR FAMILY m.loose USING btree DROP OPERATOR 1 (int4, int8); ALTER OPERATOR FAMILY m.loose USING btree ADD OPERATOR 5 > (int4, int8);
-- OPERATOR CLASS m.ints | btint4cmp | m.order_of
DROP OPERATOR CLASS m.ints USING btree; CREATE OPERATOR CLASS m.ints FOR TYPE int4 USING btree FAMILY m.tight AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 m.order_of(int4, int4);
-- CAST CAST (m.shade AS integer) | AS ASSIGNMENT | AS IMPLICIT
DROP CAST (m.shade AS int); CREATE CAST (m.shade AS int) WITH FUNCTION m.number_of(m.shade) AS IMPLICIT;
-- TEXT SEARCH TEMPLATE m.plain | dsimple_lexize | dsynonym_lexize
ALTER TEXT SEARCH DICTIONARY m.dictionary (STOPWORDS = german); DROP TEXT SEARCH TEMPLATE m.plain; CREATE TEXT SEARCH TEMPLATE m.plain (INIT = dsimple_init, LEXIZE = dsynonym_lexize);
-- TEXT SEARCH DICTIONARY m.dictionary | 'english' | 'german'
-- TEXT SEARCH CONFIGURATION m.search | FOR asciiword WITH simple | FOR asciiword WITH english_stem
ALTER TEXT SEARCH CONFIGURATION m.search ALTER MAPPING FOR asciiword WITH english_stem;
-- SERVER far | |
ALTER SERVER far OPTIONS (SET place 'south');
-- USER MAPPING ann SERVER far | |
ALTER USER MAPPING FOR ann SERVER far OPTIONS (SET secret 'close sesame');
-- FOREIGN TABLE m.foreign_one | tab 'one' | tab 'two'
ALTER FOREIGN TABLE m.foreign_one OPTIONS (SET tab 'two');
-- TABLE m.t_type | 'b' | 'c'
ALTER TABLE m.t_type DROP CONSTRAINT t_type_a_check; ALTER TABLE m.t_type ADD CONSTRAINT t_type_a_check CHECK (a IN ('a', 'c'));
-- TABLE m.t_null | 'b' | 'c'
ALTER TABLE m.t_null DROP CONSTRAINT t_null_a_check; ALTER TABLE m.t_null ADD CONSTRAINT t_null_a_check CHECK (a IN ('a', 'c'));
-- TABLE m.t_check | 'b' | 'c'
ALTER TABLE m.t_check DROP CONSTRAINT known; ALTER TABLE m.t_check ADD CONSTRAINT known CHECK (a IN ('a', 'c'));
-- TABLE m.t_default | 'y' | 'z'
ALTER TABLE m.t_default ALTER a SET DEFAULT CASE WHEN current_user IN ('x', 'z') THEN 'high' ELSE 'low' END;
-- TABLE m.t_generated | 'b' | 'c'
ALTER TABLE m.t_generated DROP b; ALTER TABLE m.t_generated ADD b boolean GENERATED ALWAYS AS (a IN ('a', 'c')) STORED;
-- TABLE m.t_options | '70' | '71'
ALTER TABLE m.t_options SET (fillfactor = 71);
-- TABLE m.t_column | n_distinct=5 | n_distinct=6
ALTER TABLE m.t_column ALTER a SET (n_distinct = 6);
-- TABLE m.t_column_order | a integer | b integer
DROP TABLE m.t_column_order; CREATE TABLE m.t_column_order (b int, c int);
-- TABLE m.t_owned | owner: ann | owner: ben
ALTER TABLE m.t_owned OWNER TO ben;
-- TABLE m.t_inherits | 'b' | 'c'
ALTER TABLE m.t_inherits DROP CONSTRAINT t_inherits_c_check; ALTER TABLE m.t_inherits ADD CONSTRAINT t_inherits_c_check CHECK (c IN ('a', 'c'));
-- SEQUENCE m.t_identity_a_seq | INCREMENT BY 3 | INCREMENT BY 4
ALTER TABLE m.t_identity ALTER a SET INCREMENT BY 4;
-- SEQUENCE m.numbers | INCREMENT BY 2 | INCREMENT BY 5
ALTER SEQUENCE m.numbers INCREMENT 5;
-- DEFAULT m.t_serial a | nextval | + 1
ALTER TABLE m.t_serial ALTER a SET DEFAULT nextval('m.t_serial_a_seq') + 1;
-- SEQUENCE OWNED BY m.t_serial_a_seq | m.t_serial.a | m.t_serial.b
ALTER SEQUENCE m.t_serial_a_seq OWNED BY m.t_serial.b;
-- CONSTRAINT m.parent parent_b_key | (b) | (a, b)
ALTER TABLE m.parent DROP CONSTRAINT parent_b_key; ALTER TABLE m.parent ADD CONSTRAINT parent_b_key UNIQUE (a, b);
-- CONSTRAINT m.parent parent_apart | 'b' | 'c'
ALTER TABLE m.parent DROP CONSTRAINT parent_apart; ALTER TABLE m.parent ADD CONSTRAINT parent_apart EXCLUDE USING gist (r WITH &&) WHERE (s IN ('a', 'c'));
-- CHECK CONSTRAINT m.parent parent_some | 'b' | 'c'
ALTER TABLE m.parent DROP CONSTRAINT parent_some; ALTER TABLE m.parent ADD CONSTRAINT parent_some CHECK (s IN ('a', 'c')) NOT VALID;
-- FK CONSTRAINT m.child child_key | CASCADE | SET NULL
ALTER TABLE m.child DROP CONSTRAINT child_key; ALTER TABLE m.child ADD CONSTRAINT child_key FOREIGN KEY (a) REFERENCES m.parent ON DELETE SET NULL;
-- INDEX m.parent_index | 'b' | 'c'
DROP INDEX m.parent_index; CREATE UNIQUE INDEX parent_index ON m.parent (b) WHERE s IN ('a', 'c');
-- STATISTICS m.parent_statistics | 'b' | 'c'
DROP STATISTICS m.parent_statistics; CREATE STATISTICS m.parent_statistics (ndistinct, dependencies) ON a, b, (s IN ('a', 'c')) FROM m.parent;
-- TRIGGER m.parent fires | 'b' | 'c'
CREATE OR REPLACE TRIGGER fires BEFORE UPDATE OF s ON m.parent FOR EACH ROW WHEN (new.s IN ('a', 'c')) EXECUTE FUNCTION m.fire();
-- TRIGGER m.parent always | ENABLE ALWAYS | ENABLE REPLICA
ALTER TABLE m.parent ENABLE REPLICA TRIGGER always;
-- RULE m.ruled quiet | 'b' | 'c'
CREATE OR REPLACE RULE quiet AS ON DELETE TO m.ruled WHERE old.s IN ('a', 'c') DO INSTEAD NOTHING;
-- POLICY m.secured mine | 'b' | 'c'
ALTER POLICY mine ON m.secured USING (s IN ('a', 'c'));
-- VIEW m.some | 'b' | 'c'
CREATE OR REPLACE VIEW m.some AS SELECT a, b FROM m.t_type WHERE a IN ('a', 'c');
-- VIEW m.barred | LOCAL | CASCADED
CREATE OR REPLACE VIEW m.barred WITH (security_barrier) AS SELECT a FROM m.t_type WHERE a IN ('a', 'b') WITH CASCADED CHECK OPTION;
-- MATERIALIZED VIEW m.kept | 'b' | 'c'
DROP MATERIALIZED VIEW m.kept; CREATE MATERIALIZED VIEW m.kept AS SELECT a FROM m.t_type WHERE a IN ('a', 'c');
-- TABLE ATTACH m.part_1 | 'b' | 'c'
ALTER TABLE m.parts DETACH PARTITION m.part_1; ALTER TABLE m.parts ATTACH PARTITION m.part_1 FOR VALUES IN ('a', 'c');
-- TABLE m.keyed | 'b' | 'c'
DROP TABLE m.keyed; CREATE TABLE m.keyed (k varchar(10), v int) PARTITION BY LIST ((CASE WHEN k IN ('a', 'c') THEN 1 ELSE 2 END));
-- PUBLICATION TABLE m.news published | > 1 | > 2
ALTER PUBLICATION news SET TABLE m.published WHERE (a > 2);
-- COMMENT m.TABLE base | below | above
COMMENT ON TABLE m.base IS 'what is above';
-- ACL m.TABLE base | INSERT | UPDATE
REVOKE INSERT ON m.base FROM ann; GRANT UPDATE ON m.base TO ann;
-- ACL SCHEMA m | ann | ben
REVOKE USAGE ON SCHEMA m FROM ann; GRANT USAGE ON SCHEMA m TO ben;
-- DEFAULT ACL k.DEFAULT PRIVILEGES FOR TABLES | SELECT | INSERT
ALTER DEFAULT PRIVILEGES IN SCHEMA k REVOKE SELECT ON TABLES FROM ann; ALTER DEFAULT PRIVILEGES IN SCHEMA k GRANT INSERT ON TABLES TO ann;
