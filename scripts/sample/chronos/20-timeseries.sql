-- chronos, schema timeseries: narrow readings, partitioned by month with a default partition; June is partitioned again
-- by a hash of the sensor, and January was attached later. November and December have no partition of their own.
\ir generate.psql
SELECT 0 AS first, greatest(4000, (8000000 * :scale)::bigint / 400 * 400) - 1 AS last, greatest(10, (8000000 * :scale)::bigint / 400) AS per_sensor, greatest(1000, (500000 * :scale)::bigint) AS samples \gset
CREATE SCHEMA timeseries AUTHORIZATION chronos;
SET ROLE chronos;
CREATE TABLE timeseries.sensors (id integer PRIMARY KEY, name text NOT NULL UNIQUE, unit text, installed date, place point);
CREATE TABLE timeseries.metrics (ts timestamptz NOT NULL, sensor_id integer NOT NULL, value double precision, quality smallint) PARTITION BY RANGE (ts);
SELECT format('CREATE TABLE timeseries.metrics_%s PARTITION OF timeseries.metrics FOR VALUES FROM (%L) TO (%L)%s',
              to_char(m, 'YYYY_MM'), m, m + interval '1 month', CASE WHEN extract(month FROM m) = 6 THEN ' PARTITION BY HASH (sensor_id)' ELSE '' END)
FROM generate_series('2025-02-01 00:00:00+00'::timestamptz, '2025-11-01 00:00:00+00'::timestamptz, '1 month') m \gexec
CREATE TABLE timeseries.metrics_2025_06_a PARTITION OF timeseries.metrics_2025_06 FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE timeseries.metrics_2025_06_b PARTITION OF timeseries.metrics_2025_06 FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE timeseries.metrics_2025_06_c PARTITION OF timeseries.metrics_2025_06 FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE timeseries.metrics_default PARTITION OF timeseries.metrics DEFAULT;
-- Attached with its columns in another order, which rows that are read by position would confuse.
CREATE TABLE timeseries.metrics_2025_01 (quality smallint, sensor_id integer NOT NULL, ts timestamptz NOT NULL, value double precision);
ALTER TABLE timeseries.metrics ATTACH PARTITION timeseries.metrics_2025_01 FOR VALUES FROM ('2025-01-01 00:00:00+00') TO ('2025-02-01 00:00:00+00');
CREATE TABLE timeseries.samples (ts timestamp NOT NULL, channel smallint NOT NULL, value real NOT NULL);

INSERT INTO timeseries.sensors SELECT i, 'sensor/' || pg_temp.word(i) || '/' || i, (ARRAY['°C', 'kW', 'm³', '%'])[1 + i % 4], date '2020-02-29' + (i * 3)::int, point(i / 7.0, -i / 3.0) FROM generate_series(0, 399) i;
\ir metrics.rows.psql
INSERT INTO timeseries.samples SELECT timestamp '2025-03-01 00:00:00' + i * interval '0.25 second', (i % 8)::smallint, (pg_temp.hash(i, 2) % 4096)::real / 16 FROM generate_series(1, :samples) i;
CREATE INDEX metrics_sensor_id_ts_index ON timeseries.metrics (sensor_id, ts);
CREATE INDEX samples_ts_index ON timeseries.samples USING brin (ts);
ALTER TABLE timeseries.metrics_2025_03 ADD CONSTRAINT quality_known CHECK (quality IS NULL OR quality BETWEEN 0 AND 3);
GRANT USAGE ON SCHEMA timeseries TO chronos_readonly;
GRANT SELECT ON timeseries.metrics, timeseries.sensors TO chronos_readonly;
