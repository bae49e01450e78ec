-- chronos, schema oddities: values that are hard to carry. One table for each family of types; the names of columns say
-- what is odd. What the server's build or version lacks is left out.
\ir generate.psql
CREATE SCHEMA oddities;
CREATE TYPE oddities.mood AS ENUM ('sad', 'ok', 'a,b', 'quote"s', 'back\slash', '', 'ünï 🙂', 'NULL');
CREATE TYPE oddities.pair AS (left_half text, "right half" integer, nested oddities.mood);
CREATE DOMAIN oddities.good_mood AS oddities.mood CHECK (VALUE <> 'sad');
CREATE DOMAIN oddities.positive AS integer DEFAULT 1 NOT NULL CONSTRAINT over_zero CHECK (VALUE > 0);
CREATE TYPE oddities.textrange AS RANGE (subtype = text, collation = "C", multirange_type_name = oddities.textmultirange);
CREATE COLLATION oddities."by bytes" FROM "C";

CREATE TABLE oddities.texts (id integer PRIMARY KEY, what text NOT NULL, value text, fixed character(6), limited character varying(12), short "char", name name, c text COLLATE oddities."by bytes");
INSERT INTO oddities.texts VALUES
    (1, 'null', NULL, NULL, NULL, NULL, NULL, NULL), (2, 'empty', '', '', '', '', '', ''), (3, 'the word NULL', 'NULL', 'NULL', 'null', 'N', 'NULL', 'NULL'), (4, 'copy''s null', '\N', '\N', '\N', '\', '\N', '\N'),
    (5, 'end of copy', '\.', '\.', '\.', '.', '\.', '\.'), (6, 'end of copy on a line', E'a\n\\.\nb', E'\n\\.\n', E'\n\\.\n', E'\n', E'\n', E'\n\\.\n'), (7, 'newline', E'one\ntwo\n', E'\n', E'\n', NULL, E'a\nb', NULL),
    (8, 'carriage return', E'one\rtwo\r\nthree\r', E'\r', E'\r\n', E'\r', E'\r', NULL), (9, 'tab', E'\tone\ttwo\t', E'\t', E'\t\t', E'\t', E'\t', NULL), (10, 'backslashes', E'\\ \\\\ \\n \\t \\x41 \\101', E'\\\\', E'\\n', NULL, E'\\', NULL),
    (11, 'emoji', '🙂👩‍👩‍👧‍👦🇩🇪', '🙂', '🙂🙂', NULL, '🙂', '🙂'), (12, 'combining and right to left', E'e\u0301 \u202Eabc\u202C שלום', E'e\u0301', NULL, NULL, NULL, NULL), (13, 'control characters', E'\x01\x02\x07\b\f\x0b\x1b[31m\x7f', NULL, NULL, E'\x01', NULL, NULL),
    (14, 'spaces', '  both  ', ' x', 'trail ', ' ', '  n', ' '), (15, 'quotes', $$it's "quoted" `so` $tag$ %s %% ; -- /* */$$, '''', '""', '''', '"', '$1'), (16, 'highest code point', U&'\+10FFFF\FEFF\2028', NULL, NULL, NULL, NULL, NULL),
    (17, '300 kB of one letter', repeat('x', 300000), NULL, NULL, NULL, NULL, NULL), (18, 'psql''s meta-commands', E'\\connect other\n\\! id\n:var :''var'' \\gexec', NULL, NULL, NULL, NULL, NULL);
-- Lengths around every power of two, where buffers end; and two thousand columns' worth of one row.
INSERT INTO oddities.texts (id, what, value) SELECT 100 + n * 3 + d, 'length ' || (1 << n) + d - 1, repeat(E'\\\n\té', (1 << n) / 5) || repeat('=', (1 << n) + d - 1 - (1 << n) / 5 * 5) FROM generate_series(3, 17) n, generate_series(0, 2) d;

CREATE TABLE oddities.numbers (id integer PRIMARY KEY, n numeric, limited numeric(10,3), huge_scale numeric(1000,500), d double precision, r real, i8 bigint, i4 integer, i2 smallint, o oid, m money, b boolean);
INSERT INTO oddities.numbers VALUES
    (1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (2, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', 0, 0, 0, 0, 0, false), (3, 'Infinity', NULL, NULL, 'Infinity', 'Infinity', 9223372036854775807, 2147483647, 32767, 4294967295, '92233720368547758.07', true),
    (4, '-Infinity', NULL, NULL, '-Infinity', '-Infinity', -9223372036854775808, -2147483648, -32768, 1, '-92233720368547758.08', false), (5, 0, '-0.000', 0, '-0', '-0', -1, -1, -1, 2, '-0.01', NULL),
    (6, repeat('9', 1000)::numeric, 9999999.999, repeat('7', 500)::numeric, 1.7976931348623157e308, 3.4028235e38, 1, 1, 1, 3, 1, true), (7, ('0.' || repeat('0', 900) || '1')::numeric, 0.001, ('0.' || repeat('3', 500))::numeric, 5e-324, 1e-45, 1, 1, 1, 4, 1, true),
    (8, 1.10, 1.1, 1, 0.1::double precision + 0.2, 0.1, 10, 10, 10, 10, 10, true), (9, 1e130, 1, 1, 1e-300, 1e-38, 1, 1, 1, 1, 1, true), (10, 100000000000000000000.000000000000000000001, 0, 0, 123456789.123456789, 16777217, 9007199254740993, 0, 0, 0, 0, true);

CREATE TABLE oddities.times (id integer PRIMARY KEY, d date, ts timestamp, tstz timestamptz, t time, ttz timetz, iv interval, iv_months interval year to month, ts0 timestamp(0), t3 time(3));
INSERT INTO oddities.times VALUES
    (1, 'infinity', 'infinity', 'infinity', '24:00:00', '24:00:00+14', '178000000 years', '10 years 3 months', '2025-12-31 23:59:59.6', '23:59:59.9996'), (2, '-infinity', '-infinity', '-infinity', '00:00:00', '00:00:00-15:59', '-178000000 years', '-1 month', '-infinity', '00:00'),
    (3, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '23:59:59.999999', '23:59:59.999999+05:45', '-1 year +2 mons -3 days +04:05:06.000007', NULL, '0001-12-31 BC', '12:00'), (4, '0001-12-31 BC', '0044-03-15 12:00 BC', '0001-12-31 23:59:59.999999+00 BC', '12:34:56.7', '12:34:56-00:00:30', '1 mon -1 days', NULL, NULL, NULL),
    (5, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', NULL, NULL, '-00:00:00.000001', NULL, NULL, NULL), (6, '2000-02-29', '1999-12-31 23:59:59.999999', '2025-10-26 02:30:00 Europe/Berlin', '02:30', '02:30+02', '0', '0', '1969-12-31 23:59:59', NULL), (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE oddities.binaries (id integer PRIMARY KEY, what text, value bytea, b bit(11), vb bit varying(200));
INSERT INTO oddities.binaries VALUES (1, 'empty', '', B'00000000000', B''), (2, 'every byte', (SELECT string_agg(set_byte('\x00', 0, i), ''::bytea ORDER BY i) FROM generate_series(0, 255) i), B'10101010101', B'1'), (3, 'null', NULL, NULL, NULL), (4, 'zero bytes', decode(repeat('00', 5000), 'hex'), B'11111111111', repeat('01', 99)::bit varying);
-- Rows larger than any chunk: two values of 20 MB, one that compresses and one that does not.
INSERT INTO oddities.binaries SELECT 5, '20 MB, compresses', decode(repeat(md5('twenty'), 1250000), 'hex');
INSERT INTO oddities.binaries SELECT 6, '20 MB, does not compress', string_agg(sha512(i::text::bytea), ''::bytea ORDER BY i) FROM generate_series(1, 312500) i;

CREATE TABLE oddities.documents (id integer PRIMARY KEY, j json, jb jsonb, path jsonpath, q tsquery, v tsvector);
INSERT INTO oddities.documents VALUES
    (1, E'{"a" :  1,\n"a":2, "b" : "\\u00e9\\n\\\\" }', '{"a": 1, "a": 2, "": null, "é": "\\\"\n\t"}', '$.a[*] ? (@.b > 1 && @.c like_regex "^x\\.y" flag "i")', '''it''''s'' & !b:*A <2> c', '''a''''b'':1A,2B ''\\'':3'), (2, 'null', 'null', 'strict $."key with \"quotes\""', '', ''),
    (3, '""', '"NULL"', NULL, NULL, NULL), (4, '1e400', '1000000000000000000000000000000000000000000000.00010', 'lax $[last]', 'a | b', 'x'), (5, NULL, NULL, NULL, NULL, NULL);
INSERT INTO oddities.documents (id, j, jb) SELECT 6, (repeat('[', 1000) || repeat(']', 1000))::json, (repeat('{"k":', 900) || '[1, {"x": "🙂"}]' || repeat('}', 900))::jsonb;

CREATE TABLE oddities.networks (id integer PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8, u uuid, lsn pg_lsn, p point, l line, s lseg, b box, pa path, po polygon, ci circle, rc regclass, rt regtype, tid tid, xid8 xid8);
INSERT INTO oddities.networks VALUES (1, '::ffff:1.2.3.4/128', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '00000000-0000-0000-0000-000000000000', '16/B374D848', '(NaN,Infinity)', '{1,-1,0}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),2.5>', 'oddities.texts', 'oddities.mood', '(0,1)', '18446744073709551615'),
    (2, '192.168.0.1/24', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff', NULL, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0/0', '(-0,1e-300)', NULL, NULL, NULL, '((0,0),(1,1))', NULL, NULL, 'pg_class', 'integer[]', NULL, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE oddities.collections (id integer PRIMARY KEY, ints integer[], texts text[], grid integer[][], moods oddities.mood[], good oddities.good_mood, pos oddities.positive, p oddities.pair, pairs oddities.pair[], r4 int4range, rn numrange, rt tstzrange, mr int4multirange, tr oddities.textrange, trs oddities.textmultirange, bits bit(3)[], v int2vector);
INSERT INTO oddities.collections VALUES
    (1, '{}', '{}', '{}', '{}', 'ok', 1, '("",,)', '{}', 'empty', 'empty', 'empty', '{}', 'empty', '{}', '{}', ''), (2, '{1,NULL,-3}', '{NULL,"NULL","","a,b","{}","\"","\\",'' x ''}', '{{1,2},{NULL,4}}', '{sad,NULL,"a,b","quote\"s","back\\slash","","NULL"}', 'a,b', 2147483647, '("a ""b"" (c), \\ ",-1,"quote""s")', ARRAY[ROW('x', 1, 'ok'), NULL, ROW(NULL, NULL, NULL), ROW(E'\n\t', 0, '')]::oddities.pair[], '(,5)', '[-Infinity,NaN)', '["2025-01-01 00:00:00+00",infinity]', '{[1,3),[7,)}', '["a,","b\"")', '{["a","b"),["x",)}', '{101,NULL}', '1 2 3'),
    (3, '[0:2]={7,8,9}', '[-2:-1]={a,b}', '[2:3][-1:0]={{1,2},{3,4}}', '[5:5]={ok}', '', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (4, NULL, NULL, '{{{1}},{{2}}}', NULL, NULL, 4, ROW(NULL, NULL, NULL), NULL, '[1,1]', '(1.5,1.50001]', NULL, NULL, NULL, NULL, NULL, NULL);

-- xml needs libxml; hstore and citext are contrib, and live outside public here.
DO $$
BEGIN
    PERFORM '<a/>'::xml;
    CREATE TABLE oddities.markup (id integer PRIMARY KEY, x xml);
    INSERT INTO oddities.markup VALUES (1, E'<?xml version="1.0"?><a b="1 &lt; 2">\n<![CDATA[ ]]>é</a>'), (2, 'only &amp; content'), (3, ''), (4, NULL);
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server is built without xml';
END
$$;
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'citext')) = 2 THEN
        CREATE EXTENSION hstore SCHEMA oddities;
        CREATE EXTENSION citext SCHEMA oddities;
        CREATE TABLE oddities.extended (id integer PRIMARY KEY, h oddities.hstore, c oddities.citext UNIQUE, cs oddities.citext[]);
        INSERT INTO oddities.extended VALUES (1, '"a=>"=>"\"b\"", c=>NULL, ""=>""', 'MiXed', '{A,b,NULL}'), (2, '', NULL, '{}'), (3, NULL, '', NULL);
    END IF;
END
$$;
