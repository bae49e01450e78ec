//! A scratch database, in which definitions are tried: made, used once, and dropped.

use std::time::Duration;

use super::Error;
use super::connect::{Session, connect};
use super::conninfo::Conninfo;
use super::quoting::{do_block, quote_identifier, quote_literal};
use crate::repo::manifest::Database;

/// What the names of scratch databases begin with; sixteen hexadecimal digits follow.
pub const PREFIX: &str = "pgkeep_trial_";
/// The comment by which a scratch database is known as ours.
const MARK: &str =
    "pgkeep: a scratch database in which definitions are tried; the next trial drops what a killed one has left";
/// The same from the first moment on, where a kill comes before the comment: a limit of connections that nobody else would choose (`pkep`).
const MARK_LIMIT: i32 = 0x706b_6570;
/// A drop without anybody to wait for it follows a signal, and whoever sent it waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// The statement that makes a database like this one, from `template0`, so that nobody's objects are in it.
pub fn like(database: &Database, name: &str, server_version_num: u32) -> String {
    let literal = |text: &str| quote_literal(text);
    let mut sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        quote_identifier(name),
        literal(&database.encoding),
        literal(&database.collate),
        literal(&database.ctype)
    );
    let locale = database.icu_locale.as_deref();
    match (database.locale_provider.as_str(), locale) {
        _ if server_version_num < 150_000 => {}
        ("i", Some(locale)) => sql += &format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale)),
        ("b", Some(locale)) => sql += &format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", literal(locale)),
        _ => sql += " LOCALE_PROVIDER libc",
    }
    if let Some(rules) = &database.icu_rules {
        sql += &format!(" ICU_RULES {}", literal(rules));
    }
    sql
}

/// Makes a scratch database with `create`, and marks it. `keeper`, a session elsewhere on the server, bears its name from now on, by which
/// others see that it is in use. Nobody but its owner, the session's role, and superusers may connect to it. It belongs to `owner` where the
/// session's role, no superuser, has that role's rights: whoever owns a database may make things in its schema `public`.
pub async fn make(keeper: &Session, name: &str, create: &str, owner: Option<&str>) -> Result<(), Error> {
    let context = "a scratch database";
    keeper.run(context, &format!("SET application_name = {}", quote_literal(name))).await?;
    keeper.run(context, &format!("{} CONNECTION LIMIT {MARK_LIMIT}", create.trim_end().trim_end_matches(';'))).await?;
    let database = quote_identifier(name);
    let mark = format!(
        "COMMENT ON DATABASE {database} IS {}; REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        quote_literal(MARK)
    );
    keeper.run(context, &mark).await?;
    let Some(owner) = owner else { return Ok(()) };
    let body = format!(
        "BEGIN
            IF pg_catalog.pg_has_role({}, 'USAGE') AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
                EXECUTE pg_catalog.format('GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {database} TO %I', current_user);
                ALTER DATABASE {database} OWNER TO {};
            END IF;
        EXCEPTION WHEN OTHERS THEN NULL; END",
        quote_literal(owner),
        quote_identifier(owner)
    );
    keeper.run(context, &do_block(&body)).await
}

/// Drops it, whoever is still connected.
pub async fn drop(keeper: &Session, name: &str) -> Result<(), Error> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(name));
    keeper.run("dropping a scratch database", &sql).await
}

/// The same by a session of its own, where nobody can wait any more. A keeper that is still making the database is ended first: its server
/// would go on, and be done after the drop. Best effort: what it leaves, the next trial drops. Blocks; makes a thread and a runtime of its own.
pub fn drop_now(maintenance: &Conninfo, name: &str) {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let farewell = async {
            let keeper = connect(maintenance, "pgkeep farewell").await.ok()?;
            end_keepers(&keeper, name).await.ok()?;
            drop(&keeper, name).await.ok()?;
            keeper.close().await.ok()
        };
        runtime.block_on(async { tokio::time::timeout(PATIENCE, farewell).await.ok().flatten() })
    };
    std::thread::scope(|scope| std::mem::drop(scope.spawn(work).join()));
}

/// Ends the sessions of the running role that bear the name, and waits until they are gone.
async fn end_keepers(session: &Session, name: &str) -> Result<(), Error> {
    let sql = "SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
        WHERE application_name = $1 AND usename = current_user AND pid <> pg_catalog.pg_backend_pid()";
    loop {
        let row = session.client().query_one(sql, &[&name]).await;
        let ended: i64 = row.map_err(|error| session.fault("the end of a scratch database's keeper", error))?.get(0);
        if ended == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Drops what killed trials have left: databases that bear our name and mark, belong to the running role or one whose rights it has, and that no client is connected
/// to or keeps. What cannot be dropped stays for the next one.
pub async fn drop_leftovers(keeper: &Session) -> Result<(), Error> {
    let sql = "SELECT d.datname::text FROM pg_catalog.pg_database d
        LEFT JOIN pg_catalog.pg_shdescription s ON s.objoid = d.oid AND s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
        WHERE d.datname ~ ('^' || $1 || '[0-9a-f]{16}$') AND (s.description = $2 OR d.datconnlimit = $3)
          AND (SELECT d.datdba = r.oid OR NOT r.rolsuper AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
            FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
            WHERE (a.datid = d.oid AND coalesce(a.backend_type, 'client backend') = 'client backend') OR a.application_name = d.datname::text)";
    let rows = keeper.client().query(sql, &[&PREFIX, &MARK, &MARK_LIMIT]).await;
    for row in rows.map_err(|error| keeper.fault("the list of databases", error))? {
        // Whoever connected meanwhile is using it.
        let _ = keeper.run("an old scratch database", &format!("DROP DATABASE {}", quote_identifier(row.get(0)))).await;
    }
    Ok(())
}

/// Settings of a session whose work is thrown away.
pub async fn settle(session: &Session) -> Result<(), Error> {
    session.run("the session's settings", "SET synchronous_commit = off").await
}

pub async fn begin(session: &Session) -> Result<(), Error> {
    session.run("starting a transaction", "BEGIN").await
}

pub async fn commit(session: &Session) -> Result<(), Error> {
    session.run("ending a transaction", "COMMIT").await
}

/// Runs statements inside the transaction, as one; what the server refuses leaves the rest of the transaction as it was.
///
/// # Errors
/// The session is lost. What the server said is the inner error.
pub async fn attempt(session: &Session, context: &str, statements: &[&str]) -> Result<Result<(), Error>, Error> {
    // A message of its own: the server parses all of a message before it runs any of it.
    session.run(context, "SAVEPOINT pgkeep_step").await?;
    let sql = format!("{}\n;RELEASE SAVEPOINT pgkeep_step", statements.join("\n;\n"));
    match session.run(context, &sql).await {
        Err(error) if error.server_message().is_some() => {
            session.run(context, "ROLLBACK TO SAVEPOINT pgkeep_step; RELEASE SAVEPOINT pgkeep_step").await?;
            Ok(Err(error))
        }
        done => done.map(Ok),
    }
}

/// Runs a statement that PostgreSQL refuses inside a transaction.
///
/// # Errors
/// As [`attempt`].
pub async fn attempt_alone(session: &Session, context: &str, statements: &[&str]) -> Result<Result<(), Error>, Error> {
    for sql in statements {
        match session.run(context, sql).await {
            Err(error) if error.server_message().is_some() => return Ok(Err(error)),
            done => done?,
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_database_sorts_as_the_other_does() {
        let mut database = Database {
            encoding: "UTF8".into(),
            locale_provider: "i".into(),
            collate: "C.UTF-8".into(),
            ctype: "de_DE.UTF-8".into(),
            icu_locale: Some("de'DE".into()),
            icu_rules: None,
            name: "shop".into(),
            owner: "keeper".into(),
            collation_version: None,
            connection_limit: -1,
            is_template: false,
            comment: None,
            settings: Vec::new(),
            grants: None,
        };
        let plain = "CREATE DATABASE \"pgkeep_trial_1\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'de_DE.UTF-8'";
        assert_eq!(like(&database, "pgkeep_trial_1", 140_000), plain);
        let icu = format!("{plain} LOCALE_PROVIDER icu ICU_LOCALE 'de''DE'");
        assert_eq!(like(&database, "pgkeep_trial_1", 150_000), icu);
        database.locale_provider = "c".into();
        assert_eq!(like(&database, "pgkeep_trial_1", 170_000), format!("{plain} LOCALE_PROVIDER libc"));
    }
}
