-- portfolio: PostgREST's roles. The login role has no rights of its own and switches to one of its members.

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('portfolio', 'LOGIN CREATEROLE'),
            ('web_anon', 'NOLOGIN'),
            ('app_user', 'NOLOGIN'),
            ('app_auditor', 'NOLOGIN BYPASSRLS'),
            ('authenticator', 'LOGIN NOINHERIT CONNECTION LIMIT 20')
        ) AS r (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
END
$$;

GRANT web_anon, app_user TO authenticator;
GRANT web_anon TO app_user;
GRANT app_user TO portfolio WITH ADMIN OPTION;
ALTER ROLE authenticator SET pgrst.db_schemas = 'erp, agent, "SPECIAL ""@/\#~_-"';
ALTER ROLE authenticator SET pgrst.db_anon_role = 'web_anon';
ALTER ROLE authenticator SET pgrst.db_extra_search_path = 'public, extensions';
ALTER ROLE web_anon SET statement_timeout = '3s';
COMMENT ON ROLE authenticator IS 'PostgREST connects as this role';
