-- chronos: the roles of the cluster that the database refers to.
-- Two owners (the main application, and TwentyCRM, which is a superuser only because it creates extensions), a group
-- that may read, and people in it.

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('chronos', 'LOGIN CREATEDB'),
            ('twenty_user', 'LOGIN SUPERUSER'),
            ('chronos_readonly', 'NOLOGIN'),
            ('directus_app', 'LOGIN CONNECTION LIMIT 40'),
            ('grafana', 'LOGIN NOINHERIT VALID UNTIL ''2030-01-01 00:00:00+00''')
        ) AS r (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
END
$$;

GRANT chronos_readonly TO grafana;
GRANT chronos_readonly TO directus_app WITH ADMIN OPTION;
COMMENT ON ROLE chronos_readonly IS 'may read what the main application shows';
ALTER ROLE grafana SET statement_timeout = '30s';
