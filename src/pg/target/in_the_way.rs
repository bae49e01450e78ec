//! Which of the objects that a restore would make are there.

use super::{Error, Session};
use crate::schema::restore::Object;

/// Everything of the session's database that somebody made (what initdb makes has smaller numbers: FirstNormalObjectId), with the name
/// that pg_dump has for it under an empty `search_path`, which every session of ours has; and by which the catalog knows it.
pub(in crate::pg) const THERE: &str = "
    SELECT 'RELATION' AS class, relnamespace AS schema, relname::text AS name, tableoid AS catalog, oid AS object FROM pg_catalog.pg_class WHERE oid >= 16384
    -- The type of arrays of another one makes room by itself.
    UNION ALL SELECT 'TYPE', typnamespace, typname, t.tableoid, t.oid FROM pg_catalog.pg_type t
        WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
    UNION ALL SELECT 'ROUTINE', pronamespace, proname || '(' || coalesce((SELECT pg_catalog.string_agg(pg_catalog.format_type(a.type, NULL), ', ' ORDER BY a.n)
        FROM pg_catalog.unnest(proargtypes) WITH ORDINALITY a (type, n)), '') || ')', tableoid, oid FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'OPERATOR', oprnamespace, oprname || ' (' || CASE oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(oprleft, NULL) END
        || ', ' || CASE oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(oprright, NULL) END || ')', tableoid, oid FROM pg_catalog.pg_operator WHERE oid >= 16384
    UNION ALL SELECT 'OPERATOR CLASS', opcnamespace, opcname || ' USING ' || amname, c.tableoid, c.oid
        FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_am a ON a.oid = opcmethod WHERE c.oid >= 16384
    UNION ALL SELECT 'OPERATOR FAMILY', opfnamespace, opfname || ' USING ' || amname, f.tableoid, f.oid
        FROM pg_catalog.pg_opfamily f JOIN pg_catalog.pg_am a ON a.oid = opfmethod WHERE f.oid >= 16384
    UNION ALL SELECT 'COLLATION', collnamespace, collname, tableoid, oid FROM pg_catalog.pg_collation
        WHERE oid >= 16384 AND collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
    UNION ALL SELECT 'CONVERSION', connamespace, conname, tableoid, oid FROM pg_catalog.pg_conversion WHERE oid >= 16384
    UNION ALL SELECT 'TEXT SEARCH PARSER', prsnamespace, prsname, tableoid, oid FROM pg_catalog.pg_ts_parser WHERE oid >= 16384
    UNION ALL SELECT 'TEXT SEARCH TEMPLATE', tmplnamespace, tmplname, tableoid, oid FROM pg_catalog.pg_ts_template WHERE oid >= 16384
    UNION ALL SELECT 'TEXT SEARCH DICTIONARY', dictnamespace, dictname, tableoid, oid FROM pg_catalog.pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT 'TEXT SEARCH CONFIGURATION', cfgnamespace, cfgname, tableoid, oid FROM pg_catalog.pg_ts_config WHERE oid >= 16384
    UNION ALL SELECT 'STATISTICS', stxnamespace, stxname, tableoid, oid FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT 'CAST', 0, 'CAST (' || pg_catalog.format_type(castsource, NULL) || ' AS ' || pg_catalog.format_type(casttarget, NULL) || ')', tableoid, oid
        FROM pg_catalog.pg_cast WHERE oid >= 16384
    UNION ALL SELECT 'TRANSFORM', 0, 'TRANSFORM FOR ' || pg_catalog.format_type(trftype, NULL) || ' LANGUAGE ' || lanname, t.tableoid, t.oid
        FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = trflang
    UNION ALL SELECT 'PROCEDURAL LANGUAGE', 0, lanname, tableoid, oid FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT 'ACCESS METHOD', 0, amname, tableoid, oid FROM pg_catalog.pg_am WHERE oid >= 16384
    UNION ALL SELECT 'FOREIGN DATA WRAPPER', 0, fdwname, tableoid, oid FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'SERVER', 0, srvname, tableoid, oid FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'EVENT TRIGGER', 0, evtname, tableoid, oid FROM pg_catalog.pg_event_trigger
    UNION ALL SELECT 'PUBLICATION', 0, pubname, tableoid, oid FROM pg_catalog.pg_publication
    UNION ALL SELECT 'SUBSCRIPTION', 0, s.subname, 'pg_catalog.pg_subscription'::pg_catalog.regclass, s.oid FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
        WHERE d.datname = pg_catalog.current_database()";

/// Those of the wanted objects that the database has, as positions in the list.
pub async fn in_the_way(session: &Session, wanted: &[Object]) -> Result<Vec<usize>, Error> {
    let all = |part: fn(&Object) -> &str| wanted.iter().map(part).collect::<Vec<&str>>();
    let (classes, schemas, names) =
        (all(|object| object.class.word()), all(|object| &object.schema), all(|object| &object.name));
    let sql = format!(
        "SELECT w.n FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]))
            WITH ORDINALITY w (class, schema, name, n)
        JOIN ({THERE}) there ON there.class = w.class AND there.name = w.name
        LEFT JOIN pg_catalog.pg_namespace s ON s.oid = there.schema
        WHERE coalesce(s.nspname::text, '') = w.schema ORDER BY w.n"
    );
    let rows = session.rows("the list of what is there", &sql, &[&classes, &schemas, &names]).await?;
    Ok(rows.iter().filter_map(|row| usize::try_from(row.get::<_, i64>(0) - 1).ok()).collect())
}
