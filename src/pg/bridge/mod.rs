//! A bridge: foreign tables (postgres_fdw) in the place of tables that live in another database, and the role that they read it by.
//!
//! Everything at the source is text for one transaction, so that it is there as a whole or not at all. The role's password is in the
//! user mapping alone: the catalog shows it to superusers and to the server's owner, as the chapter on `pg_user_mappings` says.

mod glance;
mod owner;
mod role;
mod works;

use serde::{Deserialize, Serialize};

pub use owner::is_strange_owner;
pub use role::{dismiss_role, is_strange_role, leads_to, provide_role};

use super::Error;
use super::connect::Session;
use super::quoting::quote_literal;
use crate::split::facts::{ForeignData, Traffic};

const FUNCTIONS: &str = concat!(include_str!("functions.sql"), include_str!("materialized.sql"));
const ASIDE: &str = include_str!("aside.sql");

/// Holds the extension where the split brought it.
const SCHEMA: &str = "pgkeep_bridge";

/// Where the source's server finds the target, in the words of libpq.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub database: String,
    /// `sslmode` and its kind.
    #[serde(default)]
    pub options: Vec<(String, String)>,
}

/// Who made the extension `postgres_fdw` in the source database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    Found,
    /// The split makes it, and takes it away on the way back.
    Brought,
}

/// A relation that moved, and the name of what is left of it in the old place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub schema: String,
    pub name: String,
    pub aside: String,
    /// Which of the ways leads to it: the place in [`Works::ways`]. Records of earlier programs have one way.
    #[serde(default)]
    pub way: usize,
    /// The relation that moved, and lies aside; records of earlier programs do not say.
    #[serde(default)]
    pub oid: Option<u32>,
}

/// What the statements are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Works {
    /// Of the first way.
    pub role: String,
    pub server: String,
    /// Of the further ways, one for each owner: the role and the server have the same name.
    #[serde(default)]
    pub more: Vec<String>,
    pub endpoint: Endpoint,
    pub traffic: Traffic,
    pub extension: Extension,
    pub spans: Vec<Span>,
    /// Readers that the operator gave up: they go on seeing the old rows.
    pub leave: Vec<u32>,
    /// The schemas that move.
    pub schemas: Vec<String>,
}

/// The tables of one owner, and nobody else's, are reached by a role and a foreign server of their own: code of that owner runs as the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way<'a> {
    /// In the target.
    pub role: &'a str,
    /// At the source.
    pub server: &'a str,
}

impl Works {
    pub fn ways(&self) -> Vec<Way<'_>> {
        let first = Way { role: &self.role, server: &self.server };
        let more = self.more.iter().map(|name| Way { role: name, server: name });
        std::iter::once(first).chain(more).collect()
    }

    fn way_of(&self, span: &Span) -> Way<'_> {
        self.ways().get(span.way).copied().unwrap_or(Way { role: &self.role, server: &self.server })
    }
}

/// Whether materialized views are filled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    Now,
    /// For a rehearsal, which is rolled back.
    Never,
}

/// Whether this database can have foreign tables of postgres_fdw, made by the session's role.
pub async fn foreign_data(session: &Session) -> Result<ForeignData, Error> {
    let sql = "SELECT CASE
            WHEN EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = 'postgres_fdw') THEN
                CASE WHEN pg_catalog.has_foreign_data_wrapper_privilege('postgres_fdw', 'USAGE') THEN 'there' ELSE 'denied' END
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'postgres_fdw') THEN 'missing'
            WHEN pg_catalog.current_setting('is_superuser') = 'on' THEN 'offered' ELSE 'forbidden' END";
    let found = session.texts("looking for postgres_fdw", sql, &[]).await?;
    Ok(match found.first().map_or("", String::as_str) {
        "there" => ForeignData::Installed,
        "denied" => ForeignData::NoUsage,
        "offered" => ForeignData::Offered,
        "forbidden" => ForeignData::SuperuserOnly,
        _ => ForeignData::Missing,
    })
}

/// Foreign servers that have the name of one of the ways, before any of these is made.
pub async fn strange_servers(source: &Session, works: &Works) -> Result<Vec<String>, Error> {
    let names: Vec<&str> = works.ways().iter().map(|way| way.server).collect();
    let sql = "SELECT srvname::text FROM pg_catalog.pg_foreign_server WHERE srvname = ANY ($1::text[]) ORDER BY 1";
    source.texts("looking for the bridge's servers", sql, &[&names]).await
}

/// Keeps statements with the password out of the server's log, as far as the role may: a superuser may.
pub async fn hush(session: &Session) -> Result<(), Error> {
    let sql = "SELECT pg_catalog.set_config(s.name, s.value, false)
        FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'), ('log_min_error_statement', 'panic'),
            ('log_duration', 'off'), ('pg_stat_statements.track', 'none')) AS s (name, value)
        WHERE pg_catalog.current_setting('is_superuser') = 'on' AND pg_catalog.current_setting(s.name, true) IS NOT NULL";
    session.texts("switching off statement logging", sql, &[]).await.map(drop)
}

/// Runs a script that begins and commits; takes it back where it fails.
async fn transaction(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    match session.run(context, sql).await {
        Ok(()) => Ok(()),
        Err(error) => {
            session.run("ending a transaction", "ROLLBACK").await?;
            Err(error)
        }
    }
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    Reached,
    AnotherDatabase,
}

/// Statements that make a schema again after it went aside, for the foreign tables in it. They follow its renaming.
pub fn schema_again(name: &str, aside: &str, tables: &[&str]) -> String {
    let tables: Vec<String> = tables.iter().map(|table| quote_literal(table)).collect();
    format!(
        "{ASIDE}SELECT pg_temp.pgkeep_again({}::pg_catalog.name, {}::pg_catalog.name, ARRAY[{}]::pg_catalog.name[]);\n",
        quote_literal(name),
        quote_literal(aside),
        tables.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the record of an earlier program has it.
    #[test]
    fn works_of_one_way_are_read() {
        let record = r#"{"role": "pgkeep_bridge_new", "server": "pgkeep_bridge_new", "endpoint": {"host": "/tmp", "port": 5432, "database": "new"},
            "traffic": "reads", "extension": "found", "spans": [{"schema": "app", "name": "a", "aside": "a_moved"}, {"schema": "app", "name": "b", "aside": "b_moved"}],
            "leave": [], "schemas": ["app"]}"#;
        let works: Works = serde_json::from_str(record).unwrap();
        let way = Way { role: "pgkeep_bridge_new", server: "pgkeep_bridge_new" };
        assert_eq!(works.ways(), [way]);
        assert!(works.spans.iter().all(|span| works.way_of(span) == way));
    }
}
