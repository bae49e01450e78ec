-- The database of the fixtures, at their first snapshot. Never changed: a new format is written from the same.
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'what a shop needs';
CREATE TYPE shop.state AS ENUM ('open', 'paid', 'sent');
CREATE DOMAIN shop.positive AS numeric(12, 2) CHECK (VALUE > 0);
CREATE SEQUENCE shop.invoice START 1000 INCREMENT 7;
CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    lower_name text GENERATED ALWAYS AS (lower(name)) STORED,
    born date, seen timestamptz, tags text[], settings jsonb, key uuid UNIQUE, picture bytea
);
CREATE TABLE shop.orders (
    id serial PRIMARY KEY,
    customer bigint NOT NULL REFERENCES shop.customers,
    state shop.state DEFAULT 'open', amount shop.positive, weight real, distance double precision,
    took interval, period tstzrange, address inet, flags bit varying(12), source regclass
) PARTITION BY RANGE (id);
CREATE TABLE shop.orders_1 PARTITION OF shop.orders FOR VALUES FROM (1) TO (200);
CREATE TABLE shop.orders_2 PARTITION OF shop.orders FOR VALUES FROM (200) TO (100000);
CREATE INDEX orders_of ON shop.orders (customer, state);
CREATE TABLE shop."Odd ""Name""" (" a" text, "Ä" text);
CREATE TABLE shop.empty (LIKE shop.customers INCLUDING ALL);
CREATE TABLE shop.no_columns ();
INSERT INTO shop.no_columns DEFAULT VALUES;
INSERT INTO shop.customers (name, born, seen, tags, settings, key, picture)
SELECT CASE WHEN n % 7 = 0 THEN 'Żółć 漢字 ' || n ELSE 'Customer ' || n END, date '1950-01-01' + n * 37,
    timestamptz '2020-02-29 23:59:59.999999+02' + n * interval '1 day', CASE WHEN n % 3 > 0 THEN ARRAY['a', NULL, 'tab' || chr(9), n::text] END,
    jsonb_build_object('n', n, 'deep', jsonb_build_array(n, NULL, jsonb_build_object('x', n / 3.0))),
    md5(n::text)::uuid, decode(repeat(md5(n::text), n % 5), 'hex')
FROM generate_series(1, 300) n;
INSERT INTO shop.orders (customer, state, amount, weight, distance, took, period, address, flags, source)
SELECT 1 + n % 300, (ARRAY['open', 'paid', 'sent'])[1 + n % 3]::shop.state, 0.01 + n * 1.13, n / 7.0::real,
    CASE n % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE n / 3.0 END, n * interval '1 month 2 days 3.000004 s',
    tstzrange(timestamptz '2024-01-01 00:00+00' + n * interval '1 hour', NULL), ('10.0.' || n % 256 || '.1/24')::inet, (n % 4096)::bit(12), 'pg_catalog.pg_class'
FROM generate_series(1, 400) n;
INSERT INTO shop."Odd ""Name""" VALUES (E'line\nline\ttab\\', NULL), ('', '\.'), ('€', 'ä');
SELECT setval('shop.invoice', 1700, false);
CREATE VIEW shop.paid AS SELECT * FROM shop.orders WHERE state = 'paid';
CREATE MATERIALIZED VIEW shop.totals AS SELECT customer, count(*) AS orders, sum(amount) AS amount FROM shop.orders GROUP BY customer;
CREATE UNIQUE INDEX ON shop.totals (customer);
CREATE MATERIALIZED VIEW shop.never_filled AS SELECT 1 AS one WITH NO DATA;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := COALESCE(NEW.seen, '2000-01-01 00:00+00'); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE INSERT ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.touch();
GRANT SELECT ON shop.paid TO PUBLIC;
SELECT lo_from_bytea(4711, decode(repeat('00ff10', 1500), 'hex'));
COMMENT ON LARGE OBJECT 4711 IS 'a scan';
