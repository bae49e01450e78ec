-- chronos, schema public: the main application's log of events, the largest table: bigint, timestamptz, int, numeric, text.
\ir generate.psql
SELECT 1 AS first, greatest(1000, (10000000 * :scale)::bigint) AS last \gset
SET ROLE chronos;
CREATE TABLE public.events (id bigserial, occurred_at timestamptz NOT NULL, source_id integer NOT NULL, amount numeric(14,2), message text);
COMMENT ON TABLE public.events IS E'What happened.\nAppend only; ''events'' in Directus.';
COMMENT ON COLUMN public.events.amount IS 'in EUR';
\ir events.rows.psql
SELECT setval('public.events_id_seq', :last);
ALTER TABLE public.events ADD CONSTRAINT events_pkey PRIMARY KEY (id);
CREATE INDEX events_occurred_at_index ON public.events (occurred_at);
