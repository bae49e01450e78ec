-- chronos, schema public: the change log of the main application's items: two uuid, text, jsonb, timestamptz.
\ir generate.psql
SELECT 1 AS first, greatest(500, (4000000 * :scale)::bigint) AS last \gset
SET ROLE chronos;
CREATE TABLE public.item_changes (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL, item_id uuid NOT NULL, action text NOT NULL, payload jsonb DEFAULT '{}' NOT NULL, changed_at timestamptz DEFAULT now() NOT NULL);
\ir item_changes.rows.psql
ALTER TABLE public.item_changes ADD CONSTRAINT item_changes_pkey PRIMARY KEY (id);
CREATE INDEX item_changes_changed_at_index ON public.item_changes (changed_at);
