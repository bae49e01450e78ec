//! A bridge: foreign tables (postgres_fdw) in the place of tables that live in another database, and the role that they read it by.
//!
//! Everything at the source is text for one transaction, so that it is there as a whole or not at all. The role's password is in the
//! user mapping alone: the catalog shows it to superusers and to the server's owner, as the chapter on `pg_user_mappings` says.

use rand_core::{OsRng, RngCore};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Error;
use super::catalog::{quote_identifier, quote_literal, quote_relation};
use super::connect::Session;
use super::fence;
use crate::split::facts::{ForeignData, Traffic};

const FUNCTIONS: &str = include_str!("functions.sql");
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
}

/// What the statements are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Works {
    pub role: String,
    pub server: String,
    pub endpoint: Endpoint,
    pub traffic: Traffic,
    pub extension: Extension,
    pub spans: Vec<Span>,
    /// Readers that the operator gave up: they go on seeing the old rows.
    pub leave: Vec<u32>,
    /// The schemas that move.
    pub schemas: Vec<String>,
}

/// Whether materialized views are filled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    Now,
    /// For a rehearsal, which is rolled back.
    Never,
}

async fn run(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    session.client().batch_execute(sql).await.map_err(|error| session.fault(context, error))
}

async fn texts(session: &Session, context: &str, sql: &str) -> Result<Vec<String>, Error> {
    let rows = session.client().query(sql, &[]).await.map_err(|error| session.fault(context, error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whether this database can have foreign tables of postgres_fdw, made by the session's role.
pub async fn foreign_data(session: &Session) -> Result<ForeignData, Error> {
    let sql = "SELECT CASE
            WHEN EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = 'postgres_fdw') THEN
                CASE WHEN pg_catalog.has_foreign_data_wrapper_privilege('postgres_fdw', 'USAGE') THEN 'there' ELSE 'denied' END
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'postgres_fdw') THEN 'missing'
            WHEN pg_catalog.current_setting('is_superuser') = 'on' THEN 'offered' ELSE 'forbidden' END";
    let found = texts(session, "looking for postgres_fdw", sql).await?;
    Ok(match found.first().map_or("", String::as_str) {
        "there" => ForeignData::Installed,
        "denied" => ForeignData::NoUsage,
        "offered" => ForeignData::Offered,
        "forbidden" => ForeignData::SuperuserOnly,
        _ => ForeignData::Missing,
    })
}

/// Keeps statements with the password out of the server's log, as far as the role may: a superuser may.
pub async fn hush(session: &Session) -> Result<(), Error> {
    let sql = "SELECT pg_catalog.set_config(s.name, s.value, false)
        FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'), ('log_min_error_statement', 'panic'),
            ('log_duration', 'off'), ('pg_stat_statements.track', 'none')) AS s (name, value)
        WHERE pg_catalog.current_setting('is_superuser') = 'on' AND pg_catalog.current_setting(s.name, true) IS NOT NULL";
    texts(session, "keeping the log quiet", sql).await.map(drop)
}

/// Roles of this name that somebody else made.
pub async fn is_strange_role(session: &Session, role: &str) -> Result<bool, Error> {
    let sql = format!(
        "SELECT 'strange' FROM pg_catalog.pg_roles WHERE rolname = {}
            AND coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '') <> {}",
        quote_literal(role),
        quote_literal(&mark(session.conninfo().database()))
    );
    Ok(!texts(session, "looking for the bridge's role", &sql).await?.is_empty())
}

/// The comment by which our role is known again.
fn mark(database: &str) -> String {
    format!("pgkeep split: a bridge to the database {database}")
}

/// Makes the role in the target, or gives the one from an earlier attempt this password. It may log in and nothing else, and takes at
/// most half of the server's connections. The server never sees the password itself.
pub async fn provide_role(session: &Session, role: &str, password: &SecretString) -> Result<(), Error> {
    let name = quote_identifier(role);
    // Of letters and digits: SASLprep leaves it as it is.
    let verifier = postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes());
    let there = format!("SELECT 'there' FROM pg_catalog.pg_roles WHERE rolname = {}", quote_literal(role));
    let there = !texts(session, "looking for the bridge's role", &there).await?.is_empty();
    let connections = "SELECT greatest(5, pg_catalog.current_setting('max_connections')::int / 2)::text";
    let connections = texts(session, "a setting", connections).await?.concat();
    let sql = format!(
        "BEGIN; {} ROLE {name} LOGIN CONNECTION LIMIT {connections} PASSWORD {};
        COMMENT ON ROLE {name} IS {};
        GRANT CONNECT ON DATABASE {} TO {name}; COMMIT",
        if there { "ALTER" } else { "CREATE" },
        quote_literal(&verifier),
        quote_literal(&mark(session.conninfo().database())),
        quote_identifier(session.conninfo().database()),
    );
    transaction(session, "making the bridge's role", &sql).await
}

/// Runs a script that begins and commits; takes it back where it fails.
async fn transaction(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    match run(session, context, sql).await {
        Ok(()) => Ok(()),
        Err(error) => {
            run(session, "the end of a transaction", "ROLLBACK").await?;
            Err(error)
        }
    }
}

/// Takes the role, its privileges in the session's database and its sessions away. Nothing happens where there is none of ours.
pub async fn dismiss_role(session: &Session, role: &str, database: &str) -> Result<(), Error> {
    let (name, literal) = (quote_identifier(role), quote_literal(role));
    let ours = format!(
        "SELECT 'ours' FROM pg_catalog.pg_roles WHERE rolname = {literal} AND pg_catalog.shobj_description(oid, 'pg_authid') = {}",
        quote_literal(&mark(database))
    );
    if texts(session, "looking for the bridge's role", &ours).await?.is_empty() {
        return Ok(());
    }
    // A role may drop what it is a member of; a superuser need not be one.
    let sql = format!(
        "DO $$ BEGIN
            IF NOT pg_catalog.pg_has_role(current_user, {literal}, 'USAGE') THEN GRANT {name} TO current_user; END IF;
        END $$;
        SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = {literal};
        DROP OWNED BY {name}; DROP ROLE {name}"
    );
    run(session, "dropping the bridge's role", &sql).await
}

impl Works {
    /// The server and how it is logged in to. The password must not reach a log: see [`hush`].
    fn way(&self, password: &SecretString) -> String {
        let server = quote_identifier(&self.server);
        let Endpoint { host, port, database, options } = &self.endpoint;
        let writes = match self.traffic {
            Traffic::Reads => "false",
            Traffic::ReadsAndWrites => "true",
        };
        let port = port.to_string();
        let mut pairs = vec![("host", host.as_str()), ("port", &port), ("dbname", database), ("connect_timeout", "10")];
        pairs.extend(options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // The other database knows its indexes and statistics, this one does not.
        pairs.extend([("use_remote_estimate", "true"), ("fetch_size", "1000"), ("updatable", writes), ("truncatable", "false")]);
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{} {}", quote_identifier(name), quote_literal(value))).collect();
        let extension = match self.extension {
            Extension::Found => String::new(),
            Extension::Brought => {
                format!("CREATE SCHEMA {SCHEMA}; CREATE EXTENSION postgres_fdw SCHEMA {SCHEMA};\n")
            }
        };
        format!(
            "{extension}CREATE SERVER {server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({});
            CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS (user {}, password {});\n",
            pairs.join(", "),
            quote_literal(&self.role),
            quote_literal(password.expose_secret()),
        )
    }

    /// Tables and foreign tables change places, and the server stands. For the transaction of the seal, where the keys across the line
    /// are gone already.
    pub fn build(&self, password: &SecretString, refresh: Refresh) -> String {
        let exchange: Vec<String> = self.spans.iter().flat_map(|span| self.place(span)).collect();
        let going: Vec<String> = self.spans.iter().map(|span| quote_relation(&span.schema, &span.name)).collect();
        let statements = self.exchange(&going, &self.schemas, &exchange, &[], refresh, "");
        let tried: String = match refresh {
            // One row through each: grants, names and columns fit.
            Refresh::Now => going.iter().map(|name| format!("PERFORM * FROM {name} LIMIT 1;\n")).collect(),
            Refresh::Never => String::new(),
        };
        format!("{FUNCTIONS}{}{statements}DO $pgkeep$ BEGIN\n{tried} END $pgkeep$;\n", self.way(password))
    }

    fn place(&self, span: &Span) -> [String; 2] {
        let Span { schema, name, aside } = span;
        let writes = self.traffic == Traffic::ReadsAndWrites;
        let old = quote_literal(&quote_relation(schema, aside));
        [
            format!("ALTER TABLE {} RENAME TO {}", quote_relation(schema, name), quote_identifier(aside)),
            format!(
                "SELECT pg_temp.pgkeep_place({old}::regclass, {}, {}, {}, {writes})",
                quote_literal(schema),
                quote_literal(name),
                quote_literal(&self.server)
            ),
        ]
    }

    /// Everything as it was before [`build`](Self::build). What is back already is left alone; so is a server that others use meanwhile.
    pub fn tear_down(&self, refresh: Refresh) -> String {
        let going: Vec<String> = self.spans.iter().map(|span| quote_relation(&span.schema, &span.name)).collect();
        let (mut exchange, mut afterwards, mut asides) = (Vec::new(), Vec::new(), Vec::new());
        for (n, span) in self.spans.iter().enumerate() {
            let old = quote_relation(&span.schema, &span.aside);
            // Whoever dropped a foreign table by hand gets the old one all the same.
            exchange.push(format!("ALTER FOREIGN TABLE IF EXISTS {} RENAME TO pgkeep_bridge_{n}", going[n]));
            exchange.push(format!("ALTER TABLE {old} RENAME TO {}", quote_identifier(&span.name)));
            let schema = quote_identifier(&span.schema);
            afterwards.push(format!("DROP FOREIGN TABLE IF EXISTS {schema}.pgkeep_bridge_{n}"));
            asides.push(format!("pg_catalog.to_regclass({}) IS NULL", quote_literal(&old)));
        }
        let back = format!("IF {} THEN RETURN; END IF;", asides.join(" AND "));
        let statements = self.exchange(&going, &[], &exchange, &afterwards, refresh, &back);
        let extension = match self.extension {
            Extension::Found => String::new(),
            Extension::Brought => format!(
                "IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE w.fdwname = 'postgres_fdw') THEN
                    DROP EXTENSION IF EXISTS postgres_fdw; DROP SCHEMA IF EXISTS {SCHEMA};
                END IF;"
            ),
        };
        format!(
            "{FUNCTIONS}{statements}DO $pgkeep$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_table t JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver WHERE s.srvname = {}) THEN
                    DROP SERVER IF EXISTS {} CASCADE;
                END IF;
                {extension}
            END $pgkeep$;\n",
            quote_literal(&self.server),
            quote_identifier(&self.server)
        )
    }

    fn exchange(
        &self,
        going: &[String],
        inside: &[String],
        exchange: &[String],
        afterwards: &[String],
        refresh: Refresh,
        before: &str,
    ) -> String {
        let regclass = |name: &String| format!("pg_catalog.to_regclass({})::oid", quote_literal(name));
        let regclasses: Vec<String> = going.iter().map(regclass).collect();
        let leave: Vec<String> = self.leave.iter().map(|oid| format!("{oid}::oid")).collect();
        let list = |texts: &[String]| {
            let quoted: Vec<String> = texts.iter().map(|text| quote_literal(text)).collect();
            format!("ARRAY[{}]::text[]", quoted.join(", "))
        };
        let refreshed = match refresh {
            Refresh::Now => "FOREACH statement IN ARRAY refresh LOOP EXECUTE statement; END LOOP;",
            Refresh::Never => "",
        };
        format!(
            "DO $pgkeep$ DECLARE refresh text[]; statement text; BEGIN
                {before}
                refresh := pg_temp.pgkeep_exchange(pg_catalog.array_remove(ARRAY[{}]::oid[], NULL), ARRAY[{}]::oid[], {}, {}, {});
                {refreshed}
            END $pgkeep$;\n",
            regclasses.join(", "),
            leave.join(", "),
            list(inside),
            list(exchange),
            list(afterwards),
        )
    }

    /// Does what [`build`](Self::build) does to tables and their readers, and takes it back.
    pub async fn rehearse(&self, session: &Session, lock_timeout_ms: u64) -> Result<(), Error> {
        let nobody = SecretString::from("of nobody");
        let sql = format!(
            "BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n{}ROLLBACK",
            self.build(&nobody, Refresh::Never)
        );
        transaction(session, "rehearsing the bridge", &sql).await
    }

    /// The same for the way back.
    pub async fn rehearse_return(&self, session: &Session, lock_timeout_ms: u64) -> Result<(), Error> {
        let sql = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n{}ROLLBACK", self.tear_down(Refresh::Never));
        transaction(session, "rehearsing the way back", &sql).await
    }

    /// What the role may do in the target: as much as the traffic needs, on what is bridged.
    pub async fn grant(&self, target: &Session) -> Result<(), Error> {
        let role = quote_identifier(&self.role);
        let mut sql = "BEGIN;\n".to_owned();
        for span in &self.spans {
            let table = quote_relation(&span.schema, &span.name);
            let privileges = match self.traffic {
                Traffic::Reads => "SELECT",
                Traffic::ReadsAndWrites => "SELECT, INSERT, UPDATE, DELETE",
            };
            sql += &format!("GRANT USAGE ON SCHEMA {} TO {role};\n", quote_identifier(&span.schema));
            sql += &format!("GRANT {privileges} ON {table} TO {role};\n");
            if self.traffic == Traffic::ReadsAndWrites {
                // Those that its columns take numbers from.
                sql += &format!(
                    "DO $pgkeep$ DECLARE s record; BEGIN
                        FOR s IN SELECT DISTINCT c.oid::pg_catalog.regclass AS name, n.oid::pg_catalog.regnamespace AS schema FROM pg_catalog.pg_attrdef a
                            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = a.oid
                            JOIN pg_catalog.pg_class c ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.refobjid AND c.relkind = 'S'
                            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE a.adrelid = {}::pg_catalog.regclass
                        LOOP
                            EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %s TO %I', s.schema, {role});
                            EXECUTE pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I', s.name, {role});
                        END LOOP;
                    END $pgkeep$;\n",
                    quote_literal(&table),
                    role = quote_literal(&self.role),
                );
            }
        }
        sql += "COMMIT";
        transaction(target, "granting to the bridge's role", &sql).await
    }

    /// Asks the target a question through the source's server, as an ordinary role where the session's may make one, in a transaction
    /// that is rolled back. What comes back must be what was laid there, or another database answers.
    pub async fn probe(&self, source: &Session, target: &Session, password: &SecretString) -> Result<Probe, Error> {
        let token = format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64());
        let role = quote_identifier(&self.role);
        let table = format!("{}.bridge_probe", fence::SCHEMA);
        let lay = format!(
            "BEGIN; DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (token text); INSERT INTO {table} VALUES ({});
            GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {table} TO {role}; COMMIT",
            quote_literal(&token),
            fence::SCHEMA,
        );
        transaction(target, "laying a question for the bridge", &lay).await?;
        let answer = self.ask(source, password).await;
        let clear = format!("DROP TABLE {table}; REVOKE USAGE ON SCHEMA {} FROM {role}", fence::SCHEMA);
        run(target, "clearing the question away", &clear).await?;
        Ok(if answer? == [token] { Probe::Reached } else { Probe::AnotherDatabase })
    }

    async fn ask(&self, source: &Session, password: &SecretString) -> Result<Vec<String>, Error> {
        let sql = format!(
            "BEGIN; {}CREATE SCHEMA IF NOT EXISTS {SCHEMA};
            CREATE FOREIGN TABLE {SCHEMA}.probe (token text) SERVER {} OPTIONS (schema_name {}, table_name 'bridge_probe');
            DO $pgkeep$ BEGIN
                IF pg_catalog.current_setting('is_superuser') = 'on' THEN
                    -- Superusers are let through where no password was asked for, and nobody else is.
                    CREATE ROLE pgkeep_bridge_probe;
                    GRANT USAGE ON SCHEMA {SCHEMA} TO pgkeep_bridge_probe; GRANT SELECT ON {SCHEMA}.probe TO pgkeep_bridge_probe;
                    SET LOCAL ROLE pgkeep_bridge_probe;
                END IF;
            END $pgkeep$",
            self.way(password),
            quote_identifier(&self.server),
            quote_literal(fence::SCHEMA),
        );
        let asked = match run(source, "building a bridge to try it", &sql).await {
            Ok(()) => {
                texts(source, "reading through the bridge", &format!("SELECT token FROM {SCHEMA}.probe")).await
            }
            Err(error) => Err(error),
        };
        run(source, "the end of a transaction", "ROLLBACK").await?;
        asked
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
    ASIDE
        .replace("{name}", &quote_literal(name))
        .replace("{aside}", &quote_literal(aside))
        .replace("{tables}", &format!("ARRAY[{}]::name[]", tables.join(", ")))
}
