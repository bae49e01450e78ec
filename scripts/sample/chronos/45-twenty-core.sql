-- chronos, schemas core and metadata: TwentyCRM between its releases 0.54 and 0.55, when tables had moved from metadata
-- to core and left enum types behind. Owned by twenty_user (core) and chronos (metadata). "application" and "workspace"
-- refer to each other. Where the customers' rows are is said in text only: "dataSource".schema, workspace."databaseSchema".
\ir generate.psql
\ir workspaces.psql
SELECT greatest(5, (3000 * :scale)::bigint) AS users, greatest(30, (4000 * :scale)::bigint) AS fields \gset

CREATE SCHEMA core AUTHORIZATION twenty_user;
CREATE SCHEMA metadata AUTHORIZATION chronos;
SET ROLE chronos;
CREATE TYPE metadata."indexMetadata_indextype_enum" AS ENUM ('BTREE', 'GIN');
CREATE TYPE metadata."relationMetadata_relationtype_enum" AS ENUM ('ONE_TO_ONE', 'ONE_TO_MANY', 'MANY_TO_MANY');
RESET ROLE;
SET ROLE twenty_user;

CREATE TYPE core."workspace_activationStatus_enum" AS ENUM ('PENDING_CREATION', 'ONGOING_CREATION', 'ACTIVE', 'INACTIVE', 'SUSPENDED');
CREATE TYPE core."keyValuePair_type_enum" AS ENUM ('USER_VARIABLE', 'FEATURE_FLAG', 'CONFIG_VARIABLE');
CREATE TYPE core."dataSource_type_enum" AS ENUM ('postgres', 'remote');
CREATE TYPE core."view_type_enum" AS ENUM ('TABLE', 'KANBAN', 'CALENDAR');
CREATE TYPE core."webhook_operation_enum" AS ENUM ('*.created', '*.updated', '*.deleted', 'person.*');

CREATE TABLE core."_typeorm_migrations" (id serial PRIMARY KEY, "timestamp" bigint NOT NULL, name character varying NOT NULL);
CREATE TABLE core."user" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL, "firstName" character varying DEFAULT '' NOT NULL, "lastName" character varying DEFAULT '' NOT NULL, email character varying NOT NULL,
    "isEmailVerified" boolean DEFAULT false NOT NULL, disabled boolean DEFAULT false NOT NULL, "passwordHash" character varying, "canImpersonate" boolean DEFAULT false NOT NULL,
    "createdAt" timestamptz DEFAULT now() NOT NULL, "updatedAt" timestamptz DEFAULT now() NOT NULL, "deletedAt" timestamptz, locale character varying DEFAULT 'en' NOT NULL,
    CONSTRAINT "PK_a3ffb1c0c8416b9fc6f907b7433" PRIMARY KEY (id));
CREATE TABLE core.application (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "universalIdentifier" uuid, name text NOT NULL, description text, version text, "sourcePath" text NOT NULL, "workspaceId" uuid NOT NULL, settings jsonb);
CREATE TABLE core.workspace (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "displayName" character varying, logo character varying, "inviteHash" character varying, "deletedAt" timestamptz,
    "createdAt" timestamptz DEFAULT now() NOT NULL, "updatedAt" timestamptz DEFAULT now() NOT NULL, "allowImpersonation" boolean DEFAULT true NOT NULL,
    "activationStatus" core."workspace_activationStatus_enum" DEFAULT 'INACTIVE' NOT NULL, "metadataVersion" integer DEFAULT 1 NOT NULL, "databaseUrl" character varying DEFAULT '' NOT NULL,
    "databaseSchema" character varying DEFAULT '' NOT NULL, subdomain character varying NOT NULL, "customDomain" character varying, "defaultRoleId" uuid, "workspaceCustomApplicationId" uuid,
    CONSTRAINT "UQ_workspace_subdomain" UNIQUE (subdomain), CONSTRAINT "onboarded_workspace_requires_default_role" CHECK ("activationStatus" IN ('PENDING_CREATION', 'ONGOING_CREATION') OR "defaultRoleId" IS NOT NULL));
CREATE TABLE core."userWorkspace" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "userId" uuid NOT NULL REFERENCES core."user" (id) ON DELETE CASCADE, "workspaceId" uuid NOT NULL REFERENCES core.workspace (id) ON DELETE CASCADE,
    "defaultAvatarUrl" character varying, "createdAt" timestamptz DEFAULT now() NOT NULL, "deletedAt" timestamptz);
CREATE TABLE core."appToken" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "userId" uuid REFERENCES core."user" (id) ON DELETE CASCADE, "workspaceId" uuid REFERENCES core.workspace (id) ON DELETE CASCADE,
    type text DEFAULT 'REFRESH_TOKEN' NOT NULL, value text, "expiresAt" timestamptz NOT NULL, context jsonb, "revokedAt" timestamptz);
CREATE TABLE core."featureFlag" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, key text NOT NULL, "workspaceId" uuid REFERENCES core.workspace (id) ON DELETE CASCADE, value boolean NOT NULL,
    CONSTRAINT "IDX_FEATURE_FLAG_KEY_WORKSPACE_ID_UNIQUE" UNIQUE (key, "workspaceId"));
CREATE TABLE core."keyValuePair" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "userId" uuid REFERENCES core."user" (id) ON DELETE CASCADE, "workspaceId" uuid REFERENCES core.workspace (id) ON DELETE CASCADE,
    key text NOT NULL, value jsonb, "textValueDeprecated" text, type core."keyValuePair_type_enum" DEFAULT 'USER_VARIABLE' NOT NULL);
CREATE TABLE core.role (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, label character varying NOT NULL, "canUpdateAllSettings" boolean DEFAULT false NOT NULL, "workspaceId" uuid NOT NULL, "isEditable" boolean DEFAULT true NOT NULL,
    CONSTRAINT "UQ_role_label_workspace" UNIQUE (label, "workspaceId"));
CREATE TABLE core."roleTargets" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "roleId" uuid NOT NULL REFERENCES core.role (id) ON DELETE CASCADE, "userWorkspaceId" uuid, "apiKeyId" uuid,
    CONSTRAINT "CHK_role_targets_single_entity" CHECK (("userWorkspaceId" IS NULL) <> ("apiKeyId" IS NULL)));
CREATE TABLE core."apiKey" (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, name character varying NOT NULL, "expiresAt" timestamptz NOT NULL, "revokedAt" timestamptz, "workspaceId" uuid NOT NULL REFERENCES core.workspace (id) ON DELETE CASCADE);
CREATE TABLE core.webhook (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "targetUrl" character varying NOT NULL, operations core."webhook_operation_enum"[] DEFAULT '{*.created}' NOT NULL, secret character varying NOT NULL, "workspaceId" uuid NOT NULL REFERENCES core.workspace (id) ON DELETE CASCADE);
CREATE TABLE core."approvedAccessDomain" (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, domain character varying NOT NULL, "isValidated" boolean DEFAULT false NOT NULL, "workspaceId" uuid NOT NULL REFERENCES core.workspace (id) ON DELETE CASCADE);
CREATE TABLE core.file (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, name character varying NOT NULL, "fullPath" character varying NOT NULL, size integer NOT NULL, type character varying NOT NULL, "workspaceId" uuid NOT NULL);
CREATE TABLE core."dataSource" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, label character varying, url character varying, schema character varying, type core."dataSource_type_enum" DEFAULT 'postgres' NOT NULL,
    "isRemote" boolean DEFAULT false NOT NULL, "workspaceId" uuid NOT NULL REFERENCES core.workspace (id) ON DELETE CASCADE, "createdAt" timestamptz DEFAULT now() NOT NULL);
CREATE TABLE core."objectMetadata" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "dataSourceId" uuid NOT NULL REFERENCES core."dataSource" (id) ON DELETE CASCADE, "nameSingular" character varying NOT NULL, "namePlural" character varying NOT NULL,
    "isCustom" boolean DEFAULT false NOT NULL, shortcut character varying, "workspaceId" uuid NOT NULL, "labelIdentifierFieldMetadataId" uuid, "duplicateCriteria" jsonb,
    CONSTRAINT "IDX_OBJECT_METADATA_NAME_SINGULAR_UNIQUE" UNIQUE ("nameSingular", "workspaceId"));
CREATE TABLE core."fieldMetadata" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "objectMetadataId" uuid NOT NULL REFERENCES core."objectMetadata" (id) ON DELETE CASCADE, type character varying NOT NULL, name character varying NOT NULL,
    label character varying NOT NULL, "defaultValue" jsonb, options jsonb, settings jsonb, "isNullable" boolean DEFAULT true, "relationTargetFieldMetadataId" uuid UNIQUE, "workspaceId" uuid NOT NULL);
CREATE TABLE core."indexMetadata" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, name character varying NOT NULL, "isUnique" boolean DEFAULT false NOT NULL, "indexWhereClause" text,
    "indexType" metadata."indexMetadata_indextype_enum" DEFAULT 'BTREE' NOT NULL, "objectMetadataId" uuid NOT NULL REFERENCES core."objectMetadata" (id) ON DELETE CASCADE);
CREATE TABLE core."indexFieldMetadata" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "indexMetadataId" uuid NOT NULL REFERENCES core."indexMetadata" (id) ON DELETE CASCADE, "fieldMetadataId" uuid NOT NULL REFERENCES core."fieldMetadata" (id) ON DELETE CASCADE, "order" integer NOT NULL);
CREATE TABLE core.view (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, name text NOT NULL, "objectMetadataId" uuid NOT NULL REFERENCES core."objectMetadata" (id) ON DELETE CASCADE, type core."view_type_enum" DEFAULT 'TABLE' NOT NULL,
    key text DEFAULT 'INDEX', "position" double precision NOT NULL, "anyFieldFilterValue" text, "deletedAt" timestamptz, "workspaceId" uuid NOT NULL);
CREATE TABLE core."viewField" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "fieldMetadataId" uuid NOT NULL REFERENCES core."fieldMetadata" (id) ON DELETE CASCADE, "isVisible" boolean DEFAULT true NOT NULL, size integer DEFAULT 0 NOT NULL,
    "position" double precision NOT NULL, "viewId" uuid NOT NULL REFERENCES core.view (id) ON DELETE CASCADE, "deletedAt" timestamptz);

INSERT INTO core."_typeorm_migrations" ("timestamp", name) SELECT 1700000000000 + i * 86400000::bigint, 'Migration' || 1700000000000 + i * 86400000::bigint FROM generate_series(1, 120) i;
INSERT INTO core."user" (id, "firstName", "lastName", email, "passwordHash", "createdAt", "updatedAt", "deletedAt", locale)
    SELECT pg_temp.key('user', i), initcap(pg_temp.word(i)), initcap(pg_temp.word(pg_temp.hash(i, 1))), 'person' || i || '@example.com', '$2b$10$' || md5('user' || i), pg_temp.moment(i, '3 hours'), pg_temp.moment(i, '3 hours 7 seconds'),
           CASE WHEN i % 40 = 0 THEN pg_temp.moment(i, '5 hours') END, (ARRAY['en', 'fr-FR', 'de-DE'])[1 + i % 3] FROM generate_series(1, :users) i;
INSERT INTO core.workspace (id, "displayName", logo, "createdAt", "updatedAt", "activationStatus", "databaseSchema", subdomain, "defaultRoleId") VALUES
    (:'large_id', 'Acme & Søn', NULL, '2025-01-02 03:04:05.678901+00', '2025-01-02 03:04:06+00', 'ACTIVE', :'large', 'acme', pg_temp.key('crm role', 1)),
    (:'small_id', 'Birch', '', '2025-04-02 03:04:05+00', '2025-04-02 03:04:06+00', 'ACTIVE', :'small', 'birch', pg_temp.key('crm role', 3)),
    (pg_temp.key('workspace', 3), NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00', 'PENDING_CREATION', '', 'never-finished', NULL);
INSERT INTO core.application (id, name, "sourcePath", "workspaceId", settings) VALUES
    (pg_temp.key('application', 1), 'Standard', '', :'large_id', '{"nested": {"deep": [1, [2, [3]]]}}'), (pg_temp.key('application', 2), 'Custom', 'apps/custom', :'small_id', NULL);
UPDATE core.workspace SET "workspaceCustomApplicationId" = pg_temp.key('application', 1) WHERE id = :'large_id';
ALTER TABLE core.application ADD CONSTRAINT "FK_application_workspace" FOREIGN KEY ("workspaceId") REFERENCES core.workspace (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE core.workspace ADD CONSTRAINT "FK_workspace_application" FOREIGN KEY ("workspaceCustomApplicationId") REFERENCES core.application (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;
INSERT INTO core.role (id, label, "canUpdateAllSettings", "workspaceId") SELECT pg_temp.key('crm role', i), (ARRAY['Admin', 'Member', 'Admin', 'Member'])[i], i % 2 = 1, CASE WHEN i < 3 THEN :'large_id' ELSE :'small_id' END::uuid FROM generate_series(1, 4) i;
INSERT INTO core."userWorkspace" (id, "userId", "workspaceId", "createdAt") SELECT pg_temp.key('member', i), pg_temp.key('user', i), CASE WHEN i % 5 = 0 THEN :'small_id' ELSE :'large_id' END::uuid, pg_temp.moment(i, '3 hours') FROM generate_series(1, :users) i;
INSERT INTO core."apiKey" (id, name, "expiresAt", "workspaceId") SELECT pg_temp.key('api key', i), 'key ' || i, 'infinity', :'large_id' FROM generate_series(1, 3) i;
INSERT INTO core."roleTargets" (id, "roleId", "userWorkspaceId", "apiKeyId") SELECT pg_temp.key('target', i), pg_temp.key('crm role', 1 + i % 4), CASE WHEN i > 3 THEN pg_temp.key('member', i) END, CASE WHEN i <= 3 THEN pg_temp.key('api key', i) END FROM generate_series(1, :users) i;
INSERT INTO core."appToken" (id, "userId", "workspaceId", value, "expiresAt", context) SELECT pg_temp.key('token', i), pg_temp.key('user', i), :'large_id', md5('app' || i), pg_temp.moment(i, '1 day'), CASE WHEN i % 4 = 0 THEN '{"email": "a\\b\"c@example.org"}'::jsonb END FROM generate_series(1, :users) i;
INSERT INTO core."featureFlag" (id, key, "workspaceId", value) SELECT pg_temp.key('flag', i), 'IS_' || upper(md5(i::text)) || '_ENABLED', CASE WHEN i % 2 = 0 THEN :'large_id' ELSE :'small_id' END::uuid, i % 3 = 0 FROM generate_series(1, 40) i;
INSERT INTO core."keyValuePair" (id, "userId", "workspaceId", key, value, type) SELECT pg_temp.key('pair', i), CASE WHEN i % 3 > 0 THEN pg_temp.key('user', i) END, CASE WHEN i % 3 < 2 THEN :'large_id'::uuid END, 'ONBOARDING_' || i, to_jsonb(i % 2 = 0), (enum_range(NULL::core."keyValuePair_type_enum"))[1 + i % 3] FROM generate_series(1, :users) i;
INSERT INTO core.webhook (id, "targetUrl", operations, secret, "workspaceId") VALUES (pg_temp.key('webhook', 1), 'https://example.org/hook?a=1&b=%20', '{*.created,person.*}', md5('secret'), :'large_id'), (pg_temp.key('webhook', 2), '', '{}', '', :'small_id');
INSERT INTO core.file (id, name, "fullPath", size, type, "workspaceId") SELECT pg_temp.key('crm file', i), 'file ' || i, 'attachment/' || i, i * 100, 'image', :'large_id' FROM generate_series(1, 20) i;
INSERT INTO core."dataSource" (id, label, schema, "workspaceId", "createdAt") VALUES (pg_temp.key('data source', 1), NULL, :'large', :'large_id', '2025-01-02 03:04:05+00'), (pg_temp.key('data source', 2), 'Birch', :'small', :'small_id', '2025-04-02 03:04:05+00');
INSERT INTO core."objectMetadata" (id, "dataSourceId", "nameSingular", "namePlural", "workspaceId", "duplicateCriteria")
    SELECT pg_temp.key('object' || n, i), pg_temp.key('data source', n), o.name, o.name || 's', CASE n WHEN 1 THEN :'large_id' ELSE :'small_id' END::uuid, '[["nameFirstName", "nameLastName"], ["emailsPrimaryEmail"]]'
    FROM unnest(ARRAY['person', 'company', 'opportunity', 'note', 'task', 'attachment', 'favorite', 'timelineActivity']) WITH ORDINALITY AS o (name, i), generate_series(1, 2) n;
INSERT INTO core."fieldMetadata" (id, "objectMetadataId", type, name, label, "defaultValue", options, "workspaceId")
    SELECT pg_temp.key('field', i), pg_temp.key('object' || 1 + i % 2, 1 + i % 8), 'TEXT', pg_temp.word(i) || i, initcap(pg_temp.word(i)), '"''''"', CASE WHEN i % 6 = 0 THEN jsonb_build_array(jsonb_build_object('value', 'A', 'color', 'green', 'position', 0)) END,
           CASE i % 2 WHEN 0 THEN :'large_id' ELSE :'small_id' END::uuid FROM generate_series(1, :fields) i;
INSERT INTO core."indexMetadata" (id, name, "indexType", "objectMetadataId") SELECT pg_temp.key('index', i), 'IDX_' || substr(md5('index' || i), 1, 27), (ARRAY['BTREE', 'GIN']::metadata."indexMetadata_indextype_enum"[])[1 + i % 2], pg_temp.key('object1', 1 + i % 8) FROM generate_series(1, 30) i;
INSERT INTO core."indexFieldMetadata" (id, "indexMetadataId", "fieldMetadataId", "order") SELECT pg_temp.key('index field', i), pg_temp.key('index', i), pg_temp.key('field', i), 0 FROM generate_series(1, 30) i;
INSERT INTO core.view (id, name, "objectMetadataId", "position", "workspaceId") SELECT pg_temp.key('view', i), 'All {objectLabelPlural}', pg_temp.key('object1', i), i / 3.0, :'large_id' FROM generate_series(1, 8) i;
INSERT INTO core."viewField" (id, "fieldMetadataId", "position", "viewId") SELECT pg_temp.key('view field', i), pg_temp.key('field', i), i, pg_temp.key('view', 1 + i % 8) FROM generate_series(1, :fields) i;

CREATE UNIQUE INDEX "UQ_USER_EMAIL" ON core."user" (email) WHERE "deletedAt" IS NULL;
CREATE UNIQUE INDEX "IDX_USER_WORKSPACE_UNIQUE" ON core."userWorkspace" ("userId", "workspaceId") WHERE "deletedAt" IS NULL;
CREATE UNIQUE INDEX "IDX_KEY_VALUE_PAIR_NULL_USER" ON core."keyValuePair" (key, "workspaceId") WHERE "userId" IS NULL;
CREATE UNIQUE INDEX "IDX_KEY_VALUE_PAIR_NULL_WORKSPACE" ON core."keyValuePair" (key, "userId") WHERE "workspaceId" IS NULL;
CREATE INDEX "IDX_VIEW_FIELD_VIEW_ID" ON core."viewField" ("viewId") WHERE "deletedAt" IS NULL;
CREATE INDEX "IDX_FIELD_METADATA_OBJECT" ON core."fieldMetadata" ("objectMetadataId", "workspaceId");
COMMENT ON COLUMN core."dataSource".schema IS 'the schema with the workspace''s rows';
ALTER TABLE core."fieldMetadata" ADD CONSTRAINT "FK_field_relation_target" FOREIGN KEY ("relationTargetFieldMetadataId") REFERENCES core."fieldMetadata" (id) ON DELETE CASCADE;
RESET ROLE;

SET ROLE chronos;
CREATE TABLE metadata."_typeorm_migrations" (id serial PRIMARY KEY, "timestamp" bigint NOT NULL, name character varying NOT NULL);
CREATE TABLE metadata."relationMetadata" (
    id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, "relationType" metadata."relationMetadata_relationtype_enum" NOT NULL, "fromObjectMetadataId" uuid NOT NULL, "toObjectMetadataId" uuid NOT NULL, "workspaceId" uuid NOT NULL);
CREATE TABLE metadata."workspaceMigration" (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, migrations jsonb, name character varying NOT NULL, "isCustom" boolean DEFAULT false NOT NULL, "appliedAt" timestamptz, "workspaceId" uuid NOT NULL);
CREATE TABLE metadata."serverlessFunction" (id uuid DEFAULT public.uuid_generate_v4() NOT NULL PRIMARY KEY, name character varying NOT NULL, runtime text DEFAULT 'nodejs22.x' NOT NULL, "latestVersion" text, "publishedVersions" jsonb DEFAULT '[]' NOT NULL, "deletedAt" timestamptz);
INSERT INTO metadata."_typeorm_migrations" ("timestamp", name) SELECT 1690000000000 + i, 'initMetadataTables' || 1690000000000 + i FROM generate_series(1, 40) i;
INSERT INTO metadata."workspaceMigration" (id, migrations, name, "appliedAt", "workspaceId")
    SELECT pg_temp.key('workspace migration', i), jsonb_build_array(jsonb_build_object('name', pg_temp.word(i), 'action', 'alter', 'columns', '[]'::jsonb)), 1700000000000 + i || '-create', pg_temp.moment(i, '1 day'), :'large_id' FROM generate_series(1, 60) i;
INSERT INTO metadata."serverlessFunction" (id, name, "publishedVersions") VALUES (pg_temp.key('function', 1), 'Qualify lead', '["1", "2"]');
RESET ROLE;
INSERT INTO metadata."relationMetadata" (id, "relationType", "fromObjectMetadataId", "toObjectMetadataId", "workspaceId")
    SELECT pg_temp.key('relation', i), 'ONE_TO_MANY', pg_temp.key('object1', 1 + i % 8), pg_temp.key('object1', 1 + i * 3 % 8), :'large_id' FROM generate_series(1, 25) i;
ALTER TABLE metadata."relationMetadata" ADD CONSTRAINT "FK_relation_from_object" FOREIGN KEY ("fromObjectMetadataId") REFERENCES core."objectMetadata" (id) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA metadata TO twenty_user, chronos_readonly;
GRANT ALL ON ALL TABLES IN SCHEMA metadata TO twenty_user;
ALTER DEFAULT PRIVILEGES FOR ROLE twenty_user IN SCHEMA core REVOKE ALL ON TABLES FROM twenty_user;
ALTER DEFAULT PRIVILEGES FOR ROLE twenty_user IN SCHEMA core GRANT ALL ON TABLES TO twenty_user;
