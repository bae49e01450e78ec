-- Privileges as initdb gives them are in pg_init_privs, but for those of information_schema.
SELECT EXISTS (SELECT FROM pg_catalog.pg_seclabel)
    OR EXISTS (SELECT FROM pg_catalog.pg_subscription WHERE subdbid = d.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting WHERE setdatabase = d.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_shdescription WHERE objoid = d.oid AND classoid = 'pg_catalog.pg_database'::pg_catalog.regclass)
    OR EXISTS (SELECT FROM pg_catalog.pg_shseclabel WHERE objoid = d.oid AND classoid = 'pg_catalog.pg_database'::pg_catalog.regclass)
    OR EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE database = d.datname)
    OR EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = d.datname)
    OR d.datacl IS NOT NULL
    OR d.datistemplate
    -- Encoding, locales, tablespace, limit of connections: as CREATE DATABASE takes them where nothing is said.
    OR NOT EXISTS (SELECT FROM pg_catalog.pg_database t WHERE t.datname = 'template1' AND pg_catalog.to_jsonb(t) - s.own = pg_catalog.to_jsonb(d) - s.own)
    OR NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'
        AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS NOT DISTINCT FROM 'standard public schema'
        AND pg_catalog.pg_get_userbyid(n.nspowner) = CASE WHEN pg_catalog.current_setting('server_version_num')::integer >= 150000
            THEN 'pg_database_owner' ELSE pg_catalog.pg_get_userbyid(10) END)
    OR EXISTS (
        SELECT FROM (
            SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspacl FROM pg_catalog.pg_namespace WHERE nspname <> 'information_schema'
            UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proacl FROM pg_catalog.pg_proc
            UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typacl FROM pg_catalog.pg_type
            UNION ALL SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanacl FROM pg_catalog.pg_language
            UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relacl FROM pg_catalog.pg_class
                WHERE relnamespace <> 'information_schema'::pg_catalog.regnamespace
        ) given (catalog, oid, acl)
        LEFT JOIN pg_catalog.pg_init_privs i ON i.classoid = given.catalog AND i.objoid = given.oid AND i.objsubid = 0
        WHERE given.acl IS DISTINCT FROM i.initprivs)
FROM pg_catalog.pg_database d,
    (SELECT '{oid,datname,datdba,datistemplate,datacl,datfrozenxid,datminmxid,datlastsysoid}'::text[]) s (own)
WHERE d.datname = pg_catalog.current_database()
