//! Whether the fence is as it was put up: somebody may have opened it by hand.

use super::{Error, Session, Strength, strength};

/// What the fence should be.
pub struct Expected<'a> {
    pub strength: Strength,
    /// The function's source as [`body`](super::body) writes it, or as an earlier program wrote it.
    pub bodies: &'a [String],
    /// Schema and name of the tables that it stands around.
    pub tables: &'a [(String, String)],
    /// It has triggers for rows as well. An earlier program's has not.
    pub of_rows: bool,
}

/// What of the fence is not as it was put up, in words; nothing where it is intact: the function's owner, privileges, language, rights,
/// settings and source, and on every table the triggers that call it and fire ALWAYS.
pub async fn is_intact(session: &Session, expected: &Expected<'_>) -> Result<Vec<String>, Error> {
    let failed = |error| session.fault("looking at the fence", error);
    let sql = "SELECT p.proowner::pg_catalog.regrole::text, EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = p.proowner AND (r.rolsuper OR r.rolname = current_user)),
            EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) a WHERE a.is_grantable AND a.grantee <> p.proowner),
            l.lanname::text, p.prosecdef, coalesce(p.proconfig, '{}'), p.prosrc, p.oid
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE n.nspname = 'pgkeep_split' AND p.proname = 'refuse' AND p.pronargs = 0";
    let Some(row) = session.client().query_opt(sql, &[]).await.map_err(failed)? else {
        return Ok(vec!["it is gone".to_owned()]);
    };
    let mut differs = Vec::new();
    let mut when = |is: bool, words: String| {
        if is {
            differs.push(words);
        }
    };
    when(!row.get::<_, bool>(1), format!("its function belongs to {}", row.get::<_, String>(0)));
    when(row.get(2), "others may grant its function".to_owned());
    when(row.get::<_, String>(3) != "plpgsql", format!("its function is written in {}", row.get::<_, String>(3)));
    when(row.get(4), "its function runs as its owner".to_owned());
    let settings: Vec<String> = row.get(5);
    when(settings != ["search_path=pg_catalog, pg_temp"], format!("its function's settings are {settings:?}"));
    let source: String = row.get(6);
    let strength = strength(session).await?;
    when(
        strength != Some(expected.strength) || !expected.bodies.contains(&source),
        match strength {
            None => "it is open and allows writes".to_owned(),
            Some(Strength::Held) => "it is not sealed and allows writes: the seal was lost or undone".to_owned(),
            _ => "its function was replaced".to_owned(),
        },
    );
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        expected.tables.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).unzip();
    let sql = "SELECT pg_catalog.format('%I.%I', g.schema, g.name), CASE WHEN t.oid IS NULL THEN 'no trigger for ' || k.fires WHEN t.tgfoid <> $3 THEN 'a trigger that calls another function'
                WHEN t.tgenabled <> 'A' THEN 'a trigger that is disabled' ELSE 'a trigger that lets some statements pass' END
        FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS g (schema, name)
        JOIN pg_catalog.pg_namespace n ON n.nspname = g.schema JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = g.name
        -- BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE, for each statement: 2 + 4 + 8 + 16 + 32 (pg_trigger.h); AFTER INSERT OR DELETE OR UPDATE,
        -- for each row: 1 + 4 + 8 + 16
        JOIN (VALUES ('pgkeep_fence', 'statements', 62), ('pgkeep_fence_rows', 'rows', 29)) AS k (name, fires, type)
            ON k.fires = 'statements' OR $4 AND c.relkind <> 'p'
        LEFT JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND t.tgname = k.name AND NOT t.tgisinternal
        WHERE t.oid IS NULL OR t.tgfoid <> $3 OR t.tgenabled <> 'A' OR t.tgtype <> k.type OR t.tgqual IS NOT NULL ORDER BY 1, 2 LIMIT 20";
    let function: u32 = row.get(7);
    let rows = session.client().query(sql, &[&schemas, &names, &function, &expected.of_rows]).await.map_err(failed)?;
    differs.extend(rows.iter().map(|row| format!("{} has {}", row.get::<_, String>(0), row.get::<_, String>(1))));
    Ok(differs)
}
