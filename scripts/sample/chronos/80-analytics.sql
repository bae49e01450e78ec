-- chronos, schema analytics: materialized views on other schemas, one of them on another materialized view, one never
-- filled; a view across the line to TwentyCRM; functions whose bodies name other schemas in text; extended statistics.
\ir workspaces.psql
CREATE SCHEMA analytics AUTHORIZATION chronos;
-- Weekly sorts before its source in the alphabet, so that a refresh by name fails.
CREATE MATERIALIZED VIEW analytics.zz_daily_events AS
    SELECT occurred_at::date AS day, count(*) AS events, sum(amount) AS amount, count(*) FILTER (WHERE message LIKE '%retry%') AS retries FROM public.events GROUP BY 1;
CREATE MATERIALIZED VIEW analytics.aa_weekly_events AS
    SELECT date_trunc('week', day)::date AS week, sum(events) AS events, max(amount) AS best_day FROM analytics.zz_daily_events GROUP BY 1;
CREATE MATERIALIZED VIEW analytics.sensor_months AS
    SELECT sensor_id, date_trunc('month', ts AT TIME ZONE 'UTC')::date AS month, count(value) AS readings, min(value) AS lowest, max(value) AS highest FROM timeseries.metrics GROUP BY 1, 2;
CREATE MATERIALIZED VIEW analytics.crm_pipeline AS
    SELECT w."displayName" AS workspace, o.stage::text AS stage, count(*) AS deals FROM :"large".opportunity o CROSS JOIN core.workspace w WHERE w.id = :'large_id' GROUP BY 1, 2;
CREATE MATERIALIZED VIEW analytics.never_filled AS SELECT id, weight FROM (SELECT row_number() OVER () AS id, weight FROM economic_graph.edges) e WITH NO DATA;
CREATE UNIQUE INDEX zz_daily_events_day ON analytics.zz_daily_events (day);
CREATE UNIQUE INDEX aa_weekly_events_week ON analytics.aa_weekly_events (week);

CREATE VIEW analytics.people_by_source WITH (security_barrier = true) AS
    SELECT "createdBySource", count(*) AS people FROM :"large".person WHERE "deletedAt" IS NULL GROUP BY 1;
CREATE TABLE analytics.targets (quarter daterange PRIMARY KEY, amount numeric NOT NULL, note text);
INSERT INTO analytics.targets VALUES ('[2025-01-01,2025-04-01)', 1e6, NULL), ('[2025-04-01,2025-07-01)', 1250000.50, 'raised'), ('[2025-07-01,)', 'NaN', '');
CREATE FUNCTION analytics.refresh_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW analytics.zz_daily_events;
    REFRESH MATERIALIZED VIEW analytics.aa_weekly_events;
    REFRESH MATERIALIZED VIEW analytics.crm_pipeline;
END
$$;
CREATE FUNCTION analytics.active_users() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = core, pg_temp AS $$ SELECT count(*) FROM core."user" WHERE NOT disabled $$;
CREATE STATISTICS analytics.events_source_amount (ndistinct, dependencies, mcv) ON source_id, amount FROM public.events;
ALTER STATISTICS analytics.events_source_amount SET STATISTICS 50;
COMMENT ON MATERIALIZED VIEW analytics.never_filled IS 'filled by hand, once a quarter';
ALTER TABLE analytics.zz_daily_events OWNER TO chronos;
ALTER TABLE analytics.aa_weekly_events OWNER TO chronos;
ALTER TABLE analytics.targets OWNER TO chronos;
ALTER FUNCTION analytics.refresh_all() OWNER TO chronos;
REVOKE EXECUTE ON FUNCTION analytics.active_users() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analytics.active_users() TO chronos_readonly WITH GRANT OPTION;
GRANT USAGE ON SCHEMA analytics TO chronos_readonly;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO chronos_readonly;
