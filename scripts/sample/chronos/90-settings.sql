-- chronos: what belongs to the whole database: settings, comments, grants and default privileges.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET timezone = 'UTC';
ALTER DATABASE :"database" SET default_statistics_target = '120';
ALTER ROLE twenty_user IN DATABASE :"database" SET search_path = core, public;
ALTER ROLE directus_app IN DATABASE :"database" SET idle_in_transaction_session_timeout = '10min';
COMMENT ON DATABASE :"database" IS 'one database, several applications';
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO chronos, twenty_user, chronos_readonly, directus_app;
GRANT CREATE, TEMPORARY ON DATABASE :"database" TO chronos, twenty_user;
GRANT SELECT ON public.events, public.projects, public.categories TO chronos_readonly;
ALTER DEFAULT PRIVILEGES FOR ROLE chronos GRANT SELECT ON TABLES TO chronos_readonly;
ALTER DEFAULT PRIVILEGES FOR ROLE chronos REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
