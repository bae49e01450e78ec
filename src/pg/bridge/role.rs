//! The role that reads the target through a bridge, and the question by which the way there is tried.

use rand_core::{OsRng, RngCore};
use secrecy::{ExposeSecret, SecretString};

use super::{Probe, SCHEMA, Way, Works, transaction};
use crate::pg::connect::Session;
use crate::pg::quoting::{do_block, quote_identifier, quote_literal, quote_relation};
use crate::pg::{Error, fence, ours};
use crate::split::facts::Traffic;

/// Whose a role of this name is that was not made for the session's database: as its comment says, which is empty where there is none.
pub async fn is_strange_role(session: &Session, role: &str) -> Result<Option<String>, Error> {
    let sql = format!(
        "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '') FROM pg_catalog.pg_roles WHERE rolname = {}",
        quote_literal(role)
    );
    let found = session.texts("looking for the bridge's role", &sql, &[]).await?;
    Ok(found.into_iter().find(|comment| *comment != mark(session.conninfo().database())))
}

/// The database that a bridge's role leads to, as its comment says.
pub fn leads_to(comment: &str) -> Option<&str> {
    comment.strip_prefix(MARK)
}

const MARK: &str = "pgkeep split: a bridge to the database ";

/// The comment by which our role is known again.
fn mark(database: &str) -> String {
    format!("{MARK}{database}")
}

/// Makes the role in the target, or gives the one from an earlier attempt this password. It may log in and nothing else. All `ways`
/// together take at most half of the server's connections. The server never sees the password itself.
pub async fn provide_role(session: &Session, role: &str, ways: usize, password: &SecretString) -> Result<(), Error> {
    let name = quote_identifier(role);
    // Of letters and digits: SASLprep leaves it as it is.
    let verifier = postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes());
    let there = format!("SELECT 'there' FROM pg_catalog.pg_roles WHERE rolname = {}", quote_literal(role));
    let there = !session.texts("looking for the bridge's role", &there, &[]).await?.is_empty();
    let connections =
        format!("SELECT greatest(5, pg_catalog.current_setting('max_connections')::int / 2 / {ways})::text");
    let connections = session.texts("a setting", &connections, &[]).await?.concat();
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

/// Takes the role, its privileges in the session's database and its sessions away. Nothing happens where there is none of ours.
pub async fn dismiss_role(session: &Session, role: &str, database: &str) -> Result<(), Error> {
    let (name, literal) = (quote_identifier(role), quote_literal(role));
    let ours = format!(
        "SELECT 'ours' FROM pg_catalog.pg_roles WHERE rolname = {literal} AND pg_catalog.shobj_description(oid, 'pg_authid') = {}",
        quote_literal(&mark(database))
    );
    if session.texts("looking for the bridge's role", &ours, &[]).await?.is_empty() {
        return Ok(());
    }
    // A role may drop what it is a member of; a superuser need not be one.
    let member = do_block(&format!(
        "BEGIN IF NOT pg_catalog.pg_has_role(current_user, {literal}, 'USAGE') THEN GRANT {name} TO current_user; END IF; END"
    ));
    let sql = format!(
        "{member}SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = {literal};
        DROP OWNED BY {name}; DROP ROLE {name}"
    );
    session.run("dropping the bridge's role", &sql).await
}

impl Works {
    /// What the roles may do in the target: as much as the traffic needs, each on what it is the way to.
    pub async fn grant(&self, target: &Session) -> Result<(), Error> {
        let mut sql = "BEGIN;\n".to_owned();
        for span in &self.spans {
            let way = self.way_of(span);
            let role = quote_identifier(way.role);
            let table = quote_relation(&span.schema, &span.name);
            sql += &format!("GRANT USAGE ON SCHEMA {} TO {role};\n", quote_identifier(&span.schema));
            sql += &format!("GRANT SELECT ON {table} TO {role};\n");
            if self.traffic == Traffic::ReadsAndWrites {
                // postgres_fdw finds the row that it changes by its ctid, which rows of other children have as well.
                sql += &do_block(&format!(
                    "BEGIN
                        GRANT INSERT ON {table} TO {role};
                        IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = {}::pg_catalog.regclass
                                AND (c.relkind = 'p' OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))) THEN
                            GRANT UPDATE, DELETE ON {table} TO {role};
                        END IF;
                    END",
                    quote_literal(&table),
                ));
                // Those that its columns take numbers from, and that its owner may: a default names any, whoever's it is.
                sql += &do_block(&format!(
                    "DECLARE s record; BEGIN
                        FOR s IN SELECT DISTINCT c.oid::pg_catalog.regclass AS name, n.oid::pg_catalog.regnamespace AS schema FROM pg_catalog.pg_attribute a
                            LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
                            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = x.oid
                                OR d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = a.atttypid
                            JOIN pg_catalog.pg_class c ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.refobjid AND c.relkind = 'S'
                            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE a.attrelid = {}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
                                AND pg_catalog.has_sequence_privilege((SELECT o.relowner FROM pg_catalog.pg_class o WHERE o.oid = a.attrelid), c.oid, 'USAGE')
                        LOOP
                            EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %s TO %I', s.schema, {role});
                            EXECUTE pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I', s.name, {role});
                        END LOOP;
                    END",
                    quote_literal(&table),
                    role = quote_literal(way.role),
                ));
            }
        }
        sql += "COMMIT";
        transaction(target, "granting to the bridge's role", &sql).await
    }

    /// Asks the target a question through the source's server, as an ordinary role where the session's may make one, in a transaction
    /// that is rolled back. What comes back must be what was laid there, or another database answers.
    pub async fn probe(
        &self,
        source: &Session,
        target: &Session,
        (way, password): (Way<'_>, &SecretString),
    ) -> Result<Probe, Error> {
        let token = format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64());
        let role = quote_identifier(way.role);
        let table = format!("{}.bridge_probe", fence::SCHEMA);
        let lay = format!(
            "BEGIN; DROP TABLE IF EXISTS {table}; {}INSERT INTO {table} VALUES ({});
            GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {table} TO {role}; COMMIT",
            ours::closed_table("bridge_probe", "token text"),
            quote_literal(&token),
            fence::SCHEMA,
        );
        transaction(target, "preparing the test of the bridge", &lay).await?;
        let answer = self.ask(source, (way, password)).await;
        let clear = format!("DROP TABLE {table}; REVOKE USAGE ON SCHEMA {} FROM {role}", fence::SCHEMA);
        target.run("cleaning up the test of the bridge", &clear).await?;
        Ok(if answer? == [token] { Probe::Reached } else { Probe::AnotherDatabase })
    }

    async fn ask(&self, source: &Session, (way, password): (Way<'_>, &SecretString)) -> Result<Vec<String>, Error> {
        let sql = format!(
            "BEGIN; {}{}CREATE FOREIGN TABLE {SCHEMA}.probe (token text) SERVER {} OPTIONS (schema_name {}, table_name 'bridge_probe');
            {probe}",
            self.open(&[(way, password)]),
            ours::closed_schema(SCHEMA),
            quote_identifier(way.server),
            quote_literal(fence::SCHEMA),
            probe = do_block(&format!("BEGIN
                IF pg_catalog.current_setting('is_superuser') = 'on' THEN
                    -- No database's bridge has the name. Superusers are let through where no password was asked for, and nobody else is.
                    CREATE ROLE pgkeep_bridge0_probe;
                    GRANT USAGE ON SCHEMA {SCHEMA} TO pgkeep_bridge0_probe; GRANT SELECT ON {SCHEMA}.probe TO pgkeep_bridge0_probe;
                    SET LOCAL ROLE pgkeep_bridge0_probe;
                END IF;
            END")),
        );
        let asked = match source.run("building a bridge to try it", &sql).await {
            Ok(()) => {
                source.texts("reading through the bridge", &format!("SELECT token FROM {SCHEMA}.probe"), &[]).await
            }
            Err(error) => Err(error),
        };
        source.run("ending a transaction", "ROLLBACK").await?;
        asked
    }
}
