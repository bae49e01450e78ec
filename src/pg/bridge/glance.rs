//! The first row that comes over a bridge.

use super::Works;
use crate::pg::Error;
use crate::pg::catalog::INNER_TYPES;
use crate::pg::connect::Session;
use crate::pg::frame::{Frame, Rights, SEARCH_PATH};
use crate::pg::quoting::quote_relation;

/// Statements by which the session has its settings again.
const SETTINGS: &str = "SELECT pg_catalog.format('SELECT pg_catalog.set_config(%L, %L, %L);', s.name, s.setting, s.name = 'lock_timeout')
    FROM pg_catalog.pg_settings s WHERE s.source = 'session'
    AND s.name NOT IN ('role', 'session_authorization', 'search_path', 'session_replication_role') AND s.name !~ '^transaction_' AND s.name !~ '[.]'";

impl Works {
    /// Reads one row of each foreign table as the owner of the one that lies aside, in the transaction that built them: grants, names and columns fit. Its columns'
    /// types may check values by functions of that role, which are not to run with the operator's rights: neither now nor at the end of the
    /// transaction. A role that may not read its own table gets no values, and a superuser none of domains.
    ///
    /// # Errors
    /// The foreign server does not answer, or not with such a row.
    pub async fn glance(&self, session: &Session) -> Result<(), Error> {
        let context = "reading through the bridge";
        let sql = format!(
            "SELECT r.rolname::text, pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE') AND pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT'),
                (SELECT coalesce(pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum), '') FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT (r.rolsuper AND EXISTS (
                        WITH RECURSIVE within_it (type) AS (SELECT a.atttypid UNION SELECT i.type FROM within_it w JOIN pg_catalog.pg_type t ON t.oid = w.type
                            CROSS JOIN LATERAL ({INNER_TYPES}) i (type) WHERE i.type <> 0)
                        SELECT FROM within_it w JOIN pg_catalog.pg_type t ON t.oid = w.type AND t.typtype = 'd' AND t.oid >= 16384)))
            FROM pg_catalog.pg_class c, pg_catalog.pg_class f JOIN pg_catalog.pg_roles r ON r.oid = f.relowner
            WHERE c.oid = pg_catalog.to_regclass($1) AND f.oid = pg_catalog.to_regclass($2)"
        );
        let settings = session.texts("the settings of the session", SETTINGS, &[]).await?.concat();
        for span in &self.spans {
            let name = quote_relation(&span.schema, &span.name);
            let former = quote_relation(&span.schema, &span.aside);
            let rows = session.rows(context, &sql, &[&name, &former]).await?;
            let Some(row) = rows.first() else { continue };
            let (owner, readable, columns): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
            if !readable {
                session.run(context, &format!("SELECT FROM {name} LIMIT 1")).await?;
                continue;
            }
            let read = format!("SELECT {columns} FROM {name} LIMIT 1");
            let frame = Frame {
                role: Some(&owner),
                rights: Rights::Own,
                lends: &[],
                borrows: &[],
                statements: &[read.as_bytes()],
                definitions: 0,
            };
            session.run(context, &format!("{}{SEARCH_PATH}{settings}", String::from_utf8_lossy(&frame.sql()))).await?;
        }
        Ok(())
    }
}
