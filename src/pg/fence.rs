//! The fence around tables that move away: writes are refused, to superusers as well, until their database is elsewhere.
//!
//! A statement trigger on each table refuses. It is the database that refuses, so that no application gets by: triggers that
//! fire ALWAYS fire for superusers and under `session_replication_role = replica`. Three things it does not stop, because no
//! trigger sees them: a subscription's apply worker, `ALTER TABLE`, and whoever drops the trigger.
//!
//! While the fence is *held*, the trigger asks whether the session that holds it still lives: that session has an advisory lock, which
//! the server lets go of with the session, however that ends. So a fence never outlives the program that put it up. When it is
//! *sealed*, the trigger asks nothing, and the fence stays until it is taken down.

use super::Error;
use super::catalog::{quote_identifier, quote_literal, quote_relation};
use super::connect::Session;
use super::ours;
use crate::split::facts::ForeignKey;

/// Where the fence's function and a split's records live, on either side.
pub const SCHEMA: &str = "pgkeep_split";
/// The trigger on each table.
pub const TRIGGER: &str = "pgkeep_fence";

/// `pkep` and 1: the advisory lock of the one split that a database can be in.
const LOCK: &str = "1886086512, 1";

/// What stands around the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Refuses as long as the session that put it up lives.
    Held,
    /// Refuses until it is taken down.
    Sealed,
}

/// How an attempt to put it up ended.
#[derive(Debug)]
pub enum Attempt {
    Up,
    /// Nothing was changed: these sessions write, or hold locks against it.
    InTheWay {
        sessions: Vec<String>,
        source: Error,
    },
}

async fn run(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    session.client().batch_execute(sql).await.map_err(|error| session.fault(context, error))
}

async fn texts(session: &Session, context: &str, sql: &str) -> Result<Vec<String>, Error> {
    let rows = session.client().query(sql, &[]).await.map_err(|error| session.fault(context, error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes this session the only one that may put up, seal or take down the fence of this database; false if another is.
///
/// It ends with the session. A machine that vanishes is noticed by the server's keepalives, after at most 30 s.
pub async fn own(session: &Session) -> Result<bool, Error> {
    let settings = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
        SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0;
        DO $$ BEGIN SET client_connection_check_interval = '1s'; EXCEPTION WHEN OTHERS THEN NULL; END $$";
    // idle_session_timeout came with 14, our oldest, and so did the last one: that the other end is gone is noticed while a lock is
    // waited for as well. Not every system can do that.
    run(session, "a setting", settings).await?;
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({LOCK})");
    let row = session.client().query_one(&sql, &[]).await;
    Ok(row.map_err(|error| session.fault("the lock of a split", error))?.get(0))
}

/// Schemas of the database that are not the system's, sorted.
pub async fn schemas(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT nspname::text FROM pg_catalog.pg_namespace
        WHERE nspname <> 'information_schema' AND nspname NOT IN ('pgkeep_split', 'pgkeep_loose') AND nspname !~ '^pg_' ORDER BY 1";
    texts(session, "the list of schemas", sql).await
}

/// Tables and partitioned tables in the schemas, and their partitions wherever those are: schema and name, sorted.
pub async fn tables(session: &Session, schemas: &[String]) -> Result<Vec<(String, String)>, Error> {
    let sql = "WITH RECURSIVE moving(oid) AS (
            SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p')
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
                  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
            UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN moving m ON m.oid = i.inhparent
                JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition AND c.relkind IN ('r', 'p'))
        SELECT n.nspname::text, c.relname::text FROM moving m JOIN pg_catalog.pg_class c ON c.oid = m.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2";
    let rows = session.client().query(sql, &[&schemas]).await;
    let rows = rows.map_err(|error| session.fault("the list of tables to fence", error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Puts the fence up around all tables at once, held by this session, which must [`own`] it. Whoever writes has finished when it is
/// up; whoever begins to write is refused.
///
/// Waits at most `lock_timeout_ms` for those who write. While it waits, new writers wait behind it, so keep that short and try again.
///
/// # Errors
/// No privilege to make a schema or a trigger; the connection.
pub async fn put_up(
    session: &Session,
    tables: &[(String, String)],
    destination: &str,
    lock_timeout_ms: u64,
) -> Result<Attempt, Error> {
    let mut sql = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n");
    sql += &(ours::guard(SCHEMA) + &ours::schema());
    sql += &function(Strength::Held, destination);
    let names: Vec<String> = tables.iter().map(|(schema, name)| quote_relation(schema, name)).collect();
    if !names.is_empty() {
        sql += &format!("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE;\n", names.join(", ONLY "));
    }
    for name in &names {
        sql += &format!(
            "DROP TRIGGER IF EXISTS {TRIGGER} ON {name};
            CREATE TRIGGER {TRIGGER} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name}
                FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse();
            ALTER TABLE ONLY {name} ENABLE ALWAYS TRIGGER {TRIGGER};\n"
        );
    }
    sql += "COMMIT";
    match run(session, "the fence", &sql).await {
        Ok(()) => Ok(Attempt::Up),
        // lock_not_available
        Err(source) if source.sqlstate() == Some("55P03") => {
            run(session, "the end of a transaction", "ROLLBACK").await?;
            let sessions = in_the_way(session, tables).await?;
            Ok(Attempt::InTheWay { sessions, source })
        }
        Err(error) => {
            run(session, "the end of a transaction", "ROLLBACK").await?;
            Err(error)
        }
    }
}

/// From now until [`seal`] or [`take_down`] nobody changes what the tables are: a transaction of this session stays open, with locks that
/// stand against `ALTER TABLE`, `CREATE TRIGGER`, `CREATE INDEX` and their kind, and against nobody who reads.
///
/// # Errors
/// Somebody is at it, and was not done after `lock_timeout_ms`; the connection.
pub async fn hold_definitions(
    session: &Session,
    tables: &[(String, String)],
    lock_timeout_ms: u64,
) -> Result<(), Error> {
    if tables.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = tables.iter().map(|(schema, name)| quote_relation(schema, name)).collect();
    let sql = format!(
        "BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}; LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE",
        names.join(", ONLY ")
    );
    run(session, "keeping the tables' definitions as they are", &sql).await
}

/// The held fence becomes one that stays. In one transaction with `also`, statements of the caller's, whose locks are waited for at
/// most `lock_timeout_ms`.
pub async fn seal(session: &Session, destination: &str, lock_timeout_ms: u64, also: &str) -> Result<(), Error> {
    // The seal by itself, after whatever has to wait: the server goes on with a statement whose sender was killed, and not with the next.
    // Where definitions are held, the transaction is open already, and BEGIN is no more than a warning.
    let first = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n{also}");
    let then = format!("{}\nCOMMIT", function(Strength::Sealed, destination));
    for sql in [first, then] {
        if let Err(error) = run(session, "sealing the fence", &sql).await {
            run(session, "the end of a transaction", "ROLLBACK").await?;
            return Err(error);
        }
    }
    Ok(())
}

/// A statement for [`take_down`]: makes a foreign key again that the seal gave up, unchecked where the server can; checked, and left out
/// where rows are against it, where it cannot; and not a second time.
pub fn key_again(make: &str, comment: &str) -> String {
    let body = format!(
        "BEGIN
            {make} NOT VALID; {comment}
        EXCEPTION WHEN duplicate_object THEN NULL; WHEN wrong_object_type THEN
            BEGIN {make}; {comment} EXCEPTION WHEN foreign_key_violation OR duplicate_object THEN NULL; END;
        END"
    );
    format!("DO {};\n", quote_literal(&body))
}

/// Checks the rows of a foreign key that came back unchecked. Nobody's writes wait for it.
pub async fn check_key(session: &Session, key: &ForeignKey, lock_timeout_ms: u64) -> Result<(), Error> {
    let (table, name) = (quote_relation(&key.schema, &key.table), quote_identifier(&key.name));
    let sql = format!(
        "BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}; ALTER TABLE {table} VALIDATE CONSTRAINT {name}; COMMIT"
    );
    let checked = run(session, "checking a foreign key", &sql).await;
    if checked.is_err() {
        run(session, "the end of a transaction", "ROLLBACK").await?;
    }
    checked
}

/// What is there, by the first word of the function's comment. That it is the one that was put up is asked by `ours::fence_is_intact`.
pub async fn strength(session: &Session) -> Result<Option<Strength>, Error> {
    // A function that somebody made may have no comment.
    let sql = format!(
        "SELECT coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '{SCHEMA}' AND p.proname = 'refuse' AND p.pronargs = 0"
    );
    let found = texts(session, "looking for a fence", &sql).await?;
    Ok(found.first().and_then(|text| match text.split(' ').next() {
        Some("sealed") => Some(Strength::Sealed),
        Some("held") => Some(Strength::Held),
        _ => None,
    }))
}

/// Opens the fence, in one transaction with `also`, and takes it away. Writers pass from that moment on; no table is locked for it. The
/// triggers go one by one, each only if that takes a moment: who reads a table for long keeps one there, which lets everything pass and is
/// taken away by the next fence. Nothing happens where there is none.
pub async fn take_down(session: &Session, also: &str) -> Result<(), Error> {
    // Of a transaction that holds definitions.
    run(session, "the end of a transaction", "ROLLBACK").await?;
    let open = format!(
        "BEGIN;
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = '{SCHEMA}' AND p.proname = 'refuse') THEN
                CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS pg_catalog.trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
                    AS 'BEGIN RETURN NULL; END';
                COMMENT ON FUNCTION {SCHEMA}.refuse() IS 'open';
            END IF;
        END $$;\n{also}\nCOMMIT"
    );
    if let Err(error) = run(session, "opening the fence", &open).await {
        run(session, "the end of a transaction", "ROLLBACK").await?;
        return Err(error);
    }
    let sql = format!(
        "SELECT pg_catalog.format('DROP TRIGGER {TRIGGER} ON %I.%I', n.nspname, c.relname) FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE t.tgname = '{TRIGGER}' AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY 1"
    );
    let mut stay = 0;
    run(session, "a setting", "SET lock_timeout = '1s'").await?;
    for drop in texts(session, "the list of fenced tables", &sql).await? {
        match run(session, "taking the fence away", &drop).await {
            // undefined_object, undefined_table: with their table.
            Err(error) if matches!(error.sqlstate(), Some("42704" | "42P01")) => {}
            // lock_not_available; one reader is waited for, not each.
            Err(error) if error.sqlstate() == Some("55P03") => {
                stay += 1;
                run(session, "a setting", "SET lock_timeout = '20ms'").await?;
            }
            dropped => dropped?,
        }
    }
    run(session, "a setting", "RESET lock_timeout").await?;
    if stay > 0 {
        tracing::warn!(
            triggers = stay,
            "tables are read: their triggers, which let everything pass, stay until the next split"
        );
        return Ok(());
    }
    // The schema stays where it holds a record: this database may be the target of another split.
    let rest = format!(
        "DROP FUNCTION IF EXISTS {SCHEMA}.refuse();
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{SCHEMA}') THEN
                DROP SCHEMA IF EXISTS {SCHEMA};
            END IF;
        END $$"
    );
    run(session, "taking the fence away", &rest).await
}

/// Who holds or wants a lock that the fence cannot go with, longest first.
async fn in_the_way(session: &Session, tables: &[(String, String)]) -> Result<Vec<String>, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "SELECT pg_catalog.format('process %s, role %s, application %s, %s on %s.%s for %s s: %s', a.pid, a.usename,
                coalesce(pg_catalog.quote_literal(nullif(a.application_name, '')), 'unnamed'), l.mode, n.nspname, c.relname,
                coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::bigint, 0),
                pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 60))
        FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        JOIN pg_catalog.pg_class c ON c.oid = l.relation
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t (schema, name)
            ON t.schema = n.nspname AND t.name = c.relname
        WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        ORDER BY a.xact_start LIMIT 20";
    let rows = session.client().query(sql, &[&schemas, &names]).await;
    let rows = rows.map_err(|error| session.fault("the list of sessions in the way", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The source of the fence's function, as `pg_proc.prosrc` has it.
pub fn body(strength: Strength, destination: &str) -> String {
    let condition = match strength {
        // A shared lock can be had only when nobody holds the other; it goes with the writer's transaction.
        Strength::Held => format!("IF pg_catalog.pg_try_advisory_xact_lock_shared({LOCK}) THEN RETURN NULL; END IF;"),
        Strength::Sealed => String::new(),
    };
    let message = match strength {
        Strength::Held => "%.% is being moved to the database %: writes are refused until that is done",
        Strength::Sealed => "%.% has moved to the database %: writes are refused here",
    };
    format!(
        "
        BEGIN
            {condition}
            RAISE EXCEPTION {}, TG_TABLE_SCHEMA, TG_TABLE_NAME, {}
                USING ERRCODE = 'read_only_sql_transaction', HINT = 'pgkeep split put this fence up; `pgkeep split status` says more.';
        END ",
        quote_literal(message),
        quote_literal(destination),
    )
}

fn function(strength: Strength, destination: &str) -> String {
    let word = match strength {
        Strength::Held => "held",
        Strength::Sealed => "sealed",
    };
    format!(
        "CREATE OR REPLACE FUNCTION {SCHEMA}.refuse() RETURNS pg_catalog.trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS {};
        COMMENT ON FUNCTION {SCHEMA}.refuse() IS '{word}';\n",
        quote_literal(&body(strength, destination)),
    )
}
