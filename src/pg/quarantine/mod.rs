//! The old schemas after a split: out of the way under other names, and gone at last.

mod census;
mod dependents;
mod dropping;
mod inside;

pub use dependents::{extensions_used, needed_by};
pub use inside::HOMES;

use super::Error;
use super::bridge::{self, Span};
use super::connect::Session;
use super::fence;
use super::quoting::{do_block, quote_identifier, quote_literal};

/// One schema's name before and after.
pub type Renamed = (String, String);

/// OIDs of schemas, by their names and in their order.
pub async fn oids(session: &Session, schemas: &[String]) -> Result<Vec<u32>, Error> {
    let sql = "SELECT n.oid FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS s (name, place)
        JOIN pg_catalog.pg_namespace n ON n.nspname = s.name ORDER BY s.place";
    let rows = session.rows("the list of schemas", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What schemas are called now, by their OIDs and in their order; none for one that is gone.
pub async fn names(session: &Session, oids: &[u32]) -> Result<Vec<Option<String>>, Error> {
    let sql = "SELECT n.nspname::text FROM pg_catalog.unnest($1::oid[]) WITH ORDINALITY AS s (id, place)
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = s.id ORDER BY s.place";
    let rows = session.rows("the list of schemas", sql, &[&oids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Renames the schemas and takes everybody's privileges on them, in one transaction. The fence stays around their tables.
///
/// What refers to their objects by OID (views, keys, defaults) goes on working; what names them in text does not, which is the point.
/// Foreign tables of a bridge stay under the old name, in a schema of their own.
pub async fn quarantine(
    session: &Session,
    schemas: &[Renamed],
    spans: &[Span],
    lock_timeout_ms: u64,
) -> Result<(), Error> {
    let mut sql = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n");
    for (name, aside) in schemas {
        let bridged = spans.iter().filter(|span| span.schema == *name);
        let tables: Vec<&str> = bridged.map(|span| span.name.as_str()).collect();
        let again = if tables.is_empty() { String::new() } else { bridge::schema_again(name, aside, &tables) };
        let (from, to) = (name, aside);
        let (from, to, literal) = (quote_identifier(from), quote_identifier(to), quote_literal(to));
        let close = do_block(&format!(
            "DECLARE grantee text; BEGIN
                FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                    FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE n.nspname = {literal} AND a.grantee <> n.nspowner
                LOOP EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', {literal}, grantee); END LOOP;
            END"
        ));
        sql += &format!("ALTER SCHEMA {from} RENAME TO {to};\n{again}{close}");
    }
    match session.run("quarantining the old schemas", &(sql + "COMMIT")).await {
        Ok(()) => Ok(()),
        Err(error) => {
            session.run("ending a transaction", "ROLLBACK").await?;
            Err(error)
        }
    }
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

/// Begins a transaction in which nobody changes what is in the tables of the schemas, nor what they are; reading goes on.
pub async fn hold(session: &Session, schemas: &[&str], lock_timeout_ms: u64) -> Result<(), Error> {
    lock(session, schemas, "BEGIN;", "SHARE ROW EXCLUSIVE", lock_timeout_ms).await
}

/// In the transaction that [`hold`] began: nobody gets into the tables any more.
pub async fn shut(session: &Session, schemas: &[&str], lock_timeout_ms: u64) -> Result<(), Error> {
    lock(session, schemas, "", "ACCESS EXCLUSIVE", lock_timeout_ms).await
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
        lock(session, schemas, "", "ACCESS EXCLUSIVE", lock_timeout_ms).await?;
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

async fn lock(session: &Session, schemas: &[&str], begin: &str, mode: &str, lock_timeout_ms: u64) -> Result<(), Error> {
    session.run("starting a transaction", &format!("{begin} SET LOCAL lock_timeout = {lock_timeout_ms}")).await?;
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
