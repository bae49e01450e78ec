//! Locks that nobody who works may notice: all in one statement, for a moment, again and again.
//!
//! Who waits for a lock while holding others can be part of a deadlock, and the server ends *somebody* of those in it after
//! `deadlock_timeout`: it must not be the application. So an attempt lasts less than that, and nobody queues behind it for longer.

use super::super::Error;
use super::super::connect::Session;
use super::super::quoting::quote_relation;
use super::super::raw_text::RawText;

/// How an attempt ended.
#[derive(Debug)]
pub enum Attempt {
    Up,
    /// Nothing was changed: these hold locks against it.
    InTheWay {
        who: Vec<InTheWay>,
        source: Error,
    },
}

/// Somebody who holds a lock, longest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// As a person reads it.
    pub who: String,
    /// The server's own cleaning: it gives way to whoever waits for `deadlock_timeout`, and to nobody else.
    pub is_autovacuum: bool,
}

/// How long an attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub lock_timeout_ms: u64,
    pub statement_timeout_ms: u64,
}

/// What attempts are measured by: the server's `deadlock_timeout`.
pub async fn deadlock_timeout_ms(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'";
    let row = session.client().query_opt(sql, &[]).await.map_err(|error| session.fault("a setting", error))?;
    Ok(row.map_or(1000, |row| row.get::<_, i64>(0).unsigned_abs()))
}

impl Patience {
    /// Less than `deadlock_timeout`, also where several tables are waited for one after another. Looking up thousands of names takes
    /// a while by itself.
    pub fn short(deadlock_timeout_ms: u64, relations: usize) -> Self {
        let lock_timeout_ms = (deadlock_timeout_ms / 2).clamp(10, 500);
        Self { lock_timeout_ms, statement_timeout_ms: lock_timeout_ms + relations as u64 / 25 }
    }

    /// Longer than `deadlock_timeout`, for an autovacuum that would not give way otherwise.
    pub fn for_autovacuum(deadlock_timeout_ms: u64) -> Self {
        let lock_timeout_ms = deadlock_timeout_ms + 500;
        Self { lock_timeout_ms, statement_timeout_ms: 2 * lock_timeout_ms }
    }
}

/// Takes the locks in the session's transaction, or none of them: then it is back at the savepoint, with what it held before.
pub async fn lock(
    session: &Session,
    relations: &[(String, String)],
    mode: &str,
    patience: Patience,
) -> Result<Attempt, Error> {
    if relations.is_empty() {
        return Ok(Attempt::Up);
    }
    let names: Vec<String> = relations.iter().map(|(schema, name)| quote_relation(schema, name)).collect();
    let Patience { lock_timeout_ms, statement_timeout_ms } = patience;
    let sql = format!(
        "SAVEPOINT pgkeep_locks; SET LOCAL lock_timeout = {lock_timeout_ms}; SET LOCAL statement_timeout = {statement_timeout_ms};
        LOCK TABLE ONLY {} IN {mode} MODE; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT pgkeep_locks",
        names.join(", ONLY ")
    );
    let Err(source) = session.run("locks on the tables", &sql).await else { return Ok(Attempt::Up) };
    if !is_in_the_way(&source) {
        return Err(source);
    }
    session.run("ending an attempt", "ROLLBACK TO SAVEPOINT pgkeep_locks; RELEASE SAVEPOINT pgkeep_locks").await?;
    let who = in_the_way(session, relations, mode).await?;
    Ok(Attempt::InTheWay { who, source })
}

/// Somebody else's locks: lock_not_available, deadlock_detected, and query_canceled by the statement's own time-out.
pub fn is_in_the_way(error: &Error) -> bool {
    matches!(error.sqlstate(), Some("55P03" | "40P01" | "57014"))
}

/// Who holds a lock on the relations that this mode cannot go with, longest first; prepared transactions too, which no session has.
async fn in_the_way(session: &Session, relations: &[(String, String)], mode: &str) -> Result<Vec<InTheWay>, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = relations.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "SELECT CASE WHEN l.pid IS NULL
            THEN pg_catalog.format('the prepared transaction %s of role %s, %s on %s.%s for %s s: COMMIT PREPARED or ROLLBACK PREPARED ends it',
                pg_catalog.quote_literal(p.gid), p.owner, l.mode, n.nspname, c.relname,
                pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.prepared)::bigint)
            ELSE pg_catalog.format('process %s, role %s, application %s, %s on %s.%s for %s s: %s', l.pid, coalesce(a.usename::text, a.backend_type),
                coalesce(pg_catalog.quote_literal(nullif(a.application_name, '')), 'unnamed'), l.mode, n.nspname, c.relname,
                coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::bigint, 0),
                pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 60)) END,
            coalesce(a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)', false)
        FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_class c ON c.oid = l.relation
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t (schema, name)
            ON t.schema = n.nspname AND t.name = c.relname
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        LEFT JOIN pg_catalog.pg_locks own ON l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' AND own.granted
            AND own.virtualtransaction = l.virtualtransaction
        LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND (l.mode <> ALL ('{AccessShareLock,RowShareLock}') OR $3 = 'ACCESS EXCLUSIVE')
        ORDER BY coalesce(a.xact_start, p.prepared) LIMIT 20";
    let rows = session.raw_rows("the list of sessions that hold locks", sql, &[&schemas, &names, &mode]).await?;
    Ok(rows.iter().map(|row| InTheWay { who: row.get::<_, RawText>(0).shown(), is_autovacuum: row.get(1) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_over_before_the_server_looks_for_deadlocks() {
        for deadlock_timeout_ms in [100, 1000, 60_000] {
            let patience = Patience::short(deadlock_timeout_ms, 100);
            assert!(patience.statement_timeout_ms < deadlock_timeout_ms, "{patience:?} of {deadlock_timeout_ms}");
        }
        let patience = Patience::short(1000, 10_000);
        assert!(patience.statement_timeout_ms < 1000, "ten thousand tables: {patience:?}");
        assert!(Patience::for_autovacuum(1000).lock_timeout_ms > 1000);
    }
}
