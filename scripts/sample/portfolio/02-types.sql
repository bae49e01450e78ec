-- portfolio: extensions, and the types and functions that both schemas use.
CREATE SCHEMA extensions;
CREATE EXTENSION pgcrypto SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO web_anon;
CREATE SCHEMA erp AUTHORIZATION portfolio;
CREATE SCHEMA agent AUTHORIZATION portfolio;
SET ROLE portfolio;
CREATE DOMAIN erp.email AS text COLLATE "C" CONSTRAINT has_at CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');
CREATE TYPE erp.money_amount AS (amount numeric(14,2), currency character(3));
CREATE TYPE erp.run_status AS ENUM ('queued', 'running', 'done', 'failed');
CREATE TYPE agent.speaker AS ENUM ('system', 'user', 'assistant', 'tool');

CREATE FUNCTION erp.global_id(kind text, id bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    RETURN 'gid://portfolio/' || kind || '/' || id;
CREATE FUNCTION erp.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
