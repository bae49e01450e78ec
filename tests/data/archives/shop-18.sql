--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: Odd.Name; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "Odd.Name";


ALTER SCHEMA "Odd.Name" OWNER TO postgres;

--
-- Name: depot; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA depot;


ALTER SCHEMA depot OWNER TO postgres;

--
-- Name: shop; Type: SCHEMA; Schema: -; Owner: keeper
--

CREATE SCHEMA shop;


ALTER SCHEMA shop OWNER TO keeper;

--
-- Name: SCHEMA shop; Type: COMMENT; Schema: -; Owner: keeper
--

COMMENT ON SCHEMA shop IS 'what we sell';


--
-- Name: hstore; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;


--
-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';


--
-- Name: unaccent; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;


--
-- Name: EXTENSION unaccent; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION unaccent IS 'text search dictionary that removes accents';


--
-- Name: state; Type: TYPE; Schema: depot; Owner: postgres
--

CREATE TYPE depot.state AS ENUM (
    'new',
    'sent'
);


ALTER TYPE depot.state OWNER TO postgres;

--
-- Name: price; Type: DOMAIN; Schema: shop; Owner: postgres
--

CREATE DOMAIN shop.price AS numeric(12,2)
	CONSTRAINT price_check CHECK ((VALUE >= (0)::numeric));


ALTER DOMAIN shop.price OWNER TO postgres;

--
-- Name: to_state(integer); Type: FUNCTION; Schema: depot; Owner: postgres
--

CREATE FUNCTION depot.to_state(integer) RETURNS depot.state
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT 'new'::depot.state $$;


ALTER FUNCTION depot.to_state(integer) OWNER TO postgres;

--
-- Name: CAST (integer AS depot.state); Type: CAST; Schema: -; Owner: -
--

CREATE CAST (integer AS depot.state) WITH FUNCTION depot.to_state(integer);


--
-- Name: on_ddl(); Type: FUNCTION; Schema: depot; Owner: postgres
--

CREATE FUNCTION depot.on_ddl() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$ BEGIN END $$;


ALTER FUNCTION depot.on_ddl() OWNER TO postgres;

--
-- Name: outer_name(text); Type: FUNCTION; Schema: depot; Owner: postgres
--

CREATE FUNCTION depot.outer_name(t text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT public.plain(t) -- calls by text
$$;


ALTER FUNCTION depot.outer_name(t text) OWNER TO postgres;

--
-- Name: plain(text); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.plain(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    AS $_$ SELECT public.unaccent('public.unaccent', $1) $_$;


ALTER FUNCTION public.plain(text) OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: item; Type: TABLE; Schema: shop; Owner: keeper
--

CREATE TABLE shop.item (
    id bigint NOT NULL,
    code text NOT NULL,
    price shop.price,
    state depot.state DEFAULT 'new'::depot.state,
    name text,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, public.plain(name))) STORED
);


ALTER TABLE shop.item OWNER TO keeper;

--
-- Name: COLUMN item.code; Type: COMMENT; Schema: shop; Owner: keeper
--

COMMENT ON COLUMN shop.item.code IS 'as printed';


--
-- Name: atomic(bigint); Type: FUNCTION; Schema: shop; Owner: postgres
--

CREATE FUNCTION shop.atomic(i bigint) RETURNS bigint
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT count(*) AS count
    FROM shop.item
   WHERE (item.id = atomic.i);
END;


ALTER FUNCTION shop.atomic(i bigint) OWNER TO postgres;

--
-- Name: bin; Type: TABLE; Schema: depot; Owner: Clerk 1
--

CREATE TABLE depot.bin (
    id integer NOT NULL,
    item bigint,
    note public.hstore
);


ALTER TABLE depot.bin OWNER TO "Clerk 1";

--
-- Name: bins(); Type: FUNCTION; Schema: shop; Owner: postgres
--

CREATE FUNCTION shop.bins() RETURNS SETOF depot.bin
    LANGUAGE sql
    AS $$ SELECT * FROM depot.bin $$;


ALTER FUNCTION shop.bins() OWNER TO postgres;

--
-- Name: touch(); Type: FUNCTION; Schema: shop; Owner: keeper
--

CREATE FUNCTION shop.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN NEW.name := depot.outer_name(NEW.name); RETURN NEW; END $$;


ALTER FUNCTION shop.touch() OWNER TO keeper;

--
-- Name: total(integer); Type: AGGREGATE; Schema: shop; Owner: postgres
--

CREATE AGGREGATE shop.total(integer) (
    SFUNC = int4pl,
    STYPE = integer
);


ALTER AGGREGATE shop.total(integer) OWNER TO postgres;

--
-- Name: =%; Type: OPERATOR; Schema: shop; Owner: postgres
--

CREATE OPERATOR shop.=% (
    FUNCTION = texteq,
    LEFTARG = text,
    RIGHTARG = text
);


ALTER OPERATOR shop.=% (text, text) OWNER TO postgres;

--
-- Name: dict; Type: TEXT SEARCH DICTIONARY; Schema: depot; Owner: postgres
--

CREATE TEXT SEARCH DICTIONARY depot.dict (
    TEMPLATE = pg_catalog.simple );


ALTER TEXT SEARCH DICTIONARY depot.dict OWNER TO postgres;

--
-- Name: conf; Type: TEXT SEARCH CONFIGURATION; Schema: shop; Owner: postgres
--

CREATE TEXT SEARCH CONFIGURATION shop.conf (
    PARSER = pg_catalog."default" );

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR asciiword WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR word WITH depot.dict;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR numword WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR email WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR url WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR host WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR sfloat WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR version WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR hword_numpart WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR hword_part WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR hword_asciipart WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR numhword WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR asciihword WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR hword WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR url_path WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR file WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR "float" WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR "int" WITH simple;

ALTER TEXT SEARCH CONFIGURATION shop.conf
    ADD MAPPING FOR uint WITH simple;


ALTER TEXT SEARCH CONFIGURATION shop.conf OWNER TO postgres;

--
-- Name: away; Type: FOREIGN DATA WRAPPER; Schema: -; Owner: postgres
--

CREATE FOREIGN DATA WRAPPER away;


ALTER FOREIGN DATA WRAPPER away OWNER TO postgres;

--
-- Name: far; Type: SERVER; Schema: -; Owner: postgres
--

CREATE SERVER far FOREIGN DATA WRAPPER away;


ALTER SERVER far OWNER TO postgres;

--
-- Name: USER MAPPING keeper SERVER far; Type: USER MAPPING; Schema: -; Owner: postgres
--

CREATE USER MAPPING FOR keeper SERVER far;


--
-- Name: a b; Type: TABLE; Schema: Odd.Name; Owner: postgres
--

CREATE TABLE "Odd.Name"."a b" (
    "from" integer
);


ALTER TABLE "Odd.Name"."a b" OWNER TO postgres;

--
-- Name: sale; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.sale (
    day date NOT NULL,
    item bigint,
    n integer
)
PARTITION BY RANGE (day);


ALTER TABLE shop.sale OWNER TO postgres;

--
-- Name: sale_rest; Type: TABLE; Schema: depot; Owner: postgres
--

CREATE TABLE depot.sale_rest (
    day date NOT NULL,
    item bigint,
    n integer
);


ALTER TABLE depot.sale_rest OWNER TO postgres;

--
-- Name: ticket; Type: SEQUENCE; Schema: depot; Owner: postgres
--

CREATE SEQUENCE depot.ticket
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE depot.ticket OWNER TO postgres;

--
-- Name: Order "x"; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop."Order ""x""" (
    id integer NOT NULL,
    item bigint
);


ALTER TABLE shop."Order ""x""" OWNER TO postgres;

--
-- Name: Order "x"_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

ALTER TABLE shop."Order ""x""" ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME shop."Order ""x""_id_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: cheap; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.cheap AS
 SELECT item.id,
    item.name
   FROM shop.item
  WHERE ((item.price)::numeric < (10)::numeric);


ALTER VIEW shop.cheap OWNER TO postgres;

--
-- Name: totals; Type: MATERIALIZED VIEW; Schema: shop; Owner: keeper
--

CREATE MATERIALIZED VIEW shop.totals AS
 SELECT sale.item,
    sum(sale.n) AS n
   FROM shop.sale
  GROUP BY sale.item
  WITH NO DATA;


ALTER MATERIALIZED VIEW shop.totals OWNER TO keeper;

--
-- Name: totals_view; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.totals_view AS
 SELECT totals.item,
    totals.n
   FROM shop.totals;


ALTER VIEW shop.totals_view OWNER TO postgres;

--
-- Name: grand; Type: MATERIALIZED VIEW; Schema: shop; Owner: postgres
--

CREATE MATERIALIZED VIEW shop.grand AS
 SELECT sum(totals_view.n) AS n
   FROM shop.totals_view
  WITH NO DATA;


ALTER MATERIALIZED VIEW shop.grand OWNER TO postgres;

--
-- Name: grouped; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.grouped AS
SELECT
    NULL::bigint AS id,
    NULL::text AS code,
    NULL::bigint AS n;


ALTER VIEW shop.grouped OWNER TO postgres;

--
-- Name: item_id_seq; Type: SEQUENCE; Schema: shop; Owner: keeper
--

CREATE SEQUENCE shop.item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE shop.item_id_seq OWNER TO keeper;

--
-- Name: item_id_seq; Type: SEQUENCE OWNED BY; Schema: shop; Owner: keeper
--

ALTER SEQUENCE shop.item_id_seq OWNED BY shop.item.id;


--
-- Name: located; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.located AS
 SELECT i.name,
    b.id AS bin
   FROM (shop.item i
     JOIN depot.bin b ON ((b.item = i.id)));


ALTER VIEW shop.located OWNER TO postgres;

--
-- Name: located_names; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.located_names AS
 SELECT located.name
   FROM shop.located;


ALTER VIEW shop.located_names OWNER TO postgres;

--
-- Name: pick; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.pick (
    id integer NOT NULL,
    bin integer,
    CONSTRAINT pick_positive CHECK ((id > 0))
);


ALTER TABLE shop.pick OWNER TO postgres;

--
-- Name: remote; Type: FOREIGN TABLE; Schema: shop; Owner: postgres
--

CREATE FOREIGN TABLE shop.remote (
    id integer
)
SERVER far;


ALTER FOREIGN TABLE shop.remote OWNER TO postgres;

--
-- Name: sale_2025; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.sale_2025 (
    day date NOT NULL,
    item bigint,
    n integer
);


ALTER TABLE shop.sale_2025 OWNER TO postgres;

--
-- Name: ticket; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.ticket (
    no bigint DEFAULT nextval('depot.ticket'::regclass)
);


ALTER TABLE shop.ticket OWNER TO postgres;

--
-- Name: sale_rest; Type: TABLE ATTACH; Schema: depot; Owner: postgres
--

ALTER TABLE ONLY shop.sale ATTACH PARTITION depot.sale_rest DEFAULT;


--
-- Name: sale_2025; Type: TABLE ATTACH; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.sale ATTACH PARTITION shop.sale_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');


--
-- Name: item id; Type: DEFAULT; Schema: shop; Owner: keeper
--

ALTER TABLE ONLY shop.item ALTER COLUMN id SET DEFAULT nextval('shop.item_id_seq'::regclass);


--
-- Name: bin bin_pkey; Type: CONSTRAINT; Schema: depot; Owner: Clerk 1
--

ALTER TABLE ONLY depot.bin
    ADD CONSTRAINT bin_pkey PRIMARY KEY (id);


--
-- Name: Order "x" Order "x"_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop."Order ""x"""
    ADD CONSTRAINT "Order ""x""_pkey" PRIMARY KEY (id);


--
-- Name: item item_code_key; Type: CONSTRAINT; Schema: shop; Owner: keeper
--

ALTER TABLE ONLY shop.item
    ADD CONSTRAINT item_code_key UNIQUE (code);


--
-- Name: item item_pkey; Type: CONSTRAINT; Schema: shop; Owner: keeper
--

ALTER TABLE ONLY shop.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (id);


--
-- Name: pick pick_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.pick
    ADD CONSTRAINT pick_pkey PRIMARY KEY (id);


--
-- Name: sale_day; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX sale_day ON ONLY shop.sale USING btree (day);


--
-- Name: sale_rest_day_idx; Type: INDEX; Schema: depot; Owner: postgres
--

CREATE INDEX sale_rest_day_idx ON depot.sale_rest USING btree (day);


--
-- Name: item_search; Type: INDEX; Schema: shop; Owner: keeper
--

CREATE INDEX item_search ON shop.item USING gin (search);


--
-- Name: sale_2025_day_idx; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX sale_2025_day_idx ON shop.sale_2025 USING btree (day);


--
-- Name: totals_item; Type: INDEX; Schema: shop; Owner: keeper
--

CREATE UNIQUE INDEX totals_item ON shop.totals USING btree (item);


--
-- Name: sale_rest_day_idx; Type: INDEX ATTACH; Schema: depot; Owner: postgres
--

ALTER INDEX shop.sale_day ATTACH PARTITION depot.sale_rest_day_idx;


--
-- Name: sale_2025_day_idx; Type: INDEX ATTACH; Schema: shop; Owner: postgres
--

ALTER INDEX shop.sale_day ATTACH PARTITION shop.sale_2025_day_idx;


--
-- Name: item_stats; Type: STATISTICS; Schema: shop; Owner: postgres
--

CREATE STATISTICS shop.item_stats ON code, state FROM shop.item;


ALTER STATISTICS shop.item_stats OWNER TO postgres;

--
-- Name: grouped _RETURN; Type: RULE; Schema: shop; Owner: postgres
--

CREATE OR REPLACE VIEW shop.grouped AS
 SELECT item.id,
    item.code,
    count(*) AS n
   FROM shop.item
  GROUP BY item.id;


--
-- Name: pick no_delete; Type: RULE; Schema: shop; Owner: postgres
--

CREATE RULE no_delete AS
    ON DELETE TO shop.pick DO INSTEAD NOTHING;


--
-- Name: item item_touch; Type: TRIGGER; Schema: shop; Owner: keeper
--

CREATE TRIGGER item_touch BEFORE INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.touch();


--
-- Name: bin bin_item_fkey; Type: FK CONSTRAINT; Schema: depot; Owner: Clerk 1
--

ALTER TABLE ONLY depot.bin
    ADD CONSTRAINT bin_item_fkey FOREIGN KEY (item) REFERENCES shop.item(id);


--
-- Name: Order "x" Order "x"_item_fkey; Type: FK CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop."Order ""x"""
    ADD CONSTRAINT "Order ""x""_item_fkey" FOREIGN KEY (item) REFERENCES shop.item(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: pick pick_bin; Type: FK CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.pick
    ADD CONSTRAINT pick_bin FOREIGN KEY (bin) REFERENCES depot.bin(id);


--
-- Name: sale sale_item_fkey; Type: FK CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE shop.sale
    ADD CONSTRAINT sale_item_fkey FOREIGN KEY (item) REFERENCES shop.item(id);


--
-- Name: item; Type: ROW SECURITY; Schema: shop; Owner: keeper
--

ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY;

--
-- Name: item item_read; Type: POLICY; Schema: shop; Owner: keeper
--

CREATE POLICY item_read ON shop.item FOR SELECT TO keeper, "Clerk 1" USING ((state = 'new'::depot.state));


--
-- Name: pub; Type: PUBLICATION; Schema: -; Owner: postgres
--

CREATE PUBLICATION pub WITH (publish = 'insert, update, delete, truncate');


ALTER PUBLICATION pub OWNER TO postgres;

--
-- Name: pub bin; Type: PUBLICATION TABLE; Schema: depot; Owner: postgres
--

ALTER PUBLICATION pub ADD TABLE ONLY depot.bin;


--
-- Name: pub item; Type: PUBLICATION TABLE; Schema: shop; Owner: postgres
--

ALTER PUBLICATION pub ADD TABLE ONLY shop.item;


--
-- Name: sub; Type: SUBSCRIPTION; Schema: -; Owner: postgres
--

CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION pub WITH (connect = false, slot_name = NONE, streaming = off, run_as_owner = true);


ALTER SUBSCRIPTION sub OWNER TO postgres;

--
-- Name: SCHEMA shop; Type: ACL; Schema: -; Owner: keeper
--

GRANT USAGE ON SCHEMA shop TO "Clerk 1";


--
-- Name: TABLE item; Type: ACL; Schema: shop; Owner: keeper
--

GRANT SELECT ON TABLE shop.item TO "Clerk 1";
GRANT SELECT ON TABLE shop.item TO PUBLIC;


--
-- Name: COLUMN item.code; Type: ACL; Schema: shop; Owner: keeper
--

GRANT UPDATE(code) ON TABLE shop.item TO "Clerk 1" WITH GRANT OPTION;


--
-- Name: TABLE sale; Type: ACL; Schema: shop; Owner: postgres
--

GRANT SELECT ON TABLE shop.sale TO keeper;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: shop; Owner: keeper
--

ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA shop GRANT SELECT ON TABLES TO "Clerk 1";


--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: keeper
--

ALTER DEFAULT PRIVILEGES FOR ROLE keeper REVOKE ALL ON FUNCTIONS FROM PUBLIC;


--
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: postgres
--

CREATE EVENT TRIGGER watch ON ddl_command_end
   EXECUTE FUNCTION depot.on_ddl();

ALTER EVENT TRIGGER watch DISABLE;


ALTER EVENT TRIGGER watch OWNER TO postgres;

--
-- Name: EVENT TRIGGER watch; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON EVENT TRIGGER watch IS 'sees everything';


--
-- PostgreSQL database dump complete
--


