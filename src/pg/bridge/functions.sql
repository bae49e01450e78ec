-- Functions of one session, by which relations take each other's place: a foreign table that of a table, and back.
-- Whatever reads a relation is tied to it by OID, not by name, so it must be made anew once the names have changed hands. Definitions
-- come from where pg_dump has them (pg_get_viewdef and its kind), read at that moment: nothing that was changed since the plan is lost.

-- What outside the schemas `inside` reads one of the relations.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_readers(going oid[], inside text[]) RETURNS TABLE (class text, object oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT DISTINCT CASE WHEN r.rulename <> '_RETURN' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
            CASE WHEN r.rulename <> '_RETURN' THEN r.oid ELSE c.oid END
        FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (going) AND d.deptype = 'n'
            AND c.oid <> ALL (going) AND n.nspname <> ALL (inside)
    UNION SELECT 'function', p.oid FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (going) AND d.deptype = 'n' AND n.nspname <> ALL (inside)
    UNION SELECT 'policy', p.oid FROM pg_depend d JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
        JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (going) AND d.deptype = 'n'
            AND c.oid <> ALL (going) AND n.nspname <> ALL (inside)
$f$;

-- Privileges and comments of `old` for `new`, whatever default privileges gave it, and an owner: that of `old` where none is said. Where it
-- is another one, the former owner gets by grant what it had by owning; but for MAINTAIN on a foreign table: ANALYZE runs as the owner.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_dress(old oid, new oid, owner name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    before pg_class; after pg_class; kind text; g record; handed_over boolean;
BEGIN
    SELECT * INTO before FROM pg_class WHERE oid = old;
    SELECT * INTO after FROM pg_class WHERE oid = new;
    kind := CASE after.relkind WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'MATERIALIZED VIEW' END;
    owner := coalesce(owner, pg_get_userbyid(before.relowner));
    handed_over := owner <> pg_get_userbyid(before.relowner);
    EXECUTE format('ALTER %s %s OWNER TO %I', kind, new::regclass, owner);
    IF before.relacl IS NOT NULL OR after.relacl IS NOT NULL OR handed_over THEN
        FOR g IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
                WHERE c.oid = new AND NOT (handed_over AND a.grantee = c.relowner) LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', new::regclass, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END);
        END LOOP;
        FOR g IN SELECT a.* FROM aclexplode(coalesce(before.relacl, acldefault('r', before.relowner))) WITH ORDINALITY AS a
                WHERE after.relkind <> 'f' OR a.privilege_type <> 'MAINTAIN' ORDER BY a.ordinality LOOP
            EXECUTE format('GRANT %s ON %s TO %s%s', g.privilege_type, new::regclass,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                CASE WHEN g.is_grantable OR handed_over AND g.grantee = before.relowner THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
    END IF;
    FOR g IN SELECT t.attname, a.* FROM pg_attribute t, aclexplode(t.attacl) WITH ORDINALITY AS a
            WHERE t.attrelid = old AND NOT t.attisdropped ORDER BY t.attnum, a.ordinality LOOP
        EXECUTE format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, g.attname, new::regclass,
            CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
            CASE WHEN g.is_grantable OR handed_over AND g.grantee = before.relowner THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR g IN SELECT t.attname, d.description FROM pg_description d LEFT JOIN pg_attribute t ON d.objsubid > 0 AND t.attrelid = old AND t.attnum = d.objsubid
            WHERE d.classoid = 'pg_class'::regclass AND d.objoid = old AND (d.objsubid = 0 OR NOT t.attisdropped) LOOP
        EXECUTE CASE WHEN g.attname IS NULL THEN format('COMMENT ON %s %s IS %L', kind, new::regclass, g.description)
            ELSE format('COMMENT ON COLUMN %s.%I IS %L', new::regclass, g.attname, g.description) END;
    END LOOP;
END $f$;

-- A foreign table with the columns of `old`. Where it is written through, a column whose values its table makes up (identity, a
-- sequence, generated, a function of the database's own that may read or count what has moved) is declared GENERATED: postgres_fdw then
-- sends the word DEFAULT for it, so that the one place which counts makes the value. The expression is never used. Whoever owns a foreign table can point it at any other one that the bridge's role may
-- read, so it does not become its former owner's.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_place(old oid, schema name, name name, server name, owner name, writes boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    columns text; given record;
BEGIN
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
                THEN (SELECT format(' COLLATE %I.%I', n.nspname, o.collname) FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation)
                ELSE '' END
            || CASE WHEN NOT writes THEN ''
                WHEN a.attgenerated <> '' OR a.attidentity <> '' OR EXISTS (SELECT FROM pg_depend s
                        LEFT JOIN pg_class c ON s.refclassid = 'pg_class'::regclass AND c.oid = s.refobjid AND c.relkind = 'S'
                        LEFT JOIN pg_proc p ON s.refclassid = 'pg_proc'::regclass AND p.oid = s.refobjid AND p.provolatile <> 'i'
                            AND EXISTS (SELECT FROM pg_language l WHERE l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal'))
                    WHERE (s.classid = 'pg_attrdef'::regclass AND s.objid = d.oid
                            OR d.oid IS NULL AND t.typtype = 'd' AND t.typdefault IS NOT NULL AND s.classid = 'pg_type'::regclass AND s.objid = t.oid)
                        AND (c.oid IS NOT NULL OR p.oid IS NOT NULL))
                THEN format(' GENERATED ALWAYS AS (NULL::%s) STORED', format_type(a.atttypid, a.atttypmod))
                WHEN d.oid IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY a.attnum)
        INTO columns
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = old AND a.attnum > 0 AND NOT a.attisdropped;
    IF writes THEN
        FOR given IN SELECT a.attname FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                WHERE d.adrelid = old AND a.attgenerated = '' AND pg_temp.pgkeep_reads_again(d.adbin::text) LOOP
            RAISE EXCEPTION 'the default of %.%.% holds a value whose domain is checked by an ordinary role', schema, name, given.attname
                USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'The check would run as the superuser who makes the foreign table. Write the default without such a value.';
        END LOOP;
    END IF;
    EXECUTE format('CREATE FOREIGN TABLE %I.%I (%s) SERVER %I OPTIONS (schema_name %L, table_name %L)', schema, name, columns, server, schema, name);
    -- postgres_fdw reads the first line of an EXPLAIN, which ends early where a name in it has several.
    IF EXISTS (SELECT FROM pg_class c WHERE (c.oid = old OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = old)) AND strpos(c.relname::text, chr(10)) > 0) THEN
        EXECUTE format('ALTER FOREIGN TABLE %I.%I OPTIONS (use_remote_estimate ''false'')', schema, name);
    END IF;
    PERFORM pg_temp.pgkeep_dress(old, format('%I.%I', schema, name)::regclass::oid,
        CASE current_setting('is_superuser') WHEN 'on' THEN owner ELSE current_user END);
END $f$;

-- What depends on extensions (DEPENDS ON EXTENSION), as statements after `command`.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_depends(class oid, object oid, command text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT coalesce(array_agg(format('%s DEPENDS ON EXTENSION %I', command, e.extname) ORDER BY e.extname), '{}')
        FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
        WHERE d.classid = class AND d.objid = object AND d.deptype = 'x'
$f$;

-- The statements that make a reader anew under its name, and those that clear away afterwards.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_remake(class text, object oid, OUT make text[], OUT clear text[], OUT refresh text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    options text;
BEGIN
    make := '{}'; clear := '{}'; refresh := '{}';
    IF class = 'function' THEN
        -- What replaces a function does not keep these.
        make := pg_get_functiondef(object) || pg_temp.pgkeep_depends('pg_proc'::regclass, object, format('ALTER ROUTINE %s', object::regprocedure));
    ELSIF class = 'rule' THEN
        make := ARRAY[regexp_replace(pg_get_ruledef(object), '^CREATE RULE', 'CREATE OR REPLACE RULE')];
    ELSIF class = 'policy' THEN
        SELECT ARRAY[format('ALTER POLICY %I ON %s', polname, polrelid::regclass)
            || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
            || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')] INTO make FROM pg_policy WHERE oid = object;
    ELSIF class = 'view' THEN
        SELECT ' WITH (' || string_agg(format('%I = %L', o.option_name, o.option_value), ', ') || ')' INTO options
            FROM pg_class c, pg_options_to_table(c.reloptions) o WHERE c.oid = object;
        make := ARRAY[format('CREATE OR REPLACE VIEW %s%s AS %s', object::regclass, coalesce(options, ''), pg_get_viewdef(object))];
    ELSE
        SELECT * INTO make, clear, refresh FROM pg_temp.pgkeep_remake_materialized(object);
    END IF;
END $f$;

-- Fails where a relation is not called so: a name meant another one at the moment of the renaming.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_is_called(relation oid, schema name, name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = relation AND n.nspname = pgkeep_is_called.schema AND c.relname = pgkeep_is_called.name) THEN
        RAISE EXCEPTION USING ERRCODE = 'PKG01', MESSAGE = format('another relation was in the place of %s.%s', schema, name);
    END IF;
END $f$;

-- What readers are tied to, by OID; a row type is its relation.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_ties(items text[]) RETURNS TABLE (class oid, object oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT DISTINCT CASE WHEN t.typrelid <> 0 THEN 'pg_class'::regclass::oid ELSE d.refclassid END, CASE WHEN t.typrelid <> 0 THEN t.typrelid ELSE d.refobjid END
        FROM (SELECT split_part(i, ':', 1) AS class, split_part(i, ':', 2)::oid AS object FROM unnest(items) i) i
        LEFT JOIN pg_rewrite r ON i.class IN ('view', 'materialized view') AND r.ev_class = i.object AND r.rulename = '_RETURN'
        JOIN pg_depend d ON d.deptype = 'n' AND d.objid = coalesce(r.oid, i.object)
            AND d.classid = CASE i.class WHEN 'function' THEN 'pg_proc' WHEN 'policy' THEN 'pg_policy' ELSE 'pg_rewrite' END::regclass
        LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
$f$;

-- Fails where a reader that was made again is tied to anything but what it was tied to before (`ties`), and what has its place by now: its text
-- names things, and a name may have meant another one at that moment. Nothing has run code of what it reads yet.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_is_tied(items text[], going oid[], places text[], ties text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    relations oid[]; readers text[]; other record;
BEGIN
    SELECT coalesce(array_agg(c.oid), '{}') INTO relations FROM pg_class c WHERE c.relnamespace || ':' || c.relname = ANY (places);
    readers := ARRAY(SELECT i FROM unnest(items) i WHERE i !~ '^materialized')
        || ARRAY(SELECT 'materialized view:' || c.oid FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind = 'm');
    FOR other IN SELECT t.class, t.object FROM pg_temp.pgkeep_ties(readers) t
            WHERE t.object <> ALL (relations) AND (t.class || ':' || t.object <> ALL (ties) OR t.object = ANY (going)) LOOP
        RAISE EXCEPTION USING ERRCODE = 'PKG01',
            MESSAGE = format('another object was in the place of one that readers of the bridge name: %s', pg_describe_object(other.class, other.object, 0));
    END LOOP;
END $f$;

-- Runs `exchange`, which gives the names of `going` to others, and lets all readers but `leave` read those. What holds values that ordinary
-- roles check is `refused` or `left`. Says what is left to refresh.
CREATE OR REPLACE FUNCTION pg_temp.pgkeep_exchange(going oid[], leave oid[], inside text[], exchange text[], afterwards text[], checked text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET check_function_bodies = off SET default_tablespace = '' AS $f$
DECLARE
    queue oid[] := going; found text[] := '{}'; next oid[]; item text; statement text; reader record; part record;
    make text[] := '{}'; clear text[] := '{}'; refresh text[] := '{}'; places text[]; ties text[];
BEGIN
    FOR reader IN SELECT pg_describe_object(d.classid, d.objid, 0) AS name, t.typrelid::regclass AS relation
            FROM pg_type t JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
            LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
            LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
            LEFT JOIN pg_namespace n ON n.oid = coalesce(p.pronamespace, c.relnamespace)
            WHERE t.typrelid = ANY (going) AND n.nspname <> ALL (inside) AND coalesce(p.oid, c.oid) <> ALL (leave) LOOP
        RAISE EXCEPTION '% uses the row type of %', reader.name, reader.relation
            USING ERRCODE = 'dependent_objects_still_exist', HINT = 'What takes its place has a row type of its own. Change it so that it names columns or a type.';
    END LOOP;
    WHILE cardinality(queue) > 0 LOOP
        next := '{}';
        FOR reader IN SELECT r.class, r.object FROM pg_temp.pgkeep_readers(queue, inside) r WHERE r.object <> ALL (leave) ORDER BY 1, 2 LOOP
            -- What is reached again later is made later: after all that it reads.
            item := reader.class || ':' || reader.object;
            found := array_append(array_remove(found, item), item);
            IF reader.class = 'materialized view' THEN next := next || reader.object; END IF;
        END LOOP;
        queue := next;
    END LOOP;
    -- Before anything is made: what would run code of an ordinary role as the superuser who makes it. Once there is no way but back, it is
    -- left as it is.
    FOREACH item IN ARRAY found LOOP
        CONTINUE WHEN NOT pg_temp.pgkeep_reads_again(pg_temp.pgkeep_trees(split_part(item, ':', 1), split_part(item, ':', 2)::oid));
        IF checked = 'left' THEN
            found := array_remove(found, item);
            CONTINUE;
        END IF;
        RAISE EXCEPTION '% holds a value whose domain is checked by an ordinary role',
            pg_describe_object(CASE split_part(item, ':', 1) WHEN 'function' THEN 'pg_proc' WHEN 'policy' THEN 'pg_policy' WHEN 'rule' THEN 'pg_rewrite' ELSE 'pg_class' END::regclass,
                split_part(item, ':', 2)::oid, 0)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'The check would run as the superuser who makes its definition anew. Write it without such a value, or drop it.';
    END LOOP;
    FOREACH item IN ARRAY found LOOP
        SELECT * INTO part FROM pg_temp.pgkeep_remake(split_part(item, ':', 1), split_part(item, ':', 2)::oid);
        make := make || part.make; clear := part.clear || clear; refresh := refresh || part.refresh;
    END LOOP;
    SELECT array_agg(c.relnamespace || ':' || c.relname) INTO places FROM pg_class c
        WHERE c.oid = ANY (going) OR 'materialized view:' || c.oid = ANY (found);
    SELECT coalesce(array_agg(t.class || ':' || t.object), '{}') INTO ties FROM pg_temp.pgkeep_ties(found) t;
    FOREACH statement IN ARRAY exchange || make || clear LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM pg_temp.pgkeep_is_tied(found, going, places, ties);
    FOREACH statement IN ARRAY afterwards LOOP
        EXECUTE statement;
    END LOOP;
    RETURN refresh;
END $f$;
