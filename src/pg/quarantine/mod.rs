//! The old schemas after a split: out of the way under other names, and gone at last.

mod census;
mod dependents;
mod dropping;
mod inside;
mod named;

pub use dependents::{extensions_used, needed_by};
pub use inside::HOMES;
pub use named::{Named, names, oids};

use super::Error;
use super::bridge::{self, Span};
use super::connect::Session;
use super::fence;
use super::quoting::{do_block, quote_literal};

/// One schema's name before and after.
pub type Renamed = (String, String);

/// Renames the schemas and takes everybody's privileges on them, in one transaction. The fence stays around their tables.
///
/// What refers to their objects by OID (views, keys, defaults) goes on working; what names them in text does not, which is the point.
/// Foreign tables of a bridge stay under the old name, in a schema of their own. Old names that mean another schema than that OID's come back
/// instead, and then nothing was changed.
pub async fn quarantine(
    session: &Session,
    schemas: &[(u32, Renamed)],
    spans: &[Span],
    lock_timeout_ms: u64,
) -> Result<Vec<String>, Error> {
    let moved = async {
        session.run("starting a transaction", &format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}")).await?;
        let others = named::rename(session, schemas).await?;
        if !others.is_empty() {
            return Ok(others);
        }
        // Nobody else renames them from here on.
        let rest: String = schemas.iter().map(|(_, (name, aside))| closed(name, aside, spans)).collect();
        session.run("quarantining the old schemas", &(rest + "COMMIT")).await.map(|()| Vec::new())
    };
    let moved = moved.await;
    if !matches!(&moved, Ok(others) if others.is_empty()) {
        let_go(session).await?;
    }
    moved
}

/// Statements after a schema went aside: the foreign tables of a bridge go back under its name, and nobody but its owner has a privilege on it.
fn closed(name: &str, aside: &str, spans: &[Span]) -> String {
    let bridged = spans.iter().filter(|span| span.schema == name);
    let tables: Vec<&str> = bridged.map(|span| span.name.as_str()).collect();
    let again = if tables.is_empty() { String::new() } else { bridge::schema_again(name, aside, &tables) };
    let literal = quote_literal(aside);
    let close = do_block(&format!(
        "DECLARE grantee text; BEGIN
            FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE n.nspname = {literal} AND a.grantee <> n.nspowner
            LOOP EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', {literal}, grantee); END LOOP;
        END"
    ));
    again + &close
}

/// How often each table was read by an index, which backups never do; as `schema.table`, tables in the order of their names.
pub async fn index_reads(session: &Session, schemas: &[&str]) -> Result<Vec<(String, i64)>, Error> {
    let sql =
        "SELECT schemaname::text || '.' || relname::text, coalesce(idx_scan, 0) FROM pg_catalog.pg_stat_all_tables
        WHERE schemaname = ANY ($1) ORDER BY 1";
    let rows = session.rows("how often the old tables were read", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Sessions that have a table of the schemas open.
pub async fn users(session: &Session, schemas: &[&str]) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT pg_catalog.format('process %s, role %s, application %s', a.pid, a.usename, a.application_name)
        FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY ($1) AND l.pid <> pg_catalog.pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1";
    session.shown("who uses the old schemas", sql, &[&schemas]).await
}

/// Begins a transaction in which nobody changes what is in the tables of the schemas, nor what they are, nor what the schemas are called;
/// reading goes on. Names that mean another schema come back instead, and then no transaction was begun.
pub async fn hold(session: &Session, schemas: &[Named], lock_timeout_ms: u64) -> Result<Vec<String>, Error> {
    session.run("starting a transaction", &format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}")).await?;
    let others = named::keep(session, schemas).await;
    if !matches!(&others, Ok(others) if others.is_empty()) {
        let_go(session).await?;
        return others;
    }
    let names: Vec<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
    lock(session, &names, "SHARE ROW EXCLUSIVE", lock_timeout_ms).await.map(|()| Vec::new())
}

/// In the transaction that [`hold`] began: nobody gets into the tables any more.
pub async fn shut(session: &Session, schemas: &[&str], lock_timeout_ms: u64) -> Result<(), Error> {
    lock(session, schemas, "ACCESS EXCLUSIVE", lock_timeout_ms).await
}

/// Ends what [`hold`] began, and changes nothing.
pub async fn let_go(session: &Session) -> Result<(), Error> {
    session.run("ending a transaction", "ROLLBACK").await
}

/// In the transaction that [`hold`] began: drops the schemas and what is in them, and then the fence's function. What outside needs them
/// comes back instead, and then nothing was dropped: looked for first, under locks that keep everybody out of the tables; then by PostgreSQL
/// itself, for nothing is dropped with CASCADE whose dependents were not counted; and once more at the end.
pub async fn drop_for_good(session: &Session, schemas: &[&str], lock_timeout_ms: u64) -> Result<Vec<String>, Error> {
    let dropped = async {
        lock(session, schemas, "ACCESS EXCLUSIVE", lock_timeout_ms).await?;
        let outside = needed_by(session, schemas).await?;
        if !outside.is_empty() {
            return Ok(outside);
        }
        dropping::drop_all(session, schemas).await
    };
    let dropped = dropped.await;
    if !matches!(&dropped, Ok(by) if by.is_empty()) {
        let_go(session).await?;
        return dropped;
    }
    session.run("dropping the old schemas", "COMMIT").await?;
    fence::take_down(session).await?;
    Ok(Vec::new())
}

async fn lock(session: &Session, schemas: &[&str], mode: &str, lock_timeout_ms: u64) -> Result<(), Error> {
    session.run("a setting", &format!("SET LOCAL lock_timeout = {lock_timeout_ms}")).await?;
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') ORDER BY 1";
    let locked = async {
        let names = session.texts("the list of old tables", sql, &[&schemas]).await?;
        if names.is_empty() {
            return Ok(());
        }
        let sql = format!("LOCK TABLE ONLY {} IN {mode} MODE", names.join(", ONLY "));
        session.run("locking the old tables", &sql).await
    };
    let locked = locked.await;
    if locked.is_err() {
        let_go(session).await?;
    }
    locked
}
