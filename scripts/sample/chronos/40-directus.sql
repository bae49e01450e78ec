-- chronos, schema public: Directus. Serial sequences, json (not jsonb) columns, foreign keys of a table to itself,
-- reserved words as names ("group", "user", "schema", "key").
\ir generate.psql
SELECT greatest(200, (100000 * :scale)::bigint) AS activities, greatest(100, (60000 * :scale)::bigint) AS revisions,
       greatest(20, (500 * :scale)::bigint) AS users, greatest(50, (5000 * :scale)::bigint) AS files \gset
SET ROLE chronos;

CREATE TABLE public.directus_migrations (version varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, "timestamp" timestamptz DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE public.directus_extensions (enabled boolean DEFAULT true NOT NULL, id uuid PRIMARY KEY, folder varchar(255) NOT NULL, source varchar(255) NOT NULL, bundle uuid);
CREATE TABLE public.directus_collections (
    collection varchar(64) PRIMARY KEY, icon varchar(64), note text, display_template varchar(255), hidden boolean DEFAULT false NOT NULL,
    singleton boolean DEFAULT false NOT NULL, translations json, sort_field varchar(64), accountability varchar(255) DEFAULT 'all',
    color varchar(255), item_duplication_fields json, sort integer, "group" varchar(64), collapse varchar(255) DEFAULT 'open' NOT NULL,
    CONSTRAINT directus_collections_group_foreign FOREIGN KEY ("group") REFERENCES public.directus_collections (collection));
CREATE TABLE public.directus_roles (
    id uuid PRIMARY KEY, name varchar(100) NOT NULL, icon varchar(64) DEFAULT 'supervised_user_circle' NOT NULL, description text, parent uuid,
    CONSTRAINT directus_roles_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_roles (id));
CREATE TABLE public.directus_policies (id uuid PRIMARY KEY, name varchar(100) NOT NULL, icon varchar(64) DEFAULT 'badge' NOT NULL, description text, ip_access text, enforce_tfa boolean DEFAULT false NOT NULL, admin_access boolean DEFAULT false NOT NULL, app_access boolean DEFAULT false NOT NULL);
CREATE TABLE public.directus_users (
    id uuid PRIMARY KEY, first_name varchar(50), last_name varchar(50), email varchar(128) UNIQUE, password varchar(255), location varchar(255), title varchar(50),
    description text, tags json, avatar uuid, language varchar(255) DEFAULT NULL, status varchar(16) DEFAULT 'active' NOT NULL,
    role uuid REFERENCES public.directus_roles (id) ON DELETE SET NULL, token varchar(255) UNIQUE, last_access timestamptz, last_page varchar(255),
    auth_data json, email_notifications boolean DEFAULT true, appearance varchar(255));
CREATE TABLE public.directus_folders (
    id uuid PRIMARY KEY, name varchar(255) NOT NULL, parent uuid,
    CONSTRAINT directus_folders_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_folders (id));
CREATE TABLE public.directus_files (
    id uuid PRIMARY KEY, storage varchar(255) NOT NULL, filename_disk varchar(255), filename_download varchar(255) NOT NULL, title varchar(255), type varchar(255),
    folder uuid REFERENCES public.directus_folders (id) ON DELETE SET NULL, uploaded_by uuid REFERENCES public.directus_users (id), created_on timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    modified_by uuid REFERENCES public.directus_users (id), charset varchar(50), filesize bigint, width integer, height integer, duration integer, embed varchar(200),
    description text, location text, tags text, metadata json, focal_point_x integer, focal_point_y integer);
CREATE TABLE public.directus_fields (
    id serial PRIMARY KEY, collection varchar(64) NOT NULL, field varchar(64) NOT NULL, special varchar(64), interface varchar(64), options json, display varchar(64),
    display_options json, readonly boolean DEFAULT false NOT NULL, hidden boolean DEFAULT false NOT NULL, sort integer, width varchar(30) DEFAULT 'full', translations json,
    note text, conditions json, required boolean DEFAULT false, "group" varchar(64), validation json, validation_message text);
CREATE TABLE public.directus_relations (id serial PRIMARY KEY, many_collection varchar(64) NOT NULL, many_field varchar(64) NOT NULL, one_collection varchar(64), one_field varchar(64), one_collection_field varchar(64), one_allowed_collections text, junction_field varchar(64), sort_field varchar(64), one_deselect_action varchar(255) DEFAULT 'nullify' NOT NULL);
CREATE TABLE public.directus_access (id uuid PRIMARY KEY, role uuid REFERENCES public.directus_roles (id) ON DELETE CASCADE, "user" uuid REFERENCES public.directus_users (id) ON DELETE CASCADE, policy uuid NOT NULL REFERENCES public.directus_policies (id) ON DELETE CASCADE, sort integer);
CREATE TABLE public.directus_permissions (id serial PRIMARY KEY, collection varchar(64) NOT NULL, action varchar(10) NOT NULL, permissions json, validation json, presets json, fields text, policy uuid NOT NULL REFERENCES public.directus_policies (id) ON DELETE CASCADE);
CREATE TABLE public.directus_presets (id serial PRIMARY KEY, bookmark varchar(255), "user" uuid REFERENCES public.directus_users (id) ON DELETE CASCADE, role uuid REFERENCES public.directus_roles (id) ON DELETE CASCADE, collection varchar(64), search varchar(100), layout varchar(100) DEFAULT 'tabular', layout_query json, layout_options json, refresh_interval integer, filter json, icon varchar(64) DEFAULT 'bookmark', color varchar(255));
CREATE TABLE public.directus_activity (id serial PRIMARY KEY, action varchar(45) NOT NULL, "user" uuid, "timestamp" timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL, ip varchar(50), user_agent text, collection varchar(64) NOT NULL, item varchar(255) NOT NULL, origin varchar(255));
CREATE TABLE public.directus_versions (id uuid PRIMARY KEY, key varchar(64) NOT NULL, name varchar(255), collection varchar(64) NOT NULL REFERENCES public.directus_collections (collection) ON DELETE CASCADE, item varchar(255) NOT NULL, hash varchar(255), date_created timestamptz, user_created uuid REFERENCES public.directus_users (id) ON DELETE SET NULL, delta json);
CREATE TABLE public.directus_revisions (
    id serial PRIMARY KEY, activity integer NOT NULL, collection varchar(64) NOT NULL, item varchar(255) NOT NULL, data json, delta json, parent integer, version uuid);
CREATE TABLE public.directus_dashboards (id uuid PRIMARY KEY, name varchar(255) NOT NULL, icon varchar(64) DEFAULT 'dashboard' NOT NULL, note text, date_created timestamptz DEFAULT CURRENT_TIMESTAMP, user_created uuid REFERENCES public.directus_users (id) ON DELETE SET NULL, color varchar(255));
CREATE TABLE public.directus_panels (id uuid PRIMARY KEY, dashboard uuid NOT NULL REFERENCES public.directus_dashboards (id) ON DELETE CASCADE, name varchar(255), type varchar(255) NOT NULL, show_header boolean DEFAULT false NOT NULL, position_x integer NOT NULL, position_y integer NOT NULL, width integer NOT NULL, height integer NOT NULL, options json);
CREATE TABLE public.directus_flows (id uuid PRIMARY KEY, name varchar(255) NOT NULL, status varchar(255) DEFAULT 'active' NOT NULL, trigger varchar(255), options json, operation uuid UNIQUE, date_created timestamptz DEFAULT CURRENT_TIMESTAMP, user_created uuid REFERENCES public.directus_users (id) ON DELETE SET NULL);
CREATE TABLE public.directus_operations (
    id uuid PRIMARY KEY, name varchar(255), key varchar(255) NOT NULL, type varchar(255) NOT NULL, position_x integer NOT NULL, position_y integer NOT NULL, options json,
    resolve uuid UNIQUE, reject uuid UNIQUE, flow uuid NOT NULL REFERENCES public.directus_flows (id) ON DELETE CASCADE,
    CONSTRAINT directus_operations_resolve_foreign FOREIGN KEY (resolve) REFERENCES public.directus_operations (id),
    CONSTRAINT directus_operations_reject_foreign FOREIGN KEY (reject) REFERENCES public.directus_operations (id));
CREATE TABLE public.directus_settings (id serial PRIMARY KEY, project_name varchar(100) DEFAULT 'Directus' NOT NULL, project_url varchar(255), storage_default_folder uuid REFERENCES public.directus_folders (id) ON DELETE SET NULL, basemaps json, module_bar json, custom_css text, theme_light_overrides json);
CREATE TABLE public.directus_shares (id uuid PRIMARY KEY, name varchar(255), collection varchar(64) NOT NULL REFERENCES public.directus_collections (collection) ON DELETE CASCADE, item varchar(255) NOT NULL, role uuid REFERENCES public.directus_roles (id) ON DELETE CASCADE, password varchar(255), user_created uuid REFERENCES public.directus_users (id) ON DELETE SET NULL, date_end timestamptz, times_used integer DEFAULT 0);
CREATE TABLE public.directus_sessions (token varchar(64) PRIMARY KEY, "user" uuid REFERENCES public.directus_users (id) ON DELETE CASCADE, expires timestamptz NOT NULL, ip varchar(255), user_agent text, share uuid REFERENCES public.directus_shares (id) ON DELETE CASCADE, next_token varchar(64));
CREATE TABLE public.directus_notifications (id serial PRIMARY KEY, "timestamp" timestamptz DEFAULT CURRENT_TIMESTAMP, status varchar(255) DEFAULT 'inbox', recipient uuid NOT NULL REFERENCES public.directus_users (id) ON DELETE CASCADE, sender uuid REFERENCES public.directus_users (id), subject varchar(255) NOT NULL, message text, collection varchar(64), item varchar(255));
CREATE TABLE public.directus_comments (id uuid PRIMARY KEY, collection varchar(64) NOT NULL REFERENCES public.directus_collections (collection) ON DELETE CASCADE, item varchar(255) NOT NULL, comment text NOT NULL, date_created timestamptz, user_created uuid REFERENCES public.directus_users (id) ON DELETE SET NULL);
CREATE TABLE public.directus_translations (id uuid PRIMARY KEY, language varchar(255) NOT NULL, key varchar(255) NOT NULL, value text NOT NULL);
CREATE TABLE public.directus_webhooks (id serial PRIMARY KEY, name varchar(255) NOT NULL, method varchar(10) DEFAULT 'POST' NOT NULL, url varchar(255) NOT NULL, status varchar(10) DEFAULT 'active' NOT NULL, data boolean DEFAULT true NOT NULL, headers json);

INSERT INTO public.directus_migrations SELECT '2024' || lpad(i::text, 4, '0') || 'A', initcap(pg_temp.word(i)) || ' ' || pg_temp.word(i * 7), pg_temp.moment(i, '1 hour') FROM generate_series(1, 90) i;
INSERT INTO public.directus_collections (collection, icon, note, translations, sort, "group")
    SELECT v.name, v.icon, v.note, v.translations::json, v.sort, v.parent FROM (VALUES
        ('content', 'folder', NULL, NULL, 1, NULL),
        ('events', 'bolt', E'What happened.\nAppend only.', '[{"language":"de-DE",  "translation":"Ereignisse"}]', 2, 'content'),
        ('projects', 'work', '', '[ ]', 3, 'content'), ('tasks', NULL, 'C:\path\not\a\newline', NULL, 4, 'projects')) AS v (name, icon, note, translations, sort, parent);
INSERT INTO public.directus_roles (id, name, description, parent) VALUES
    (pg_temp.key('role', 1), 'Administrator', '$t:admin_description', NULL), (pg_temp.key('role', 2), 'Editor', NULL, pg_temp.key('role', 1)), (pg_temp.key('role', 3), 'Reader', '', pg_temp.key('role', 2));
INSERT INTO public.directus_policies (id, name, admin_access, app_access) SELECT pg_temp.key('policy', i), (ARRAY['Administrator', '$t:public_label', 'Editors'])[i], i = 1, i <> 2 FROM generate_series(1, 3) i;
INSERT INTO public.directus_users (id, first_name, last_name, email, password, tags, role, token, last_access, auth_data)
    SELECT pg_temp.key('directus user', i), initcap(pg_temp.word(i)), initcap(pg_temp.word(i * 3)), 'user' || i || '@example.org',
           '$argon2id$v=19$m=65536,t=3,p=4$' || encode(decode(md5('password' || i), 'hex'), 'base64'), CASE WHEN i % 3 = 0 THEN json_build_array(pg_temp.word(i), i) END,
           pg_temp.key('role', 1 + i % 3), CASE WHEN i % 5 = 0 THEN md5('token' || i) END, pg_temp.moment(i, '7 minutes 0.001 second'), CASE WHEN i % 7 = 0 THEN '{"provider" : "github",   "order" : [3,2,1], "provider" : "again"}'::json END
    FROM generate_series(1, :users) i;
INSERT INTO public.directus_folders SELECT pg_temp.key('folder', i), initcap(pg_temp.word(i)), CASE WHEN i > 1 THEN pg_temp.key('folder', i / 2) END FROM generate_series(1, 30) i;
INSERT INTO public.directus_files (id, storage, filename_disk, filename_download, title, type, folder, uploaded_by, created_on, filesize, metadata)
    SELECT pg_temp.key('file', i), 'local', pg_temp.key('file', i) || '.png', pg_temp.word(i) || ' ' || i || '.png', initcap(pg_temp.word(i)), 'image/png', pg_temp.key('folder', 1 + i % 30),
           pg_temp.key('directus user', 1 + i % :users), pg_temp.moment(i, '11 minutes'), pg_temp.hash(i, 1) % 5000000, json_build_object('exif', json_build_object('make', pg_temp.word(i)), 'icc', NULL) FROM generate_series(1, :files) i;
INSERT INTO public.directus_fields (collection, field, interface, options, sort) SELECT c.collection, pg_temp.word(i), 'input', '{"placeholder":  "\\t"}', i FROM public.directus_collections c, generate_series(1, 12) i ORDER BY c.collection, i;
INSERT INTO public.directus_relations (many_collection, many_field, one_collection) VALUES ('tasks', 'project', 'projects'), ('events', 'source', NULL);
INSERT INTO public.directus_access (id, role, policy, sort) SELECT pg_temp.key('access', i), pg_temp.key('role', i), pg_temp.key('policy', i), i FROM generate_series(1, 3) i;
INSERT INTO public.directus_permissions (collection, action, permissions, fields, policy) SELECT c.collection, a.action, '{"_and":[{"status":{"_eq":"published"}}]}', '*', pg_temp.key('policy', 3) FROM public.directus_collections c, unnest(ARRAY['create', 'read', 'update']) a (action) ORDER BY 1, 2;
INSERT INTO public.directus_activity (action, "user", "timestamp", ip, user_agent, collection, item)
    SELECT (ARRAY['create', 'update', 'login', 'delete'])[1 + (i & 3)], pg_temp.key('directus user', 1 + pg_temp.hash(i, 1) % :users), pg_temp.moment(i, '4 minutes 3 seconds'), '10.0.' || (i % 256) || '.' || (pg_temp.hash(i, 2) % 256),
           'Mozilla/5.0 (X11; Linux x86_64; rv:' || (100 + i % 40) || '.0)', (ARRAY['events', 'projects', 'tasks'])[1 + i % 3], pg_temp.key('item', i)::text FROM generate_series(1, :activities) i;
INSERT INTO public.directus_versions (id, key, collection, item, hash, delta) SELECT pg_temp.key('version', i), 'draft', 'tasks', i::text, md5('v' || i), '{}' FROM generate_series(1, 10) i;
INSERT INTO public.directus_revisions (activity, collection, item, data, delta, parent, version)
    SELECT 1 + i % :activities, 'tasks', pg_temp.key('item', i)::text, json_build_object('title', pg_temp.word(i) || ' ' || pg_temp.word(pg_temp.hash(i, 1)), 'body', repeat(pg_temp.word(pg_temp.hash(i, 2)) || ' ', (i % 40)::int), 'sort', i),
           CASE WHEN i % 4 > 0 THEN json_build_object('sort', i) END, CASE WHEN i > 10 AND i % 3 = 0 THEN i - 7 END, CASE WHEN i % 50 = 0 THEN pg_temp.key('version', 1 + i / 50 % 10) END FROM generate_series(1, :revisions) i;
INSERT INTO public.directus_flows (id, name, trigger, options, operation, date_created) VALUES (pg_temp.key('flow', 1), 'On publish', 'event', '{"type":"action"}', pg_temp.key('operation', 1), '2025-01-06 09:00:00+00');
INSERT INTO public.directus_operations (id, name, key, type, position_x, position_y, resolve, reject, flow) VALUES
    (pg_temp.key('operation', 3), 'Notify', 'notify', 'mail', 39, 1, NULL, NULL, pg_temp.key('flow', 1)), (pg_temp.key('operation', 2), 'Log', 'log', 'log', 39, 17, NULL, NULL, pg_temp.key('flow', 1)),
    (pg_temp.key('operation', 1), 'Check', 'check', 'condition', 19, 1, pg_temp.key('operation', 3), pg_temp.key('operation', 2), pg_temp.key('flow', 1));
INSERT INTO public.directus_settings (project_name, module_bar, custom_css) VALUES ('Chronos ⏱', '[{"type":"module","id":"content","enabled":true}]', E'/* tabs\tand\r\nline ends */');
INSERT INTO public.directus_sessions (token, "user", expires) SELECT md5('session' || i), pg_temp.key('directus user', i), pg_temp.moment(i, '1 day') FROM generate_series(1, 20) i;

CREATE INDEX directus_activity_timestamp_index ON public.directus_activity ("timestamp");
CREATE INDEX directus_revisions_parent_index ON public.directus_revisions (parent);
ALTER TABLE public.directus_revisions
    ADD CONSTRAINT directus_revisions_activity_foreign FOREIGN KEY (activity) REFERENCES public.directus_activity (id) ON DELETE CASCADE,
    ADD CONSTRAINT directus_revisions_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_revisions (id) ON DELETE SET NULL,
    ADD CONSTRAINT directus_revisions_version_foreign FOREIGN KEY (version) REFERENCES public.directus_versions (id) ON DELETE CASCADE;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.directus_users, public.directus_sessions TO directus_app;
GRANT USAGE ON SEQUENCE public.directus_activity_id_seq TO directus_app;
COMMENT ON TABLE public.directus_migrations IS 'one row for each migration that ran';
