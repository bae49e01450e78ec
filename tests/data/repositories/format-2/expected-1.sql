--
-- PostgreSQL database dump
--

\restrict fixture

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: shop; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA shop;


ALTER SCHEMA shop OWNER TO postgres;

--
-- Name: SCHEMA shop; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON SCHEMA shop IS 'what a shop needs';


--
-- Name: positive; Type: DOMAIN; Schema: shop; Owner: postgres
--

CREATE DOMAIN shop.positive AS numeric(12,2)
	CONSTRAINT positive_check CHECK ((VALUE > (0)::numeric));


ALTER DOMAIN shop.positive OWNER TO postgres;

--
-- Name: state; Type: TYPE; Schema: shop; Owner: postgres
--

CREATE TYPE shop.state AS ENUM (
    'open',
    'paid',
    'sent'
);


ALTER TYPE shop.state OWNER TO postgres;

--
-- Name: touch(); Type: FUNCTION; Schema: shop; Owner: postgres
--

CREATE FUNCTION shop.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN NEW.seen := COALESCE(NEW.seen, '2000-01-01 00:00+00'); RETURN NEW; END $$;


ALTER FUNCTION shop.touch() OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Odd "Name"; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop."Odd ""Name""" (
    " a" text,
    "Ä" text
);


ALTER TABLE shop."Odd ""Name""" OWNER TO postgres;

--
-- Name: customers; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.customers (
    id bigint NOT NULL,
    name text NOT NULL,
    lower_name text GENERATED ALWAYS AS (lower(name)) STORED,
    born date,
    seen timestamp with time zone,
    tags text[],
    settings jsonb,
    key uuid,
    picture bytea
);


ALTER TABLE shop.customers OWNER TO postgres;

--
-- Name: customers_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

ALTER TABLE shop.customers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.customers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: empty; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.empty (
    id bigint NOT NULL,
    name text NOT NULL,
    lower_name text GENERATED ALWAYS AS (lower(name)) STORED,
    born date,
    seen timestamp with time zone,
    tags text[],
    settings jsonb,
    key uuid,
    picture bytea
);


ALTER TABLE shop.empty OWNER TO postgres;

--
-- Name: empty_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

ALTER TABLE shop.empty ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.empty_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: invoice; Type: SEQUENCE; Schema: shop; Owner: postgres
--

CREATE SEQUENCE shop.invoice
    START WITH 1000
    INCREMENT BY 7
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE shop.invoice OWNER TO postgres;

--
-- Name: never_filled; Type: MATERIALIZED VIEW; Schema: shop; Owner: postgres
--

CREATE MATERIALIZED VIEW shop.never_filled AS
 SELECT 1 AS one
  WITH NO DATA;


ALTER TABLE shop.never_filled OWNER TO postgres;

--
-- Name: no_columns; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.no_columns (
);


ALTER TABLE shop.no_columns OWNER TO postgres;

--
-- Name: orders; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.orders (
    id integer NOT NULL,
    customer bigint NOT NULL,
    state shop.state DEFAULT 'open'::shop.state,
    amount shop.positive,
    weight real,
    distance double precision,
    took interval,
    period tstzrange,
    address inet,
    flags bit varying(12),
    source regclass
)
PARTITION BY RANGE (id);


ALTER TABLE shop.orders OWNER TO postgres;

--
-- Name: orders_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

CREATE SEQUENCE shop.orders_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE shop.orders_id_seq OWNER TO postgres;

--
-- Name: orders_id_seq; Type: SEQUENCE OWNED BY; Schema: shop; Owner: postgres
--

ALTER SEQUENCE shop.orders_id_seq OWNED BY shop.orders.id;


--
-- Name: orders_1; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.orders_1 (
    id integer DEFAULT nextval('shop.orders_id_seq'::regclass) NOT NULL,
    customer bigint NOT NULL,
    state shop.state DEFAULT 'open'::shop.state,
    amount shop.positive,
    weight real,
    distance double precision,
    took interval,
    period tstzrange,
    address inet,
    flags bit varying(12),
    source regclass
);


ALTER TABLE shop.orders_1 OWNER TO postgres;

--
-- Name: orders_2; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.orders_2 (
    id integer DEFAULT nextval('shop.orders_id_seq'::regclass) NOT NULL,
    customer bigint NOT NULL,
    state shop.state DEFAULT 'open'::shop.state,
    amount shop.positive,
    weight real,
    distance double precision,
    took interval,
    period tstzrange,
    address inet,
    flags bit varying(12),
    source regclass
);


ALTER TABLE shop.orders_2 OWNER TO postgres;

--
-- Name: paid; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.paid AS
 SELECT orders.id,
    orders.customer,
    orders.state,
    orders.amount,
    orders.weight,
    orders.distance,
    orders.took,
    orders.period,
    orders.address,
    orders.flags,
    orders.source
   FROM shop.orders
  WHERE (orders.state = 'paid'::shop.state);


ALTER TABLE shop.paid OWNER TO postgres;

--
-- Name: totals; Type: MATERIALIZED VIEW; Schema: shop; Owner: postgres
--

CREATE MATERIALIZED VIEW shop.totals AS
 SELECT orders.customer,
    count(*) AS orders,
    sum((orders.amount)::numeric) AS amount
   FROM shop.orders
  GROUP BY orders.customer
  WITH NO DATA;


ALTER TABLE shop.totals OWNER TO postgres;

--
-- Name: orders_1; Type: TABLE ATTACH; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders ATTACH PARTITION shop.orders_1 FOR VALUES FROM (1) TO (200);


--
-- Name: orders_2; Type: TABLE ATTACH; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders ATTACH PARTITION shop.orders_2 FOR VALUES FROM (200) TO (100000);


--
-- Name: orders id; Type: DEFAULT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders ALTER COLUMN id SET DEFAULT nextval('shop.orders_id_seq'::regclass);


--
-- Name: 4711; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4711');


ALTER LARGE OBJECT 4711 OWNER TO postgres;

--
-- Name: LARGE OBJECT 4711; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON LARGE OBJECT 4711 IS 'a scan';


--
-- Data for Name: Odd "Name"; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop."Odd ""Name""" (" a", "Ä") FROM stdin;
line\nline\ttab\\	\N
	\\.
€	ä
\.


--
-- Data for Name: customers; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.customers (id, name, born, seen, tags, settings, key, picture) FROM stdin;
1	Customer 1	1950-02-07	2020-03-01 21:59:59.999999+00	{a,NULL,"tab\t",1}	{"n": 1, "deep": [1, null, {"x": 0.33333333333333333333}]}	c4ca4238-a0b9-2382-0dcc-509a6f75849b	\\xc4ca4238a0b923820dcc509a6f75849b
2	Customer 2	1950-03-16	2020-03-02 21:59:59.999999+00	{a,NULL,"tab\t",2}	{"n": 2, "deep": [2, null, {"x": 0.66666666666666666667}]}	c81e728d-9d4c-2f63-6f06-7f89cc14862c	\\xc81e728d9d4c2f636f067f89cc14862cc81e728d9d4c2f636f067f89cc14862c
3	Customer 3	1950-04-22	2020-03-03 21:59:59.999999+00	\N	{"n": 3, "deep": [3, null, {"x": 1.00000000000000000000}]}	eccbc87e-4b5c-e2fe-2830-8fd9f2a7baf3	\\xeccbc87e4b5ce2fe28308fd9f2a7baf3eccbc87e4b5ce2fe28308fd9f2a7baf3eccbc87e4b5ce2fe28308fd9f2a7baf3
4	Customer 4	1950-05-29	2020-03-04 21:59:59.999999+00	{a,NULL,"tab\t",4}	{"n": 4, "deep": [4, null, {"x": 1.3333333333333333}]}	a87ff679-a2f3-e71d-9181-a67b7542122c	\\xa87ff679a2f3e71d9181a67b7542122ca87ff679a2f3e71d9181a67b7542122ca87ff679a2f3e71d9181a67b7542122ca87ff679a2f3e71d9181a67b7542122c
5	Customer 5	1950-07-05	2020-03-05 21:59:59.999999+00	{a,NULL,"tab\t",5}	{"n": 5, "deep": [5, null, {"x": 1.6666666666666667}]}	e4da3b7f-bbce-2345-d777-2b0674a318d5	\\x
6	Customer 6	1950-08-11	2020-03-06 21:59:59.999999+00	\N	{"n": 6, "deep": [6, null, {"x": 2.0000000000000000}]}	1679091c-5a88-0faf-6fb5-e6087eb1b2dc	\\x1679091c5a880faf6fb5e6087eb1b2dc
7	Żółć 漢字 7	1950-09-17	2020-03-07 21:59:59.999999+00	{a,NULL,"tab\t",7}	{"n": 7, "deep": [7, null, {"x": 2.3333333333333333}]}	8f14e45f-ceea-167a-5a36-dedd4bea2543	\\x8f14e45fceea167a5a36dedd4bea25438f14e45fceea167a5a36dedd4bea2543
8	Customer 8	1950-10-24	2020-03-08 21:59:59.999999+00	{a,NULL,"tab\t",8}	{"n": 8, "deep": [8, null, {"x": 2.6666666666666667}]}	c9f0f895-fb98-ab91-59f5-1fd0297e236d	\\xc9f0f895fb98ab9159f51fd0297e236dc9f0f895fb98ab9159f51fd0297e236dc9f0f895fb98ab9159f51fd0297e236d
9	Customer 9	1950-11-30	2020-03-09 21:59:59.999999+00	\N	{"n": 9, "deep": [9, null, {"x": 3.0000000000000000}]}	45c48cce-2e2d-7fbd-ea1a-fc51c7c6ad26	\\x45c48cce2e2d7fbdea1afc51c7c6ad2645c48cce2e2d7fbdea1afc51c7c6ad2645c48cce2e2d7fbdea1afc51c7c6ad2645c48cce2e2d7fbdea1afc51c7c6ad26
10	Customer 10	1951-01-06	2020-03-10 21:59:59.999999+00	{a,NULL,"tab\t",10}	{"n": 10, "deep": [10, null, {"x": 3.3333333333333333}]}	d3d94468-02a4-4259-755d-38e6d163e820	\\x
11	Customer 11	1951-02-12	2020-03-11 21:59:59.999999+00	{a,NULL,"tab\t",11}	{"n": 11, "deep": [11, null, {"x": 3.6666666666666667}]}	6512bd43-d9ca-a6e0-2c99-0b0a82652dca	\\x6512bd43d9caa6e02c990b0a82652dca
12	Customer 12	1951-03-21	2020-03-12 21:59:59.999999+00	\N	{"n": 12, "deep": [12, null, {"x": 4.0000000000000000}]}	c20ad4d7-6fe9-7759-aa27-a0c99bff6710	\\xc20ad4d76fe97759aa27a0c99bff6710c20ad4d76fe97759aa27a0c99bff6710
13	Customer 13	1951-04-27	2020-03-13 21:59:59.999999+00	{a,NULL,"tab\t",13}	{"n": 13, "deep": [13, null, {"x": 4.3333333333333333}]}	c51ce410-c124-a10e-0db5-e4b97fc2af39	\\xc51ce410c124a10e0db5e4b97fc2af39c51ce410c124a10e0db5e4b97fc2af39c51ce410c124a10e0db5e4b97fc2af39
14	Żółć 漢字 14	1951-06-03	2020-03-14 21:59:59.999999+00	{a,NULL,"tab\t",14}	{"n": 14, "deep": [14, null, {"x": 4.6666666666666667}]}	aab32389-22bc-c25a-6f60-6eb525ffdc56	\\xaab3238922bcc25a6f606eb525ffdc56aab3238922bcc25a6f606eb525ffdc56aab3238922bcc25a6f606eb525ffdc56aab3238922bcc25a6f606eb525ffdc56
15	Customer 15	1951-07-10	2020-03-15 21:59:59.999999+00	\N	{"n": 15, "deep": [15, null, {"x": 5.0000000000000000}]}	9bf31c7f-f062-936a-96d3-c8bd1f8f2ff3	\\x
16	Customer 16	1951-08-16	2020-03-16 21:59:59.999999+00	{a,NULL,"tab\t",16}	{"n": 16, "deep": [16, null, {"x": 5.3333333333333333}]}	c74d97b0-1eae-257e-44aa-9d5bade97baf	\\xc74d97b01eae257e44aa9d5bade97baf
17	Customer 17	1951-09-22	2020-03-17 21:59:59.999999+00	{a,NULL,"tab\t",17}	{"n": 17, "deep": [17, null, {"x": 5.6666666666666667}]}	70efdf2e-c9b0-8607-9795-c442636b55fb	\\x70efdf2ec9b086079795c442636b55fb70efdf2ec9b086079795c442636b55fb
18	Customer 18	1951-10-29	2020-03-18 21:59:59.999999+00	\N	{"n": 18, "deep": [18, null, {"x": 6.0000000000000000}]}	6f4922f4-5568-161a-8cdf-4ad2299f6d23	\\x6f4922f45568161a8cdf4ad2299f6d236f4922f45568161a8cdf4ad2299f6d236f4922f45568161a8cdf4ad2299f6d23
19	Customer 19	1951-12-05	2020-03-19 21:59:59.999999+00	{a,NULL,"tab\t",19}	{"n": 19, "deep": [19, null, {"x": 6.3333333333333333}]}	1f0e3dad-9990-8345-f743-9f8ffabdffc4	\\x1f0e3dad99908345f7439f8ffabdffc41f0e3dad99908345f7439f8ffabdffc41f0e3dad99908345f7439f8ffabdffc41f0e3dad99908345f7439f8ffabdffc4
20	Customer 20	1952-01-11	2020-03-20 21:59:59.999999+00	{a,NULL,"tab\t",20}	{"n": 20, "deep": [20, null, {"x": 6.6666666666666667}]}	98f13708-2101-94c4-7568-7be6106a3b84	\\x
21	Żółć 漢字 21	1952-02-17	2020-03-21 21:59:59.999999+00	\N	{"n": 21, "deep": [21, null, {"x": 7.0000000000000000}]}	3c59dc04-8e88-5024-3be8-079a5c74d079	\\x3c59dc048e8850243be8079a5c74d079
22	Customer 22	1952-03-25	2020-03-22 21:59:59.999999+00	{a,NULL,"tab\t",22}	{"n": 22, "deep": [22, null, {"x": 7.3333333333333333}]}	b6d767d2-f8ed-5d21-a44b-0e5886680cb9	\\xb6d767d2f8ed5d21a44b0e5886680cb9b6d767d2f8ed5d21a44b0e5886680cb9
23	Customer 23	1952-05-01	2020-03-23 21:59:59.999999+00	{a,NULL,"tab\t",23}	{"n": 23, "deep": [23, null, {"x": 7.6666666666666667}]}	37693cfc-7480-49e4-5d87-b8c7d8b9aacd	\\x37693cfc748049e45d87b8c7d8b9aacd37693cfc748049e45d87b8c7d8b9aacd37693cfc748049e45d87b8c7d8b9aacd
24	Customer 24	1952-06-07	2020-03-24 21:59:59.999999+00	\N	{"n": 24, "deep": [24, null, {"x": 8.0000000000000000}]}	1ff1de77-4005-f8da-13f4-2943881c655f	\\x1ff1de774005f8da13f42943881c655f1ff1de774005f8da13f42943881c655f1ff1de774005f8da13f42943881c655f1ff1de774005f8da13f42943881c655f
25	Customer 25	1952-07-14	2020-03-25 21:59:59.999999+00	{a,NULL,"tab\t",25}	{"n": 25, "deep": [25, null, {"x": 8.3333333333333333}]}	8e296a06-7a37-5633-70de-d05f5a3bf3ec	\\x
26	Customer 26	1952-08-20	2020-03-26 21:59:59.999999+00	{a,NULL,"tab\t",26}	{"n": 26, "deep": [26, null, {"x": 8.6666666666666667}]}	4e732ced-3463-d06d-e0ca-9a15b6153677	\\x4e732ced3463d06de0ca9a15b6153677
27	Customer 27	1952-09-26	2020-03-27 21:59:59.999999+00	\N	{"n": 27, "deep": [27, null, {"x": 9.0000000000000000}]}	02e74f10-e032-7ad8-68d1-38f2b4fdd6f0	\\x02e74f10e0327ad868d138f2b4fdd6f002e74f10e0327ad868d138f2b4fdd6f0
28	Żółć 漢字 28	1952-11-02	2020-03-28 21:59:59.999999+00	{a,NULL,"tab\t",28}	{"n": 28, "deep": [28, null, {"x": 9.3333333333333333}]}	33e75ff0-9dd6-01bb-e69f-351039152189	\\x33e75ff09dd601bbe69f35103915218933e75ff09dd601bbe69f35103915218933e75ff09dd601bbe69f351039152189
29	Customer 29	1952-12-09	2020-03-29 21:59:59.999999+00	{a,NULL,"tab\t",29}	{"n": 29, "deep": [29, null, {"x": 9.6666666666666667}]}	6ea9ab1b-aa0e-fb9e-1909-4440c317e21b	\\x6ea9ab1baa0efb9e19094440c317e21b6ea9ab1baa0efb9e19094440c317e21b6ea9ab1baa0efb9e19094440c317e21b6ea9ab1baa0efb9e19094440c317e21b
30	Customer 30	1953-01-15	2020-03-30 21:59:59.999999+00	\N	{"n": 30, "deep": [30, null, {"x": 10.0000000000000000}]}	34173cb3-8f07-f89d-dbeb-c2ac9128303f	\\x
31	Customer 31	1953-02-21	2020-03-31 21:59:59.999999+00	{a,NULL,"tab\t",31}	{"n": 31, "deep": [31, null, {"x": 10.3333333333333333}]}	c16a5320-fa47-5530-d958-3c34fd356ef5	\\xc16a5320fa475530d9583c34fd356ef5
32	Customer 32	1953-03-30	2020-04-01 21:59:59.999999+00	{a,NULL,"tab\t",32}	{"n": 32, "deep": [32, null, {"x": 10.6666666666666667}]}	6364d3f0-f495-b6ab-9dcf-8d3b5c6e0b01	\\x6364d3f0f495b6ab9dcf8d3b5c6e0b016364d3f0f495b6ab9dcf8d3b5c6e0b01
33	Customer 33	1953-05-06	2020-04-02 21:59:59.999999+00	\N	{"n": 33, "deep": [33, null, {"x": 11.0000000000000000}]}	182be0c5-cdcd-5072-bb18-64cdee4d3d6e	\\x182be0c5cdcd5072bb1864cdee4d3d6e182be0c5cdcd5072bb1864cdee4d3d6e182be0c5cdcd5072bb1864cdee4d3d6e
34	Customer 34	1953-06-12	2020-04-03 21:59:59.999999+00	{a,NULL,"tab\t",34}	{"n": 34, "deep": [34, null, {"x": 11.3333333333333333}]}	e369853d-f766-fa44-e1ed-0ff613f563bd	\\xe369853df766fa44e1ed0ff613f563bde369853df766fa44e1ed0ff613f563bde369853df766fa44e1ed0ff613f563bde369853df766fa44e1ed0ff613f563bd
35	Żółć 漢字 35	1953-07-19	2020-04-04 21:59:59.999999+00	{a,NULL,"tab\t",35}	{"n": 35, "deep": [35, null, {"x": 11.6666666666666667}]}	1c383cd3-0b7c-298a-b502-93adfecb7b18	\\x
36	Customer 36	1953-08-25	2020-04-05 21:59:59.999999+00	\N	{"n": 36, "deep": [36, null, {"x": 12.0000000000000000}]}	19ca14e7-ea63-28a4-2e0e-b13d585e4c22	\\x19ca14e7ea6328a42e0eb13d585e4c22
37	Customer 37	1953-10-01	2020-04-06 21:59:59.999999+00	{a,NULL,"tab\t",37}	{"n": 37, "deep": [37, null, {"x": 12.3333333333333333}]}	a5bfc9e0-7964-f8dd-deb9-5fc584cd965d	\\xa5bfc9e07964f8dddeb95fc584cd965da5bfc9e07964f8dddeb95fc584cd965d
38	Customer 38	1953-11-07	2020-04-07 21:59:59.999999+00	{a,NULL,"tab\t",38}	{"n": 38, "deep": [38, null, {"x": 12.6666666666666667}]}	a5771bce-93e2-00c3-6f7c-d9dfd0e5deaa	\\xa5771bce93e200c36f7cd9dfd0e5deaaa5771bce93e200c36f7cd9dfd0e5deaaa5771bce93e200c36f7cd9dfd0e5deaa
39	Customer 39	1953-12-14	2020-04-08 21:59:59.999999+00	\N	{"n": 39, "deep": [39, null, {"x": 13.0000000000000000}]}	d67d8ab4-f4c1-0bf2-2aa3-53e27879133c	\\xd67d8ab4f4c10bf22aa353e27879133cd67d8ab4f4c10bf22aa353e27879133cd67d8ab4f4c10bf22aa353e27879133cd67d8ab4f4c10bf22aa353e27879133c
40	Customer 40	1954-01-20	2020-04-09 21:59:59.999999+00	{a,NULL,"tab\t",40}	{"n": 40, "deep": [40, null, {"x": 13.3333333333333333}]}	d645920e-395f-edad-7bbb-ed0eca3fe2e0	\\x
41	Customer 41	1954-02-26	2020-04-10 21:59:59.999999+00	{a,NULL,"tab\t",41}	{"n": 41, "deep": [41, null, {"x": 13.6666666666666667}]}	3416a75f-4cea-9109-507c-acd8e2f2aefc	\\x3416a75f4cea9109507cacd8e2f2aefc
42	Żółć 漢字 42	1954-04-04	2020-04-11 21:59:59.999999+00	\N	{"n": 42, "deep": [42, null, {"x": 14.0000000000000000}]}	a1d0c6e8-3f02-7327-d846-1063f4ac58a6	\\xa1d0c6e83f027327d8461063f4ac58a6a1d0c6e83f027327d8461063f4ac58a6
43	Customer 43	1954-05-11	2020-04-12 21:59:59.999999+00	{a,NULL,"tab\t",43}	{"n": 43, "deep": [43, null, {"x": 14.3333333333333333}]}	17e62166-fc85-86df-a4d1-bc0e1742c08b	\\x17e62166fc8586dfa4d1bc0e1742c08b17e62166fc8586dfa4d1bc0e1742c08b17e62166fc8586dfa4d1bc0e1742c08b
44	Customer 44	1954-06-17	2020-04-13 21:59:59.999999+00	{a,NULL,"tab\t",44}	{"n": 44, "deep": [44, null, {"x": 14.6666666666666667}]}	f7177163-c833-dff4-b38f-c8d2872f1ec6	\\xf7177163c833dff4b38fc8d2872f1ec6f7177163c833dff4b38fc8d2872f1ec6f7177163c833dff4b38fc8d2872f1ec6f7177163c833dff4b38fc8d2872f1ec6
45	Customer 45	1954-07-24	2020-04-14 21:59:59.999999+00	\N	{"n": 45, "deep": [45, null, {"x": 15.0000000000000000}]}	6c8349cc-7260-ae62-e3b1-396831a8398f	\\x
46	Customer 46	1954-08-30	2020-04-15 21:59:59.999999+00	{a,NULL,"tab\t",46}	{"n": 46, "deep": [46, null, {"x": 15.3333333333333333}]}	d9d4f495-e875-a2e0-75a1-a4a6e1b9770f	\\xd9d4f495e875a2e075a1a4a6e1b9770f
47	Customer 47	1954-10-06	2020-04-16 21:59:59.999999+00	{a,NULL,"tab\t",47}	{"n": 47, "deep": [47, null, {"x": 15.6666666666666667}]}	67c6a1e7-ce56-d3d6-fa74-8ab6d9af3fd7	\\x67c6a1e7ce56d3d6fa748ab6d9af3fd767c6a1e7ce56d3d6fa748ab6d9af3fd7
48	Customer 48	1954-11-12	2020-04-17 21:59:59.999999+00	\N	{"n": 48, "deep": [48, null, {"x": 16.0000000000000000}]}	642e92ef-b794-2173-4881-b53e1e1b18b6	\\x642e92efb79421734881b53e1e1b18b6642e92efb79421734881b53e1e1b18b6642e92efb79421734881b53e1e1b18b6
49	Żółć 漢字 49	1954-12-19	2020-04-18 21:59:59.999999+00	{a,NULL,"tab\t",49}	{"n": 49, "deep": [49, null, {"x": 16.3333333333333333}]}	f457c545-a9de-d88f-18ec-ee47145a72c0	\\xf457c545a9ded88f18ecee47145a72c0f457c545a9ded88f18ecee47145a72c0f457c545a9ded88f18ecee47145a72c0f457c545a9ded88f18ecee47145a72c0
50	Customer 50	1955-01-25	2020-04-19 21:59:59.999999+00	{a,NULL,"tab\t",50}	{"n": 50, "deep": [50, null, {"x": 16.6666666666666667}]}	c0c7c76d-30bd-3dca-efc9-6f40275bdc0a	\\x
51	Customer 51	1955-03-03	2020-04-20 21:59:59.999999+00	\N	{"n": 51, "deep": [51, null, {"x": 17.0000000000000000}]}	2838023a-778d-faec-dc21-2708f721b788	\\x2838023a778dfaecdc212708f721b788
52	Customer 52	1955-04-09	2020-04-21 21:59:59.999999+00	{a,NULL,"tab\t",52}	{"n": 52, "deep": [52, null, {"x": 17.3333333333333333}]}	9a115815-4dfa-42ca-ddbd-0694a4e9bdc8	\\x9a1158154dfa42caddbd0694a4e9bdc89a1158154dfa42caddbd0694a4e9bdc8
53	Customer 53	1955-05-16	2020-04-22 21:59:59.999999+00	{a,NULL,"tab\t",53}	{"n": 53, "deep": [53, null, {"x": 17.6666666666666667}]}	d82c8d16-19ad-8176-d665-453cfb2e55f0	\\xd82c8d1619ad8176d665453cfb2e55f0d82c8d1619ad8176d665453cfb2e55f0d82c8d1619ad8176d665453cfb2e55f0
54	Customer 54	1955-06-22	2020-04-23 21:59:59.999999+00	\N	{"n": 54, "deep": [54, null, {"x": 18.0000000000000000}]}	a684ecee-e76f-c522-7732-86a895bc8436	\\xa684eceee76fc522773286a895bc8436a684eceee76fc522773286a895bc8436a684eceee76fc522773286a895bc8436a684eceee76fc522773286a895bc8436
55	Customer 55	1955-07-29	2020-04-24 21:59:59.999999+00	{a,NULL,"tab\t",55}	{"n": 55, "deep": [55, null, {"x": 18.3333333333333333}]}	b53b3a3d-6ab9-0ce0-2682-29151c9bde11	\\x
56	Żółć 漢字 56	1955-09-04	2020-04-25 21:59:59.999999+00	{a,NULL,"tab\t",56}	{"n": 56, "deep": [56, null, {"x": 18.6666666666666667}]}	9f61408e-3afb-633e-50cd-f1b20de6f466	\\x9f61408e3afb633e50cdf1b20de6f466
57	Customer 57	1955-10-11	2020-04-26 21:59:59.999999+00	\N	{"n": 57, "deep": [57, null, {"x": 19.0000000000000000}]}	72b32a1f-754b-a1c0-9b36-95e0cb6cde7f	\\x72b32a1f754ba1c09b3695e0cb6cde7f72b32a1f754ba1c09b3695e0cb6cde7f
58	Customer 58	1955-11-17	2020-04-27 21:59:59.999999+00	{a,NULL,"tab\t",58}	{"n": 58, "deep": [58, null, {"x": 19.3333333333333333}]}	66f041e1-6a60-928b-05a7-e228a89c3799	\\x66f041e16a60928b05a7e228a89c379966f041e16a60928b05a7e228a89c379966f041e16a60928b05a7e228a89c3799
59	Customer 59	1955-12-24	2020-04-28 21:59:59.999999+00	{a,NULL,"tab\t",59}	{"n": 59, "deep": [59, null, {"x": 19.6666666666666667}]}	093f65e0-80a2-95f8-076b-1c5722a46aa2	\\x093f65e080a295f8076b1c5722a46aa2093f65e080a295f8076b1c5722a46aa2093f65e080a295f8076b1c5722a46aa2093f65e080a295f8076b1c5722a46aa2
60	Customer 60	1956-01-30	2020-04-29 21:59:59.999999+00	\N	{"n": 60, "deep": [60, null, {"x": 20.0000000000000000}]}	072b030b-a126-b2f4-b237-4f342be9ed44	\\x
61	Customer 61	1956-03-07	2020-04-30 21:59:59.999999+00	{a,NULL,"tab\t",61}	{"n": 61, "deep": [61, null, {"x": 20.3333333333333333}]}	7f39f831-7fbd-b198-8ef4-c628eba02591	\\x7f39f8317fbdb1988ef4c628eba02591
62	Customer 62	1956-04-13	2020-05-01 21:59:59.999999+00	{a,NULL,"tab\t",62}	{"n": 62, "deep": [62, null, {"x": 20.6666666666666667}]}	44f683a8-4163-b352-3afe-57c2e008bc8c	\\x44f683a84163b3523afe57c2e008bc8c44f683a84163b3523afe57c2e008bc8c
63	Żółć 漢字 63	1956-05-20	2020-05-02 21:59:59.999999+00	\N	{"n": 63, "deep": [63, null, {"x": 21.0000000000000000}]}	03afdbd6-6e79-29b1-25f8-597834fa83a4	\\x03afdbd66e7929b125f8597834fa83a403afdbd66e7929b125f8597834fa83a403afdbd66e7929b125f8597834fa83a4
64	Customer 64	1956-06-26	2020-05-03 21:59:59.999999+00	{a,NULL,"tab\t",64}	{"n": 64, "deep": [64, null, {"x": 21.3333333333333333}]}	ea5d2f1c-4608-232e-07d3-aa3d998e5135	\\xea5d2f1c4608232e07d3aa3d998e5135ea5d2f1c4608232e07d3aa3d998e5135ea5d2f1c4608232e07d3aa3d998e5135ea5d2f1c4608232e07d3aa3d998e5135
65	Customer 65	1956-08-02	2020-05-04 21:59:59.999999+00	{a,NULL,"tab\t",65}	{"n": 65, "deep": [65, null, {"x": 21.6666666666666667}]}	fc490ca4-5c00-b124-9bbe-3554a4fdf6fb	\\x
66	Customer 66	1956-09-08	2020-05-05 21:59:59.999999+00	\N	{"n": 66, "deep": [66, null, {"x": 22.0000000000000000}]}	3295c76a-cbf4-caae-d33c-36b1b5fc2cb1	\\x3295c76acbf4caaed33c36b1b5fc2cb1
67	Customer 67	1956-10-15	2020-05-06 21:59:59.999999+00	{a,NULL,"tab\t",67}	{"n": 67, "deep": [67, null, {"x": 22.3333333333333333}]}	735b90b4-5681-25ed-6c3f-678819b6e058	\\x735b90b4568125ed6c3f678819b6e058735b90b4568125ed6c3f678819b6e058
68	Customer 68	1956-11-21	2020-05-07 21:59:59.999999+00	{a,NULL,"tab\t",68}	{"n": 68, "deep": [68, null, {"x": 22.6666666666666667}]}	a3f390d8-8e4c-41f2-747b-fa2f1b5f87db	\\xa3f390d88e4c41f2747bfa2f1b5f87dba3f390d88e4c41f2747bfa2f1b5f87dba3f390d88e4c41f2747bfa2f1b5f87db
69	Customer 69	1956-12-28	2020-05-08 21:59:59.999999+00	\N	{"n": 69, "deep": [69, null, {"x": 23.0000000000000000}]}	14bfa6bb-1487-5e45-bba0-28a21ed38046	\\x14bfa6bb14875e45bba028a21ed3804614bfa6bb14875e45bba028a21ed3804614bfa6bb14875e45bba028a21ed3804614bfa6bb14875e45bba028a21ed38046
70	Żółć 漢字 70	1957-02-03	2020-05-09 21:59:59.999999+00	{a,NULL,"tab\t",70}	{"n": 70, "deep": [70, null, {"x": 23.3333333333333333}]}	7cbbc409-ec99-0f19-c78c-75bd1e06f215	\\x
71	Customer 71	1957-03-12	2020-05-10 21:59:59.999999+00	{a,NULL,"tab\t",71}	{"n": 71, "deep": [71, null, {"x": 23.6666666666666667}]}	e2c420d9-28d4-bf8c-e0ff-2ec19b371514	\\xe2c420d928d4bf8ce0ff2ec19b371514
72	Customer 72	1957-04-18	2020-05-11 21:59:59.999999+00	\N	{"n": 72, "deep": [72, null, {"x": 24.0000000000000000}]}	32bb90e8-976a-ab52-98d5-da10fe66f21d	\\x32bb90e8976aab5298d5da10fe66f21d32bb90e8976aab5298d5da10fe66f21d
73	Customer 73	1957-05-25	2020-05-12 21:59:59.999999+00	{a,NULL,"tab\t",73}	{"n": 73, "deep": [73, null, {"x": 24.3333333333333333}]}	d2ddea18-f006-65ce-8623-e36bd4e3c7c5	\\xd2ddea18f00665ce8623e36bd4e3c7c5d2ddea18f00665ce8623e36bd4e3c7c5d2ddea18f00665ce8623e36bd4e3c7c5
74	Customer 74	1957-07-01	2020-05-13 21:59:59.999999+00	{a,NULL,"tab\t",74}	{"n": 74, "deep": [74, null, {"x": 24.6666666666666667}]}	ad61ab14-3223-efbc-24c7-d2583be69251	\\xad61ab143223efbc24c7d2583be69251ad61ab143223efbc24c7d2583be69251ad61ab143223efbc24c7d2583be69251ad61ab143223efbc24c7d2583be69251
75	Customer 75	1957-08-07	2020-05-14 21:59:59.999999+00	\N	{"n": 75, "deep": [75, null, {"x": 25.0000000000000000}]}	d09bf415-44a3-365a-46c9-077ebb5e35c3	\\x
76	Customer 76	1957-09-13	2020-05-15 21:59:59.999999+00	{a,NULL,"tab\t",76}	{"n": 76, "deep": [76, null, {"x": 25.3333333333333333}]}	fbd7939d-6749-97cd-b469-2d34de8633c4	\\xfbd7939d674997cdb4692d34de8633c4
77	Żółć 漢字 77	1957-10-20	2020-05-16 21:59:59.999999+00	{a,NULL,"tab\t",77}	{"n": 77, "deep": [77, null, {"x": 25.6666666666666667}]}	28dd2c79-55ce-9264-5624-0b2ff0100bde	\\x28dd2c7955ce926456240b2ff0100bde28dd2c7955ce926456240b2ff0100bde
78	Customer 78	1957-11-26	2020-05-17 21:59:59.999999+00	\N	{"n": 78, "deep": [78, null, {"x": 26.0000000000000000}]}	35f4a8d4-65e6-e1ed-c05f-3d8ab658c551	\\x35f4a8d465e6e1edc05f3d8ab658c55135f4a8d465e6e1edc05f3d8ab658c55135f4a8d465e6e1edc05f3d8ab658c551
79	Customer 79	1958-01-02	2020-05-18 21:59:59.999999+00	{a,NULL,"tab\t",79}	{"n": 79, "deep": [79, null, {"x": 26.3333333333333333}]}	d1fe173d-08e9-5939-7adf-34b1d77e88d7	\\xd1fe173d08e959397adf34b1d77e88d7d1fe173d08e959397adf34b1d77e88d7d1fe173d08e959397adf34b1d77e88d7d1fe173d08e959397adf34b1d77e88d7
80	Customer 80	1958-02-08	2020-05-19 21:59:59.999999+00	{a,NULL,"tab\t",80}	{"n": 80, "deep": [80, null, {"x": 26.6666666666666667}]}	f033ab37-c302-01f7-3f14-2449d037028d	\\x
81	Customer 81	1958-03-17	2020-05-20 21:59:59.999999+00	\N	{"n": 81, "deep": [81, null, {"x": 27.0000000000000000}]}	43ec517d-68b6-edd3-015b-3edc9a11367b	\\x43ec517d68b6edd3015b3edc9a11367b
82	Customer 82	1958-04-23	2020-05-21 21:59:59.999999+00	{a,NULL,"tab\t",82}	{"n": 82, "deep": [82, null, {"x": 27.3333333333333333}]}	9778d5d2-19c5-080b-9a6a-17bef029331c	\\x9778d5d219c5080b9a6a17bef029331c9778d5d219c5080b9a6a17bef029331c
83	Customer 83	1958-05-30	2020-05-22 21:59:59.999999+00	{a,NULL,"tab\t",83}	{"n": 83, "deep": [83, null, {"x": 27.6666666666666667}]}	fe9fc289-c3ff-0af1-42b6-d3bead98a923	\\xfe9fc289c3ff0af142b6d3bead98a923fe9fc289c3ff0af142b6d3bead98a923fe9fc289c3ff0af142b6d3bead98a923
84	Żółć 漢字 84	1958-07-06	2020-05-23 21:59:59.999999+00	\N	{"n": 84, "deep": [84, null, {"x": 28.0000000000000000}]}	68d30a95-9472-8bc3-9aa2-4be94b319d21	\\x68d30a9594728bc39aa24be94b319d2168d30a9594728bc39aa24be94b319d2168d30a9594728bc39aa24be94b319d2168d30a9594728bc39aa24be94b319d21
85	Customer 85	1958-08-12	2020-05-24 21:59:59.999999+00	{a,NULL,"tab\t",85}	{"n": 85, "deep": [85, null, {"x": 28.3333333333333333}]}	3ef81541-6f77-5098-fe97-7004015c6193	\\x
86	Customer 86	1958-09-18	2020-05-25 21:59:59.999999+00	{a,NULL,"tab\t",86}	{"n": 86, "deep": [86, null, {"x": 28.6666666666666667}]}	93db85ed-909c-1383-8ff9-5ccfa94cebd9	\\x93db85ed909c13838ff95ccfa94cebd9
87	Customer 87	1958-10-25	2020-05-26 21:59:59.999999+00	\N	{"n": 87, "deep": [87, null, {"x": 29.0000000000000000}]}	c7e1249f-fc03-eb9d-ed90-8c236bd1996d	\\xc7e1249ffc03eb9ded908c236bd1996dc7e1249ffc03eb9ded908c236bd1996d
88	Customer 88	1958-12-01	2020-05-27 21:59:59.999999+00	{a,NULL,"tab\t",88}	{"n": 88, "deep": [88, null, {"x": 29.3333333333333333}]}	2a38a4a9-316c-49e5-a833-517c45d31070	\\x2a38a4a9316c49e5a833517c45d310702a38a4a9316c49e5a833517c45d310702a38a4a9316c49e5a833517c45d31070
89	Customer 89	1959-01-07	2020-05-28 21:59:59.999999+00	{a,NULL,"tab\t",89}	{"n": 89, "deep": [89, null, {"x": 29.6666666666666667}]}	7647966b-7343-c290-4867-3252e490f736	\\x7647966b7343c29048673252e490f7367647966b7343c29048673252e490f7367647966b7343c29048673252e490f7367647966b7343c29048673252e490f736
90	Customer 90	1959-02-13	2020-05-29 21:59:59.999999+00	\N	{"n": 90, "deep": [90, null, {"x": 30.0000000000000000}]}	8613985e-c49e-b8f7-57ae-6439e879bb2a	\\x
91	Żółć 漢字 91	1959-03-22	2020-05-30 21:59:59.999999+00	{a,NULL,"tab\t",91}	{"n": 91, "deep": [91, null, {"x": 30.3333333333333333}]}	54229abf-cfa5-649e-7003-b83dd4755294	\\x54229abfcfa5649e7003b83dd4755294
92	Customer 92	1959-04-28	2020-05-31 21:59:59.999999+00	{a,NULL,"tab\t",92}	{"n": 92, "deep": [92, null, {"x": 30.6666666666666667}]}	92cc2275-32d1-7e56-e079-02b254dfad10	\\x92cc227532d17e56e07902b254dfad1092cc227532d17e56e07902b254dfad10
93	Customer 93	1959-06-04	2020-06-01 21:59:59.999999+00	\N	{"n": 93, "deep": [93, null, {"x": 31.0000000000000000}]}	98dce83d-a57b-0395-e163-467c9dae521b	\\x98dce83da57b0395e163467c9dae521b98dce83da57b0395e163467c9dae521b98dce83da57b0395e163467c9dae521b
94	Customer 94	1959-07-11	2020-06-02 21:59:59.999999+00	{a,NULL,"tab\t",94}	{"n": 94, "deep": [94, null, {"x": 31.3333333333333333}]}	f4b9ec30-ad9f-68f8-9b29-639786cb62ef	\\xf4b9ec30ad9f68f89b29639786cb62eff4b9ec30ad9f68f89b29639786cb62eff4b9ec30ad9f68f89b29639786cb62eff4b9ec30ad9f68f89b29639786cb62ef
95	Customer 95	1959-08-17	2020-06-03 21:59:59.999999+00	{a,NULL,"tab\t",95}	{"n": 95, "deep": [95, null, {"x": 31.6666666666666667}]}	812b4ba2-87f5-ee0b-c9d4-3bbf5bbe87fb	\\x
96	Customer 96	1959-09-23	2020-06-04 21:59:59.999999+00	\N	{"n": 96, "deep": [96, null, {"x": 32.0000000000000000}]}	26657d5f-f902-0d2a-befe-558796b99584	\\x26657d5ff9020d2abefe558796b99584
97	Customer 97	1959-10-30	2020-06-05 21:59:59.999999+00	{a,NULL,"tab\t",97}	{"n": 97, "deep": [97, null, {"x": 32.3333333333333333}]}	e2ef524f-bf3d-9fe6-11d5-a8e90fefdc9c	\\xe2ef524fbf3d9fe611d5a8e90fefdc9ce2ef524fbf3d9fe611d5a8e90fefdc9c
98	Żółć 漢字 98	1959-12-06	2020-06-06 21:59:59.999999+00	{a,NULL,"tab\t",98}	{"n": 98, "deep": [98, null, {"x": 32.6666666666666667}]}	ed3d2c21-991e-3bef-5e06-9713af9fa6ca	\\xed3d2c21991e3bef5e069713af9fa6caed3d2c21991e3bef5e069713af9fa6caed3d2c21991e3bef5e069713af9fa6ca
99	Customer 99	1960-01-12	2020-06-07 21:59:59.999999+00	\N	{"n": 99, "deep": [99, null, {"x": 33.0000000000000000}]}	ac627ab1-ccbd-b62e-c96e-702f07f6425b	\\xac627ab1ccbdb62ec96e702f07f6425bac627ab1ccbdb62ec96e702f07f6425bac627ab1ccbdb62ec96e702f07f6425bac627ab1ccbdb62ec96e702f07f6425b
100	Customer 100	1960-02-18	2020-06-08 21:59:59.999999+00	{a,NULL,"tab\t",100}	{"n": 100, "deep": [100, null, {"x": 33.3333333333333333}]}	f899139d-f5e1-0593-9643-1415e770c6dd	\\x
101	Customer 101	1960-03-26	2020-06-09 21:59:59.999999+00	{a,NULL,"tab\t",101}	{"n": 101, "deep": [101, null, {"x": 33.6666666666666667}]}	38b3eff8-baf5-6627-478e-c76a704e9b52	\\x38b3eff8baf56627478ec76a704e9b52
102	Customer 102	1960-05-02	2020-06-10 21:59:59.999999+00	\N	{"n": 102, "deep": [102, null, {"x": 34.0000000000000000}]}	ec895663-7a99-787b-d197-eacd77acce5e	\\xec8956637a99787bd197eacd77acce5eec8956637a99787bd197eacd77acce5e
103	Customer 103	1960-06-08	2020-06-11 21:59:59.999999+00	{a,NULL,"tab\t",103}	{"n": 103, "deep": [103, null, {"x": 34.3333333333333333}]}	6974ce5a-c660-610b-44d9-b9fed0ff9548	\\x6974ce5ac660610b44d9b9fed0ff95486974ce5ac660610b44d9b9fed0ff95486974ce5ac660610b44d9b9fed0ff9548
104	Customer 104	1960-07-15	2020-06-12 21:59:59.999999+00	{a,NULL,"tab\t",104}	{"n": 104, "deep": [104, null, {"x": 34.6666666666666667}]}	c9e1074f-5b3f-9fc8-ea15-d152add07294	\\xc9e1074f5b3f9fc8ea15d152add07294c9e1074f5b3f9fc8ea15d152add07294c9e1074f5b3f9fc8ea15d152add07294c9e1074f5b3f9fc8ea15d152add07294
105	Żółć 漢字 105	1960-08-21	2020-06-13 21:59:59.999999+00	\N	{"n": 105, "deep": [105, null, {"x": 35.0000000000000000}]}	65b9eea6-e1cc-6bb9-f0cd-2a47751a186f	\\x
106	Customer 106	1960-09-27	2020-06-14 21:59:59.999999+00	{a,NULL,"tab\t",106}	{"n": 106, "deep": [106, null, {"x": 35.3333333333333333}]}	f0935e4c-d592-0aa6-c7c9-96a5ee53a70f	\\xf0935e4cd5920aa6c7c996a5ee53a70f
107	Customer 107	1960-11-03	2020-06-15 21:59:59.999999+00	{a,NULL,"tab\t",107}	{"n": 107, "deep": [107, null, {"x": 35.6666666666666667}]}	a97da629-b098-b75c-294d-ffdc3e463904	\\xa97da629b098b75c294dffdc3e463904a97da629b098b75c294dffdc3e463904
108	Customer 108	1960-12-10	2020-06-16 21:59:59.999999+00	\N	{"n": 108, "deep": [108, null, {"x": 36.0000000000000000}]}	a3c65c29-7427-0fd0-93ee-8a9bf8ae7d0b	\\xa3c65c2974270fd093ee8a9bf8ae7d0ba3c65c2974270fd093ee8a9bf8ae7d0ba3c65c2974270fd093ee8a9bf8ae7d0b
109	Customer 109	1961-01-16	2020-06-17 21:59:59.999999+00	{a,NULL,"tab\t",109}	{"n": 109, "deep": [109, null, {"x": 36.3333333333333333}]}	2723d092-b638-85e0-d7c2-60cc007e8b9d	\\x2723d092b63885e0d7c260cc007e8b9d2723d092b63885e0d7c260cc007e8b9d2723d092b63885e0d7c260cc007e8b9d2723d092b63885e0d7c260cc007e8b9d
110	Customer 110	1961-02-22	2020-06-18 21:59:59.999999+00	{a,NULL,"tab\t",110}	{"n": 110, "deep": [110, null, {"x": 36.6666666666666667}]}	5f93f983-524d-ef3d-ca46-4469d2cf9f3e	\\x
111	Customer 111	1961-03-31	2020-06-19 21:59:59.999999+00	\N	{"n": 111, "deep": [111, null, {"x": 37.0000000000000000}]}	698d51a1-9d8a-121c-e581-499d7b701668	\\x698d51a19d8a121ce581499d7b701668
112	Żółć 漢字 112	1961-05-07	2020-06-20 21:59:59.999999+00	{a,NULL,"tab\t",112}	{"n": 112, "deep": [112, null, {"x": 37.3333333333333333}]}	7f6ffaa6-bb0b-4080-17b6-2254211691b5	\\x7f6ffaa6bb0b408017b62254211691b57f6ffaa6bb0b408017b62254211691b5
113	Customer 113	1961-06-13	2020-06-21 21:59:59.999999+00	{a,NULL,"tab\t",113}	{"n": 113, "deep": [113, null, {"x": 37.6666666666666667}]}	73278a4a-8696-0eeb-576a-8fd4c9ec6997	\\x73278a4a86960eeb576a8fd4c9ec699773278a4a86960eeb576a8fd4c9ec699773278a4a86960eeb576a8fd4c9ec6997
114	Customer 114	1961-07-20	2020-06-22 21:59:59.999999+00	\N	{"n": 114, "deep": [114, null, {"x": 38.0000000000000000}]}	5fd0b37c-d7db-bb00-f97b-a6ce92bf5add	\\x5fd0b37cd7dbbb00f97ba6ce92bf5add5fd0b37cd7dbbb00f97ba6ce92bf5add5fd0b37cd7dbbb00f97ba6ce92bf5add5fd0b37cd7dbbb00f97ba6ce92bf5add
115	Customer 115	1961-08-26	2020-06-23 21:59:59.999999+00	{a,NULL,"tab\t",115}	{"n": 115, "deep": [115, null, {"x": 38.3333333333333333}]}	2b44928a-e11f-b938-4c4c-f38708677c48	\\x
116	Customer 116	1961-10-02	2020-06-24 21:59:59.999999+00	{a,NULL,"tab\t",116}	{"n": 116, "deep": [116, null, {"x": 38.6666666666666667}]}	c45147de-e729-311e-f5b5-c3003946c48f	\\xc45147dee729311ef5b5c3003946c48f
117	Customer 117	1961-11-08	2020-06-25 21:59:59.999999+00	\N	{"n": 117, "deep": [117, null, {"x": 39.0000000000000000}]}	eb160de1-de89-d905-8fcb-0b968dbbbd68	\\xeb160de1de89d9058fcb0b968dbbbd68eb160de1de89d9058fcb0b968dbbbd68
118	Customer 118	1961-12-15	2020-06-26 21:59:59.999999+00	{a,NULL,"tab\t",118}	{"n": 118, "deep": [118, null, {"x": 39.3333333333333333}]}	5ef05993-8ba7-99aa-a845-e1c2e8a762bd	\\x5ef059938ba799aaa845e1c2e8a762bd5ef059938ba799aaa845e1c2e8a762bd5ef059938ba799aaa845e1c2e8a762bd
119	Żółć 漢字 119	1962-01-21	2020-06-27 21:59:59.999999+00	{a,NULL,"tab\t",119}	{"n": 119, "deep": [119, null, {"x": 39.6666666666666667}]}	07e1cd7d-ca89-a167-8042-477183b7ac3f	\\x07e1cd7dca89a1678042477183b7ac3f07e1cd7dca89a1678042477183b7ac3f07e1cd7dca89a1678042477183b7ac3f07e1cd7dca89a1678042477183b7ac3f
120	Customer 120	1962-02-27	2020-06-28 21:59:59.999999+00	\N	{"n": 120, "deep": [120, null, {"x": 40.0000000000000000}]}	da4fb5c6-e93e-74d3-df85-27599fa62642	\\x
121	Customer 121	1962-04-05	2020-06-29 21:59:59.999999+00	{a,NULL,"tab\t",121}	{"n": 121, "deep": [121, null, {"x": 40.3333333333333333}]}	4c56ff4c-e4aa-f957-3aa5-dff913df997a	\\x4c56ff4ce4aaf9573aa5dff913df997a
122	Customer 122	1962-05-12	2020-06-30 21:59:59.999999+00	{a,NULL,"tab\t",122}	{"n": 122, "deep": [122, null, {"x": 40.6666666666666667}]}	a0a080f4-2e6f-13b3-a2df-133f073095dd	\\xa0a080f42e6f13b3a2df133f073095dda0a080f42e6f13b3a2df133f073095dd
123	Customer 123	1962-06-18	2020-07-01 21:59:59.999999+00	\N	{"n": 123, "deep": [123, null, {"x": 41.0000000000000000}]}	202cb962-ac59-075b-964b-07152d234b70	\\x202cb962ac59075b964b07152d234b70202cb962ac59075b964b07152d234b70202cb962ac59075b964b07152d234b70
124	Customer 124	1962-07-25	2020-07-02 21:59:59.999999+00	{a,NULL,"tab\t",124}	{"n": 124, "deep": [124, null, {"x": 41.3333333333333333}]}	c8ffe9a5-87b1-26f1-52ed-3d89a146b445	\\xc8ffe9a587b126f152ed3d89a146b445c8ffe9a587b126f152ed3d89a146b445c8ffe9a587b126f152ed3d89a146b445c8ffe9a587b126f152ed3d89a146b445
125	Customer 125	1962-08-31	2020-07-03 21:59:59.999999+00	{a,NULL,"tab\t",125}	{"n": 125, "deep": [125, null, {"x": 41.6666666666666667}]}	3def184a-d8f4-755f-f269-862ea77393dd	\\x
126	Żółć 漢字 126	1962-10-07	2020-07-04 21:59:59.999999+00	\N	{"n": 126, "deep": [126, null, {"x": 42.0000000000000000}]}	069059b7-ef84-0f0c-74a8-14ec9237b6ec	\\x069059b7ef840f0c74a814ec9237b6ec
127	Customer 127	1962-11-13	2020-07-05 21:59:59.999999+00	{a,NULL,"tab\t",127}	{"n": 127, "deep": [127, null, {"x": 42.3333333333333333}]}	ec5decca-5ed3-d6b8-079e-2e7e7bacc9f2	\\xec5decca5ed3d6b8079e2e7e7bacc9f2ec5decca5ed3d6b8079e2e7e7bacc9f2
128	Customer 128	1962-12-20	2020-07-06 21:59:59.999999+00	{a,NULL,"tab\t",128}	{"n": 128, "deep": [128, null, {"x": 42.6666666666666667}]}	76dc611d-6eba-afc6-6cc0-879c71b5db5c	\\x76dc611d6ebaafc66cc0879c71b5db5c76dc611d6ebaafc66cc0879c71b5db5c76dc611d6ebaafc66cc0879c71b5db5c
129	Customer 129	1963-01-26	2020-07-07 21:59:59.999999+00	\N	{"n": 129, "deep": [129, null, {"x": 43.0000000000000000}]}	d1f491a4-04d6-8548-8094-3e5c3cd9ca25	\\xd1f491a404d6854880943e5c3cd9ca25d1f491a404d6854880943e5c3cd9ca25d1f491a404d6854880943e5c3cd9ca25d1f491a404d6854880943e5c3cd9ca25
130	Customer 130	1963-03-04	2020-07-08 21:59:59.999999+00	{a,NULL,"tab\t",130}	{"n": 130, "deep": [130, null, {"x": 43.3333333333333333}]}	9b861925-1a19-057c-ff70-779273e95aa6	\\x
131	Customer 131	1963-04-10	2020-07-09 21:59:59.999999+00	{a,NULL,"tab\t",131}	{"n": 131, "deep": [131, null, {"x": 43.6666666666666667}]}	1afa34a7-f984-eeab-dbb0-a7d494132ee5	\\x1afa34a7f984eeabdbb0a7d494132ee5
132	Customer 132	1963-05-17	2020-07-10 21:59:59.999999+00	\N	{"n": 132, "deep": [132, null, {"x": 44.0000000000000000}]}	65ded535-3c5e-e48d-0b7d-48c591b8f430	\\x65ded5353c5ee48d0b7d48c591b8f43065ded5353c5ee48d0b7d48c591b8f430
133	Żółć 漢字 133	1963-06-23	2020-07-11 21:59:59.999999+00	{a,NULL,"tab\t",133}	{"n": 133, "deep": [133, null, {"x": 44.3333333333333333}]}	9fc3d715-2ba9-336a-670e-36d0ed79bc43	\\x9fc3d7152ba9336a670e36d0ed79bc439fc3d7152ba9336a670e36d0ed79bc439fc3d7152ba9336a670e36d0ed79bc43
134	Customer 134	1963-07-30	2020-07-12 21:59:59.999999+00	{a,NULL,"tab\t",134}	{"n": 134, "deep": [134, null, {"x": 44.6666666666666667}]}	02522a2b-2726-fb0a-03bb-19f2d8d9524d	\\x02522a2b2726fb0a03bb19f2d8d9524d02522a2b2726fb0a03bb19f2d8d9524d02522a2b2726fb0a03bb19f2d8d9524d02522a2b2726fb0a03bb19f2d8d9524d
135	Customer 135	1963-09-05	2020-07-13 21:59:59.999999+00	\N	{"n": 135, "deep": [135, null, {"x": 45.0000000000000000}]}	7f1de29e-6da1-9d22-b51c-68001e7e0e54	\\x
136	Customer 136	1963-10-12	2020-07-14 21:59:59.999999+00	{a,NULL,"tab\t",136}	{"n": 136, "deep": [136, null, {"x": 45.3333333333333333}]}	42a0e188-f503-3bc6-5bf8-d78622277c4e	\\x42a0e188f5033bc65bf8d78622277c4e
137	Customer 137	1963-11-18	2020-07-15 21:59:59.999999+00	{a,NULL,"tab\t",137}	{"n": 137, "deep": [137, null, {"x": 45.6666666666666667}]}	3988c7f8-8ebc-b58c-6ce9-32b957b6f332	\\x3988c7f88ebcb58c6ce932b957b6f3323988c7f88ebcb58c6ce932b957b6f332
138	Customer 138	1963-12-25	2020-07-16 21:59:59.999999+00	\N	{"n": 138, "deep": [138, null, {"x": 46.0000000000000000}]}	013d4071-66ec-4fa5-6eb1-e1f8cbe183b9	\\x013d407166ec4fa56eb1e1f8cbe183b9013d407166ec4fa56eb1e1f8cbe183b9013d407166ec4fa56eb1e1f8cbe183b9
139	Customer 139	1964-01-31	2020-07-17 21:59:59.999999+00	{a,NULL,"tab\t",139}	{"n": 139, "deep": [139, null, {"x": 46.3333333333333333}]}	e00da03b-685a-0dd1-8fb6-a08af0923de0	\\xe00da03b685a0dd18fb6a08af0923de0e00da03b685a0dd18fb6a08af0923de0e00da03b685a0dd18fb6a08af0923de0e00da03b685a0dd18fb6a08af0923de0
140	Żółć 漢字 140	1964-03-08	2020-07-18 21:59:59.999999+00	{a,NULL,"tab\t",140}	{"n": 140, "deep": [140, null, {"x": 46.6666666666666667}]}	1385974e-d590-4a43-8616-ff7bdb3f7439	\\x
141	Customer 141	1964-04-14	2020-07-19 21:59:59.999999+00	\N	{"n": 141, "deep": [141, null, {"x": 47.0000000000000000}]}	0f28b5d4-9b30-20af-eecd-95b4009adf4c	\\x0f28b5d49b3020afeecd95b4009adf4c
142	Customer 142	1964-05-21	2020-07-20 21:59:59.999999+00	{a,NULL,"tab\t",142}	{"n": 142, "deep": [142, null, {"x": 47.3333333333333333}]}	a8baa565-54f9-6369-ab93-e4f3bb068c22	\\xa8baa56554f96369ab93e4f3bb068c22a8baa56554f96369ab93e4f3bb068c22
143	Customer 143	1964-06-27	2020-07-21 21:59:59.999999+00	{a,NULL,"tab\t",143}	{"n": 143, "deep": [143, null, {"x": 47.6666666666666667}]}	903ce922-5fca-3e98-8c2a-f215d4e544d3	\\x903ce9225fca3e988c2af215d4e544d3903ce9225fca3e988c2af215d4e544d3903ce9225fca3e988c2af215d4e544d3
144	Customer 144	1964-08-03	2020-07-22 21:59:59.999999+00	\N	{"n": 144, "deep": [144, null, {"x": 48.0000000000000000}]}	0a09c884-4ba8-f093-6c20-bd791130d6b6	\\x0a09c8844ba8f0936c20bd791130d6b60a09c8844ba8f0936c20bd791130d6b60a09c8844ba8f0936c20bd791130d6b60a09c8844ba8f0936c20bd791130d6b6
145	Customer 145	1964-09-09	2020-07-23 21:59:59.999999+00	{a,NULL,"tab\t",145}	{"n": 145, "deep": [145, null, {"x": 48.3333333333333333}]}	2b24d495-052a-8ce6-6358-eb576b8912c8	\\x
146	Customer 146	1964-10-16	2020-07-24 21:59:59.999999+00	{a,NULL,"tab\t",146}	{"n": 146, "deep": [146, null, {"x": 48.6666666666666667}]}	a5e00132-373a-7031-000f-d987a3c9f87b	\\xa5e00132373a7031000fd987a3c9f87b
147	Żółć 漢字 147	1964-11-22	2020-07-25 21:59:59.999999+00	\N	{"n": 147, "deep": [147, null, {"x": 49.0000000000000000}]}	8d5e957f-2978-9348-7bd9-8fa830fa6413	\\x8d5e957f297893487bd98fa830fa64138d5e957f297893487bd98fa830fa6413
148	Customer 148	1964-12-29	2020-07-26 21:59:59.999999+00	{a,NULL,"tab\t",148}	{"n": 148, "deep": [148, null, {"x": 49.3333333333333333}]}	47d1e990-583c-9c67-424d-369f3414728e	\\x47d1e990583c9c67424d369f3414728e47d1e990583c9c67424d369f3414728e47d1e990583c9c67424d369f3414728e
149	Customer 149	1965-02-04	2020-07-27 21:59:59.999999+00	{a,NULL,"tab\t",149}	{"n": 149, "deep": [149, null, {"x": 49.6666666666666667}]}	f2217062-e9a3-97a1-dca4-29e7d70bc6ca	\\xf2217062e9a397a1dca429e7d70bc6caf2217062e9a397a1dca429e7d70bc6caf2217062e9a397a1dca429e7d70bc6caf2217062e9a397a1dca429e7d70bc6ca
150	Customer 150	1965-03-13	2020-07-28 21:59:59.999999+00	\N	{"n": 150, "deep": [150, null, {"x": 50.0000000000000000}]}	7ef605fc-8dba-5425-d696-5fbd4c8fbe1f	\\x
151	Customer 151	1965-04-19	2020-07-29 21:59:59.999999+00	{a,NULL,"tab\t",151}	{"n": 151, "deep": [151, null, {"x": 50.3333333333333333}]}	a8f15eda-80c5-0adb-0e71-943adc8015cf	\\xa8f15eda80c50adb0e71943adc8015cf
152	Customer 152	1965-05-26	2020-07-30 21:59:59.999999+00	{a,NULL,"tab\t",152}	{"n": 152, "deep": [152, null, {"x": 50.6666666666666667}]}	37a749d8-08e4-6495-a8da-1e5352d03cae	\\x37a749d808e46495a8da1e5352d03cae37a749d808e46495a8da1e5352d03cae
153	Customer 153	1965-07-02	2020-07-31 21:59:59.999999+00	\N	{"n": 153, "deep": [153, null, {"x": 51.0000000000000000}]}	b3e3e393-c77e-35a4-a3f3-cbd1e429b5dc	\\xb3e3e393c77e35a4a3f3cbd1e429b5dcb3e3e393c77e35a4a3f3cbd1e429b5dcb3e3e393c77e35a4a3f3cbd1e429b5dc
154	Żółć 漢字 154	1965-08-08	2020-08-01 21:59:59.999999+00	{a,NULL,"tab\t",154}	{"n": 154, "deep": [154, null, {"x": 51.3333333333333333}]}	1d7f7abc-18fc-b439-7506-5399b0d1e48e	\\x1d7f7abc18fcb43975065399b0d1e48e1d7f7abc18fcb43975065399b0d1e48e1d7f7abc18fcb43975065399b0d1e48e1d7f7abc18fcb43975065399b0d1e48e
155	Customer 155	1965-09-14	2020-08-02 21:59:59.999999+00	{a,NULL,"tab\t",155}	{"n": 155, "deep": [155, null, {"x": 51.6666666666666667}]}	2a79ea27-c279-e471-f4d1-80b08d62b00a	\\x
156	Customer 156	1965-10-21	2020-08-03 21:59:59.999999+00	\N	{"n": 156, "deep": [156, null, {"x": 52.0000000000000000}]}	1c9ac015-9c94-d8d0-cbed-c973445af2da	\\x1c9ac0159c94d8d0cbedc973445af2da
157	Customer 157	1965-11-27	2020-08-04 21:59:59.999999+00	{a,NULL,"tab\t",157}	{"n": 157, "deep": [157, null, {"x": 52.3333333333333333}]}	6c4b761a-28b7-34fe-9383-1e3fb400ce87	\\x6c4b761a28b734fe93831e3fb400ce876c4b761a28b734fe93831e3fb400ce87
158	Customer 158	1966-01-03	2020-08-05 21:59:59.999999+00	{a,NULL,"tab\t",158}	{"n": 158, "deep": [158, null, {"x": 52.6666666666666667}]}	06409663-226a-f2f3-1144-85aa4e0a23b4	\\x06409663226af2f3114485aa4e0a23b406409663226af2f3114485aa4e0a23b406409663226af2f3114485aa4e0a23b4
159	Customer 159	1966-02-09	2020-08-06 21:59:59.999999+00	\N	{"n": 159, "deep": [159, null, {"x": 53.0000000000000000}]}	140f6969-d521-3fd0-ece0-3148e62e461e	\\x140f6969d5213fd0ece03148e62e461e140f6969d5213fd0ece03148e62e461e140f6969d5213fd0ece03148e62e461e140f6969d5213fd0ece03148e62e461e
160	Customer 160	1966-03-18	2020-08-07 21:59:59.999999+00	{a,NULL,"tab\t",160}	{"n": 160, "deep": [160, null, {"x": 53.3333333333333333}]}	b73ce398-c39f-506a-f761-d2277d853a92	\\x
161	Żółć 漢字 161	1966-04-24	2020-08-08 21:59:59.999999+00	{a,NULL,"tab\t",161}	{"n": 161, "deep": [161, null, {"x": 53.6666666666666667}]}	bd4c9ab7-30f5-5132-06b9-99ec0d90d1fb	\\xbd4c9ab730f5513206b999ec0d90d1fb
162	Customer 162	1966-05-31	2020-08-09 21:59:59.999999+00	\N	{"n": 162, "deep": [162, null, {"x": 54.0000000000000000}]}	82aa4b0a-f34c-2313-a562-076992e50aa3	\\x82aa4b0af34c2313a562076992e50aa382aa4b0af34c2313a562076992e50aa3
163	Customer 163	1966-07-07	2020-08-10 21:59:59.999999+00	{a,NULL,"tab\t",163}	{"n": 163, "deep": [163, null, {"x": 54.3333333333333333}]}	0777d5c1-7d40-66b8-2ab8-6dff8a46af6f	\\x0777d5c17d4066b82ab86dff8a46af6f0777d5c17d4066b82ab86dff8a46af6f0777d5c17d4066b82ab86dff8a46af6f
164	Customer 164	1966-08-13	2020-08-11 21:59:59.999999+00	{a,NULL,"tab\t",164}	{"n": 164, "deep": [164, null, {"x": 54.6666666666666667}]}	fa7cdfad-1a5a-af83-70eb-eda47a1ff1c3	\\xfa7cdfad1a5aaf8370ebeda47a1ff1c3fa7cdfad1a5aaf8370ebeda47a1ff1c3fa7cdfad1a5aaf8370ebeda47a1ff1c3fa7cdfad1a5aaf8370ebeda47a1ff1c3
165	Customer 165	1966-09-19	2020-08-12 21:59:59.999999+00	\N	{"n": 165, "deep": [165, null, {"x": 55.0000000000000000}]}	9766527f-2b5d-3e95-d4a7-33fcfb77bd7e	\\x
166	Customer 166	1966-10-26	2020-08-13 21:59:59.999999+00	{a,NULL,"tab\t",166}	{"n": 166, "deep": [166, null, {"x": 55.3333333333333333}]}	7e7757b1-e12a-bcb7-36ab-9a754ffb617a	\\x7e7757b1e12abcb736ab9a754ffb617a
167	Customer 167	1966-12-02	2020-08-14 21:59:59.999999+00	{a,NULL,"tab\t",167}	{"n": 167, "deep": [167, null, {"x": 55.6666666666666667}]}	5878a7ab-84fb-4340-2106-c575658472fa	\\x5878a7ab84fb43402106c575658472fa5878a7ab84fb43402106c575658472fa
168	Żółć 漢字 168	1967-01-08	2020-08-15 21:59:59.999999+00	\N	{"n": 168, "deep": [168, null, {"x": 56.0000000000000000}]}	006f52e9-102a-8d3b-e2fe-5614f42ba989	\\x006f52e9102a8d3be2fe5614f42ba989006f52e9102a8d3be2fe5614f42ba989006f52e9102a8d3be2fe5614f42ba989
169	Customer 169	1967-02-14	2020-08-16 21:59:59.999999+00	{a,NULL,"tab\t",169}	{"n": 169, "deep": [169, null, {"x": 56.3333333333333333}]}	36366388-1777-2e42-b59d-74cff571fbb3	\\x3636638817772e42b59d74cff571fbb33636638817772e42b59d74cff571fbb33636638817772e42b59d74cff571fbb33636638817772e42b59d74cff571fbb3
170	Customer 170	1967-03-23	2020-08-17 21:59:59.999999+00	{a,NULL,"tab\t",170}	{"n": 170, "deep": [170, null, {"x": 56.6666666666666667}]}	149e9677-a598-9fd3-42ae-44213df68868	\\x
171	Customer 171	1967-04-29	2020-08-18 21:59:59.999999+00	\N	{"n": 171, "deep": [171, null, {"x": 57.0000000000000000}]}	a4a042cf-4fd6-bfb4-7701-cbc8a1653ada	\\xa4a042cf4fd6bfb47701cbc8a1653ada
172	Customer 172	1967-06-05	2020-08-19 21:59:59.999999+00	{a,NULL,"tab\t",172}	{"n": 172, "deep": [172, null, {"x": 57.3333333333333333}]}	1ff8a7b5-dc7a-7d1f-0ed6-5aaa29c04b1e	\\x1ff8a7b5dc7a7d1f0ed65aaa29c04b1e1ff8a7b5dc7a7d1f0ed65aaa29c04b1e
173	Customer 173	1967-07-12	2020-08-20 21:59:59.999999+00	{a,NULL,"tab\t",173}	{"n": 173, "deep": [173, null, {"x": 57.6666666666666667}]}	f7e6c855-04ce-6e82-442c-770f7c8606f0	\\xf7e6c85504ce6e82442c770f7c8606f0f7e6c85504ce6e82442c770f7c8606f0f7e6c85504ce6e82442c770f7c8606f0
174	Customer 174	1967-08-18	2020-08-21 21:59:59.999999+00	\N	{"n": 174, "deep": [174, null, {"x": 58.0000000000000000}]}	bf822969-6f7a-3bb4-700c-fddef19fa23f	\\xbf8229696f7a3bb4700cfddef19fa23fbf8229696f7a3bb4700cfddef19fa23fbf8229696f7a3bb4700cfddef19fa23fbf8229696f7a3bb4700cfddef19fa23f
175	Żółć 漢字 175	1967-09-24	2020-08-22 21:59:59.999999+00	{a,NULL,"tab\t",175}	{"n": 175, "deep": [175, null, {"x": 58.3333333333333333}]}	82161242-827b-703e-6acf-9c726942a1e4	\\x
176	Customer 176	1967-10-31	2020-08-23 21:59:59.999999+00	{a,NULL,"tab\t",176}	{"n": 176, "deep": [176, null, {"x": 58.6666666666666667}]}	38af8613-4b65-d0f1-0fe3-3d30dd76442e	\\x38af86134b65d0f10fe33d30dd76442e
177	Customer 177	1967-12-07	2020-08-24 21:59:59.999999+00	\N	{"n": 177, "deep": [177, null, {"x": 59.0000000000000000}]}	96da2f59-0cd7-246b-bde0-051047b0d6f7	\\x96da2f590cd7246bbde0051047b0d6f796da2f590cd7246bbde0051047b0d6f7
178	Customer 178	1968-01-13	2020-08-25 21:59:59.999999+00	{a,NULL,"tab\t",178}	{"n": 178, "deep": [178, null, {"x": 59.3333333333333333}]}	8f855179-6779-5eee-f66c-225f7883bdcb	\\x8f85517967795eeef66c225f7883bdcb8f85517967795eeef66c225f7883bdcb8f85517967795eeef66c225f7883bdcb
179	Customer 179	1968-02-19	2020-08-26 21:59:59.999999+00	{a,NULL,"tab\t",179}	{"n": 179, "deep": [179, null, {"x": 59.6666666666666667}]}	8f53295a-7387-8494-e9bc-8dd6c3c7104f	\\x8f53295a73878494e9bc8dd6c3c7104f8f53295a73878494e9bc8dd6c3c7104f8f53295a73878494e9bc8dd6c3c7104f8f53295a73878494e9bc8dd6c3c7104f
180	Customer 180	1968-03-27	2020-08-27 21:59:59.999999+00	\N	{"n": 180, "deep": [180, null, {"x": 60.0000000000000000}]}	045117b0-e0a1-1a24-2b97-65e79cbf113f	\\x
181	Customer 181	1968-05-03	2020-08-28 21:59:59.999999+00	{a,NULL,"tab\t",181}	{"n": 181, "deep": [181, null, {"x": 60.3333333333333333}]}	fc221309-7460-13ac-5545-71fbd180e1c8	\\xfc221309746013ac554571fbd180e1c8
182	Żółć 漢字 182	1968-06-09	2020-08-29 21:59:59.999999+00	{a,NULL,"tab\t",182}	{"n": 182, "deep": [182, null, {"x": 60.6666666666666667}]}	4c5bde74-a8f1-1065-6874-902f07378009	\\x4c5bde74a8f110656874902f073780094c5bde74a8f110656874902f07378009
183	Customer 183	1968-07-16	2020-08-30 21:59:59.999999+00	\N	{"n": 183, "deep": [183, null, {"x": 61.0000000000000000}]}	cedebb6e-872f-539b-ef8c-3f919874e9d7	\\xcedebb6e872f539bef8c3f919874e9d7cedebb6e872f539bef8c3f919874e9d7cedebb6e872f539bef8c3f919874e9d7
184	Customer 184	1968-08-22	2020-08-31 21:59:59.999999+00	{a,NULL,"tab\t",184}	{"n": 184, "deep": [184, null, {"x": 61.3333333333333333}]}	6cdd60ea-0045-eb7a-6ec4-4c54d29ed402	\\x6cdd60ea0045eb7a6ec44c54d29ed4026cdd60ea0045eb7a6ec44c54d29ed4026cdd60ea0045eb7a6ec44c54d29ed4026cdd60ea0045eb7a6ec44c54d29ed402
185	Customer 185	1968-09-28	2020-09-01 21:59:59.999999+00	{a,NULL,"tab\t",185}	{"n": 185, "deep": [185, null, {"x": 61.6666666666666667}]}	eecca5b6-365d-9607-ee5a-9d336962c534	\\x
186	Customer 186	1968-11-04	2020-09-02 21:59:59.999999+00	\N	{"n": 186, "deep": [186, null, {"x": 62.0000000000000000}]}	9872ed9f-c22f-c182-d371-c3e9ed316094	\\x9872ed9fc22fc182d371c3e9ed316094
187	Customer 187	1968-12-11	2020-09-03 21:59:59.999999+00	{a,NULL,"tab\t",187}	{"n": 187, "deep": [187, null, {"x": 62.3333333333333333}]}	31fefc0e-570c-b386-0f2a-6d4b38c6490d	\\x31fefc0e570cb3860f2a6d4b38c6490d31fefc0e570cb3860f2a6d4b38c6490d
188	Customer 188	1969-01-17	2020-09-04 21:59:59.999999+00	{a,NULL,"tab\t",188}	{"n": 188, "deep": [188, null, {"x": 62.6666666666666667}]}	9dcb88e0-1376-4959-0b75-5372b040afad	\\x9dcb88e0137649590b755372b040afad9dcb88e0137649590b755372b040afad9dcb88e0137649590b755372b040afad
189	Żółć 漢字 189	1969-02-23	2020-09-05 21:59:59.999999+00	\N	{"n": 189, "deep": [189, null, {"x": 63.0000000000000000}]}	a2557a7b-2e94-197f-f767-970b67041697	\\xa2557a7b2e94197ff767970b67041697a2557a7b2e94197ff767970b67041697a2557a7b2e94197ff767970b67041697a2557a7b2e94197ff767970b67041697
190	Customer 190	1969-04-01	2020-09-06 21:59:59.999999+00	{a,NULL,"tab\t",190}	{"n": 190, "deep": [190, null, {"x": 63.3333333333333333}]}	cfecdb27-6f63-4854-f3ef-915e2e980c31	\\x
191	Customer 191	1969-05-08	2020-09-07 21:59:59.999999+00	{a,NULL,"tab\t",191}	{"n": 191, "deep": [191, null, {"x": 63.6666666666666667}]}	0aa1883c-6411-f787-3cb8-3dacb17b0afc	\\x0aa1883c6411f7873cb83dacb17b0afc
192	Customer 192	1969-06-14	2020-09-08 21:59:59.999999+00	\N	{"n": 192, "deep": [192, null, {"x": 64.0000000000000000}]}	58a2fc6e-d39f-d083-f55d-4182bf88826d	\\x58a2fc6ed39fd083f55d4182bf88826d58a2fc6ed39fd083f55d4182bf88826d
193	Customer 193	1969-07-21	2020-09-09 21:59:59.999999+00	{a,NULL,"tab\t",193}	{"n": 193, "deep": [193, null, {"x": 64.3333333333333333}]}	bd686fd6-40be-98ef-aae0-091fa301e613	\\xbd686fd640be98efaae0091fa301e613bd686fd640be98efaae0091fa301e613bd686fd640be98efaae0091fa301e613
194	Customer 194	1969-08-27	2020-09-10 21:59:59.999999+00	{a,NULL,"tab\t",194}	{"n": 194, "deep": [194, null, {"x": 64.6666666666666667}]}	a597e505-02f5-ff68-e3e2-5b9114205d4a	\\xa597e50502f5ff68e3e25b9114205d4aa597e50502f5ff68e3e25b9114205d4aa597e50502f5ff68e3e25b9114205d4aa597e50502f5ff68e3e25b9114205d4a
195	Customer 195	1969-10-03	2020-09-11 21:59:59.999999+00	\N	{"n": 195, "deep": [195, null, {"x": 65.0000000000000000}]}	0336dcba-b05b-9d5a-d24f-4333c7658a0e	\\x
196	Żółć 漢字 196	1969-11-09	2020-09-12 21:59:59.999999+00	{a,NULL,"tab\t",196}	{"n": 196, "deep": [196, null, {"x": 65.3333333333333333}]}	084b6fbb-1072-9ed4-da8c-3d3f5a3ae7c9	\\x084b6fbb10729ed4da8c3d3f5a3ae7c9
197	Customer 197	1969-12-16	2020-09-13 21:59:59.999999+00	{a,NULL,"tab\t",197}	{"n": 197, "deep": [197, null, {"x": 65.6666666666666667}]}	85d8ce59-0ad8-981c-a2c8-286f79f59954	\\x85d8ce590ad8981ca2c8286f79f5995485d8ce590ad8981ca2c8286f79f59954
198	Customer 198	1970-01-22	2020-09-14 21:59:59.999999+00	\N	{"n": 198, "deep": [198, null, {"x": 66.0000000000000000}]}	0e65972d-ce68-dad4-d52d-063967f0a705	\\x0e65972dce68dad4d52d063967f0a7050e65972dce68dad4d52d063967f0a7050e65972dce68dad4d52d063967f0a705
199	Customer 199	1970-02-28	2020-09-15 21:59:59.999999+00	{a,NULL,"tab\t",199}	{"n": 199, "deep": [199, null, {"x": 66.3333333333333333}]}	84d9ee44-e457-ddef-7f2c-4f25dc8fa865	\\x84d9ee44e457ddef7f2c4f25dc8fa86584d9ee44e457ddef7f2c4f25dc8fa86584d9ee44e457ddef7f2c4f25dc8fa86584d9ee44e457ddef7f2c4f25dc8fa865
200	Customer 200	1970-04-06	2020-09-16 21:59:59.999999+00	{a,NULL,"tab\t",200}	{"n": 200, "deep": [200, null, {"x": 66.6666666666666667}]}	3644a684-f98e-a8fe-223c-713b77189a77	\\x
201	Customer 201	1970-05-13	2020-09-17 21:59:59.999999+00	\N	{"n": 201, "deep": [201, null, {"x": 67.0000000000000000}]}	757b505c-fd34-c64c-85ca-5b5690ee5293	\\x757b505cfd34c64c85ca5b5690ee5293
202	Customer 202	1970-06-19	2020-09-18 21:59:59.999999+00	{a,NULL,"tab\t",202}	{"n": 202, "deep": [202, null, {"x": 67.3333333333333333}]}	854d6fae-5ee4-2911-677c-739ee1734486	\\x854d6fae5ee42911677c739ee1734486854d6fae5ee42911677c739ee1734486
203	Żółć 漢字 203	1970-07-26	2020-09-19 21:59:59.999999+00	{a,NULL,"tab\t",203}	{"n": 203, "deep": [203, null, {"x": 67.6666666666666667}]}	e2c0be24-560d-78c5-e599-c2a9c9d0bbd2	\\xe2c0be24560d78c5e599c2a9c9d0bbd2e2c0be24560d78c5e599c2a9c9d0bbd2e2c0be24560d78c5e599c2a9c9d0bbd2
204	Customer 204	1970-09-01	2020-09-20 21:59:59.999999+00	\N	{"n": 204, "deep": [204, null, {"x": 68.0000000000000000}]}	274ad478-6c3a-bca6-9fa0-97b85867d9a4	\\x274ad4786c3abca69fa097b85867d9a4274ad4786c3abca69fa097b85867d9a4274ad4786c3abca69fa097b85867d9a4274ad4786c3abca69fa097b85867d9a4
205	Customer 205	1970-10-08	2020-09-21 21:59:59.999999+00	{a,NULL,"tab\t",205}	{"n": 205, "deep": [205, null, {"x": 68.3333333333333333}]}	eae27d77-ca20-db30-9e05-6e3d2dcd7d69	\\x
206	Customer 206	1970-11-14	2020-09-22 21:59:59.999999+00	{a,NULL,"tab\t",206}	{"n": 206, "deep": [206, null, {"x": 68.6666666666666667}]}	7eabe3a1-649f-fa2b-3ff8-c02ebfd5659f	\\x7eabe3a1649ffa2b3ff8c02ebfd5659f
207	Customer 207	1970-12-21	2020-09-23 21:59:59.999999+00	\N	{"n": 207, "deep": [207, null, {"x": 69.0000000000000000}]}	69adc1e1-07f7-f7d0-35d7-baf04342e1ca	\\x69adc1e107f7f7d035d7baf04342e1ca69adc1e107f7f7d035d7baf04342e1ca
208	Customer 208	1971-01-27	2020-09-24 21:59:59.999999+00	{a,NULL,"tab\t",208}	{"n": 208, "deep": [208, null, {"x": 69.3333333333333333}]}	091d584f-ced3-01b4-4265-4dd8c23b3fc9	\\x091d584fced301b442654dd8c23b3fc9091d584fced301b442654dd8c23b3fc9091d584fced301b442654dd8c23b3fc9
209	Customer 209	1971-03-05	2020-09-25 21:59:59.999999+00	{a,NULL,"tab\t",209}	{"n": 209, "deep": [209, null, {"x": 69.6666666666666667}]}	b1d10e7b-afa4-4212-18a5-1b1e1f1b0ba2	\\xb1d10e7bafa4421218a51b1e1f1b0ba2b1d10e7bafa4421218a51b1e1f1b0ba2b1d10e7bafa4421218a51b1e1f1b0ba2b1d10e7bafa4421218a51b1e1f1b0ba2
210	Żółć 漢字 210	1971-04-11	2020-09-26 21:59:59.999999+00	\N	{"n": 210, "deep": [210, null, {"x": 70.0000000000000000}]}	6f3ef77a-c0e3-619e-9815-9e9b6febf557	\\x
211	Customer 211	1971-05-18	2020-09-27 21:59:59.999999+00	{a,NULL,"tab\t",211}	{"n": 211, "deep": [211, null, {"x": 70.3333333333333333}]}	eb163727-917c-bba1-eea2-08541a643e74	\\xeb163727917cbba1eea208541a643e74
212	Customer 212	1971-06-24	2020-09-28 21:59:59.999999+00	{a,NULL,"tab\t",212}	{"n": 212, "deep": [212, null, {"x": 70.6666666666666667}]}	1534b76d-325a-8f59-1b52-d302e7181331	\\x1534b76d325a8f591b52d302e71813311534b76d325a8f591b52d302e7181331
213	Customer 213	1971-07-31	2020-09-29 21:59:59.999999+00	\N	{"n": 213, "deep": [213, null, {"x": 71.0000000000000000}]}	979d472a-8480-4b9f-647b-c185a877a8b5	\\x979d472a84804b9f647bc185a877a8b5979d472a84804b9f647bc185a877a8b5979d472a84804b9f647bc185a877a8b5
214	Customer 214	1971-09-06	2020-09-30 21:59:59.999999+00	{a,NULL,"tab\t",214}	{"n": 214, "deep": [214, null, {"x": 71.3333333333333333}]}	ca46c1b9-512a-7a83-15fa-3c5a946e8265	\\xca46c1b9512a7a8315fa3c5a946e8265ca46c1b9512a7a8315fa3c5a946e8265ca46c1b9512a7a8315fa3c5a946e8265ca46c1b9512a7a8315fa3c5a946e8265
215	Customer 215	1971-10-13	2020-10-01 21:59:59.999999+00	{a,NULL,"tab\t",215}	{"n": 215, "deep": [215, null, {"x": 71.6666666666666667}]}	3b8a6142-26a9-53a8-cd95-26fca6fe9ba5	\\x
216	Customer 216	1971-11-19	2020-10-02 21:59:59.999999+00	\N	{"n": 216, "deep": [216, null, {"x": 72.0000000000000000}]}	45fbc6d3-e05e-bd93-369c-e542e8f2322d	\\x45fbc6d3e05ebd93369ce542e8f2322d
217	Żółć 漢字 217	1971-12-26	2020-10-03 21:59:59.999999+00	{a,NULL,"tab\t",217}	{"n": 217, "deep": [217, null, {"x": 72.3333333333333333}]}	63dc7ed1-010d-3c3b-8269-faf0ba7491d4	\\x63dc7ed1010d3c3b8269faf0ba7491d463dc7ed1010d3c3b8269faf0ba7491d4
218	Customer 218	1972-02-01	2020-10-04 21:59:59.999999+00	{a,NULL,"tab\t",218}	{"n": 218, "deep": [218, null, {"x": 72.6666666666666667}]}	e96ed478-dab8-595a-7dbd-a4cbcbee168f	\\xe96ed478dab8595a7dbda4cbcbee168fe96ed478dab8595a7dbda4cbcbee168fe96ed478dab8595a7dbda4cbcbee168f
219	Customer 219	1972-03-09	2020-10-05 21:59:59.999999+00	\N	{"n": 219, "deep": [219, null, {"x": 73.0000000000000000}]}	c0e190d8-267e-3670-8f95-5d7ab048990d	\\xc0e190d8267e36708f955d7ab048990dc0e190d8267e36708f955d7ab048990dc0e190d8267e36708f955d7ab048990dc0e190d8267e36708f955d7ab048990d
220	Customer 220	1972-04-15	2020-10-06 21:59:59.999999+00	{a,NULL,"tab\t",220}	{"n": 220, "deep": [220, null, {"x": 73.3333333333333333}]}	ec8ce6ab-b3e9-52a8-5b85-51ba726a1227	\\x
221	Customer 221	1972-05-22	2020-10-07 21:59:59.999999+00	{a,NULL,"tab\t",221}	{"n": 221, "deep": [221, null, {"x": 73.6666666666666667}]}	060ad924-8994-7d41-0d89-7474079c1477	\\x060ad92489947d410d897474079c1477
222	Customer 222	1972-06-28	2020-10-08 21:59:59.999999+00	\N	{"n": 222, "deep": [222, null, {"x": 74.0000000000000000}]}	bcbe3365-e6ac-95ea-2c03-43a2395834dd	\\xbcbe3365e6ac95ea2c0343a2395834ddbcbe3365e6ac95ea2c0343a2395834dd
223	Customer 223	1972-08-04	2020-10-09 21:59:59.999999+00	{a,NULL,"tab\t",223}	{"n": 223, "deep": [223, null, {"x": 74.3333333333333333}]}	115f8950-3138-416a-242f-40fb7d7f338e	\\x115f89503138416a242f40fb7d7f338e115f89503138416a242f40fb7d7f338e115f89503138416a242f40fb7d7f338e
224	Żółć 漢字 224	1972-09-10	2020-10-10 21:59:59.999999+00	{a,NULL,"tab\t",224}	{"n": 224, "deep": [224, null, {"x": 74.6666666666666667}]}	13fe9d84-310e-77f1-3a6d-184dbf1232f3	\\x13fe9d84310e77f13a6d184dbf1232f313fe9d84310e77f13a6d184dbf1232f313fe9d84310e77f13a6d184dbf1232f313fe9d84310e77f13a6d184dbf1232f3
225	Customer 225	1972-10-17	2020-10-11 21:59:59.999999+00	\N	{"n": 225, "deep": [225, null, {"x": 75.0000000000000000}]}	d1c38a09-acc3-4845-c6be-3a127a5aacaf	\\x
226	Customer 226	1972-11-23	2020-10-12 21:59:59.999999+00	{a,NULL,"tab\t",226}	{"n": 226, "deep": [226, null, {"x": 75.3333333333333333}]}	9cfdf10e-8fc0-47a4-4b08-ed031e1f0ed1	\\x9cfdf10e8fc047a44b08ed031e1f0ed1
227	Customer 227	1972-12-30	2020-10-13 21:59:59.999999+00	{a,NULL,"tab\t",227}	{"n": 227, "deep": [227, null, {"x": 75.6666666666666667}]}	705f2172-8346-6678-8607-efbfca35afb3	\\x705f2172834666788607efbfca35afb3705f2172834666788607efbfca35afb3
228	Customer 228	1973-02-05	2020-10-14 21:59:59.999999+00	\N	{"n": 228, "deep": [228, null, {"x": 76.0000000000000000}]}	74db120f-0a8e-5646-ef5a-30154e9f6deb	\\x74db120f0a8e5646ef5a30154e9f6deb74db120f0a8e5646ef5a30154e9f6deb74db120f0a8e5646ef5a30154e9f6deb
229	Customer 229	1973-03-14	2020-10-15 21:59:59.999999+00	{a,NULL,"tab\t",229}	{"n": 229, "deep": [229, null, {"x": 76.3333333333333333}]}	57aeee35-c982-0509-1e18-d1140e9f38cf	\\x57aeee35c98205091e18d1140e9f38cf57aeee35c98205091e18d1140e9f38cf57aeee35c98205091e18d1140e9f38cf57aeee35c98205091e18d1140e9f38cf
230	Customer 230	1973-04-20	2020-10-16 21:59:59.999999+00	{a,NULL,"tab\t",230}	{"n": 230, "deep": [230, null, {"x": 76.6666666666666667}]}	6da9003b-743b-65f4-c0cc-d295cc484e57	\\x
231	Żółć 漢字 231	1973-05-27	2020-10-17 21:59:59.999999+00	\N	{"n": 231, "deep": [231, null, {"x": 77.0000000000000000}]}	9b04d152-845e-c0a3-7839-4003c96da594	\\x9b04d152845ec0a378394003c96da594
232	Customer 232	1973-07-03	2020-10-18 21:59:59.999999+00	{a,NULL,"tab\t",232}	{"n": 232, "deep": [232, null, {"x": 77.3333333333333333}]}	be83ab3e-cd0d-b773-eb2d-c1b0a17836a1	\\xbe83ab3ecd0db773eb2dc1b0a17836a1be83ab3ecd0db773eb2dc1b0a17836a1
233	Customer 233	1973-08-09	2020-10-19 21:59:59.999999+00	{a,NULL,"tab\t",233}	{"n": 233, "deep": [233, null, {"x": 77.6666666666666667}]}	e1654211-10ba-0309-9a1c-0393373c5b43	\\xe165421110ba03099a1c0393373c5b43e165421110ba03099a1c0393373c5b43e165421110ba03099a1c0393373c5b43
234	Customer 234	1973-09-15	2020-10-20 21:59:59.999999+00	\N	{"n": 234, "deep": [234, null, {"x": 78.0000000000000000}]}	289dff07-669d-7a23-de0e-f88d2f7129e7	\\x289dff07669d7a23de0ef88d2f7129e7289dff07669d7a23de0ef88d2f7129e7289dff07669d7a23de0ef88d2f7129e7289dff07669d7a23de0ef88d2f7129e7
235	Customer 235	1973-10-22	2020-10-21 21:59:59.999999+00	{a,NULL,"tab\t",235}	{"n": 235, "deep": [235, null, {"x": 78.3333333333333333}]}	577ef115-4f32-40ad-5b9b-413aa7346a1e	\\x
236	Customer 236	1973-11-28	2020-10-22 21:59:59.999999+00	{a,NULL,"tab\t",236}	{"n": 236, "deep": [236, null, {"x": 78.6666666666666667}]}	01161aaa-0b6d-1345-dd8f-e4e481144d84	\\x01161aaa0b6d1345dd8fe4e481144d84
237	Customer 237	1974-01-04	2020-10-23 21:59:59.999999+00	\N	{"n": 237, "deep": [237, null, {"x": 79.0000000000000000}]}	539fd53b-59e3-bb12-d203-f45a912eeaf2	\\x539fd53b59e3bb12d203f45a912eeaf2539fd53b59e3bb12d203f45a912eeaf2
238	Żółć 漢字 238	1974-02-10	2020-10-24 21:59:59.999999+00	{a,NULL,"tab\t",238}	{"n": 238, "deep": [238, null, {"x": 79.3333333333333333}]}	ac1dd209-cbcc-5e5d-1c6e-28598e8cbbe8	\\xac1dd209cbcc5e5d1c6e28598e8cbbe8ac1dd209cbcc5e5d1c6e28598e8cbbe8ac1dd209cbcc5e5d1c6e28598e8cbbe8
239	Customer 239	1974-03-19	2020-10-25 21:59:59.999999+00	{a,NULL,"tab\t",239}	{"n": 239, "deep": [239, null, {"x": 79.6666666666666667}]}	555d6702-c950-ecb7-29a9-66504af0a635	\\x555d6702c950ecb729a966504af0a635555d6702c950ecb729a966504af0a635555d6702c950ecb729a966504af0a635555d6702c950ecb729a966504af0a635
240	Customer 240	1974-04-25	2020-10-26 21:59:59.999999+00	\N	{"n": 240, "deep": [240, null, {"x": 80.0000000000000000}]}	335f5352-088d-7d9b-f741-91e006d8e24c	\\x
241	Customer 241	1974-06-01	2020-10-27 21:59:59.999999+00	{a,NULL,"tab\t",241}	{"n": 241, "deep": [241, null, {"x": 80.3333333333333333}]}	f340f1b1-f65b-6df5-b5e3-f94d95b11daf	\\xf340f1b1f65b6df5b5e3f94d95b11daf
242	Customer 242	1974-07-08	2020-10-28 21:59:59.999999+00	{a,NULL,"tab\t",242}	{"n": 242, "deep": [242, null, {"x": 80.6666666666666667}]}	e4a6222c-db5b-3437-5400-904f03d8e6a5	\\xe4a6222cdb5b34375400904f03d8e6a5e4a6222cdb5b34375400904f03d8e6a5
243	Customer 243	1974-08-14	2020-10-29 21:59:59.999999+00	\N	{"n": 243, "deep": [243, null, {"x": 81.0000000000000000}]}	cb70ab37-5662-576b-d1ac-5aaf16b3fca4	\\xcb70ab375662576bd1ac5aaf16b3fca4cb70ab375662576bd1ac5aaf16b3fca4cb70ab375662576bd1ac5aaf16b3fca4
244	Customer 244	1974-09-20	2020-10-30 21:59:59.999999+00	{a,NULL,"tab\t",244}	{"n": 244, "deep": [244, null, {"x": 81.3333333333333333}]}	9188905e-74c2-8e48-9b44-e954ec0b9bca	\\x9188905e74c28e489b44e954ec0b9bca9188905e74c28e489b44e954ec0b9bca9188905e74c28e489b44e954ec0b9bca9188905e74c28e489b44e954ec0b9bca
245	Żółć 漢字 245	1974-10-27	2020-10-31 21:59:59.999999+00	{a,NULL,"tab\t",245}	{"n": 245, "deep": [245, null, {"x": 81.6666666666666667}]}	0266e33d-3f54-6cb5-436a-10798e657d97	\\x
246	Customer 246	1974-12-03	2020-11-01 21:59:59.999999+00	\N	{"n": 246, "deep": [246, null, {"x": 82.0000000000000000}]}	38db3aed-920c-f82a-b059-bfccbd02be6a	\\x38db3aed920cf82ab059bfccbd02be6a
247	Customer 247	1975-01-09	2020-11-02 21:59:59.999999+00	{a,NULL,"tab\t",247}	{"n": 247, "deep": [247, null, {"x": 82.3333333333333333}]}	3cec07e9-ba5f-5bb2-52d1-3f5f431e4bbb	\\x3cec07e9ba5f5bb252d13f5f431e4bbb3cec07e9ba5f5bb252d13f5f431e4bbb
248	Customer 248	1975-02-15	2020-11-03 21:59:59.999999+00	{a,NULL,"tab\t",248}	{"n": 248, "deep": [248, null, {"x": 82.6666666666666667}]}	621bf66d-db7c-962a-a0d2-2ac97d69b793	\\x621bf66ddb7c962aa0d22ac97d69b793621bf66ddb7c962aa0d22ac97d69b793621bf66ddb7c962aa0d22ac97d69b793
249	Customer 249	1975-03-24	2020-11-04 21:59:59.999999+00	\N	{"n": 249, "deep": [249, null, {"x": 83.0000000000000000}]}	077e29b1-1be8-0ab5-7e1a-2ecabb7da330	\\x077e29b11be80ab57e1a2ecabb7da330077e29b11be80ab57e1a2ecabb7da330077e29b11be80ab57e1a2ecabb7da330077e29b11be80ab57e1a2ecabb7da330
250	Customer 250	1975-04-30	2020-11-05 21:59:59.999999+00	{a,NULL,"tab\t",250}	{"n": 250, "deep": [250, null, {"x": 83.3333333333333333}]}	6c9882bb-ac1c-7093-bd25-041881277658	\\x
251	Customer 251	1975-06-06	2020-11-06 21:59:59.999999+00	{a,NULL,"tab\t",251}	{"n": 251, "deep": [251, null, {"x": 83.6666666666666667}]}	19f3cd30-8f14-55b3-fa09-a282e0d496f4	\\x19f3cd308f1455b3fa09a282e0d496f4
252	Żółć 漢字 252	1975-07-13	2020-11-07 21:59:59.999999+00	\N	{"n": 252, "deep": [252, null, {"x": 84.0000000000000000}]}	03c6b069-52c7-5089-9bb0-3d998e631860	\\x03c6b06952c750899bb03d998e63186003c6b06952c750899bb03d998e631860
253	Customer 253	1975-08-19	2020-11-08 21:59:59.999999+00	{a,NULL,"tab\t",253}	{"n": 253, "deep": [253, null, {"x": 84.3333333333333333}]}	c24cd76e-1ce4-1366-a4bb-e8a49b02a028	\\xc24cd76e1ce41366a4bbe8a49b02a028c24cd76e1ce41366a4bbe8a49b02a028c24cd76e1ce41366a4bbe8a49b02a028
254	Customer 254	1975-09-25	2020-11-09 21:59:59.999999+00	{a,NULL,"tab\t",254}	{"n": 254, "deep": [254, null, {"x": 84.6666666666666667}]}	c52f1bd6-6cc1-9d05-628b-d8bf27af3ad6	\\xc52f1bd66cc19d05628bd8bf27af3ad6c52f1bd66cc19d05628bd8bf27af3ad6c52f1bd66cc19d05628bd8bf27af3ad6c52f1bd66cc19d05628bd8bf27af3ad6
255	Customer 255	1975-11-01	2020-11-10 21:59:59.999999+00	\N	{"n": 255, "deep": [255, null, {"x": 85.0000000000000000}]}	fe131d7f-5a6b-38b2-3cc9-67316c13dae2	\\x
256	Customer 256	1975-12-08	2020-11-11 21:59:59.999999+00	{a,NULL,"tab\t",256}	{"n": 256, "deep": [256, null, {"x": 85.3333333333333333}]}	f718499c-1c8c-ef67-30f9-fd03c8125cab	\\xf718499c1c8cef6730f9fd03c8125cab
257	Customer 257	1976-01-14	2020-11-12 21:59:59.999999+00	{a,NULL,"tab\t",257}	{"n": 257, "deep": [257, null, {"x": 85.6666666666666667}]}	d96409bf-8942-1768-6ba1-24d7356686c9	\\xd96409bf894217686ba124d7356686c9d96409bf894217686ba124d7356686c9
258	Customer 258	1976-02-20	2020-11-13 21:59:59.999999+00	\N	{"n": 258, "deep": [258, null, {"x": 86.0000000000000000}]}	502e4a16-930e-4141-07ee-22b6198c578f	\\x502e4a16930e414107ee22b6198c578f502e4a16930e414107ee22b6198c578f502e4a16930e414107ee22b6198c578f
259	Żółć 漢字 259	1976-03-28	2020-11-14 21:59:59.999999+00	{a,NULL,"tab\t",259}	{"n": 259, "deep": [259, null, {"x": 86.3333333333333333}]}	cfa0860e-83a4-c3a7-63a7-e62d825349f7	\\xcfa0860e83a4c3a763a7e62d825349f7cfa0860e83a4c3a763a7e62d825349f7cfa0860e83a4c3a763a7e62d825349f7cfa0860e83a4c3a763a7e62d825349f7
260	Customer 260	1976-05-04	2020-11-15 21:59:59.999999+00	{a,NULL,"tab\t",260}	{"n": 260, "deep": [260, null, {"x": 86.6666666666666667}]}	a4f23670-e183-3f3f-db07-7ca70bbd5d66	\\x
261	Customer 261	1976-06-10	2020-11-16 21:59:59.999999+00	\N	{"n": 261, "deep": [261, null, {"x": 87.0000000000000000}]}	b1a59b31-5fc9-a300-2ce3-8bbe070ec3f5	\\xb1a59b315fc9a3002ce38bbe070ec3f5
262	Customer 262	1976-07-17	2020-11-17 21:59:59.999999+00	{a,NULL,"tab\t",262}	{"n": 262, "deep": [262, null, {"x": 87.3333333333333333}]}	36660e59-856b-4de5-8a21-9bcf4e27eba3	\\x36660e59856b4de58a219bcf4e27eba336660e59856b4de58a219bcf4e27eba3
263	Customer 263	1976-08-23	2020-11-18 21:59:59.999999+00	{a,NULL,"tab\t",263}	{"n": 263, "deep": [263, null, {"x": 87.6666666666666667}]}	8c19f571-e251-e61c-b8dd-3612f26d5ecf	\\x8c19f571e251e61cb8dd3612f26d5ecf8c19f571e251e61cb8dd3612f26d5ecf8c19f571e251e61cb8dd3612f26d5ecf
264	Customer 264	1976-09-29	2020-11-19 21:59:59.999999+00	\N	{"n": 264, "deep": [264, null, {"x": 88.0000000000000000}]}	d6baf65e-0b24-0ce1-77cf-70da146c8dc8	\\xd6baf65e0b240ce177cf70da146c8dc8d6baf65e0b240ce177cf70da146c8dc8d6baf65e0b240ce177cf70da146c8dc8d6baf65e0b240ce177cf70da146c8dc8
265	Customer 265	1976-11-05	2020-11-20 21:59:59.999999+00	{a,NULL,"tab\t",265}	{"n": 265, "deep": [265, null, {"x": 88.3333333333333333}]}	e56954b4-f634-7e89-7f95-4495eab16a88	\\x
266	Żółć 漢字 266	1976-12-12	2020-11-21 21:59:59.999999+00	{a,NULL,"tab\t",266}	{"n": 266, "deep": [266, null, {"x": 88.6666666666666667}]}	f7664060-cc52-bc6f-3d62-0bcedc94a4b6	\\xf7664060cc52bc6f3d620bcedc94a4b6
267	Customer 267	1977-01-18	2020-11-22 21:59:59.999999+00	\N	{"n": 267, "deep": [267, null, {"x": 89.0000000000000000}]}	eda80a3d-5b34-4bc4-0f3b-c04f65b7a357	\\xeda80a3d5b344bc40f3bc04f65b7a357eda80a3d5b344bc40f3bc04f65b7a357
268	Customer 268	1977-02-24	2020-11-23 21:59:59.999999+00	{a,NULL,"tab\t",268}	{"n": 268, "deep": [268, null, {"x": 89.3333333333333333}]}	8f121ce0-7d74-717e-0b1f-21d122e04521	\\x8f121ce07d74717e0b1f21d122e045218f121ce07d74717e0b1f21d122e045218f121ce07d74717e0b1f21d122e04521
269	Customer 269	1977-04-02	2020-11-24 21:59:59.999999+00	{a,NULL,"tab\t",269}	{"n": 269, "deep": [269, null, {"x": 89.6666666666666667}]}	06138bc5-af60-2364-6ede-0e1f7c1eac75	\\x06138bc5af6023646ede0e1f7c1eac7506138bc5af6023646ede0e1f7c1eac7506138bc5af6023646ede0e1f7c1eac7506138bc5af6023646ede0e1f7c1eac75
270	Customer 270	1977-05-09	2020-11-25 21:59:59.999999+00	\N	{"n": 270, "deep": [270, null, {"x": 90.0000000000000000}]}	39059724-f73a-9969-845d-fe4146c5660e	\\x
271	Customer 271	1977-06-15	2020-11-26 21:59:59.999999+00	{a,NULL,"tab\t",271}	{"n": 271, "deep": [271, null, {"x": 90.3333333333333333}]}	7f100b7b-3609-2fb9-b06d-fb4fac360931	\\x7f100b7b36092fb9b06dfb4fac360931
272	Customer 272	1977-07-22	2020-11-27 21:59:59.999999+00	{a,NULL,"tab\t",272}	{"n": 272, "deep": [272, null, {"x": 90.6666666666666667}]}	7a614fd0-6c32-5499-f168-0b9896beedeb	\\x7a614fd06c325499f1680b9896beedeb7a614fd06c325499f1680b9896beedeb
273	Żółć 漢字 273	1977-08-28	2020-11-28 21:59:59.999999+00	\N	{"n": 273, "deep": [273, null, {"x": 91.0000000000000000}]}	4734ba6f-3de8-3d86-1c31-76a6273cac6d	\\x4734ba6f3de83d861c3176a6273cac6d4734ba6f3de83d861c3176a6273cac6d4734ba6f3de83d861c3176a6273cac6d
274	Customer 274	1977-10-04	2020-11-29 21:59:59.999999+00	{a,NULL,"tab\t",274}	{"n": 274, "deep": [274, null, {"x": 91.3333333333333333}]}	d947bf06-a885-db0d-477d-707121934ff8	\\xd947bf06a885db0d477d707121934ff8d947bf06a885db0d477d707121934ff8d947bf06a885db0d477d707121934ff8d947bf06a885db0d477d707121934ff8
275	Customer 275	1977-11-10	2020-11-30 21:59:59.999999+00	{a,NULL,"tab\t",275}	{"n": 275, "deep": [275, null, {"x": 91.6666666666666667}]}	63923f49-e524-1343-aa7a-cb6a06a751e7	\\x
276	Customer 276	1977-12-17	2020-12-01 21:59:59.999999+00	\N	{"n": 276, "deep": [276, null, {"x": 92.0000000000000000}]}	db8e1af0-cb3a-ca1a-e2d0-018624204529	\\xdb8e1af0cb3aca1ae2d0018624204529
277	Customer 277	1978-01-23	2020-12-02 21:59:59.999999+00	{a,NULL,"tab\t",277}	{"n": 277, "deep": [277, null, {"x": 92.3333333333333333}]}	20f07591-c6fc-b220-ffe6-37cda29bb3f6	\\x20f07591c6fcb220ffe637cda29bb3f620f07591c6fcb220ffe637cda29bb3f6
278	Customer 278	1978-03-01	2020-12-03 21:59:59.999999+00	{a,NULL,"tab\t",278}	{"n": 278, "deep": [278, null, {"x": 92.6666666666666667}]}	07cdfd23-373b-17c6-b337-251c22b7ea57	\\x07cdfd23373b17c6b337251c22b7ea5707cdfd23373b17c6b337251c22b7ea5707cdfd23373b17c6b337251c22b7ea57
279	Customer 279	1978-04-07	2020-12-04 21:59:59.999999+00	\N	{"n": 279, "deep": [279, null, {"x": 93.0000000000000000}]}	d3957710-85aa-b052-44a4-fb8fd91bf4ee	\\xd395771085aab05244a4fb8fd91bf4eed395771085aab05244a4fb8fd91bf4eed395771085aab05244a4fb8fd91bf4eed395771085aab05244a4fb8fd91bf4ee
280	Żółć 漢字 280	1978-05-14	2020-12-05 21:59:59.999999+00	{a,NULL,"tab\t",280}	{"n": 280, "deep": [280, null, {"x": 93.3333333333333333}]}	92c8c96e-4c37-1007-77c7-190b76d28233	\\x
281	Customer 281	1978-06-20	2020-12-06 21:59:59.999999+00	{a,NULL,"tab\t",281}	{"n": 281, "deep": [281, null, {"x": 93.6666666666666667}]}	e3796ae8-3883-5da0-b6f6-ea37bcf8bcb7	\\xe3796ae838835da0b6f6ea37bcf8bcb7
282	Customer 282	1978-07-27	2020-12-07 21:59:59.999999+00	\N	{"n": 282, "deep": [282, null, {"x": 94.0000000000000000}]}	6a9aeddf-c689-c1d0-e3b9-ccc3ab651bc5	\\x6a9aeddfc689c1d0e3b9ccc3ab651bc56a9aeddfc689c1d0e3b9ccc3ab651bc5
283	Customer 283	1978-09-02	2020-12-08 21:59:59.999999+00	{a,NULL,"tab\t",283}	{"n": 283, "deep": [283, null, {"x": 94.3333333333333333}]}	0f49c89d-1e72-98bb-9930-789c8ed59d48	\\x0f49c89d1e7298bb9930789c8ed59d480f49c89d1e7298bb9930789c8ed59d480f49c89d1e7298bb9930789c8ed59d48
284	Customer 284	1978-10-09	2020-12-09 21:59:59.999999+00	{a,NULL,"tab\t",284}	{"n": 284, "deep": [284, null, {"x": 94.6666666666666667}]}	46ba9f2a-6976-570b-0353-203ec4474217	\\x46ba9f2a6976570b0353203ec447421746ba9f2a6976570b0353203ec447421746ba9f2a6976570b0353203ec447421746ba9f2a6976570b0353203ec4474217
285	Customer 285	1978-11-15	2020-12-10 21:59:59.999999+00	\N	{"n": 285, "deep": [285, null, {"x": 95.0000000000000000}]}	0e01938f-c48a-2cfb-5f22-17fbfb00722d	\\x
286	Customer 286	1978-12-22	2020-12-11 21:59:59.999999+00	{a,NULL,"tab\t",286}	{"n": 286, "deep": [286, null, {"x": 95.3333333333333333}]}	16a5cdae-362b-8d27-a1d8-f8c7b78b4330	\\x16a5cdae362b8d27a1d8f8c7b78b4330
287	Żółć 漢字 287	1979-01-28	2020-12-12 21:59:59.999999+00	{a,NULL,"tab\t",287}	{"n": 287, "deep": [287, null, {"x": 95.6666666666666667}]}	918317b5-7931-b6b7-a7d2-9490fe5ec9f9	\\x918317b57931b6b7a7d29490fe5ec9f9918317b57931b6b7a7d29490fe5ec9f9
288	Customer 288	1979-03-06	2020-12-13 21:59:59.999999+00	\N	{"n": 288, "deep": [288, null, {"x": 96.0000000000000000}]}	48aedb88-80ca-b8c4-5637-abc7493ecddd	\\x48aedb8880cab8c45637abc7493ecddd48aedb8880cab8c45637abc7493ecddd48aedb8880cab8c45637abc7493ecddd
289	Customer 289	1979-04-12	2020-12-14 21:59:59.999999+00	{a,NULL,"tab\t",289}	{"n": 289, "deep": [289, null, {"x": 96.3333333333333333}]}	839ab468-20b5-24af-da05-122893c2fe8e	\\x839ab46820b524afda05122893c2fe8e839ab46820b524afda05122893c2fe8e839ab46820b524afda05122893c2fe8e839ab46820b524afda05122893c2fe8e
290	Customer 290	1979-05-19	2020-12-15 21:59:59.999999+00	{a,NULL,"tab\t",290}	{"n": 290, "deep": [290, null, {"x": 96.6666666666666667}]}	f90f2aca-5c64-0289-d0a2-9417bcb63a37	\\x
291	Customer 291	1979-06-25	2020-12-16 21:59:59.999999+00	\N	{"n": 291, "deep": [291, null, {"x": 97.0000000000000000}]}	9c838d2e-45b2-ad10-94d4-2f4ef36764f6	\\x9c838d2e45b2ad1094d42f4ef36764f6
292	Customer 292	1979-08-01	2020-12-17 21:59:59.999999+00	{a,NULL,"tab\t",292}	{"n": 292, "deep": [292, null, {"x": 97.3333333333333333}]}	17000029-63a4-9da1-3542-e0726b7bb758	\\x1700002963a49da13542e0726b7bb7581700002963a49da13542e0726b7bb758
293	Customer 293	1979-09-07	2020-12-18 21:59:59.999999+00	{a,NULL,"tab\t",293}	{"n": 293, "deep": [293, null, {"x": 97.6666666666666667}]}	53c3bce6-6e43-be4f-2095-56518c2fcb54	\\x53c3bce66e43be4f209556518c2fcb5453c3bce66e43be4f209556518c2fcb5453c3bce66e43be4f209556518c2fcb54
294	Żółć 漢字 294	1979-10-14	2020-12-19 21:59:59.999999+00	\N	{"n": 294, "deep": [294, null, {"x": 98.0000000000000000}]}	6883966f-d8f9-18a4-aa29-be29d2c386fb	\\x6883966fd8f918a4aa29be29d2c386fb6883966fd8f918a4aa29be29d2c386fb6883966fd8f918a4aa29be29d2c386fb6883966fd8f918a4aa29be29d2c386fb
295	Customer 295	1979-11-20	2020-12-20 21:59:59.999999+00	{a,NULL,"tab\t",295}	{"n": 295, "deep": [295, null, {"x": 98.3333333333333333}]}	49182f81-e6a1-3cf5-eaa4-96d51fea6406	\\x
296	Customer 296	1979-12-27	2020-12-21 21:59:59.999999+00	{a,NULL,"tab\t",296}	{"n": 296, "deep": [296, null, {"x": 98.6666666666666667}]}	d296c101-daa8-8a51-f6ca-8cfc1ac79b50	\\xd296c101daa88a51f6ca8cfc1ac79b50
297	Customer 297	1980-02-02	2020-12-22 21:59:59.999999+00	\N	{"n": 297, "deep": [297, null, {"x": 99.0000000000000000}]}	9fd81843-ad7f-202f-26c1-a174c7357585	\\x9fd81843ad7f202f26c1a174c73575859fd81843ad7f202f26c1a174c7357585
298	Customer 298	1980-03-10	2020-12-23 21:59:59.999999+00	{a,NULL,"tab\t",298}	{"n": 298, "deep": [298, null, {"x": 99.3333333333333333}]}	26e359e8-3860-db1d-11b6-acca57d8ea88	\\x26e359e83860db1d11b6acca57d8ea8826e359e83860db1d11b6acca57d8ea8826e359e83860db1d11b6acca57d8ea88
299	Customer 299	1980-04-16	2020-12-24 21:59:59.999999+00	{a,NULL,"tab\t",299}	{"n": 299, "deep": [299, null, {"x": 99.6666666666666667}]}	ef0d3930-a7b6-c95b-d2b3-2ed45989c61f	\\xef0d3930a7b6c95bd2b32ed45989c61fef0d3930a7b6c95bd2b32ed45989c61fef0d3930a7b6c95bd2b32ed45989c61fef0d3930a7b6c95bd2b32ed45989c61f
300	Customer 300	1980-05-23	2020-12-25 21:59:59.999999+00	\N	{"n": 300, "deep": [300, null, {"x": 100.0000000000000000}]}	94f6d7e0-4a4d-4520-3530-0f18b984988c	\\x
\.


--
-- Data for Name: empty; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.empty (id, name, born, seen, tags, settings, key, picture) FROM stdin;
\.


--
-- Data for Name: no_columns; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.no_columns  FROM stdin;

\.


--
-- Data for Name: orders_1; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.orders_1 (id, customer, state, amount, weight, distance, took, period, address, flags, source) FROM stdin;
1	2	paid	1.14	0.14285715	-Infinity	1 mon 2 days 00:00:03.000004	["2024-01-01 01:00:00+00",)	10.0.1.1/24	000000000001	pg_class
2	3	sent	2.27	0.2857143	0.6666666666666666	2 mons 4 days 00:00:06.000008	["2024-01-01 02:00:00+00",)	10.0.2.1/24	000000000010	pg_class
3	4	open	3.40	0.42857143	1	3 mons 6 days 00:00:09.000012	["2024-01-01 03:00:00+00",)	10.0.3.1/24	000000000011	pg_class
4	5	paid	4.53	0.5714286	1.3333333333333333	4 mons 8 days 00:00:12.000016	["2024-01-01 04:00:00+00",)	10.0.4.1/24	000000000100	pg_class
5	6	sent	5.66	0.71428573	1.6666666666666667	5 mons 10 days 00:00:15.00002	["2024-01-01 05:00:00+00",)	10.0.5.1/24	000000000101	pg_class
6	7	open	6.79	0.85714287	2	6 mons 12 days 00:00:18.000024	["2024-01-01 06:00:00+00",)	10.0.6.1/24	000000000110	pg_class
7	8	paid	7.92	1	2.3333333333333335	7 mons 14 days 00:00:21.000028	["2024-01-01 07:00:00+00",)	10.0.7.1/24	000000000111	pg_class
8	9	sent	9.05	1.1428572	2.6666666666666665	8 mons 16 days 00:00:24.000032	["2024-01-01 08:00:00+00",)	10.0.8.1/24	000000001000	pg_class
9	10	open	10.18	1.2857143	3	9 mons 18 days 00:00:27.000036	["2024-01-01 09:00:00+00",)	10.0.9.1/24	000000001001	pg_class
10	11	paid	11.31	1.4285715	3.3333333333333335	10 mons 20 days 00:00:30.00004	["2024-01-01 10:00:00+00",)	10.0.10.1/24	000000001010	pg_class
11	12	sent	12.44	1.5714285	3.6666666666666665	11 mons 22 days 00:00:33.000044	["2024-01-01 11:00:00+00",)	10.0.11.1/24	000000001011	pg_class
12	13	open	13.57	1.7142857	4	1 year 24 days 00:00:36.000048	["2024-01-01 12:00:00+00",)	10.0.12.1/24	000000001100	pg_class
13	14	paid	14.70	1.8571428	4.333333333333333	1 year 1 mon 26 days 00:00:39.000052	["2024-01-01 13:00:00+00",)	10.0.13.1/24	000000001101	pg_class
14	15	sent	15.83	2	4.666666666666667	1 year 2 mons 28 days 00:00:42.000056	["2024-01-01 14:00:00+00",)	10.0.14.1/24	000000001110	pg_class
15	16	open	16.96	2.142857	5	1 year 3 mons 30 days 00:00:45.00006	["2024-01-01 15:00:00+00",)	10.0.15.1/24	000000001111	pg_class
16	17	paid	18.09	2.2857144	5.333333333333333	1 year 4 mons 32 days 00:00:48.000064	["2024-01-01 16:00:00+00",)	10.0.16.1/24	000000010000	pg_class
17	18	sent	19.22	2.4285715	5.666666666666667	1 year 5 mons 34 days 00:00:51.000068	["2024-01-01 17:00:00+00",)	10.0.17.1/24	000000010001	pg_class
18	19	open	20.35	2.5714285	6	1 year 6 mons 36 days 00:00:54.000072	["2024-01-01 18:00:00+00",)	10.0.18.1/24	000000010010	pg_class
19	20	paid	21.48	2.7142856	6.333333333333333	1 year 7 mons 38 days 00:00:57.000076	["2024-01-01 19:00:00+00",)	10.0.19.1/24	000000010011	pg_class
20	21	sent	22.61	2.857143	6.666666666666667	1 year 8 mons 40 days 00:01:00.00008	["2024-01-01 20:00:00+00",)	10.0.20.1/24	000000010100	pg_class
21	22	open	23.74	3	7	1 year 9 mons 42 days 00:01:03.000084	["2024-01-01 21:00:00+00",)	10.0.21.1/24	000000010101	pg_class
22	23	paid	24.87	3.142857	7.333333333333333	1 year 10 mons 44 days 00:01:06.000088	["2024-01-01 22:00:00+00",)	10.0.22.1/24	000000010110	pg_class
23	24	sent	26.00	3.2857144	7.666666666666667	1 year 11 mons 46 days 00:01:09.000092	["2024-01-01 23:00:00+00",)	10.0.23.1/24	000000010111	pg_class
24	25	open	27.13	3.4285715	8	2 years 48 days 00:01:12.000096	["2024-01-02 00:00:00+00",)	10.0.24.1/24	000000011000	pg_class
25	26	paid	28.26	3.5714285	8.333333333333334	2 years 1 mon 50 days 00:01:15.0001	["2024-01-02 01:00:00+00",)	10.0.25.1/24	000000011001	pg_class
26	27	sent	29.39	3.7142856	8.666666666666666	2 years 2 mons 52 days 00:01:18.000104	["2024-01-02 02:00:00+00",)	10.0.26.1/24	000000011010	pg_class
27	28	open	30.52	3.857143	9	2 years 3 mons 54 days 00:01:21.000108	["2024-01-02 03:00:00+00",)	10.0.27.1/24	000000011011	pg_class
28	29	paid	31.65	4	9.333333333333334	2 years 4 mons 56 days 00:01:24.000112	["2024-01-02 04:00:00+00",)	10.0.28.1/24	000000011100	pg_class
29	30	sent	32.78	4.142857	9.666666666666666	2 years 5 mons 58 days 00:01:27.000116	["2024-01-02 05:00:00+00",)	10.0.29.1/24	000000011101	pg_class
30	31	open	33.91	4.285714	10	2 years 6 mons 60 days 00:01:30.00012	["2024-01-02 06:00:00+00",)	10.0.30.1/24	000000011110	pg_class
31	32	paid	35.04	4.428571	10.333333333333334	2 years 7 mons 62 days 00:01:33.000124	["2024-01-02 07:00:00+00",)	10.0.31.1/24	000000011111	pg_class
32	33	sent	36.17	4.571429	10.666666666666666	2 years 8 mons 64 days 00:01:36.000128	["2024-01-02 08:00:00+00",)	10.0.32.1/24	000000100000	pg_class
33	34	open	37.30	4.714286	11	2 years 9 mons 66 days 00:01:39.000132	["2024-01-02 09:00:00+00",)	10.0.33.1/24	000000100001	pg_class
34	35	paid	38.43	4.857143	11.333333333333334	2 years 10 mons 68 days 00:01:42.000136	["2024-01-02 10:00:00+00",)	10.0.34.1/24	000000100010	pg_class
35	36	sent	39.56	5	11.666666666666666	2 years 11 mons 70 days 00:01:45.00014	["2024-01-02 11:00:00+00",)	10.0.35.1/24	000000100011	pg_class
36	37	open	40.69	5.142857	12	3 years 72 days 00:01:48.000144	["2024-01-02 12:00:00+00",)	10.0.36.1/24	000000100100	pg_class
37	38	paid	41.82	5.285714	12.333333333333334	3 years 1 mon 74 days 00:01:51.000148	["2024-01-02 13:00:00+00",)	10.0.37.1/24	000000100101	pg_class
38	39	sent	42.95	5.428571	12.666666666666666	3 years 2 mons 76 days 00:01:54.000152	["2024-01-02 14:00:00+00",)	10.0.38.1/24	000000100110	pg_class
39	40	open	44.08	5.571429	13	3 years 3 mons 78 days 00:01:57.000156	["2024-01-02 15:00:00+00",)	10.0.39.1/24	000000100111	pg_class
40	41	paid	45.21	5.714286	13.333333333333334	3 years 4 mons 80 days 00:02:00.00016	["2024-01-02 16:00:00+00",)	10.0.40.1/24	000000101000	pg_class
41	42	sent	46.34	5.857143	13.666666666666666	3 years 5 mons 82 days 00:02:03.000164	["2024-01-02 17:00:00+00",)	10.0.41.1/24	000000101001	pg_class
42	43	open	47.47	6	14	3 years 6 mons 84 days 00:02:06.000168	["2024-01-02 18:00:00+00",)	10.0.42.1/24	000000101010	pg_class
43	44	paid	48.60	6.142857	14.333333333333334	3 years 7 mons 86 days 00:02:09.000172	["2024-01-02 19:00:00+00",)	10.0.43.1/24	000000101011	pg_class
44	45	sent	49.73	6.285714	14.666666666666666	3 years 8 mons 88 days 00:02:12.000176	["2024-01-02 20:00:00+00",)	10.0.44.1/24	000000101100	pg_class
45	46	open	50.86	6.428571	15	3 years 9 mons 90 days 00:02:15.00018	["2024-01-02 21:00:00+00",)	10.0.45.1/24	000000101101	pg_class
46	47	paid	51.99	6.571429	15.333333333333334	3 years 10 mons 92 days 00:02:18.000184	["2024-01-02 22:00:00+00",)	10.0.46.1/24	000000101110	pg_class
47	48	sent	53.12	6.714286	15.666666666666666	3 years 11 mons 94 days 00:02:21.000188	["2024-01-02 23:00:00+00",)	10.0.47.1/24	000000101111	pg_class
48	49	open	54.25	6.857143	16	4 years 96 days 00:02:24.000192	["2024-01-03 00:00:00+00",)	10.0.48.1/24	000000110000	pg_class
49	50	paid	55.38	7	16.333333333333332	4 years 1 mon 98 days 00:02:27.000196	["2024-01-03 01:00:00+00",)	10.0.49.1/24	000000110001	pg_class
50	51	sent	56.51	7.142857	NaN	4 years 2 mons 100 days 00:02:30.0002	["2024-01-03 02:00:00+00",)	10.0.50.1/24	000000110010	pg_class
51	52	open	57.64	7.285714	-Infinity	4 years 3 mons 102 days 00:02:33.000204	["2024-01-03 03:00:00+00",)	10.0.51.1/24	000000110011	pg_class
52	53	paid	58.77	7.428571	17.333333333333332	4 years 4 mons 104 days 00:02:36.000208	["2024-01-03 04:00:00+00",)	10.0.52.1/24	000000110100	pg_class
53	54	sent	59.90	7.571429	17.666666666666668	4 years 5 mons 106 days 00:02:39.000212	["2024-01-03 05:00:00+00",)	10.0.53.1/24	000000110101	pg_class
54	55	open	61.03	7.714286	18	4 years 6 mons 108 days 00:02:42.000216	["2024-01-03 06:00:00+00",)	10.0.54.1/24	000000110110	pg_class
55	56	paid	62.16	7.857143	18.333333333333332	4 years 7 mons 110 days 00:02:45.00022	["2024-01-03 07:00:00+00",)	10.0.55.1/24	000000110111	pg_class
56	57	sent	63.29	8	18.666666666666668	4 years 8 mons 112 days 00:02:48.000224	["2024-01-03 08:00:00+00",)	10.0.56.1/24	000000111000	pg_class
57	58	open	64.42	8.142858	19	4 years 9 mons 114 days 00:02:51.000228	["2024-01-03 09:00:00+00",)	10.0.57.1/24	000000111001	pg_class
58	59	paid	65.55	8.285714	19.333333333333332	4 years 10 mons 116 days 00:02:54.000232	["2024-01-03 10:00:00+00",)	10.0.58.1/24	000000111010	pg_class
59	60	sent	66.68	8.428572	19.666666666666668	4 years 11 mons 118 days 00:02:57.000236	["2024-01-03 11:00:00+00",)	10.0.59.1/24	000000111011	pg_class
60	61	open	67.81	8.571428	20	5 years 120 days 00:03:00.00024	["2024-01-03 12:00:00+00",)	10.0.60.1/24	000000111100	pg_class
61	62	paid	68.94	8.714286	20.333333333333332	5 years 1 mon 122 days 00:03:03.000244	["2024-01-03 13:00:00+00",)	10.0.61.1/24	000000111101	pg_class
62	63	sent	70.07	8.857142	20.666666666666668	5 years 2 mons 124 days 00:03:06.000248	["2024-01-03 14:00:00+00",)	10.0.62.1/24	000000111110	pg_class
63	64	open	71.20	9	21	5 years 3 mons 126 days 00:03:09.000252	["2024-01-03 15:00:00+00",)	10.0.63.1/24	000000111111	pg_class
64	65	paid	72.33	9.142858	21.333333333333332	5 years 4 mons 128 days 00:03:12.000256	["2024-01-03 16:00:00+00",)	10.0.64.1/24	000001000000	pg_class
65	66	sent	73.46	9.285714	21.666666666666668	5 years 5 mons 130 days 00:03:15.00026	["2024-01-03 17:00:00+00",)	10.0.65.1/24	000001000001	pg_class
66	67	open	74.59	9.428572	22	5 years 6 mons 132 days 00:03:18.000264	["2024-01-03 18:00:00+00",)	10.0.66.1/24	000001000010	pg_class
67	68	paid	75.72	9.571428	22.333333333333332	5 years 7 mons 134 days 00:03:21.000268	["2024-01-03 19:00:00+00",)	10.0.67.1/24	000001000011	pg_class
68	69	sent	76.85	9.714286	22.666666666666668	5 years 8 mons 136 days 00:03:24.000272	["2024-01-03 20:00:00+00",)	10.0.68.1/24	000001000100	pg_class
69	70	open	77.98	9.857142	23	5 years 9 mons 138 days 00:03:27.000276	["2024-01-03 21:00:00+00",)	10.0.69.1/24	000001000101	pg_class
70	71	paid	79.11	10	23.333333333333332	5 years 10 mons 140 days 00:03:30.00028	["2024-01-03 22:00:00+00",)	10.0.70.1/24	000001000110	pg_class
71	72	sent	80.24	10.142858	23.666666666666668	5 years 11 mons 142 days 00:03:33.000284	["2024-01-03 23:00:00+00",)	10.0.71.1/24	000001000111	pg_class
72	73	open	81.37	10.285714	24	6 years 144 days 00:03:36.000288	["2024-01-04 00:00:00+00",)	10.0.72.1/24	000001001000	pg_class
73	74	paid	82.50	10.428572	24.333333333333332	6 years 1 mon 146 days 00:03:39.000292	["2024-01-04 01:00:00+00",)	10.0.73.1/24	000001001001	pg_class
74	75	sent	83.63	10.571428	24.666666666666668	6 years 2 mons 148 days 00:03:42.000296	["2024-01-04 02:00:00+00",)	10.0.74.1/24	000001001010	pg_class
75	76	open	84.76	10.714286	25	6 years 3 mons 150 days 00:03:45.0003	["2024-01-04 03:00:00+00",)	10.0.75.1/24	000001001011	pg_class
76	77	paid	85.89	10.857142	25.333333333333332	6 years 4 mons 152 days 00:03:48.000304	["2024-01-04 04:00:00+00",)	10.0.76.1/24	000001001100	pg_class
77	78	sent	87.02	11	25.666666666666668	6 years 5 mons 154 days 00:03:51.000308	["2024-01-04 05:00:00+00",)	10.0.77.1/24	000001001101	pg_class
78	79	open	88.15	11.142858	26	6 years 6 mons 156 days 00:03:54.000312	["2024-01-04 06:00:00+00",)	10.0.78.1/24	000001001110	pg_class
79	80	paid	89.28	11.285714	26.333333333333332	6 years 7 mons 158 days 00:03:57.000316	["2024-01-04 07:00:00+00",)	10.0.79.1/24	000001001111	pg_class
80	81	sent	90.41	11.428572	26.666666666666668	6 years 8 mons 160 days 00:04:00.00032	["2024-01-04 08:00:00+00",)	10.0.80.1/24	000001010000	pg_class
81	82	open	91.54	11.571428	27	6 years 9 mons 162 days 00:04:03.000324	["2024-01-04 09:00:00+00",)	10.0.81.1/24	000001010001	pg_class
82	83	paid	92.67	11.714286	27.333333333333332	6 years 10 mons 164 days 00:04:06.000328	["2024-01-04 10:00:00+00",)	10.0.82.1/24	000001010010	pg_class
83	84	sent	93.80	11.857142	27.666666666666668	6 years 11 mons 166 days 00:04:09.000332	["2024-01-04 11:00:00+00",)	10.0.83.1/24	000001010011	pg_class
84	85	open	94.93	12	28	7 years 168 days 00:04:12.000336	["2024-01-04 12:00:00+00",)	10.0.84.1/24	000001010100	pg_class
85	86	paid	96.06	12.142858	28.333333333333332	7 years 1 mon 170 days 00:04:15.00034	["2024-01-04 13:00:00+00",)	10.0.85.1/24	000001010101	pg_class
86	87	sent	97.19	12.285714	28.666666666666668	7 years 2 mons 172 days 00:04:18.000344	["2024-01-04 14:00:00+00",)	10.0.86.1/24	000001010110	pg_class
87	88	open	98.32	12.428572	29	7 years 3 mons 174 days 00:04:21.000348	["2024-01-04 15:00:00+00",)	10.0.87.1/24	000001010111	pg_class
88	89	paid	99.45	12.571428	29.333333333333332	7 years 4 mons 176 days 00:04:24.000352	["2024-01-04 16:00:00+00",)	10.0.88.1/24	000001011000	pg_class
89	90	sent	100.58	12.714286	29.666666666666668	7 years 5 mons 178 days 00:04:27.000356	["2024-01-04 17:00:00+00",)	10.0.89.1/24	000001011001	pg_class
90	91	open	101.71	12.857142	30	7 years 6 mons 180 days 00:04:30.00036	["2024-01-04 18:00:00+00",)	10.0.90.1/24	000001011010	pg_class
91	92	paid	102.84	13	30.333333333333332	7 years 7 mons 182 days 00:04:33.000364	["2024-01-04 19:00:00+00",)	10.0.91.1/24	000001011011	pg_class
92	93	sent	103.97	13.142858	30.666666666666668	7 years 8 mons 184 days 00:04:36.000368	["2024-01-04 20:00:00+00",)	10.0.92.1/24	000001011100	pg_class
93	94	open	105.10	13.285714	31	7 years 9 mons 186 days 00:04:39.000372	["2024-01-04 21:00:00+00",)	10.0.93.1/24	000001011101	pg_class
94	95	paid	106.23	13.428572	31.333333333333332	7 years 10 mons 188 days 00:04:42.000376	["2024-01-04 22:00:00+00",)	10.0.94.1/24	000001011110	pg_class
95	96	sent	107.36	13.571428	31.666666666666668	7 years 11 mons 190 days 00:04:45.00038	["2024-01-04 23:00:00+00",)	10.0.95.1/24	000001011111	pg_class
96	97	open	108.49	13.714286	32	8 years 192 days 00:04:48.000384	["2024-01-05 00:00:00+00",)	10.0.96.1/24	000001100000	pg_class
97	98	paid	109.62	13.857142	32.333333333333336	8 years 1 mon 194 days 00:04:51.000388	["2024-01-05 01:00:00+00",)	10.0.97.1/24	000001100001	pg_class
98	99	sent	110.75	14	32.666666666666664	8 years 2 mons 196 days 00:04:54.000392	["2024-01-05 02:00:00+00",)	10.0.98.1/24	000001100010	pg_class
99	100	open	111.88	14.142858	33	8 years 3 mons 198 days 00:04:57.000396	["2024-01-05 03:00:00+00",)	10.0.99.1/24	000001100011	pg_class
100	101	paid	113.01	14.285714	NaN	8 years 4 mons 200 days 00:05:00.0004	["2024-01-05 04:00:00+00",)	10.0.100.1/24	000001100100	pg_class
101	102	sent	114.14	14.428572	-Infinity	8 years 5 mons 202 days 00:05:03.000404	["2024-01-05 05:00:00+00",)	10.0.101.1/24	000001100101	pg_class
102	103	open	115.27	14.571428	34	8 years 6 mons 204 days 00:05:06.000408	["2024-01-05 06:00:00+00",)	10.0.102.1/24	000001100110	pg_class
103	104	paid	116.40	14.714286	34.333333333333336	8 years 7 mons 206 days 00:05:09.000412	["2024-01-05 07:00:00+00",)	10.0.103.1/24	000001100111	pg_class
104	105	sent	117.53	14.857142	34.666666666666664	8 years 8 mons 208 days 00:05:12.000416	["2024-01-05 08:00:00+00",)	10.0.104.1/24	000001101000	pg_class
105	106	open	118.66	15	35	8 years 9 mons 210 days 00:05:15.00042	["2024-01-05 09:00:00+00",)	10.0.105.1/24	000001101001	pg_class
106	107	paid	119.79	15.142858	35.333333333333336	8 years 10 mons 212 days 00:05:18.000424	["2024-01-05 10:00:00+00",)	10.0.106.1/24	000001101010	pg_class
107	108	sent	120.92	15.285714	35.666666666666664	8 years 11 mons 214 days 00:05:21.000428	["2024-01-05 11:00:00+00",)	10.0.107.1/24	000001101011	pg_class
108	109	open	122.05	15.428572	36	9 years 216 days 00:05:24.000432	["2024-01-05 12:00:00+00",)	10.0.108.1/24	000001101100	pg_class
109	110	paid	123.18	15.571428	36.333333333333336	9 years 1 mon 218 days 00:05:27.000436	["2024-01-05 13:00:00+00",)	10.0.109.1/24	000001101101	pg_class
110	111	sent	124.31	15.714286	36.666666666666664	9 years 2 mons 220 days 00:05:30.00044	["2024-01-05 14:00:00+00",)	10.0.110.1/24	000001101110	pg_class
111	112	open	125.44	15.857142	37	9 years 3 mons 222 days 00:05:33.000444	["2024-01-05 15:00:00+00",)	10.0.111.1/24	000001101111	pg_class
112	113	paid	126.57	16	37.333333333333336	9 years 4 mons 224 days 00:05:36.000448	["2024-01-05 16:00:00+00",)	10.0.112.1/24	000001110000	pg_class
113	114	sent	127.70	16.142857	37.666666666666664	9 years 5 mons 226 days 00:05:39.000452	["2024-01-05 17:00:00+00",)	10.0.113.1/24	000001110001	pg_class
114	115	open	128.83	16.285715	38	9 years 6 mons 228 days 00:05:42.000456	["2024-01-05 18:00:00+00",)	10.0.114.1/24	000001110010	pg_class
115	116	paid	129.96	16.428572	38.333333333333336	9 years 7 mons 230 days 00:05:45.00046	["2024-01-05 19:00:00+00",)	10.0.115.1/24	000001110011	pg_class
116	117	sent	131.09	16.571428	38.666666666666664	9 years 8 mons 232 days 00:05:48.000464	["2024-01-05 20:00:00+00",)	10.0.116.1/24	000001110100	pg_class
117	118	open	132.22	16.714285	39	9 years 9 mons 234 days 00:05:51.000468	["2024-01-05 21:00:00+00",)	10.0.117.1/24	000001110101	pg_class
118	119	paid	133.35	16.857143	39.333333333333336	9 years 10 mons 236 days 00:05:54.000472	["2024-01-05 22:00:00+00",)	10.0.118.1/24	000001110110	pg_class
119	120	sent	134.48	17	39.666666666666664	9 years 11 mons 238 days 00:05:57.000476	["2024-01-05 23:00:00+00",)	10.0.119.1/24	000001110111	pg_class
120	121	open	135.61	17.142857	40	10 years 240 days 00:06:00.00048	["2024-01-06 00:00:00+00",)	10.0.120.1/24	000001111000	pg_class
121	122	paid	136.74	17.285715	40.333333333333336	10 years 1 mon 242 days 00:06:03.000484	["2024-01-06 01:00:00+00",)	10.0.121.1/24	000001111001	pg_class
122	123	sent	137.87	17.428572	40.666666666666664	10 years 2 mons 244 days 00:06:06.000488	["2024-01-06 02:00:00+00",)	10.0.122.1/24	000001111010	pg_class
123	124	open	139.00	17.571428	41	10 years 3 mons 246 days 00:06:09.000492	["2024-01-06 03:00:00+00",)	10.0.123.1/24	000001111011	pg_class
124	125	paid	140.13	17.714285	41.333333333333336	10 years 4 mons 248 days 00:06:12.000496	["2024-01-06 04:00:00+00",)	10.0.124.1/24	000001111100	pg_class
125	126	sent	141.26	17.857143	41.666666666666664	10 years 5 mons 250 days 00:06:15.0005	["2024-01-06 05:00:00+00",)	10.0.125.1/24	000001111101	pg_class
126	127	open	142.39	18	42	10 years 6 mons 252 days 00:06:18.000504	["2024-01-06 06:00:00+00",)	10.0.126.1/24	000001111110	pg_class
127	128	paid	143.52	18.142857	42.333333333333336	10 years 7 mons 254 days 00:06:21.000508	["2024-01-06 07:00:00+00",)	10.0.127.1/24	000001111111	pg_class
128	129	sent	144.65	18.285715	42.666666666666664	10 years 8 mons 256 days 00:06:24.000512	["2024-01-06 08:00:00+00",)	10.0.128.1/24	000010000000	pg_class
129	130	open	145.78	18.428572	43	10 years 9 mons 258 days 00:06:27.000516	["2024-01-06 09:00:00+00",)	10.0.129.1/24	000010000001	pg_class
130	131	paid	146.91	18.571428	43.333333333333336	10 years 10 mons 260 days 00:06:30.00052	["2024-01-06 10:00:00+00",)	10.0.130.1/24	000010000010	pg_class
131	132	sent	148.04	18.714285	43.666666666666664	10 years 11 mons 262 days 00:06:33.000524	["2024-01-06 11:00:00+00",)	10.0.131.1/24	000010000011	pg_class
132	133	open	149.17	18.857143	44	11 years 264 days 00:06:36.000528	["2024-01-06 12:00:00+00",)	10.0.132.1/24	000010000100	pg_class
133	134	paid	150.30	19	44.333333333333336	11 years 1 mon 266 days 00:06:39.000532	["2024-01-06 13:00:00+00",)	10.0.133.1/24	000010000101	pg_class
134	135	sent	151.43	19.142857	44.666666666666664	11 years 2 mons 268 days 00:06:42.000536	["2024-01-06 14:00:00+00",)	10.0.134.1/24	000010000110	pg_class
135	136	open	152.56	19.285715	45	11 years 3 mons 270 days 00:06:45.00054	["2024-01-06 15:00:00+00",)	10.0.135.1/24	000010000111	pg_class
136	137	paid	153.69	19.428572	45.333333333333336	11 years 4 mons 272 days 00:06:48.000544	["2024-01-06 16:00:00+00",)	10.0.136.1/24	000010001000	pg_class
137	138	sent	154.82	19.571428	45.666666666666664	11 years 5 mons 274 days 00:06:51.000548	["2024-01-06 17:00:00+00",)	10.0.137.1/24	000010001001	pg_class
138	139	open	155.95	19.714285	46	11 years 6 mons 276 days 00:06:54.000552	["2024-01-06 18:00:00+00",)	10.0.138.1/24	000010001010	pg_class
139	140	paid	157.08	19.857143	46.333333333333336	11 years 7 mons 278 days 00:06:57.000556	["2024-01-06 19:00:00+00",)	10.0.139.1/24	000010001011	pg_class
140	141	sent	158.21	20	46.666666666666664	11 years 8 mons 280 days 00:07:00.00056	["2024-01-06 20:00:00+00",)	10.0.140.1/24	000010001100	pg_class
141	142	open	159.34	20.142857	47	11 years 9 mons 282 days 00:07:03.000564	["2024-01-06 21:00:00+00",)	10.0.141.1/24	000010001101	pg_class
142	143	paid	160.47	20.285715	47.333333333333336	11 years 10 mons 284 days 00:07:06.000568	["2024-01-06 22:00:00+00",)	10.0.142.1/24	000010001110	pg_class
143	144	sent	161.60	20.428572	47.666666666666664	11 years 11 mons 286 days 00:07:09.000572	["2024-01-06 23:00:00+00",)	10.0.143.1/24	000010001111	pg_class
144	145	open	162.73	20.571428	48	12 years 288 days 00:07:12.000576	["2024-01-07 00:00:00+00",)	10.0.144.1/24	000010010000	pg_class
145	146	paid	163.86	20.714285	48.333333333333336	12 years 1 mon 290 days 00:07:15.00058	["2024-01-07 01:00:00+00",)	10.0.145.1/24	000010010001	pg_class
146	147	sent	164.99	20.857143	48.666666666666664	12 years 2 mons 292 days 00:07:18.000584	["2024-01-07 02:00:00+00",)	10.0.146.1/24	000010010010	pg_class
147	148	open	166.12	21	49	12 years 3 mons 294 days 00:07:21.000588	["2024-01-07 03:00:00+00",)	10.0.147.1/24	000010010011	pg_class
148	149	paid	167.25	21.142857	49.333333333333336	12 years 4 mons 296 days 00:07:24.000592	["2024-01-07 04:00:00+00",)	10.0.148.1/24	000010010100	pg_class
149	150	sent	168.38	21.285715	49.666666666666664	12 years 5 mons 298 days 00:07:27.000596	["2024-01-07 05:00:00+00",)	10.0.149.1/24	000010010101	pg_class
150	151	open	169.51	21.428572	NaN	12 years 6 mons 300 days 00:07:30.0006	["2024-01-07 06:00:00+00",)	10.0.150.1/24	000010010110	pg_class
151	152	paid	170.64	21.571428	-Infinity	12 years 7 mons 302 days 00:07:33.000604	["2024-01-07 07:00:00+00",)	10.0.151.1/24	000010010111	pg_class
152	153	sent	171.77	21.714285	50.666666666666664	12 years 8 mons 304 days 00:07:36.000608	["2024-01-07 08:00:00+00",)	10.0.152.1/24	000010011000	pg_class
153	154	open	172.90	21.857143	51	12 years 9 mons 306 days 00:07:39.000612	["2024-01-07 09:00:00+00",)	10.0.153.1/24	000010011001	pg_class
154	155	paid	174.03	22	51.333333333333336	12 years 10 mons 308 days 00:07:42.000616	["2024-01-07 10:00:00+00",)	10.0.154.1/24	000010011010	pg_class
155	156	sent	175.16	22.142857	51.666666666666664	12 years 11 mons 310 days 00:07:45.00062	["2024-01-07 11:00:00+00",)	10.0.155.1/24	000010011011	pg_class
156	157	open	176.29	22.285715	52	13 years 312 days 00:07:48.000624	["2024-01-07 12:00:00+00",)	10.0.156.1/24	000010011100	pg_class
157	158	paid	177.42	22.428572	52.333333333333336	13 years 1 mon 314 days 00:07:51.000628	["2024-01-07 13:00:00+00",)	10.0.157.1/24	000010011101	pg_class
158	159	sent	178.55	22.571428	52.666666666666664	13 years 2 mons 316 days 00:07:54.000632	["2024-01-07 14:00:00+00",)	10.0.158.1/24	000010011110	pg_class
159	160	open	179.68	22.714285	53	13 years 3 mons 318 days 00:07:57.000636	["2024-01-07 15:00:00+00",)	10.0.159.1/24	000010011111	pg_class
160	161	paid	180.81	22.857143	53.333333333333336	13 years 4 mons 320 days 00:08:00.00064	["2024-01-07 16:00:00+00",)	10.0.160.1/24	000010100000	pg_class
161	162	sent	181.94	23	53.666666666666664	13 years 5 mons 322 days 00:08:03.000644	["2024-01-07 17:00:00+00",)	10.0.161.1/24	000010100001	pg_class
162	163	open	183.07	23.142857	54	13 years 6 mons 324 days 00:08:06.000648	["2024-01-07 18:00:00+00",)	10.0.162.1/24	000010100010	pg_class
163	164	paid	184.20	23.285715	54.333333333333336	13 years 7 mons 326 days 00:08:09.000652	["2024-01-07 19:00:00+00",)	10.0.163.1/24	000010100011	pg_class
164	165	sent	185.33	23.428572	54.666666666666664	13 years 8 mons 328 days 00:08:12.000656	["2024-01-07 20:00:00+00",)	10.0.164.1/24	000010100100	pg_class
165	166	open	186.46	23.571428	55	13 years 9 mons 330 days 00:08:15.00066	["2024-01-07 21:00:00+00",)	10.0.165.1/24	000010100101	pg_class
166	167	paid	187.59	23.714285	55.333333333333336	13 years 10 mons 332 days 00:08:18.000664	["2024-01-07 22:00:00+00",)	10.0.166.1/24	000010100110	pg_class
167	168	sent	188.72	23.857143	55.666666666666664	13 years 11 mons 334 days 00:08:21.000668	["2024-01-07 23:00:00+00",)	10.0.167.1/24	000010100111	pg_class
168	169	open	189.85	24	56	14 years 336 days 00:08:24.000672	["2024-01-08 00:00:00+00",)	10.0.168.1/24	000010101000	pg_class
169	170	paid	190.98	24.142857	56.333333333333336	14 years 1 mon 338 days 00:08:27.000676	["2024-01-08 01:00:00+00",)	10.0.169.1/24	000010101001	pg_class
170	171	sent	192.11	24.285715	56.666666666666664	14 years 2 mons 340 days 00:08:30.00068	["2024-01-08 02:00:00+00",)	10.0.170.1/24	000010101010	pg_class
171	172	open	193.24	24.428572	57	14 years 3 mons 342 days 00:08:33.000684	["2024-01-08 03:00:00+00",)	10.0.171.1/24	000010101011	pg_class
172	173	paid	194.37	24.571428	57.333333333333336	14 years 4 mons 344 days 00:08:36.000688	["2024-01-08 04:00:00+00",)	10.0.172.1/24	000010101100	pg_class
173	174	sent	195.50	24.714285	57.666666666666664	14 years 5 mons 346 days 00:08:39.000692	["2024-01-08 05:00:00+00",)	10.0.173.1/24	000010101101	pg_class
174	175	open	196.63	24.857143	58	14 years 6 mons 348 days 00:08:42.000696	["2024-01-08 06:00:00+00",)	10.0.174.1/24	000010101110	pg_class
175	176	paid	197.76	25	58.333333333333336	14 years 7 mons 350 days 00:08:45.0007	["2024-01-08 07:00:00+00",)	10.0.175.1/24	000010101111	pg_class
176	177	sent	198.89	25.142857	58.666666666666664	14 years 8 mons 352 days 00:08:48.000704	["2024-01-08 08:00:00+00",)	10.0.176.1/24	000010110000	pg_class
177	178	open	200.02	25.285715	59	14 years 9 mons 354 days 00:08:51.000708	["2024-01-08 09:00:00+00",)	10.0.177.1/24	000010110001	pg_class
178	179	paid	201.15	25.428572	59.333333333333336	14 years 10 mons 356 days 00:08:54.000712	["2024-01-08 10:00:00+00",)	10.0.178.1/24	000010110010	pg_class
179	180	sent	202.28	25.571428	59.666666666666664	14 years 11 mons 358 days 00:08:57.000716	["2024-01-08 11:00:00+00",)	10.0.179.1/24	000010110011	pg_class
180	181	open	203.41	25.714285	60	15 years 360 days 00:09:00.00072	["2024-01-08 12:00:00+00",)	10.0.180.1/24	000010110100	pg_class
181	182	paid	204.54	25.857143	60.333333333333336	15 years 1 mon 362 days 00:09:03.000724	["2024-01-08 13:00:00+00",)	10.0.181.1/24	000010110101	pg_class
182	183	sent	205.67	26	60.666666666666664	15 years 2 mons 364 days 00:09:06.000728	["2024-01-08 14:00:00+00",)	10.0.182.1/24	000010110110	pg_class
183	184	open	206.80	26.142857	61	15 years 3 mons 366 days 00:09:09.000732	["2024-01-08 15:00:00+00",)	10.0.183.1/24	000010110111	pg_class
184	185	paid	207.93	26.285715	61.333333333333336	15 years 4 mons 368 days 00:09:12.000736	["2024-01-08 16:00:00+00",)	10.0.184.1/24	000010111000	pg_class
185	186	sent	209.06	26.428572	61.666666666666664	15 years 5 mons 370 days 00:09:15.00074	["2024-01-08 17:00:00+00",)	10.0.185.1/24	000010111001	pg_class
186	187	open	210.19	26.571428	62	15 years 6 mons 372 days 00:09:18.000744	["2024-01-08 18:00:00+00",)	10.0.186.1/24	000010111010	pg_class
187	188	paid	211.32	26.714285	62.333333333333336	15 years 7 mons 374 days 00:09:21.000748	["2024-01-08 19:00:00+00",)	10.0.187.1/24	000010111011	pg_class
188	189	sent	212.45	26.857143	62.666666666666664	15 years 8 mons 376 days 00:09:24.000752	["2024-01-08 20:00:00+00",)	10.0.188.1/24	000010111100	pg_class
189	190	open	213.58	27	63	15 years 9 mons 378 days 00:09:27.000756	["2024-01-08 21:00:00+00",)	10.0.189.1/24	000010111101	pg_class
190	191	paid	214.71	27.142857	63.333333333333336	15 years 10 mons 380 days 00:09:30.00076	["2024-01-08 22:00:00+00",)	10.0.190.1/24	000010111110	pg_class
191	192	sent	215.84	27.285715	63.666666666666664	15 years 11 mons 382 days 00:09:33.000764	["2024-01-08 23:00:00+00",)	10.0.191.1/24	000010111111	pg_class
192	193	open	216.97	27.428572	64	16 years 384 days 00:09:36.000768	["2024-01-09 00:00:00+00",)	10.0.192.1/24	000011000000	pg_class
193	194	paid	218.10	27.571428	64.33333333333333	16 years 1 mon 386 days 00:09:39.000772	["2024-01-09 01:00:00+00",)	10.0.193.1/24	000011000001	pg_class
194	195	sent	219.23	27.714285	64.66666666666667	16 years 2 mons 388 days 00:09:42.000776	["2024-01-09 02:00:00+00",)	10.0.194.1/24	000011000010	pg_class
195	196	open	220.36	27.857143	65	16 years 3 mons 390 days 00:09:45.00078	["2024-01-09 03:00:00+00",)	10.0.195.1/24	000011000011	pg_class
196	197	paid	221.49	28	65.33333333333333	16 years 4 mons 392 days 00:09:48.000784	["2024-01-09 04:00:00+00",)	10.0.196.1/24	000011000100	pg_class
197	198	sent	222.62	28.142857	65.66666666666667	16 years 5 mons 394 days 00:09:51.000788	["2024-01-09 05:00:00+00",)	10.0.197.1/24	000011000101	pg_class
198	199	open	223.75	28.285715	66	16 years 6 mons 396 days 00:09:54.000792	["2024-01-09 06:00:00+00",)	10.0.198.1/24	000011000110	pg_class
199	200	paid	224.88	28.428572	66.33333333333333	16 years 7 mons 398 days 00:09:57.000796	["2024-01-09 07:00:00+00",)	10.0.199.1/24	000011000111	pg_class
\.


--
-- Data for Name: orders_2; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.orders_2 (id, customer, state, amount, weight, distance, took, period, address, flags, source) FROM stdin;
200	201	sent	226.01	28.571428	NaN	16 years 8 mons 400 days 00:10:00.0008	["2024-01-09 08:00:00+00",)	10.0.200.1/24	000011001000	pg_class
201	202	open	227.14	28.714285	-Infinity	16 years 9 mons 402 days 00:10:03.000804	["2024-01-09 09:00:00+00",)	10.0.201.1/24	000011001001	pg_class
202	203	paid	228.27	28.857143	67.33333333333333	16 years 10 mons 404 days 00:10:06.000808	["2024-01-09 10:00:00+00",)	10.0.202.1/24	000011001010	pg_class
203	204	sent	229.40	29	67.66666666666667	16 years 11 mons 406 days 00:10:09.000812	["2024-01-09 11:00:00+00",)	10.0.203.1/24	000011001011	pg_class
204	205	open	230.53	29.142857	68	17 years 408 days 00:10:12.000816	["2024-01-09 12:00:00+00",)	10.0.204.1/24	000011001100	pg_class
205	206	paid	231.66	29.285715	68.33333333333333	17 years 1 mon 410 days 00:10:15.00082	["2024-01-09 13:00:00+00",)	10.0.205.1/24	000011001101	pg_class
206	207	sent	232.79	29.428572	68.66666666666667	17 years 2 mons 412 days 00:10:18.000824	["2024-01-09 14:00:00+00",)	10.0.206.1/24	000011001110	pg_class
207	208	open	233.92	29.571428	69	17 years 3 mons 414 days 00:10:21.000828	["2024-01-09 15:00:00+00",)	10.0.207.1/24	000011001111	pg_class
208	209	paid	235.05	29.714285	69.33333333333333	17 years 4 mons 416 days 00:10:24.000832	["2024-01-09 16:00:00+00",)	10.0.208.1/24	000011010000	pg_class
209	210	sent	236.18	29.857143	69.66666666666667	17 years 5 mons 418 days 00:10:27.000836	["2024-01-09 17:00:00+00",)	10.0.209.1/24	000011010001	pg_class
210	211	open	237.31	30	70	17 years 6 mons 420 days 00:10:30.00084	["2024-01-09 18:00:00+00",)	10.0.210.1/24	000011010010	pg_class
211	212	paid	238.44	30.142857	70.33333333333333	17 years 7 mons 422 days 00:10:33.000844	["2024-01-09 19:00:00+00",)	10.0.211.1/24	000011010011	pg_class
212	213	sent	239.57	30.285715	70.66666666666667	17 years 8 mons 424 days 00:10:36.000848	["2024-01-09 20:00:00+00",)	10.0.212.1/24	000011010100	pg_class
213	214	open	240.70	30.428572	71	17 years 9 mons 426 days 00:10:39.000852	["2024-01-09 21:00:00+00",)	10.0.213.1/24	000011010101	pg_class
214	215	paid	241.83	30.571428	71.33333333333333	17 years 10 mons 428 days 00:10:42.000856	["2024-01-09 22:00:00+00",)	10.0.214.1/24	000011010110	pg_class
215	216	sent	242.96	30.714285	71.66666666666667	17 years 11 mons 430 days 00:10:45.00086	["2024-01-09 23:00:00+00",)	10.0.215.1/24	000011010111	pg_class
216	217	open	244.09	30.857143	72	18 years 432 days 00:10:48.000864	["2024-01-10 00:00:00+00",)	10.0.216.1/24	000011011000	pg_class
217	218	paid	245.22	31	72.33333333333333	18 years 1 mon 434 days 00:10:51.000868	["2024-01-10 01:00:00+00",)	10.0.217.1/24	000011011001	pg_class
218	219	sent	246.35	31.142857	72.66666666666667	18 years 2 mons 436 days 00:10:54.000872	["2024-01-10 02:00:00+00",)	10.0.218.1/24	000011011010	pg_class
219	220	open	247.48	31.285715	73	18 years 3 mons 438 days 00:10:57.000876	["2024-01-10 03:00:00+00",)	10.0.219.1/24	000011011011	pg_class
220	221	paid	248.61	31.428572	73.33333333333333	18 years 4 mons 440 days 00:11:00.00088	["2024-01-10 04:00:00+00",)	10.0.220.1/24	000011011100	pg_class
221	222	sent	249.74	31.571428	73.66666666666667	18 years 5 mons 442 days 00:11:03.000884	["2024-01-10 05:00:00+00",)	10.0.221.1/24	000011011101	pg_class
222	223	open	250.87	31.714285	74	18 years 6 mons 444 days 00:11:06.000888	["2024-01-10 06:00:00+00",)	10.0.222.1/24	000011011110	pg_class
223	224	paid	252.00	31.857143	74.33333333333333	18 years 7 mons 446 days 00:11:09.000892	["2024-01-10 07:00:00+00",)	10.0.223.1/24	000011011111	pg_class
224	225	sent	253.13	32	74.66666666666667	18 years 8 mons 448 days 00:11:12.000896	["2024-01-10 08:00:00+00",)	10.0.224.1/24	000011100000	pg_class
225	226	open	254.26	32.142857	75	18 years 9 mons 450 days 00:11:15.0009	["2024-01-10 09:00:00+00",)	10.0.225.1/24	000011100001	pg_class
226	227	paid	255.39	32.285713	75.33333333333333	18 years 10 mons 452 days 00:11:18.000904	["2024-01-10 10:00:00+00",)	10.0.226.1/24	000011100010	pg_class
227	228	sent	256.52	32.42857	75.66666666666667	18 years 11 mons 454 days 00:11:21.000908	["2024-01-10 11:00:00+00",)	10.0.227.1/24	000011100011	pg_class
228	229	open	257.65	32.57143	76	19 years 456 days 00:11:24.000912	["2024-01-10 12:00:00+00",)	10.0.228.1/24	000011100100	pg_class
229	230	paid	258.78	32.714287	76.33333333333333	19 years 1 mon 458 days 00:11:27.000916	["2024-01-10 13:00:00+00",)	10.0.229.1/24	000011100101	pg_class
230	231	sent	259.91	32.857143	76.66666666666667	19 years 2 mons 460 days 00:11:30.00092	["2024-01-10 14:00:00+00",)	10.0.230.1/24	000011100110	pg_class
231	232	open	261.04	33	77	19 years 3 mons 462 days 00:11:33.000924	["2024-01-10 15:00:00+00",)	10.0.231.1/24	000011100111	pg_class
232	233	paid	262.17	33.142857	77.33333333333333	19 years 4 mons 464 days 00:11:36.000928	["2024-01-10 16:00:00+00",)	10.0.232.1/24	000011101000	pg_class
233	234	sent	263.30	33.285713	77.66666666666667	19 years 5 mons 466 days 00:11:39.000932	["2024-01-10 17:00:00+00",)	10.0.233.1/24	000011101001	pg_class
234	235	open	264.43	33.42857	78	19 years 6 mons 468 days 00:11:42.000936	["2024-01-10 18:00:00+00",)	10.0.234.1/24	000011101010	pg_class
235	236	paid	265.56	33.57143	78.33333333333333	19 years 7 mons 470 days 00:11:45.00094	["2024-01-10 19:00:00+00",)	10.0.235.1/24	000011101011	pg_class
236	237	sent	266.69	33.714287	78.66666666666667	19 years 8 mons 472 days 00:11:48.000944	["2024-01-10 20:00:00+00",)	10.0.236.1/24	000011101100	pg_class
237	238	open	267.82	33.857143	79	19 years 9 mons 474 days 00:11:51.000948	["2024-01-10 21:00:00+00",)	10.0.237.1/24	000011101101	pg_class
238	239	paid	268.95	34	79.33333333333333	19 years 10 mons 476 days 00:11:54.000952	["2024-01-10 22:00:00+00",)	10.0.238.1/24	000011101110	pg_class
239	240	sent	270.08	34.142857	79.66666666666667	19 years 11 mons 478 days 00:11:57.000956	["2024-01-10 23:00:00+00",)	10.0.239.1/24	000011101111	pg_class
240	241	open	271.21	34.285713	80	20 years 480 days 00:12:00.00096	["2024-01-11 00:00:00+00",)	10.0.240.1/24	000011110000	pg_class
241	242	paid	272.34	34.42857	80.33333333333333	20 years 1 mon 482 days 00:12:03.000964	["2024-01-11 01:00:00+00",)	10.0.241.1/24	000011110001	pg_class
242	243	sent	273.47	34.57143	80.66666666666667	20 years 2 mons 484 days 00:12:06.000968	["2024-01-11 02:00:00+00",)	10.0.242.1/24	000011110010	pg_class
243	244	open	274.60	34.714287	81	20 years 3 mons 486 days 00:12:09.000972	["2024-01-11 03:00:00+00",)	10.0.243.1/24	000011110011	pg_class
244	245	paid	275.73	34.857143	81.33333333333333	20 years 4 mons 488 days 00:12:12.000976	["2024-01-11 04:00:00+00",)	10.0.244.1/24	000011110100	pg_class
245	246	sent	276.86	35	81.66666666666667	20 years 5 mons 490 days 00:12:15.00098	["2024-01-11 05:00:00+00",)	10.0.245.1/24	000011110101	pg_class
246	247	open	277.99	35.142857	82	20 years 6 mons 492 days 00:12:18.000984	["2024-01-11 06:00:00+00",)	10.0.246.1/24	000011110110	pg_class
247	248	paid	279.12	35.285713	82.33333333333333	20 years 7 mons 494 days 00:12:21.000988	["2024-01-11 07:00:00+00",)	10.0.247.1/24	000011110111	pg_class
248	249	sent	280.25	35.42857	82.66666666666667	20 years 8 mons 496 days 00:12:24.000992	["2024-01-11 08:00:00+00",)	10.0.248.1/24	000011111000	pg_class
249	250	open	281.38	35.57143	83	20 years 9 mons 498 days 00:12:27.000996	["2024-01-11 09:00:00+00",)	10.0.249.1/24	000011111001	pg_class
250	251	paid	282.51	35.714287	NaN	20 years 10 mons 500 days 00:12:30.001	["2024-01-11 10:00:00+00",)	10.0.250.1/24	000011111010	pg_class
251	252	sent	283.64	35.857143	-Infinity	20 years 11 mons 502 days 00:12:33.001004	["2024-01-11 11:00:00+00",)	10.0.251.1/24	000011111011	pg_class
252	253	open	284.77	36	84	21 years 504 days 00:12:36.001008	["2024-01-11 12:00:00+00",)	10.0.252.1/24	000011111100	pg_class
253	254	paid	285.90	36.142857	84.33333333333333	21 years 1 mon 506 days 00:12:39.001012	["2024-01-11 13:00:00+00",)	10.0.253.1/24	000011111101	pg_class
254	255	sent	287.03	36.285713	84.66666666666667	21 years 2 mons 508 days 00:12:42.001016	["2024-01-11 14:00:00+00",)	10.0.254.1/24	000011111110	pg_class
255	256	open	288.16	36.42857	85	21 years 3 mons 510 days 00:12:45.00102	["2024-01-11 15:00:00+00",)	10.0.255.1/24	000011111111	pg_class
256	257	paid	289.29	36.57143	85.33333333333333	21 years 4 mons 512 days 00:12:48.001024	["2024-01-11 16:00:00+00",)	10.0.0.1/24	000100000000	pg_class
257	258	sent	290.42	36.714287	85.66666666666667	21 years 5 mons 514 days 00:12:51.001028	["2024-01-11 17:00:00+00",)	10.0.1.1/24	000100000001	pg_class
258	259	open	291.55	36.857143	86	21 years 6 mons 516 days 00:12:54.001032	["2024-01-11 18:00:00+00",)	10.0.2.1/24	000100000010	pg_class
259	260	paid	292.68	37	86.33333333333333	21 years 7 mons 518 days 00:12:57.001036	["2024-01-11 19:00:00+00",)	10.0.3.1/24	000100000011	pg_class
260	261	sent	293.81	37.142857	86.66666666666667	21 years 8 mons 520 days 00:13:00.00104	["2024-01-11 20:00:00+00",)	10.0.4.1/24	000100000100	pg_class
261	262	open	294.94	37.285713	87	21 years 9 mons 522 days 00:13:03.001044	["2024-01-11 21:00:00+00",)	10.0.5.1/24	000100000101	pg_class
262	263	paid	296.07	37.42857	87.33333333333333	21 years 10 mons 524 days 00:13:06.001048	["2024-01-11 22:00:00+00",)	10.0.6.1/24	000100000110	pg_class
263	264	sent	297.20	37.57143	87.66666666666667	21 years 11 mons 526 days 00:13:09.001052	["2024-01-11 23:00:00+00",)	10.0.7.1/24	000100000111	pg_class
264	265	open	298.33	37.714287	88	22 years 528 days 00:13:12.001056	["2024-01-12 00:00:00+00",)	10.0.8.1/24	000100001000	pg_class
265	266	paid	299.46	37.857143	88.33333333333333	22 years 1 mon 530 days 00:13:15.00106	["2024-01-12 01:00:00+00",)	10.0.9.1/24	000100001001	pg_class
266	267	sent	300.59	38	88.66666666666667	22 years 2 mons 532 days 00:13:18.001064	["2024-01-12 02:00:00+00",)	10.0.10.1/24	000100001010	pg_class
267	268	open	301.72	38.142857	89	22 years 3 mons 534 days 00:13:21.001068	["2024-01-12 03:00:00+00",)	10.0.11.1/24	000100001011	pg_class
268	269	paid	302.85	38.285713	89.33333333333333	22 years 4 mons 536 days 00:13:24.001072	["2024-01-12 04:00:00+00",)	10.0.12.1/24	000100001100	pg_class
269	270	sent	303.98	38.42857	89.66666666666667	22 years 5 mons 538 days 00:13:27.001076	["2024-01-12 05:00:00+00",)	10.0.13.1/24	000100001101	pg_class
270	271	open	305.11	38.57143	90	22 years 6 mons 540 days 00:13:30.00108	["2024-01-12 06:00:00+00",)	10.0.14.1/24	000100001110	pg_class
271	272	paid	306.24	38.714287	90.33333333333333	22 years 7 mons 542 days 00:13:33.001084	["2024-01-12 07:00:00+00",)	10.0.15.1/24	000100001111	pg_class
272	273	sent	307.37	38.857143	90.66666666666667	22 years 8 mons 544 days 00:13:36.001088	["2024-01-12 08:00:00+00",)	10.0.16.1/24	000100010000	pg_class
273	274	open	308.50	39	91	22 years 9 mons 546 days 00:13:39.001092	["2024-01-12 09:00:00+00",)	10.0.17.1/24	000100010001	pg_class
274	275	paid	309.63	39.142857	91.33333333333333	22 years 10 mons 548 days 00:13:42.001096	["2024-01-12 10:00:00+00",)	10.0.18.1/24	000100010010	pg_class
275	276	sent	310.76	39.285713	91.66666666666667	22 years 11 mons 550 days 00:13:45.0011	["2024-01-12 11:00:00+00",)	10.0.19.1/24	000100010011	pg_class
276	277	open	311.89	39.42857	92	23 years 552 days 00:13:48.001104	["2024-01-12 12:00:00+00",)	10.0.20.1/24	000100010100	pg_class
277	278	paid	313.02	39.57143	92.33333333333333	23 years 1 mon 554 days 00:13:51.001108	["2024-01-12 13:00:00+00",)	10.0.21.1/24	000100010101	pg_class
278	279	sent	314.15	39.714287	92.66666666666667	23 years 2 mons 556 days 00:13:54.001112	["2024-01-12 14:00:00+00",)	10.0.22.1/24	000100010110	pg_class
279	280	open	315.28	39.857143	93	23 years 3 mons 558 days 00:13:57.001116	["2024-01-12 15:00:00+00",)	10.0.23.1/24	000100010111	pg_class
280	281	paid	316.41	40	93.33333333333333	23 years 4 mons 560 days 00:14:00.00112	["2024-01-12 16:00:00+00",)	10.0.24.1/24	000100011000	pg_class
281	282	sent	317.54	40.142857	93.66666666666667	23 years 5 mons 562 days 00:14:03.001124	["2024-01-12 17:00:00+00",)	10.0.25.1/24	000100011001	pg_class
282	283	open	318.67	40.285713	94	23 years 6 mons 564 days 00:14:06.001128	["2024-01-12 18:00:00+00",)	10.0.26.1/24	000100011010	pg_class
283	284	paid	319.80	40.42857	94.33333333333333	23 years 7 mons 566 days 00:14:09.001132	["2024-01-12 19:00:00+00",)	10.0.27.1/24	000100011011	pg_class
284	285	sent	320.93	40.57143	94.66666666666667	23 years 8 mons 568 days 00:14:12.001136	["2024-01-12 20:00:00+00",)	10.0.28.1/24	000100011100	pg_class
285	286	open	322.06	40.714287	95	23 years 9 mons 570 days 00:14:15.00114	["2024-01-12 21:00:00+00",)	10.0.29.1/24	000100011101	pg_class
286	287	paid	323.19	40.857143	95.33333333333333	23 years 10 mons 572 days 00:14:18.001144	["2024-01-12 22:00:00+00",)	10.0.30.1/24	000100011110	pg_class
287	288	sent	324.32	41	95.66666666666667	23 years 11 mons 574 days 00:14:21.001148	["2024-01-12 23:00:00+00",)	10.0.31.1/24	000100011111	pg_class
288	289	open	325.45	41.142857	96	24 years 576 days 00:14:24.001152	["2024-01-13 00:00:00+00",)	10.0.32.1/24	000100100000	pg_class
289	290	paid	326.58	41.285713	96.33333333333333	24 years 1 mon 578 days 00:14:27.001156	["2024-01-13 01:00:00+00",)	10.0.33.1/24	000100100001	pg_class
290	291	sent	327.71	41.42857	96.66666666666667	24 years 2 mons 580 days 00:14:30.00116	["2024-01-13 02:00:00+00",)	10.0.34.1/24	000100100010	pg_class
291	292	open	328.84	41.57143	97	24 years 3 mons 582 days 00:14:33.001164	["2024-01-13 03:00:00+00",)	10.0.35.1/24	000100100011	pg_class
292	293	paid	329.97	41.714287	97.33333333333333	24 years 4 mons 584 days 00:14:36.001168	["2024-01-13 04:00:00+00",)	10.0.36.1/24	000100100100	pg_class
293	294	sent	331.10	41.857143	97.66666666666667	24 years 5 mons 586 days 00:14:39.001172	["2024-01-13 05:00:00+00",)	10.0.37.1/24	000100100101	pg_class
294	295	open	332.23	42	98	24 years 6 mons 588 days 00:14:42.001176	["2024-01-13 06:00:00+00",)	10.0.38.1/24	000100100110	pg_class
295	296	paid	333.36	42.142857	98.33333333333333	24 years 7 mons 590 days 00:14:45.00118	["2024-01-13 07:00:00+00",)	10.0.39.1/24	000100100111	pg_class
296	297	sent	334.49	42.285713	98.66666666666667	24 years 8 mons 592 days 00:14:48.001184	["2024-01-13 08:00:00+00",)	10.0.40.1/24	000100101000	pg_class
297	298	open	335.62	42.42857	99	24 years 9 mons 594 days 00:14:51.001188	["2024-01-13 09:00:00+00",)	10.0.41.1/24	000100101001	pg_class
298	299	paid	336.75	42.57143	99.33333333333333	24 years 10 mons 596 days 00:14:54.001192	["2024-01-13 10:00:00+00",)	10.0.42.1/24	000100101010	pg_class
299	300	sent	337.88	42.714287	99.66666666666667	24 years 11 mons 598 days 00:14:57.001196	["2024-01-13 11:00:00+00",)	10.0.43.1/24	000100101011	pg_class
300	1	open	339.01	42.857143	NaN	25 years 600 days 00:15:00.0012	["2024-01-13 12:00:00+00",)	10.0.44.1/24	000100101100	pg_class
301	2	paid	340.14	43	-Infinity	25 years 1 mon 602 days 00:15:03.001204	["2024-01-13 13:00:00+00",)	10.0.45.1/24	000100101101	pg_class
302	3	sent	341.27	43.142857	100.66666666666667	25 years 2 mons 604 days 00:15:06.001208	["2024-01-13 14:00:00+00",)	10.0.46.1/24	000100101110	pg_class
303	4	open	342.40	43.285713	101	25 years 3 mons 606 days 00:15:09.001212	["2024-01-13 15:00:00+00",)	10.0.47.1/24	000100101111	pg_class
304	5	paid	343.53	43.42857	101.33333333333333	25 years 4 mons 608 days 00:15:12.001216	["2024-01-13 16:00:00+00",)	10.0.48.1/24	000100110000	pg_class
305	6	sent	344.66	43.57143	101.66666666666667	25 years 5 mons 610 days 00:15:15.00122	["2024-01-13 17:00:00+00",)	10.0.49.1/24	000100110001	pg_class
306	7	open	345.79	43.714287	102	25 years 6 mons 612 days 00:15:18.001224	["2024-01-13 18:00:00+00",)	10.0.50.1/24	000100110010	pg_class
307	8	paid	346.92	43.857143	102.33333333333333	25 years 7 mons 614 days 00:15:21.001228	["2024-01-13 19:00:00+00",)	10.0.51.1/24	000100110011	pg_class
308	9	sent	348.05	44	102.66666666666667	25 years 8 mons 616 days 00:15:24.001232	["2024-01-13 20:00:00+00",)	10.0.52.1/24	000100110100	pg_class
309	10	open	349.18	44.142857	103	25 years 9 mons 618 days 00:15:27.001236	["2024-01-13 21:00:00+00",)	10.0.53.1/24	000100110101	pg_class
310	11	paid	350.31	44.285713	103.33333333333333	25 years 10 mons 620 days 00:15:30.00124	["2024-01-13 22:00:00+00",)	10.0.54.1/24	000100110110	pg_class
311	12	sent	351.44	44.42857	103.66666666666667	25 years 11 mons 622 days 00:15:33.001244	["2024-01-13 23:00:00+00",)	10.0.55.1/24	000100110111	pg_class
312	13	open	352.57	44.57143	104	26 years 624 days 00:15:36.001248	["2024-01-14 00:00:00+00",)	10.0.56.1/24	000100111000	pg_class
313	14	paid	353.70	44.714287	104.33333333333333	26 years 1 mon 626 days 00:15:39.001252	["2024-01-14 01:00:00+00",)	10.0.57.1/24	000100111001	pg_class
314	15	sent	354.83	44.857143	104.66666666666667	26 years 2 mons 628 days 00:15:42.001256	["2024-01-14 02:00:00+00",)	10.0.58.1/24	000100111010	pg_class
315	16	open	355.96	45	105	26 years 3 mons 630 days 00:15:45.00126	["2024-01-14 03:00:00+00",)	10.0.59.1/24	000100111011	pg_class
316	17	paid	357.09	45.142857	105.33333333333333	26 years 4 mons 632 days 00:15:48.001264	["2024-01-14 04:00:00+00",)	10.0.60.1/24	000100111100	pg_class
317	18	sent	358.22	45.285713	105.66666666666667	26 years 5 mons 634 days 00:15:51.001268	["2024-01-14 05:00:00+00",)	10.0.61.1/24	000100111101	pg_class
318	19	open	359.35	45.42857	106	26 years 6 mons 636 days 00:15:54.001272	["2024-01-14 06:00:00+00",)	10.0.62.1/24	000100111110	pg_class
319	20	paid	360.48	45.57143	106.33333333333333	26 years 7 mons 638 days 00:15:57.001276	["2024-01-14 07:00:00+00",)	10.0.63.1/24	000100111111	pg_class
320	21	sent	361.61	45.714287	106.66666666666667	26 years 8 mons 640 days 00:16:00.00128	["2024-01-14 08:00:00+00",)	10.0.64.1/24	000101000000	pg_class
321	22	open	362.74	45.857143	107	26 years 9 mons 642 days 00:16:03.001284	["2024-01-14 09:00:00+00",)	10.0.65.1/24	000101000001	pg_class
322	23	paid	363.87	46	107.33333333333333	26 years 10 mons 644 days 00:16:06.001288	["2024-01-14 10:00:00+00",)	10.0.66.1/24	000101000010	pg_class
323	24	sent	365.00	46.142857	107.66666666666667	26 years 11 mons 646 days 00:16:09.001292	["2024-01-14 11:00:00+00",)	10.0.67.1/24	000101000011	pg_class
324	25	open	366.13	46.285713	108	27 years 648 days 00:16:12.001296	["2024-01-14 12:00:00+00",)	10.0.68.1/24	000101000100	pg_class
325	26	paid	367.26	46.42857	108.33333333333333	27 years 1 mon 650 days 00:16:15.0013	["2024-01-14 13:00:00+00",)	10.0.69.1/24	000101000101	pg_class
326	27	sent	368.39	46.57143	108.66666666666667	27 years 2 mons 652 days 00:16:18.001304	["2024-01-14 14:00:00+00",)	10.0.70.1/24	000101000110	pg_class
327	28	open	369.52	46.714287	109	27 years 3 mons 654 days 00:16:21.001308	["2024-01-14 15:00:00+00",)	10.0.71.1/24	000101000111	pg_class
328	29	paid	370.65	46.857143	109.33333333333333	27 years 4 mons 656 days 00:16:24.001312	["2024-01-14 16:00:00+00",)	10.0.72.1/24	000101001000	pg_class
329	30	sent	371.78	47	109.66666666666667	27 years 5 mons 658 days 00:16:27.001316	["2024-01-14 17:00:00+00",)	10.0.73.1/24	000101001001	pg_class
330	31	open	372.91	47.142857	110	27 years 6 mons 660 days 00:16:30.00132	["2024-01-14 18:00:00+00",)	10.0.74.1/24	000101001010	pg_class
331	32	paid	374.04	47.285713	110.33333333333333	27 years 7 mons 662 days 00:16:33.001324	["2024-01-14 19:00:00+00",)	10.0.75.1/24	000101001011	pg_class
332	33	sent	375.17	47.42857	110.66666666666667	27 years 8 mons 664 days 00:16:36.001328	["2024-01-14 20:00:00+00",)	10.0.76.1/24	000101001100	pg_class
333	34	open	376.30	47.57143	111	27 years 9 mons 666 days 00:16:39.001332	["2024-01-14 21:00:00+00",)	10.0.77.1/24	000101001101	pg_class
334	35	paid	377.43	47.714287	111.33333333333333	27 years 10 mons 668 days 00:16:42.001336	["2024-01-14 22:00:00+00",)	10.0.78.1/24	000101001110	pg_class
335	36	sent	378.56	47.857143	111.66666666666667	27 years 11 mons 670 days 00:16:45.00134	["2024-01-14 23:00:00+00",)	10.0.79.1/24	000101001111	pg_class
336	37	open	379.69	48	112	28 years 672 days 00:16:48.001344	["2024-01-15 00:00:00+00",)	10.0.80.1/24	000101010000	pg_class
337	38	paid	380.82	48.142857	112.33333333333333	28 years 1 mon 674 days 00:16:51.001348	["2024-01-15 01:00:00+00",)	10.0.81.1/24	000101010001	pg_class
338	39	sent	381.95	48.285713	112.66666666666667	28 years 2 mons 676 days 00:16:54.001352	["2024-01-15 02:00:00+00",)	10.0.82.1/24	000101010010	pg_class
339	40	open	383.08	48.42857	113	28 years 3 mons 678 days 00:16:57.001356	["2024-01-15 03:00:00+00",)	10.0.83.1/24	000101010011	pg_class
340	41	paid	384.21	48.57143	113.33333333333333	28 years 4 mons 680 days 00:17:00.00136	["2024-01-15 04:00:00+00",)	10.0.84.1/24	000101010100	pg_class
341	42	sent	385.34	48.714287	113.66666666666667	28 years 5 mons 682 days 00:17:03.001364	["2024-01-15 05:00:00+00",)	10.0.85.1/24	000101010101	pg_class
342	43	open	386.47	48.857143	114	28 years 6 mons 684 days 00:17:06.001368	["2024-01-15 06:00:00+00",)	10.0.86.1/24	000101010110	pg_class
343	44	paid	387.60	49	114.33333333333333	28 years 7 mons 686 days 00:17:09.001372	["2024-01-15 07:00:00+00",)	10.0.87.1/24	000101010111	pg_class
344	45	sent	388.73	49.142857	114.66666666666667	28 years 8 mons 688 days 00:17:12.001376	["2024-01-15 08:00:00+00",)	10.0.88.1/24	000101011000	pg_class
345	46	open	389.86	49.285713	115	28 years 9 mons 690 days 00:17:15.00138	["2024-01-15 09:00:00+00",)	10.0.89.1/24	000101011001	pg_class
346	47	paid	390.99	49.42857	115.33333333333333	28 years 10 mons 692 days 00:17:18.001384	["2024-01-15 10:00:00+00",)	10.0.90.1/24	000101011010	pg_class
347	48	sent	392.12	49.57143	115.66666666666667	28 years 11 mons 694 days 00:17:21.001388	["2024-01-15 11:00:00+00",)	10.0.91.1/24	000101011011	pg_class
348	49	open	393.25	49.714287	116	29 years 696 days 00:17:24.001392	["2024-01-15 12:00:00+00",)	10.0.92.1/24	000101011100	pg_class
349	50	paid	394.38	49.857143	116.33333333333333	29 years 1 mon 698 days 00:17:27.001396	["2024-01-15 13:00:00+00",)	10.0.93.1/24	000101011101	pg_class
350	51	sent	395.51	50	NaN	29 years 2 mons 700 days 00:17:30.0014	["2024-01-15 14:00:00+00",)	10.0.94.1/24	000101011110	pg_class
351	52	open	396.64	50.142857	-Infinity	29 years 3 mons 702 days 00:17:33.001404	["2024-01-15 15:00:00+00",)	10.0.95.1/24	000101011111	pg_class
352	53	paid	397.77	50.285713	117.33333333333333	29 years 4 mons 704 days 00:17:36.001408	["2024-01-15 16:00:00+00",)	10.0.96.1/24	000101100000	pg_class
353	54	sent	398.90	50.42857	117.66666666666667	29 years 5 mons 706 days 00:17:39.001412	["2024-01-15 17:00:00+00",)	10.0.97.1/24	000101100001	pg_class
354	55	open	400.03	50.57143	118	29 years 6 mons 708 days 00:17:42.001416	["2024-01-15 18:00:00+00",)	10.0.98.1/24	000101100010	pg_class
355	56	paid	401.16	50.714287	118.33333333333333	29 years 7 mons 710 days 00:17:45.00142	["2024-01-15 19:00:00+00",)	10.0.99.1/24	000101100011	pg_class
356	57	sent	402.29	50.857143	118.66666666666667	29 years 8 mons 712 days 00:17:48.001424	["2024-01-15 20:00:00+00",)	10.0.100.1/24	000101100100	pg_class
357	58	open	403.42	51	119	29 years 9 mons 714 days 00:17:51.001428	["2024-01-15 21:00:00+00",)	10.0.101.1/24	000101100101	pg_class
358	59	paid	404.55	51.142857	119.33333333333333	29 years 10 mons 716 days 00:17:54.001432	["2024-01-15 22:00:00+00",)	10.0.102.1/24	000101100110	pg_class
359	60	sent	405.68	51.285713	119.66666666666667	29 years 11 mons 718 days 00:17:57.001436	["2024-01-15 23:00:00+00",)	10.0.103.1/24	000101100111	pg_class
360	61	open	406.81	51.42857	120	30 years 720 days 00:18:00.00144	["2024-01-16 00:00:00+00",)	10.0.104.1/24	000101101000	pg_class
361	62	paid	407.94	51.57143	120.33333333333333	30 years 1 mon 722 days 00:18:03.001444	["2024-01-16 01:00:00+00",)	10.0.105.1/24	000101101001	pg_class
362	63	sent	409.07	51.714287	120.66666666666667	30 years 2 mons 724 days 00:18:06.001448	["2024-01-16 02:00:00+00",)	10.0.106.1/24	000101101010	pg_class
363	64	open	410.20	51.857143	121	30 years 3 mons 726 days 00:18:09.001452	["2024-01-16 03:00:00+00",)	10.0.107.1/24	000101101011	pg_class
364	65	paid	411.33	52	121.33333333333333	30 years 4 mons 728 days 00:18:12.001456	["2024-01-16 04:00:00+00",)	10.0.108.1/24	000101101100	pg_class
365	66	sent	412.46	52.142857	121.66666666666667	30 years 5 mons 730 days 00:18:15.00146	["2024-01-16 05:00:00+00",)	10.0.109.1/24	000101101101	pg_class
366	67	open	413.59	52.285713	122	30 years 6 mons 732 days 00:18:18.001464	["2024-01-16 06:00:00+00",)	10.0.110.1/24	000101101110	pg_class
367	68	paid	414.72	52.42857	122.33333333333333	30 years 7 mons 734 days 00:18:21.001468	["2024-01-16 07:00:00+00",)	10.0.111.1/24	000101101111	pg_class
368	69	sent	415.85	52.57143	122.66666666666667	30 years 8 mons 736 days 00:18:24.001472	["2024-01-16 08:00:00+00",)	10.0.112.1/24	000101110000	pg_class
369	70	open	416.98	52.714287	123	30 years 9 mons 738 days 00:18:27.001476	["2024-01-16 09:00:00+00",)	10.0.113.1/24	000101110001	pg_class
370	71	paid	418.11	52.857143	123.33333333333333	30 years 10 mons 740 days 00:18:30.00148	["2024-01-16 10:00:00+00",)	10.0.114.1/24	000101110010	pg_class
371	72	sent	419.24	53	123.66666666666667	30 years 11 mons 742 days 00:18:33.001484	["2024-01-16 11:00:00+00",)	10.0.115.1/24	000101110011	pg_class
372	73	open	420.37	53.142857	124	31 years 744 days 00:18:36.001488	["2024-01-16 12:00:00+00",)	10.0.116.1/24	000101110100	pg_class
373	74	paid	421.50	53.285713	124.33333333333333	31 years 1 mon 746 days 00:18:39.001492	["2024-01-16 13:00:00+00",)	10.0.117.1/24	000101110101	pg_class
374	75	sent	422.63	53.42857	124.66666666666667	31 years 2 mons 748 days 00:18:42.001496	["2024-01-16 14:00:00+00",)	10.0.118.1/24	000101110110	pg_class
375	76	open	423.76	53.57143	125	31 years 3 mons 750 days 00:18:45.0015	["2024-01-16 15:00:00+00",)	10.0.119.1/24	000101110111	pg_class
376	77	paid	424.89	53.714287	125.33333333333333	31 years 4 mons 752 days 00:18:48.001504	["2024-01-16 16:00:00+00",)	10.0.120.1/24	000101111000	pg_class
377	78	sent	426.02	53.857143	125.66666666666667	31 years 5 mons 754 days 00:18:51.001508	["2024-01-16 17:00:00+00",)	10.0.121.1/24	000101111001	pg_class
378	79	open	427.15	54	126	31 years 6 mons 756 days 00:18:54.001512	["2024-01-16 18:00:00+00",)	10.0.122.1/24	000101111010	pg_class
379	80	paid	428.28	54.142857	126.33333333333333	31 years 7 mons 758 days 00:18:57.001516	["2024-01-16 19:00:00+00",)	10.0.123.1/24	000101111011	pg_class
380	81	sent	429.41	54.285713	126.66666666666667	31 years 8 mons 760 days 00:19:00.00152	["2024-01-16 20:00:00+00",)	10.0.124.1/24	000101111100	pg_class
381	82	open	430.54	54.42857	127	31 years 9 mons 762 days 00:19:03.001524	["2024-01-16 21:00:00+00",)	10.0.125.1/24	000101111101	pg_class
382	83	paid	431.67	54.57143	127.33333333333333	31 years 10 mons 764 days 00:19:06.001528	["2024-01-16 22:00:00+00",)	10.0.126.1/24	000101111110	pg_class
383	84	sent	432.80	54.714287	127.66666666666667	31 years 11 mons 766 days 00:19:09.001532	["2024-01-16 23:00:00+00",)	10.0.127.1/24	000101111111	pg_class
384	85	open	433.93	54.857143	128	32 years 768 days 00:19:12.001536	["2024-01-17 00:00:00+00",)	10.0.128.1/24	000110000000	pg_class
385	86	paid	435.06	55	128.33333333333334	32 years 1 mon 770 days 00:19:15.00154	["2024-01-17 01:00:00+00",)	10.0.129.1/24	000110000001	pg_class
386	87	sent	436.19	55.142857	128.66666666666666	32 years 2 mons 772 days 00:19:18.001544	["2024-01-17 02:00:00+00",)	10.0.130.1/24	000110000010	pg_class
387	88	open	437.32	55.285713	129	32 years 3 mons 774 days 00:19:21.001548	["2024-01-17 03:00:00+00",)	10.0.131.1/24	000110000011	pg_class
388	89	paid	438.45	55.42857	129.33333333333334	32 years 4 mons 776 days 00:19:24.001552	["2024-01-17 04:00:00+00",)	10.0.132.1/24	000110000100	pg_class
389	90	sent	439.58	55.57143	129.66666666666666	32 years 5 mons 778 days 00:19:27.001556	["2024-01-17 05:00:00+00",)	10.0.133.1/24	000110000101	pg_class
390	91	open	440.71	55.714287	130	32 years 6 mons 780 days 00:19:30.00156	["2024-01-17 06:00:00+00",)	10.0.134.1/24	000110000110	pg_class
391	92	paid	441.84	55.857143	130.33333333333334	32 years 7 mons 782 days 00:19:33.001564	["2024-01-17 07:00:00+00",)	10.0.135.1/24	000110000111	pg_class
392	93	sent	442.97	56	130.66666666666666	32 years 8 mons 784 days 00:19:36.001568	["2024-01-17 08:00:00+00",)	10.0.136.1/24	000110001000	pg_class
393	94	open	444.10	56.142857	131	32 years 9 mons 786 days 00:19:39.001572	["2024-01-17 09:00:00+00",)	10.0.137.1/24	000110001001	pg_class
394	95	paid	445.23	56.285713	131.33333333333334	32 years 10 mons 788 days 00:19:42.001576	["2024-01-17 10:00:00+00",)	10.0.138.1/24	000110001010	pg_class
395	96	sent	446.36	56.42857	131.66666666666666	32 years 11 mons 790 days 00:19:45.00158	["2024-01-17 11:00:00+00",)	10.0.139.1/24	000110001011	pg_class
396	97	open	447.49	56.57143	132	33 years 792 days 00:19:48.001584	["2024-01-17 12:00:00+00",)	10.0.140.1/24	000110001100	pg_class
397	98	paid	448.62	56.714287	132.33333333333334	33 years 1 mon 794 days 00:19:51.001588	["2024-01-17 13:00:00+00",)	10.0.141.1/24	000110001101	pg_class
398	99	sent	449.75	56.857143	132.66666666666666	33 years 2 mons 796 days 00:19:54.001592	["2024-01-17 14:00:00+00",)	10.0.142.1/24	000110001110	pg_class
399	100	open	450.88	57	133	33 years 3 mons 798 days 00:19:57.001596	["2024-01-17 15:00:00+00",)	10.0.143.1/24	000110001111	pg_class
400	101	paid	452.01	57.142857	NaN	33 years 4 mons 800 days 00:20:00.0016	["2024-01-17 16:00:00+00",)	10.0.144.1/24	000110010000	pg_class
\.


--
-- Name: customers_id_seq; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.customers_id_seq', 300, true);


--
-- Name: empty_id_seq; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.empty_id_seq', 1, false);


--
-- Name: invoice; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.invoice', 1700, false);


--
-- Name: orders_id_seq; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.orders_id_seq', 400, true);


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('4711', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff1000ff10');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: customers customers_key_key; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.customers
    ADD CONSTRAINT customers_key_key UNIQUE (key);


--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);


--
-- Name: empty empty_key_key; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.empty
    ADD CONSTRAINT empty_key_key UNIQUE (key);


--
-- Name: empty empty_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.empty
    ADD CONSTRAINT empty_pkey PRIMARY KEY (id);


--
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);


--
-- Name: orders_1 orders_1_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders_1
    ADD CONSTRAINT orders_1_pkey PRIMARY KEY (id);


--
-- Name: orders_2 orders_2_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.orders_2
    ADD CONSTRAINT orders_2_pkey PRIMARY KEY (id);


--
-- Name: orders_of; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX orders_of ON ONLY shop.orders USING btree (customer, state);


--
-- Name: orders_1_customer_state_idx; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX orders_1_customer_state_idx ON shop.orders_1 USING btree (customer, state);


--
-- Name: orders_2_customer_state_idx; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX orders_2_customer_state_idx ON shop.orders_2 USING btree (customer, state);


--
-- Name: totals_customer_idx; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE UNIQUE INDEX totals_customer_idx ON shop.totals USING btree (customer);


--
-- Name: orders_1_customer_state_idx; Type: INDEX ATTACH; Schema: shop; Owner: postgres
--

ALTER INDEX shop.orders_of ATTACH PARTITION shop.orders_1_customer_state_idx;


--
-- Name: orders_1_pkey; Type: INDEX ATTACH; Schema: shop; Owner: postgres
--

ALTER INDEX shop.orders_pkey ATTACH PARTITION shop.orders_1_pkey;


--
-- Name: orders_2_customer_state_idx; Type: INDEX ATTACH; Schema: shop; Owner: postgres
--

ALTER INDEX shop.orders_of ATTACH PARTITION shop.orders_2_customer_state_idx;


--
-- Name: orders_2_pkey; Type: INDEX ATTACH; Schema: shop; Owner: postgres
--

ALTER INDEX shop.orders_pkey ATTACH PARTITION shop.orders_2_pkey;


--
-- Name: customers touched; Type: TRIGGER; Schema: shop; Owner: postgres
--

CREATE TRIGGER touched BEFORE INSERT ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.touch();


--
-- Name: orders orders_customer_fkey; Type: FK CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE shop.orders
    ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES shop.customers(id);


--
-- Name: TABLE paid; Type: ACL; Schema: shop; Owner: postgres
--

GRANT SELECT ON TABLE shop.paid TO PUBLIC;


--
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: shop; Owner: postgres
--

REFRESH MATERIALIZED VIEW shop.totals;


--
-- PostgreSQL database dump complete
--

\unrestrict fixture

