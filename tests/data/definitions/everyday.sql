-- What applications make every day, in one schema. PostgreSQL spells most of it otherwise after the first reload.
CREATE SCHEMA m;
CREATE TYPE m.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN m.state AS varchar(10) DEFAULT 'new' CHECK (VALUE IN ('new', 'old'));
CREATE FUNCTION m.pick(a varchar DEFAULT 'a', after timestamptz DEFAULT now() - interval '1 day 02:00', how m.mood DEFAULT 'ok')
    RETURNS boolean LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT a IN ('a', 'b') AND after > '2020-01-01 00:00+00'::timestamptz AND how = ANY ('{ok,happy}'); END;
CREATE TABLE m.t (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    s varchar(10) CHECK (s IN ('a', 'b')),
    state m.state,
    mood m.mood DEFAULT 'ok' CHECK (mood IN ('ok', 'happy')),
    n numeric(10, 2) CHECK (n BETWEEN 0 AND 100),
    name text CHECK (name LIKE 'x%' AND name NOT IN ('xa', 'xb')),
    tags text[] DEFAULT '{}' CHECK (tags <@ ARRAY['red', 'blue']::text[]),
    codes varchar(3)[] CHECK (codes && '{a,b}'::varchar[]),
    kind varchar(5) DEFAULT CASE WHEN current_user IN ('admin', 'root') THEN 'high' ELSE 'low' END,
    made timestamptz NOT NULL DEFAULT now() CHECK (made > '2020-01-01 00:00+00'),
    kept interval DEFAULT '1 day 02:00' CHECK (kept < '10 years'::interval),
    is_open boolean GENERATED ALWAYS AS (s IN ('a', 'b')) STORED,
    during int4range,
    EXCLUDE USING gist (during WITH &&) WHERE (s IN ('a', 'b'))
);
CREATE INDEX t_some ON m.t (name) WHERE s IN ('a', 'b');
CREATE INDEX t_expression ON m.t ((CASE WHEN s IN ('a', 'b') THEN lower(name) ELSE s END));
CREATE STATISTICS m.t_statistics ON (s IN ('a', 'b')), name FROM m.t;
CREATE VIEW m.v AS SELECT * FROM m.t WHERE s IN ('a', 'b') AND name NOT IN ('x', 'y');
CREATE VIEW m.checked AS SELECT id, s FROM m.t WHERE s IN ('a', 'b') WITH CASCADED CHECK OPTION;
CREATE MATERIALIZED VIEW m.mv AS
    SELECT s, count(*) FILTER (WHERE mood IN ('ok', 'happy')) AS n FROM m.t WHERE s IN ('a', 'b') GROUP BY s;
CREATE UNIQUE INDEX mv_key ON m.mv (s);
ALTER TABLE m.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON m.t USING (s IN ('a', 'b')) WITH CHECK (s NOT IN ('c', 'd'));
CREATE FUNCTION m.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER noted BEFORE UPDATE ON m.t FOR EACH ROW
    WHEN (new.s IN ('a', 'b') AND old.mood IS DISTINCT FROM 'sad') EXECUTE FUNCTION m.note();
CREATE TABLE m.ruled (s varchar(10));
CREATE RULE quiet AS ON DELETE TO m.ruled WHERE old.s IN ('a', 'b') DO INSTEAD NOTHING;
CREATE TABLE m.parts (k varchar(10), v int) PARTITION BY LIST ((CASE WHEN k IN ('a', 'b') THEN 1 ELSE 2 END));
CREATE TABLE m.part_1 PARTITION OF m.parts FOR VALUES IN (1);
CREATE TABLE m.part_2 PARTITION OF m.parts FOR VALUES IN (2);
CREATE PROCEDURE m.tidy(kind varchar DEFAULT 'a') LANGUAGE sql BEGIN ATOMIC DELETE FROM m.ruled WHERE s IN ('a', 'b'); END;
INSERT INTO m.t (s, n, name, tags, codes, during)
    SELECT (ARRAY['a', 'b'])[i % 2 + 1], i, 'x' || i, '{red}', '{a}', int4range(i * 10, i * 10 + 5) FROM generate_series(1, 50) i;
INSERT INTO m.ruled SELECT 'c' FROM generate_series(1, 5);
INSERT INTO m.parts SELECT (ARRAY['a', 'z'])[i % 2 + 1], i FROM generate_series(1, 20) i;
REFRESH MATERIALIZED VIEW m.mv;
