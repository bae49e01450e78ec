-- chronos, schema economic_graph: a graph of trade. A narrow table of edges (int, int, real) without a primary key,
-- nodes, and a recursive function over them.
\ir generate.psql
SELECT 1 AS first, greatest(1000, (3000000 * :scale)::bigint) AS last, greatest(100, (100000 * :scale)::bigint) AS nodes \gset
CREATE SCHEMA economic_graph AUTHORIZATION chronos;
SET ROLE chronos;
CREATE TYPE economic_graph.node_kind AS ENUM ('country', 'sector', 'company', 'commodity');
CREATE TABLE economic_graph.nodes (id integer PRIMARY KEY, kind economic_graph.node_kind NOT NULL, label text NOT NULL, iso_code character(3), attributes jsonb);
CREATE TABLE economic_graph.edges (source integer NOT NULL, target integer NOT NULL, weight real NOT NULL);
CREATE TABLE economic_graph.snapshots (taken_on date PRIMARY KEY, density double precision, degree_histogram integer[]);
INSERT INTO economic_graph.nodes SELECT i, (enum_range(NULL::economic_graph.node_kind))[1 + i % 4], initcap(pg_temp.word(pg_temp.hash(i, 1))) || ' ' || i, CASE WHEN i % 4 = 0 THEN upper(substr(md5(i::text), 1, 2)) END,
    CASE WHEN i % 10 = 0 THEN jsonb_build_object('gdp', pg_temp.hash(i, 2) % 100000, 'aliases', ARRAY[pg_temp.word(i), pg_temp.word(i * 5)]) END FROM generate_series(0, :nodes - 1) i;
\ir edges.rows.psql
INSERT INTO economic_graph.snapshots SELECT date '2025-01-01' + i, i / 1000.0::double precision, ARRAY(SELECT (pg_temp.hash(i * 100 + b, 5) % 50)::int FROM generate_series(1, 20) b) FROM generate_series(0, 99) i;
CREATE INDEX edges_source_index ON economic_graph.edges (source, target);
CREATE VIEW economic_graph.strong_edges AS SELECT s.label AS source, t.label AS target, e.weight FROM economic_graph.edges e JOIN economic_graph.nodes s ON s.id = e.source JOIN economic_graph.nodes t ON t.id = e.target WHERE e.weight > 70;
CREATE FUNCTION economic_graph.reachable(start integer, hops integer DEFAULT 2) RETURNS TABLE (node integer, distance integer) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE walk (node, distance) AS (
        SELECT start, 0
        UNION
        SELECT e.target, w.distance + 1 FROM walk w JOIN economic_graph.edges e ON e.source = w.node WHERE w.distance < hops)
    SELECT node, min(distance) FROM walk GROUP BY node
$$;
GRANT USAGE ON SCHEMA economic_graph TO chronos_readonly;
GRANT SELECT ON ALL TABLES IN SCHEMA economic_graph TO chronos_readonly;
ALTER DEFAULT PRIVILEGES FOR ROLE chronos IN SCHEMA economic_graph GRANT SELECT ON TABLES TO chronos_readonly;
