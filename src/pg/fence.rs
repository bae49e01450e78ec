//! The fence around tables that move away: writes are refused, to superusers as well, until their database is elsewhere.
//!
//! A statement trigger on each table refuses, at once and whatever the statement would do. It is not asked where rows come another way: through a
//! parent that somebody gave the table meanwhile, or from a subscription's apply worker. So each table that has rows has a trigger for rows as
//! well, which refuses those. It is the database that refuses, so that no application gets by: triggers that fire ALWAYS fire for superusers and
//! under `session_replication_role = replica`. Three things they do not stop, because no trigger sees them: `nextval`, `ALTER TABLE`, and
//! whoever drops the triggers.
//!
//! While the fence is *held*, the trigger asks whether the session that holds it still lives: that session has an advisory lock, which
//! the server lets go of with the session, however that ends. Whoever else gets that lock then keeps nobody out: the trigger knows whose it was. So a held fence opens when the program ends, and where its whole machine
//! vanishes as soon as the keepalives have told the server. It stays shut while the transaction that seals it is under way, which has a
//! lock of its own until the seal is there for all to see. When it is *sealed*, the trigger asks nothing, and the fence stays until it is
//! taken down.

mod function;
mod holder;
mod intact;
mod keys;
mod lock;
mod stamp;

pub use function::{body, is_owned};
pub(super) use holder::holders_of;
pub use holder::{Holder, holders, strangers};
pub use intact::{Expected, Gap, is_intact};
pub use keys::{ANOTHER, Again, By, Checked, KeyEnd, KeyItself, LEFT_ALONE, Twin, by, check_key, key_again};
pub use lock::{Attempt, InTheWay, Patience, deadlock_timeout_ms, is_in_the_way, lock};
pub use stamp::{Stamp, stamp};

pub use super::ours::SCHEMA;

use std::collections::HashSet;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use super::Error;
use super::catalog::Scope;
use super::connect::Session;
use super::ours;
use super::quoting::{do_block, quote_relation};
use super::sealed::{self, Noted};
use function::Keeper;

/// The trigger on each table and partitioned table, for statements.
const STATEMENTS: &str = "pgkeep_fence";

/// The one on each table, for rows. After them: what such a trigger returns changes nothing, and so an open fence cannot lose a row.
const ROWS: &str = "pgkeep_fence_rows";

/// The triggers of a fence.
pub const TRIGGERS: [&str; 2] = [STATEMENTS, ROWS];

/// So many tables are named.
const NAMED_MAX: usize = 10;

/// `pkep` and 1: the advisory lock of the one split that a database can be in.
const LOCK: &str = "1886086512, 1";

/// The advisory lock of a seal that is under way. It goes with its transaction, and no code can let go of it before.
const SEAL_LOCK: &str = "1886086512, 2";

/// What stands around the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Refuses as long as the session that put it up lives.
    Held,
    /// Refuses until it is taken down.
    Sealed,
}

/// Makes this session the only one that may put up, seal or take down the fence of this database; false if another is.
///
/// It ends with the session. A machine that vanishes is noticed by the server's keepalives, after at most 30 s. Whatever else runs in this
/// session may let go of the lock: where code of users may, it is to be another session's.
pub async fn own(session: &Session) -> Result<bool, Error> {
    last(session).await?;
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({LOCK})");
    let row = session.client().query_one(&sql, &[]).await;
    Ok(row.map_err(|error| session.fault("the lock of a split", error))?.get(0))
}

/// What a session needs that states depend on, and that stays for as long as a split takes.
pub async fn last(session: &Session) -> Result<(), Error> {
    // What a state depends on must be on the disk before the state is: a server may answer COMMIT before.
    let settings = "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)
            WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
        SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
        SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0;
        DO $$ BEGIN SET client_connection_check_interval = '1s'; EXCEPTION WHEN OTHERS THEN NULL; END $$";
    // idle_session_timeout came with 14, our oldest, and so did the last one: that the other end is gone is noticed while a lock is
    // waited for as well. Not every system can do that.
    session.run("a setting", settings).await
}

/// Schemas of the database that are not the system's, sorted.
pub async fn schemas(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT nspname::text FROM pg_catalog.pg_namespace
        WHERE nspname <> 'information_schema' AND nspname NOT IN ('pgkeep_split', 'pgkeep_loose') AND nspname !~ '^pg_' ORDER BY 1";
    session.texts("the list of schemas", sql, &[]).await
}

/// Tables and partitioned tables in the schemas, and their partitions wherever those are: schema and name, sorted. Of extensions' tables only
/// those whose rows move, their configuration.
pub async fn tables(session: &Session, schemas: &[String]) -> Result<Vec<(String, String)>, Error> {
    let sql = "WITH RECURSIVE moving(oid) AS (
            SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p')
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
                  WHERE d.objid = c.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND NOT coalesce(c.oid = ANY (x.extconfig), false))
            UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN moving m ON m.oid = i.inhparent
                JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition AND c.relkind IN ('r', 'p'))
        SELECT n.nspname::text, c.relname::text FROM moving m JOIN pg_catalog.pg_class c ON c.oid = m.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2";
    let rows = session.rows("the list of tables to fence", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Puts the fence up around all tables at once, held by this session, which must [`own`] it. Whoever writes has finished when it is
/// up; whoever begins to write is refused.
///
/// While it waits, new writers wait behind it: see [`Patience`].
///
/// # Errors
/// No privilege to make a schema or a trigger; a schema or a function of ours that is somebody else's; the connection.
pub async fn put_up(
    session: &Session,
    tables: &[(String, String)],
    destination: &str,
    patience: Patience,
) -> Result<Attempt, Error> {
    let attempt = put_up_in_transaction(session, tables, destination, patience).await;
    if !matches!(attempt, Ok(Attempt::Up)) {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    attempt
}

async fn put_up_in_transaction(
    session: &Session,
    tables: &[(String, String)],
    destination: &str,
    patience: Patience,
) -> Result<Attempt, Error> {
    session.run("starting a transaction", BEGIN).await?;
    match lock(session, tables, "SHARE ROW EXCLUSIVE", patience).await? {
        Attempt::Up => {}
        in_the_way => return Ok(in_the_way),
    }
    let mut sql = ours::guard(SCHEMA) + &ours::schema() + &function::held(&Keeper::here(session).await?, destination);
    let partitioned = partitioned(session, tables).await?;
    for table in tables {
        let with_rows = !partitioned.contains(table);
        let table = quote_relation(&table.0, &table.1);
        // A fence that was opened may have left its triggers there; to drop them would take readers' locks.
        let mut make = |trigger, when, each| {
            sql += &format!(
                "CREATE OR REPLACE TRIGGER {trigger} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {SCHEMA}.refuse();\n"
            );
        };
        make(STATEMENTS, "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE", "STATEMENT");
        if with_rows {
            make(ROWS, "AFTER INSERT OR UPDATE OR DELETE", "ROW");
        }
        let also = if with_rows { format!(", ENABLE ALWAYS TRIGGER {ROWS}") } else { String::new() };
        sql += &format!("ALTER TABLE ONLY {table} ENABLE ALWAYS TRIGGER {STATEMENTS}{also};\n");
    }
    session.run("the fence", &(sql + "COMMIT")).await?;
    Ok(Attempt::Up)
}

/// Those that have no rows of their own.
async fn partitioned(session: &Session, tables: &[(String, String)]) -> Result<HashSet<(String, String)>, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "SELECT f.schema, f.name FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS f (schema, name)
        JOIN pg_catalog.pg_namespace n ON n.nspname = f.schema
        JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = f.name WHERE c.relkind = 'p'";
    let rows = session.rows("the list of partitioned tables", sql, &[&schemas, &names]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whatever `default_transaction_isolation` and `default_transaction_read_only` say.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Where the locks are had, nobody changes what the tables are from now until [`seal`] or [`take_down`]: a transaction of this session stays
/// open, with locks that stand against `ALTER TABLE`, `CREATE TRIGGER`, `CREATE INDEX` and their kind, and against nobody who reads.
///
/// # Errors
/// The connection.
pub async fn hold_definitions(
    session: &Session,
    tables: &[(String, String)],
    patience: Patience,
) -> Result<Attempt, Error> {
    session.run("starting a transaction", BEGIN).await?;
    let held = lock(session, tables, "SHARE UPDATE EXCLUSIVE", patience).await;
    if !matches!(held, Ok(Attempt::Up)) {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    held
}

/// Takes the locks that a seal needs, readers' too, in the transaction that [`hold_definitions`] began. It goes on where they cannot be had.
/// From now until the transaction ends no writer passes, whoever else dies: whether one has passed before is for the caller to ask.
pub async fn lock_to_seal(
    session: &Session,
    relations: &[(String, String)],
    patience: Patience,
) -> Result<Attempt, Error> {
    session.run("starting an attempt", "SAVEPOINT pgkeep_seal").await?;
    let mut locked = lock(session, relations, "ACCESS EXCLUSIVE", patience).await?;
    if matches!(locked, Attempt::Up) {
        locked = lock_seal(session, patience).await?;
    }
    if !matches!(locked, Attempt::Up) {
        session.run("ending an attempt", UNSEALED).await?;
    }
    Ok(locked)
}

/// A writer that an open fence let through has the lock, shared, and so can whoever may connect.
async fn lock_seal(session: &Session, patience: Patience) -> Result<Attempt, Error> {
    let Patience { lock_timeout_ms, .. } = patience;
    let sql = format!(
        "SAVEPOINT pgkeep_locks; SET LOCAL lock_timeout = {lock_timeout_ms};
        SELECT pg_catalog.pg_advisory_xact_lock({SEAL_LOCK}); SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT pgkeep_locks"
    );
    let Err(source) = session.run("the lock of a seal", &sql).await else { return Ok(Attempt::Up) };
    if !is_in_the_way(&source) {
        return Err(source);
    }
    session.run("ending an attempt", "ROLLBACK TO SAVEPOINT pgkeep_locks; RELEASE SAVEPOINT pgkeep_locks").await?;
    let who = holder::of_seal(session).await?;
    let who = who.iter().map(|holder| InTheWay {
        who: format!("{holder}, which has the advisory lock of a seal"),
        is_autovacuum: false,
    });
    Ok(Attempt::InTheWay { who: who.collect(), source })
}

const UNSEALED: &str = "ROLLBACK TO SAVEPOINT pgkeep_seal; RELEASE SAVEPOINT pgkeep_seal";

/// After [`lock_to_seal`]: `also`, statements of the caller's that go with the seal, and what is sealed is written down. Where somebody is in
/// their way, nothing has changed, and the locks are given back.
pub async fn prepare_seal(session: &Session, also: &str, scope: &Scope, patience: Patience) -> Result<Attempt, Error> {
    let first = format!("SET LOCAL lock_timeout = {};\n{also}", patience.lock_timeout_ms);
    match session.run("what is done when the source is sealed", &first).await {
        Err(source) if is_in_the_way(&source) => {
            session.run("ending an attempt", UNSEALED).await?;
            return Ok(Attempt::InTheWay { who: Vec::new(), source });
        }
        Err(error) => {
            session.run("ending a transaction", "ROLLBACK").await?;
            return Err(error);
        }
        Ok(()) => {}
    }
    if let Err(error) = sealed::note(session, Noted::Sealed, scope).await {
        session.run("ending a transaction", "ROLLBACK").await?;
        return Err(error);
    }
    Ok(Attempt::Up)
}

/// The held fence becomes one that stays, after [`prepare_seal`], in the same transaction.
pub async fn seal(session: &Session, destination: &str) -> Result<(), Error> {
    // The seal by itself, after all that may take a while: the server goes on with a statement whose sender was killed, and not with the next.
    let then = format!("{}{}\nCOMMIT", ours::guard(SCHEMA), function::sealed(destination));
    let sealed = session.run("sealing the fence", &then).await;
    if sealed.is_err() {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    sealed
}

/// Seals a fence that was put up and around which nothing is held: that of a new place which is left.
pub async fn seal_at_once(session: &Session, destination: &str) -> Result<(), Error> {
    let sql = format!("{BEGIN};\n{}{}\nCOMMIT", ours::guard(SCHEMA), function::sealed(destination));
    let sealed = session.run("sealing the fence", &sql).await;
    if sealed.is_err() {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    sealed
}

/// The relations, and all partitions and children of theirs.
pub async fn with_partitions(
    session: &Session,
    relations: &[(String, String)],
) -> Result<Vec<(String, String)>, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = relations.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "WITH RECURSIVE tree(oid) AS (
            SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t (schema, name)
                ON t.schema = n.nspname AND t.name = c.relname
            UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent)
        SELECT n.nspname::text, c.relname::text FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v') ORDER BY 1, 2";
    let rows = session.rows("the list of tables to lock", sql, &[&schemas, &names]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether the database is sealed, and its writers are sent to the other one.
pub async fn leads_to(session: &Session, destination: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'pgkeep_split' AND p.proname = 'refuse' AND p.prosrc = $1)";
    let row = session.client().query_one(sql, &[&body(destination)]).await;
    Ok(row.map_err(|error| session.fault("looking for a fence", error))?.get(0))
}

/// What is there, by the first word of the function's comment. That it is the one that was put up is asked by [`is_intact`].
pub async fn strength(session: &Session) -> Result<Option<Strength>, Error> {
    // A function that somebody made may have no comment.
    let sql = format!(
        "SELECT coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '{SCHEMA}' AND p.proname = 'refuse' AND p.pronargs = 0"
    );
    let found = session.texts("looking for a fence", &sql, &[]).await?;
    Ok(found.first().and_then(|text| match text.split(' ').next() {
        Some("sealed") => Some(Strength::Sealed),
        Some("held") => Some(Strength::Held),
        _ => None,
    }))
}

/// Opens the fence and takes it away. Writers pass from that moment on; no table is locked for it. Nothing happens where there is none.
pub async fn take_down(session: &Session) -> Result<(), Error> {
    // Of a transaction that holds definitions.
    session.run("ending a transaction", "ROLLBACK").await?;
    let opened = session.run("opening the fence", &format!("{BEGIN}; {}COMMIT", opening())).await;
    if let Err(error) = opened {
        session.run("ending a transaction", "ROLLBACK").await?;
        return Err(error);
    }
    clear_away(session).await
}

/// What is done in the transaction that opens a fence.
#[derive(Clone, Copy, Debug)]
pub struct Also<'a> {
    /// Statements one after the other, each with a number that is not 0.
    pub steps: &'a [(i32, String)],
    /// The number of the one that is under way, or was when it ended; 0 before and after them.
    pub under_way: &'a AtomicI32,
    /// After them.
    pub rest: &'a str,
}

/// The same in one transaction with `also`, which needs locks on these relations. Where somebody is in the way, nothing has changed.
pub async fn open_with(
    session: &Session,
    relations: &[(String, String)],
    also: Also<'_>,
    patience: Patience,
) -> Result<Attempt, Error> {
    let attempt = open_in_transaction(session, relations, also, "COMMIT", patience).await;
    if !matches!(attempt, Ok(Attempt::Up)) {
        session.run("ending a transaction", "ROLLBACK").await?;
        return attempt;
    }
    clear_away(session).await?;
    attempt
}

/// Does what [`open_with`] does, and takes it back.
pub async fn try_to_open(
    session: &Session,
    relations: &[(String, String)],
    also: Also<'_>,
    patience: Patience,
) -> Result<Attempt, Error> {
    let attempt = open_in_transaction(session, relations, also, "ROLLBACK", patience).await;
    if !matches!(attempt, Ok(Attempt::Up)) {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    attempt
}

async fn open_in_transaction(
    session: &Session,
    relations: &[(String, String)],
    also: Also<'_>,
    end: &str,
    patience: Patience,
) -> Result<Attempt, Error> {
    also.under_way.store(0, Relaxed);
    session.run("starting a transaction", BEGIN).await?;
    match lock(session, relations, "SHARE ROW EXCLUSIVE", patience).await? {
        Attempt::Up => {}
        in_the_way => return Ok(in_the_way),
    }
    // Whatever the step before has set.
    let wait = format!("SET LOCAL lock_timeout = {};\n", patience.lock_timeout_ms);
    let mut work = session.run("opening the fence", &(wait.clone() + &opening())).await;
    for (number, step) in also.steps {
        if work.is_ok() {
            also.under_way.store(*number, Relaxed);
            work = session.run("opening the fence", &(wait.clone() + step)).await;
        }
    }
    if work.is_ok() {
        also.under_way.store(0, Relaxed);
        work = session.run("opening the fence", &format!("{wait}{}\n{end}", also.rest)).await;
    }
    match work {
        Err(source) if is_in_the_way(&source) => Ok(Attempt::InTheWay { who: Vec::new(), source }),
        opened => opened.map(|()| Attempt::Up),
    }
}

/// Statements that let writers pass, where there is a fence.
fn opening() -> String {
    let body = format!(
        "BEGIN
            IF EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = '{SCHEMA}' AND p.proname = 'refuse') THEN
                {}
            END IF;
        END",
        function::open()
    );
    ours::guard(SCHEMA) + &do_block(&body)
}

/// The triggers of an opened fence go one by one, each only if that takes a moment: who reads a table for long keeps one there, which lets
/// everything pass and is taken away by the next fence.
async fn clear_away(session: &Session) -> Result<(), Error> {
    let drop = "pg_catalog.string_agg(pg_catalog.format('DROP TRIGGER IF EXISTS %I ON %I.%I', t.tgname, n.nspname, c.relname), '; ')";
    let sql = triggers(drop);
    let mut stay = 0u64;
    session.run("a setting", "SET lock_timeout = '1s'").await?;
    for drop in session.texts("the list of fenced tables", &sql, &[]).await? {
        match session.run("taking the fence away", &drop).await {
            // undefined_object, undefined_table: with their table.
            Err(error) if matches!(error.sqlstate(), Some("42704" | "42P01")) => {}
            // lock_not_available; one reader is waited for, not each.
            Err(error) if error.sqlstate() == Some("55P03") => {
                stay += 1;
                session.run("a setting", "SET lock_timeout = '20ms'").await?;
            }
            dropped => dropped?,
        }
    }
    session.run("a setting", "RESET lock_timeout").await?;
    if stay > 0 {
        return Ok(());
    }
    // The schema stays where it holds a record: this database may be the target of another split.
    let rest = format!(
        "DROP FUNCTION IF EXISTS {SCHEMA}.refuse();
        DO $$ BEGIN
            IF pg_catalog.to_regclass('{SCHEMA}.sealed') IS NOT NULL THEN DROP TABLE {SCHEMA}.sealed; END IF;
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{SCHEMA}') THEN
                DROP SCHEMA IF EXISTS {SCHEMA};
            END IF;
        END $$"
    );
    session.run("taking the fence away", &rest).await
}

/// What an open fence has left, in words: triggers of tables that were read while it was taken down.
pub async fn stay(session: &Session) -> Result<Option<String>, Error> {
    if strength(session).await?.is_some() {
        return Ok(None);
    }
    let sql = triggers("n.nspname || '.' || c.relname");
    let tables = session.texts("the list of fenced tables", &sql, &[]).await?;
    let more = match tables.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = tables.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok((!tables.is_empty()).then(|| {
        format!("tables were read while the fence was taken down, and keep its triggers, which allow all writes, until the next split: {named}{more}")
    }))
}

/// A query for something of each table that has triggers of the fence.
fn triggers(what: &str) -> String {
    format!(
        "SELECT {what} FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE t.tgname IN ('{STATEMENTS}', '{ROWS}') AND NOT t.tgisinternal AND t.tgparentid = 0
        GROUP BY c.oid, n.nspname, c.relname ORDER BY 1"
    )
}
