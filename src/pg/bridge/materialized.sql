-- A materialized view has no OR REPLACE: the new one stands beside the old one until nothing reads that any more. The new one gets all that
-- pg_dump says of the old one; tests compare the two dumps.

-- What is set for its columns, for it, and said of it by security labels: statements for the one that has its name by then.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_settings(view oid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT coalesce(array_agg(s.statement ORDER BY s.place, s.statement), '{}') FROM (
        SELECT a.attnum, format('ALTER TABLE ONLY %s ALTER COLUMN %I SET %s', view::regclass, a.attname, o.setting)
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid CROSS JOIN LATERAL (
                SELECT format('STATISTICS %s', a.attstattarget) WHERE a.attstattarget >= 0
                UNION ALL SELECT 'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
                    WHERE a.attstorage <> t.typstorage
                UNION ALL SELECT 'COMPRESSION ' || CASE a.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END WHERE a.attcompression IN ('p', 'l')
                UNION ALL SELECT '(' || string_agg(format('%I = %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(a.attoptions)
                    HAVING count(*) > 0) o (setting)
            WHERE a.attrelid = view AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT 0, format('ALTER TABLE ONLY %s REPLICA IDENTITY %s', view::regclass, CASE c.relreplident WHEN 'n' THEN 'NOTHING' ELSE 'FULL' END)
            FROM pg_class c WHERE c.oid = view AND c.relreplident IN ('n', 'f')
        UNION ALL SELECT l.objsubid, format('SECURITY LABEL FOR %I ON %s IS %L', l.provider,
                CASE WHEN a.attname IS NULL THEN format('MATERIALIZED VIEW %s', view::regclass) ELSE format('COLUMN %s.%I', view::regclass, a.attname) END, l.label)
            FROM pg_seclabel l LEFT JOIN pg_attribute a ON l.objsubid > 0 AND a.attrelid = view AND a.attnum = l.objsubid
            WHERE l.classoid = 'pg_class'::regclass AND l.objoid = view) s (place, statement)
$f$;

-- Its indexes and its statistics.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_fittings(view oid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    make text[] := '{}'; part record;
BEGIN
    FOR part IN SELECT i.indexrelid AS id, i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS sql, obj_description(i.indexrelid, 'pg_class') AS said,
                c.relname, i.indisclustered, i.indisreplident, (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace) AS space
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = view ORDER BY c.relname LOOP
        make := make || part.sql;
        IF part.space IS NOT NULL THEN make := make || format('ALTER INDEX %s SET TABLESPACE %I', part.name, part.space); END IF;
        IF part.said IS NOT NULL THEN make := make || format('COMMENT ON INDEX %s IS %L', part.name, part.said); END IF;
        IF part.indisclustered THEN make := make || format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', view::regclass, part.relname); END IF;
        IF part.indisreplident THEN make := make || format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', view::regclass, part.relname); END IF;
        make := make || (SELECT coalesce(array_agg(format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', part.name, attnum, attstattarget) ORDER BY attnum), '{}')
            FROM pg_attribute WHERE attrelid = part.id AND attstattarget >= 0);
        make := make || pg_temp.pgkeep_depends('pg_class'::regclass, part.id, 'ALTER INDEX ' || part.name);
    END LOOP;
    FOR part IN SELECT pg_get_statisticsobjdef(s.oid) AS sql, format('%I.%I', n.nspname, s.stxname) AS name, pg_get_userbyid(s.stxowner) AS owner,
                s.stxstattarget AS target, obj_description(s.oid, 'pg_statistic_ext') AS said
            FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = view ORDER BY s.stxname LOOP
        make := make || part.sql;
        make := make || format('ALTER STATISTICS %s OWNER TO %I', part.name, part.owner);
        IF part.target >= 0 THEN make := make || format('ALTER STATISTICS %s SET STATISTICS %s', part.name, part.target); END IF;
        IF part.said IS NOT NULL THEN make := make || format('COMMENT ON STATISTICS %s IS %L', part.name, part.said); END IF;
    END LOOP;
    RETURN make;
END $f$;

-- The statements that make it anew, those that clear the old one away, and the one that fills it where it was filled.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_remake_materialized(view oid, OUT make text[], OUT clear text[], OUT refresh text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    options text; relation pg_class; aside text; part record;
BEGIN
    make := '{}'; refresh := '{}';
    SELECT * INTO relation FROM pg_class WHERE oid = view;
    aside := 'pgkeep_' || view;
    FOR part IN SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = view LOOP
        make := make || ('DROP INDEX ' || part.name);
    END LOOP;
    FOR part IN SELECT format('%I.%I', n.nspname, s.stxname) AS name FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = view LOOP
        make := make || ('DROP STATISTICS ' || part.name);
    END LOOP;
    make := make || format('ALTER MATERIALIZED VIEW %s RENAME TO %I', view::regclass, aside);
    SELECT ' WITH (' || string_agg(format('%s%I = %L', o.prefix, o.option_name, o.option_value), ', ') || ')' INTO options FROM (
        SELECT '' AS prefix, * FROM pg_options_to_table(relation.reloptions)
        UNION ALL SELECT 'toast.', o.* FROM pg_class c, pg_options_to_table(c.reloptions) o WHERE c.oid = relation.reltoastrelid) o;
    make := make || format('CREATE MATERIALIZED VIEW %s%s%s%s AS %s WITH NO DATA', view::regclass,
        (SELECT format(' USING %I', amname) FROM pg_am WHERE oid = relation.relam), coalesce(options, ''),
        coalesce((SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = relation.reltablespace), ''),
        rtrim(pg_get_viewdef(view), '; '));
    aside := format('%I.%I', (SELECT nspname FROM pg_namespace WHERE oid = relation.relnamespace), aside);
    make := make || format('SELECT pg_temp.pgkeep_dress(%L::regclass::oid, %L::regclass::oid, NULL::name)', aside, view::regclass);
    make := make || pg_temp.pgkeep_settings(view) || pg_temp.pgkeep_fittings(view)
        || pg_temp.pgkeep_depends('pg_class'::regclass, view, format('ALTER MATERIALIZED VIEW %s', view::regclass));
    clear := ARRAY['DROP MATERIALIZED VIEW ' || aside];
    IF relation.relispopulated THEN
        refresh := ARRAY[format('REFRESH MATERIALIZED VIEW %s', view::regclass)];
    END IF;
END $f$;
