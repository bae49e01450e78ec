//! What a role needs at the source before it can refuse anybody a write.

use super::{Error, Session};
use crate::split::facts::FenceRights;

/// The fence is a schema of ours and a trigger that fires ALWAYS, which a table's owner alone can make.
pub async fn fence_rights(session: &Session, schemas: &[String]) -> Result<FenceRights, Error> {
    let sql = "SELECT current_user::text,
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
                OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'pgkeep_split'),
            ARRAY(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
                      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
                ORDER BY 1)";
    let row = session.row("what the role may do", sql, &[&schemas]).await?;
    Ok(FenceRights { role: row.get(0), may_make_a_schema: row.get(1), not_owned: row.get(2) })
}
