-- One clause, or the whole, of each kind of entry of kinds.sql dropped, and some things that are new. Before each change stands what is told of
-- it: entry | of the source's line | of the target's, either of them empty where the line is gone or was not there; or entry | missing; or entry | new.
-- SCHEMA k | missing
-- EXTENSION citext | missing
DROP EXTENSION citext; DROP SCHEMA k;
-- COMMENT EXTENSION citext | missing
-- TYPE m.colour | 'blue' |
DROP TYPE m.colour; CREATE TYPE m.colour AS ENUM ('red', 'green');
-- TYPE m.address | zip |
ALTER TYPE m.address DROP ATTRIBUTE zip;
-- TYPE m.span | subtype_diff |
DROP TYPE m.span; CREATE TYPE m.span AS RANGE (subtype = float8, multirange_type_name = m.spans);
-- DOMAIN m.state | NOT NULL |
ALTER DOMAIN m.state DROP NOT NULL;
-- DOMAIN m.code | CONSTRAINT short |
ALTER DOMAIN m.code DROP CONSTRAINT short;
-- COLLATION m.german | deterministic |
DROP COLLATION m.german; CREATE COLLATION m.german (provider = icu, locale = 'de');
-- CONVERSION m.latin | DEFAULT |
DROP CONVERSION m.latin; CREATE CONVERSION m.latin FOR 'LATIN2' TO 'UTF8' FROM iso8859_to_utf8;
-- FUNCTION m.one(integer) | STRICT |
ALTER FUNCTION m.one(int) CALLED ON NULL INPUT;
-- FUNCTION m.whole(character varying) | STABLE |
ALTER FUNCTION m.whole(varchar) VOLATILE;
-- PROCEDURE m.act() | SECURITY DEFINER |
ALTER PROCEDURE m.act() SECURITY INVOKER;
-- AGGREGATE m.total(integer) | INITCOND |
DROP AGGREGATE m.total(int); CREATE AGGREGATE m.total(int) (sfunc = int4pl, stype = int4);
-- OPERATOR m.=== | RESTRICT |
ALTER OPERATOR m.=== (int, int) SET (restrict = NONE);
-- OPERATOR FAMILY m.loose | FUNCTION 1 |
ALTER OPERATOR FAMILY m.loose USING btree DROP FUNCTION 1 (int4, int8);
-- OPERATOR CLASS m.ints | OPERATOR 5 |
DROP OPERATOR CLASS m.ints USING btree; CREATE OPERATOR CLASS m.ints FOR TYPE int4 USING btree FAMILY m.tight AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int4, int4);
-- CAST CAST (m.shade AS integer) | AS ASSIGNMENT |
DROP CAST (m.shade AS int); CREATE CAST (m.shade AS int) WITH FUNCTION m.number_of(m.shade);
-- TEXT SEARCH PARSER m.words | HEADLINE |
DROP TEXT SEARCH PARSER m.words; CREATE TEXT SEARCH PARSER m.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
-- TEXT SEARCH TEMPLATE m.plain | INIT |
DROP TEXT SEARCH TEMPLATE m.plain; CREATE TEXT SEARCH TEMPLATE m.plain (LEXIZE = dsimple_lexize);
-- TEXT SEARCH DICTIONARY m.dictionary | stopwords |
ALTER TEXT SEARCH DICTIONARY m.dictionary (STOPWORDS);
-- TEXT SEARCH CONFIGURATION m.search | uint |
ALTER TEXT SEARCH CONFIGURATION m.search DROP MAPPING FOR uint;
-- TEXT SEARCH CONFIGURATION m.find | missing
DROP TEXT SEARCH CONFIGURATION m.find;
-- SERVER far | |
ALTER SERVER far OPTIONS (DROP place);
-- USER MAPPING ann SERVER far | missing
DROP USER MAPPING FOR ann SERVER far;
-- FOREIGN TABLE m.foreign_one | col 'x' |
ALTER FOREIGN TABLE m.foreign_one ALTER a OPTIONS (DROP col);
-- TABLE m.t_type | CHECK |
ALTER TABLE m.t_type DROP CONSTRAINT t_type_a_check;
-- TABLE m.t_null | NOT NULL |
ALTER TABLE m.t_null ALTER a DROP NOT NULL;
-- TABLE m.t_check | known |
ALTER TABLE m.t_check DROP CONSTRAINT known;
-- TABLE m.t_default | DEFAULT 7 |
ALTER TABLE m.t_default ALTER b DROP DEFAULT;
-- TABLE m.t_generated | GENERATED |
ALTER TABLE m.t_generated ALTER b DROP EXPRESSION;
-- TABLE m.t_options | autovacuum_enabled |
ALTER TABLE m.t_options RESET (autovacuum_enabled);
-- TABLE m.t_column | STORAGE EXTERNAL |
ALTER TABLE m.t_column ALTER c SET STORAGE EXTENDED;
-- TABLE m.t_unlogged | UNLOGGED |
ALTER TABLE m.t_unlogged SET LOGGED;
-- TABLE m.t_forced | FORCE |
ALTER TABLE m.t_forced NO FORCE ROW LEVEL SECURITY;
-- TABLE m.t_owned | missing
DROP TABLE m.t_owned;
-- TABLE m.t_inherits | INHERITS |
ALTER TABLE m.t_inherits NO INHERIT m.base;
-- SEQUENCE m.t_identity_a_seq | missing
ALTER TABLE m.t_identity ALTER a DROP IDENTITY;
-- SEQUENCE m.numbers | CYCLE |
ALTER SEQUENCE m.numbers NO CYCLE;
-- DEFAULT m.t_serial a | missing
ALTER TABLE m.t_serial ALTER a DROP DEFAULT;
-- SEQUENCE OWNED BY m.t_serial_a_seq | missing
ALTER SEQUENCE m.t_serial_a_seq OWNED BY NONE;
-- CONSTRAINT m.parent parent_late | DEFERRABLE |
ALTER TABLE m.parent DROP CONSTRAINT parent_late; ALTER TABLE m.parent ADD CONSTRAINT parent_late UNIQUE (s);
-- CONSTRAINT m.parent parent_apart | WHERE |
ALTER TABLE m.parent DROP CONSTRAINT parent_apart; ALTER TABLE m.parent ADD CONSTRAINT parent_apart EXCLUDE USING gist (r WITH &&);
-- CHECK CONSTRAINT m.parent parent_some | missing
ALTER TABLE m.parent DROP CONSTRAINT parent_some;
-- FK CONSTRAINT m.child child_key | ON DELETE |
ALTER TABLE m.child DROP CONSTRAINT child_key; ALTER TABLE m.child ADD CONSTRAINT child_key FOREIGN KEY (a) REFERENCES m.parent;
-- INDEX m.parent_index | UNIQUE |
DROP INDEX m.parent_index; CREATE INDEX parent_index ON m.parent (b) WHERE s IN ('a', 'b');
-- INDEX m.parent_clustered | CLUSTER |
ALTER TABLE m.parent SET WITHOUT CLUSTER;
-- STATISTICS m.parent_statistics | dependencies |
DROP STATISTICS m.parent_statistics; CREATE STATISTICS m.parent_statistics (ndistinct) ON a, b, (s IN ('a', 'b')) FROM m.parent;
-- TRIGGER m.parent fires | WHEN |
CREATE OR REPLACE TRIGGER fires BEFORE UPDATE OF s ON m.parent FOR EACH ROW EXECUTE FUNCTION m.fire();
-- TRIGGER m.parent always | ENABLE ALWAYS |
ALTER TABLE m.parent ENABLE TRIGGER always;
-- RULE m.ruled quiet | WHERE |
CREATE OR REPLACE RULE quiet AS ON DELETE TO m.ruled DO INSTEAD NOTHING;
-- POLICY m.secured mine | ben |
ALTER POLICY mine ON m.secured TO ann;
-- ROW SECURITY m.secured | missing
ALTER TABLE m.secured DISABLE ROW LEVEL SECURITY;
-- VIEW m.some | WHERE |
CREATE OR REPLACE VIEW m.some AS SELECT a, b FROM m.t_type;
-- VIEW m.barred | security_barrier |
ALTER VIEW m.barred RESET (security_barrier);
-- MATERIALIZED VIEW m.kept | WHERE |
DROP MATERIALIZED VIEW m.kept; CREATE MATERIALIZED VIEW m.kept AS SELECT a FROM m.t_type;
-- TABLE ATTACH m.part_1 | missing
ALTER TABLE m.parts DETACH PARTITION m.part_1;
-- INDEX ATTACH m.indexed_1_k_idx | missing
DROP INDEX m.indexed_index; CREATE INDEX indexed_index ON ONLY m.indexed (k); CREATE INDEX indexed_1_k_idx ON m.indexed_1 (k);
-- PUBLICATION TABLE m.news published | WHERE |
ALTER PUBLICATION news SET TABLE m.published;
-- PUBLICATION TABLES IN SCHEMA m.gazette m | missing
ALTER PUBLICATION gazette DROP TABLES IN SCHEMA m;
-- COMMENT m.COLUMN base.a | missing
COMMENT ON COLUMN m.base.a IS NULL;
-- ACL m.TABLE base | INSERT |
REVOKE INSERT ON m.base FROM ann;
-- ACL m.COLUMN parent.a | missing
REVOKE SELECT (a) ON m.parent FROM ben;
-- ACL SCHEMA m | missing
REVOKE USAGE ON SCHEMA m FROM ann;
-- DEFAULT ACL k.DEFAULT PRIVILEGES FOR TABLES | missing
-- INDEX m.one_more | new
CREATE INDEX one_more ON m.base (b);
-- TABLE m.one_more_table | new
CREATE TABLE m.one_more_table (a int);
