//! Rows that are against their own table's checks, or their columns' domains. PostgreSQL asks when a row is written and never again: a function
//! that a check calls may have been changed since, or the day.

use std::time::Duration;

use super::{Error, Session, Within, quote_identifier, quote_relation, within};
use crate::pg::connect::connect;
use crate::pg::frame::{Frame, Rights};
use crate::pg::quoting::{do_block, quote_literal};
use crate::split::facts::{CheckedRows, Orphans};

/// Whose checks may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A plan runs no code of others with the operator's rights: tables, domains and functions of the running role and of superusers,
    /// or all where the role is an ordinary one.
    Trusted,
    /// A run loads the rows, and calls all of it: so that of others as the table's owner.
    All,
}

/// Of checks that hold of these tables, those that call functions which are no server's own, or not immutable.
const CHECKS: &str = "WITH RECURSIVE trusted AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper OR rolname = current_user),
    asked AS (
        SELECT k.oid, k.conrelid, k.contypid, k.conname, k.conbin::text AS tree FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'c' AND k.convalidated AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true)),
    called AS (SELECT DISTINCT a.oid, p.oid AS function, p.proowner, p.provolatile FROM asked a
        CROSS JOIN LATERAL pg_catalog.regexp_matches(a.tree, ':(?:funcid|opfuncid) (\\d+)', 'g') m JOIN pg_catalog.pg_proc p ON p.oid = m[1]::pg_catalog.oid),
    chosen AS (SELECT a.* FROM asked a WHERE a.tree ~ 'SQLVALUEFUNCTION'
        OR EXISTS (SELECT FROM called c WHERE c.oid = a.oid AND (c.function >= 16384 OR c.provolatile <> 'i'))),
    domains (type, base) AS (
        SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
        UNION SELECT d.type, t.typbasetype FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype = 'd'),
    found AS (
        SELECT k.oid, k.conname, k.conrelid AS relation, NULL::text AS attribute, k.conrelid AS of, c.relowner AS owner
            FROM chosen k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE c.oid = ANY ($1) AND c.relkind = 'r'
        UNION ALL SELECT k.oid, k.conname, a.attrelid, a.attname::text, 0::oid, y.typowner
            FROM chosen k JOIN domains d ON d.base = k.contypid JOIN pg_catalog.pg_type y ON y.oid = k.contypid
            JOIN pg_catalog.pg_attribute a ON a.atttypid = d.type AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.oid = ANY ($1) AND c.relkind = 'r')
    SELECT n.nspname::text, c.relname::text, f.attribute, f.conname::text, pg_catalog.pg_get_expr(k.conbin, f.of),
        pg_catalog.current_setting('is_superuser') = 'off' OR f.owner IN (SELECT oid FROM trusted) AND c.relowner IN (SELECT oid FROM trusted)
            AND NOT EXISTS (SELECT FROM called x WHERE x.oid = f.oid AND x.proowner NOT IN (SELECT oid FROM trusted)),
        pg_catalog.pg_get_userbyid(c.relowner)::text
    FROM found f JOIN pg_catalog.pg_class c ON c.oid = f.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_constraint k ON k.oid = f.oid ORDER BY 1, 2, 3, 4";

/// The state of the error that says how many they are.
const COUNTED: &str = "PK001";

/// What was found of each; those that no row is against are left out. The session must be in a transaction, which goes on.
pub async fn checked_rows(
    session: &Session,
    tables: &[u32],
    whose: Whose,
    check_time: Duration,
    time: Duration,
) -> Result<Vec<CheckedRows>, Error> {
    let checks = session.rows("the list of check constraints", CHECKS, &[&tables]).await?;
    let time = Within::new(check_time, time);
    let (mut found, mut others) = (Vec::new(), None);
    for row in &checks {
        let (schema, table, attribute, name): (String, String, Option<String>, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let relation = quote_relation(&schema, &table);
        let (expression, trusted): (String, bool) = (row.get(4), row.get(5));
        // A domain's check says VALUE.
        let from = match &attribute {
            Some(attribute) => {
                format!("(SELECT {} AS value FROM ONLY {relation}) AS checked", quote_identifier(attribute))
            }
            None => format!("ONLY {relation}"),
        };
        let sql = format!("SELECT pg_catalog.count(*) FROM {from} WHERE NOT ({expression})");
        let rows = match (trusted, whose) {
            (true, _) => counted(session, &sql, &time).await?,
            (false, Whose::All) => {
                let beside = match others.take() {
                    Some(beside) => beside,
                    None => connect(session.conninfo(), "pgkeep checks").await?,
                };
                let rows = counted_by_owner(&beside, row.get(6), &sql, &time).await;
                others = Some(beside);
                rows?
            }
            (false, Whose::Trusted) => Orphans::NotCounted,
        };
        if rows != Orphans::Counted(0) {
            let attribute = attribute.map_or_else(String::new, |attribute| format!(".{attribute}"));
            found.push(CheckedRows { check: format!("{schema}.{table}{attribute} ({name})"), rows });
        }
    }
    if let Some(others) = others {
        others.close().await?;
    }
    Ok(found)
}

const CONTEXT: &str = "counting rows that violate a check constraint";

/// In a transaction that is taken back, as the role that owns the table: the frame ends with an error, whose message is the number.
async fn counted_by_owner(session: &Session, owner: &str, sql: &str, time: &Within) -> Result<Orphans, Error> {
    let Some(left) = time.left() else { return Ok(Orphans::NotCounted) };
    let say = do_block(&format!("BEGIN RAISE SQLSTATE {} USING MESSAGE = ({sql}); END", quote_literal(COUNTED)));
    let statements = [say.as_bytes()];
    let frame = Frame {
        role: Some(owner),
        rights: Rights::Own,
        lends: &[],
        borrows: &[],
        statements: &statements,
        definitions: 0,
    }
    .sql();
    let frame = String::from_utf8_lossy(&frame);
    let begin = format!("BEGIN READ WRITE; SET LOCAL statement_timeout = {}; {frame}", left.as_millis().max(1));
    let error = session.run(CONTEXT, &begin).await.err();
    session.run(CONTEXT, "ROLLBACK").await?;
    match error {
        Some(error) if error.server_message().is_none() => Err(error),
        Some(error) if error.sqlstate() == Some(COUNTED) => {
            let count = error.server_message().and_then(|message| message.message.parse().ok());
            Ok(count.map_or(Orphans::NotCounted, Orphans::Counted))
        }
        _ => Ok(Orphans::NotCounted),
    }
}

async fn counted(session: &Session, sql: &str, time: &Within) -> Result<Orphans, Error> {
    let rows = within(session, CONTEXT, "", sql, time).await?;
    let count = rows.and_then(|rows| rows.first().map(|row| row.get::<_, i64>(0).unsigned_abs()));
    Ok(count.map_or(Orphans::NotCounted, Orphans::Counted))
}
