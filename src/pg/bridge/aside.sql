-- The schema again, under its old name, for the foreign tables of a bridge: what else was in it has gone aside under another name.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_again(name name, gone name, tables name[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    aside pg_namespace; made aclitem[]; g record; part record; bridges oid[];
BEGIN
    SELECT * INTO aside FROM pg_namespace WHERE nspname = gone;
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', name, pg_get_userbyid(aside.nspowner));
    -- What default privileges gave it, it has not.
    SELECT nspacl INTO made FROM pg_namespace n WHERE n.nspname = pgkeep_again.name;
    IF aside.nspacl IS NOT NULL OR made IS NOT NULL THEN
        FOR g IN SELECT DISTINCT a.grantee FROM aclexplode(coalesce(made, acldefault('n', aside.nspowner))) a LOOP
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s', name, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END);
        END LOOP;
        FOR g IN SELECT a.* FROM aclexplode(coalesce(aside.nspacl, acldefault('n', aside.nspowner))) WITH ORDINALITY AS a ORDER BY a.ordinality LOOP
            EXECUTE format('GRANT %s ON SCHEMA %I TO %s%s', g.privilege_type, name,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
    END IF;
    IF obj_description(aside.oid, 'pg_namespace') IS NOT NULL THEN
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', name, obj_description(aside.oid, 'pg_namespace'));
    END IF;
    SELECT array_agg(c.oid) INTO bridges FROM pg_class c WHERE c.relnamespace = aside.oid AND c.relkind = 'f' AND c.relname = ANY (tables);
    FOR part IN SELECT relname FROM pg_class WHERE oid = ANY (bridges) LOOP
        EXECUTE format('ALTER FOREIGN TABLE %I.%I SET SCHEMA %I', gone, part.relname, name);
    END LOOP;
    -- The types of their columns, and those that these are made of.
    FOR part IN WITH RECURSIVE used (oid) AS (
                SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = ANY (bridges) AND a.attnum > 0 AND NOT a.attisdropped
                UNION SELECT more.oid FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL (
                    SELECT t.typelem AS oid UNION ALL SELECT t.typbasetype
                    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
                    UNION ALL SELECT unnest(ARRAY[r.rngtypid, r.rngmultitypid]) FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
                    UNION ALL SELECT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                        WHERE c.oid = t.typrelid AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped) AS more WHERE more.oid <> 0)
            SELECT t.oid, t.typname FROM pg_type t JOIN used u ON u.oid = t.oid LEFT JOIN pg_class c ON c.oid = t.typrelid
            WHERE t.typnamespace = aside.oid AND (t.typtype IN ('e', 'd', 'r', 'm') OR c.relkind = 'c') LOOP
        EXECUTE format('ALTER TYPE %I.%I SET SCHEMA %I', gone, part.typname, name);
        -- The constructors of ranges, which are parts of the type.
        FOR g IN SELECT p.oid::regprocedure AS name FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND p.pronamespace = aside.oid
                WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_type'::regclass AND d.refobjid = part.oid AND d.deptype = 'i' LOOP
            EXECUTE format('ALTER FUNCTION %s SET SCHEMA %I', g.name, name);
        END LOOP;
    END LOOP;
    FOR part IN SELECT DISTINCT o.collname FROM pg_attribute a JOIN pg_collation o ON o.oid = a.attcollation
            WHERE a.attrelid = ANY (bridges) AND o.collnamespace = aside.oid LOOP
        EXECUTE format('ALTER COLLATION %I.%I SET SCHEMA %I', gone, part.collname, name);
    END LOOP;
END $f$;
