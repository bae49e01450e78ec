-- chronos: extensions and functions that every part stands on, and the empty schema that an abandoned installation of
-- TwentyCRM left behind.

CREATE EXTENSION "uuid-ossp" SCHEMA public;
CREATE EXTENSION unaccent SCHEMA public;
CREATE EXTENSION pgcrypto SCHEMA public;

GRANT USAGE, CREATE ON SCHEMA public TO chronos;
GRANT USAGE ON SCHEMA public TO chronos_readonly, directus_app;

-- TwentyCRM's own: the body is a string, so nothing in pg_depend ties it to the extension.
CREATE FUNCTION public.unaccent_immutable(input text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT public.unaccent('public.unaccent'::regdictionary, input) $$;
ALTER FUNCTION public.unaccent_immutable(text) OWNER TO twenty_user;

CREATE SCHEMA twenty AUTHORIZATION twenty_user;
COMMENT ON SCHEMA twenty IS 'empty since the first installation';
