//! What is built at the source, as text for one transaction, and how it is torn down.

use secrecy::{ExposeSecret, SecretString};

use super::{Extension, FUNCTIONS, Refresh, SCHEMA, Span, Way, Works, transaction};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::fence::{Attempt, InTheWay, Patience, is_in_the_way};
use crate::pg::ours;
use crate::pg::quoting::{do_block, quote_identifier, quote_literal, quote_relation};
use crate::pg::read_again;
use crate::split::facts::Traffic;

/// What a function of ours is called with: its exact type, so that no other function of the name is meant.
fn oid(relation: &str) -> String {
    format!("{}::pg_catalog.regclass::pg_catalog.oid", quote_literal(relation))
}

/// Functions of the session.
fn functions() -> String {
    format!(
        "CREATE OR REPLACE FUNCTION pg_temp.pgkeep_trees(class text, object oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$ SELECT {} $f$;
        CREATE OR REPLACE FUNCTION pg_temp.pgkeep_reads_again(tree text) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$ SELECT {} $f$;
        {FUNCTIONS}",
        read_again::trees("$1", "$2"),
        read_again::condition("$1")
    )
}

/// After a relation was renamed: a statement that fails where it was another one than the span's.
fn is_called(span: &Span, name: &str) -> Option<String> {
    let (schema, name, oid) = (quote_literal(&span.schema), quote_literal(name), span.oid?);
    Some(format!(
        "SELECT pg_temp.pgkeep_is_called({oid}::pg_catalog.oid, {schema}::pg_catalog.name, {name}::pg_catalog.name)"
    ))
}

/// What an exchange is for.
enum Before {
    Built,
    /// And where there is nothing to do, in PL/pgSQL.
    TornDown(String),
}

impl Works {
    /// The servers of these ways and how they are logged in to. The passwords must not reach a log: see [`hush`].
    pub(super) fn open(&self, ways: &[(Way<'_>, &SecretString)]) -> String {
        let super::Endpoint { host, port, database, options } = &self.endpoint;
        let writes = match self.traffic {
            Traffic::Reads => "false",
            Traffic::ReadsAndWrites => "true",
        };
        let port = port.to_string();
        let mut pairs = vec![("host", host.as_str()), ("port", &port), ("dbname", database), ("connect_timeout", "10")];
        pairs.extend(options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // The other database knows its indexes and statistics, this one does not.
        pairs.extend([
            ("use_remote_estimate", "true"),
            ("fetch_size", "1000"),
            ("updatable", writes),
            ("truncatable", "false"),
        ]);
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{} {}", quote_identifier(name), quote_literal(value))).collect();
        let extension = match self.extension {
            Extension::Found => String::new(),
            Extension::Brought => {
                format!(
                    "{}{}CREATE EXTENSION postgres_fdw SCHEMA {SCHEMA};\n",
                    ours::guard(SCHEMA),
                    ours::closed_schema(SCHEMA)
                )
            }
        };
        let pairs = pairs.join(", ");
        let server = |(way, password): &(Way<'_>, &SecretString)| {
            let server = quote_identifier(way.server);
            format!(
                "CREATE SERVER {server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({pairs});
                CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS (user {}, password {});\n",
                quote_literal(way.role),
                quote_literal(password.expose_secret()),
            )
        };
        let servers: String = ways.iter().map(server).collect();
        let ways: Vec<Way<'_>> = ways.iter().map(|(way, _)| *way).collect();
        format!("{extension}{servers}{}", self.provide_owner(&ways))
    }

    /// Tables and foreign tables change places, and the servers stand; a password for each way, in their order. For the transaction of the seal, where the keys across the line
    /// are gone already. [`glance`](Self::glance) follows.
    pub fn build(&self, passwords: &[SecretString], refresh: Refresh) -> String {
        let ways: Vec<(Way<'_>, &SecretString)> = self.ways().into_iter().zip(passwords).collect();
        let exchange: Vec<String> = self.spans.iter().flat_map(|span| self.place(span)).collect();
        let going: Vec<String> = self.spans.iter().map(|span| quote_relation(&span.schema, &span.name)).collect();
        let statements = self.exchange(&going, &self.schemas, &exchange, &[], refresh, Before::Built);
        format!("{}{}{statements}", functions(), self.open(&ways))
    }

    fn place(&self, span: &Span) -> Vec<String> {
        let Span { schema, name, aside, .. } = span;
        let writes = self.traffic == Traffic::ReadsAndWrites;
        let old = oid(&quote_relation(schema, aside));
        let renamed = format!("ALTER TABLE {} RENAME TO {}", quote_relation(schema, name), quote_identifier(aside));
        let placed = format!(
            "SELECT pg_temp.pgkeep_place({old}, {}::pg_catalog.name, {}::pg_catalog.name, {}::pg_catalog.name, {}::pg_catalog.name, {writes})",
            quote_literal(schema),
            quote_literal(name),
            quote_literal(self.way_of(span).server),
            quote_literal(&self.owner())
        );
        [Some(renamed), is_called(span, aside), Some(placed)].into_iter().flatten().collect()
    }

    /// Everything as it was before [`build`](Self::build). What is back already is left alone; so is a server that others use meanwhile. What
    /// cannot be made anew is refused by the rehearsal; what was made after it goes on reading a foreign table: [`left`](Self::left).
    pub fn tear_down(&self, refresh: Refresh) -> String {
        let going: Vec<String> = self.spans.iter().map(|span| quote_relation(&span.schema, &span.name)).collect();
        let (mut exchange, mut afterwards, mut asides) = (Vec::new(), Vec::new(), Vec::new());
        for (n, span) in self.spans.iter().enumerate() {
            let old = quote_relation(&span.schema, &span.aside);
            // Whoever dropped a foreign table by hand gets the old one all the same.
            exchange.push(format!("ALTER FOREIGN TABLE IF EXISTS {} RENAME TO pgkeep_bridge_{n}", going[n]));
            exchange.push(format!("ALTER TABLE {old} RENAME TO {}", quote_identifier(&span.name)));
            exchange.extend(is_called(span, &span.name));
            let schema = quote_identifier(&span.schema);
            let drop = format!("DROP FOREIGN TABLE IF EXISTS {schema}.pgkeep_bridge_{n}");
            afterwards.push(match refresh {
                Refresh::Now => {
                    do_block(&format!("BEGIN {drop}; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END"))
                }
                Refresh::Never => drop,
            });
            asides.push(format!("pg_catalog.to_regclass({}) IS NULL", quote_literal(&old)));
        }
        let back = Before::TornDown(format!("IF {} THEN RETURN; END IF;", asides.join(" AND ")));
        let statements = self.exchange(&going, &[], &exchange, &afterwards, refresh, back);
        let extension = match self.extension {
            Extension::Found => String::new(),
            Extension::Brought => format!(
                "IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE w.fdwname = 'postgres_fdw') THEN
                    DROP EXTENSION IF EXISTS postgres_fdw; DROP SCHEMA IF EXISTS {SCHEMA};
                END IF;"
            ),
        };
        let close = |way: Way<'_>| {
            format!(
                "IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_table t JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver WHERE s.srvname = {}) THEN
                    DROP SERVER IF EXISTS {} CASCADE;
                END IF;",
                quote_literal(way.server),
                quote_identifier(way.server),
            )
        };
        let closed: String = self.ways().into_iter().map(close).collect();
        let rest = format!("BEGIN {closed} {} {extension} END", self.dismiss_owner());
        format!("{}{statements}{}", functions(), do_block(&rest))
    }

    fn exchange(
        &self,
        going: &[String],
        inside: &[String],
        exchange: &[String],
        afterwards: &[String],
        refresh: Refresh,
        before: Before,
    ) -> String {
        let checked = match (&before, refresh) {
            (Before::TornDown(_), Refresh::Now) => "left",
            _ => "refused",
        };
        let before = match before {
            Before::Built => String::new(),
            Before::TornDown(unless) => unless,
        };
        let relation = |(span, name): (&Span, &String)| match span.oid {
            // What has the name in the schema of the one that is recorded, whatever that is called at this moment.
            Some(oid) => format!(
                "(SELECT b.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class b ON b.relnamespace = c.relnamespace WHERE c.oid = {oid} AND b.relname = {})",
                quote_literal(&span.name)
            ),
            None => format!("pg_catalog.to_regclass({})::oid", quote_literal(name)),
        };
        let regclasses: Vec<String> = self.spans.iter().zip(going).map(relation).collect();
        let leave: Vec<String> = self.leave.iter().map(|oid| format!("{oid}::oid")).collect();
        let list = |texts: &[String]| {
            let quoted: Vec<String> = texts.iter().map(|text| quote_literal(text)).collect();
            format!("ARRAY[{}]::text[]", quoted.join(", "))
        };
        let refreshed = match refresh {
            Refresh::Now => "FOREACH statement IN ARRAY refresh LOOP EXECUTE statement; END LOOP;",
            Refresh::Never => "",
        };
        do_block(&format!(
            "DECLARE refresh text[]; statement text; BEGIN
                {before}
                refresh := pg_temp.pgkeep_exchange(pg_catalog.array_remove(ARRAY[{}]::oid[], NULL), ARRAY[{}]::oid[], {}, {}, {}, '{checked}');
                {refreshed}
            END",
            regclasses.join(", "),
            leave.join(", "),
            list(inside),
            list(exchange),
            list(afterwards),
        ))
    }

    /// Does what [`build`](Self::build) does to tables and their readers, and takes it back.
    pub async fn rehearse(&self, session: &Session, patience: Patience) -> Result<Attempt, Error> {
        let nobody: Vec<SecretString> = self.ways().iter().map(|_| SecretString::from("of nobody")).collect();
        self.try_in_transaction(session, &self.build(&nobody, Refresh::Never), patience).await
    }

    /// Sessions that have one of the relations open, longest first.
    async fn in_the_way(&self, session: &Session) -> Result<Vec<String>, Error> {
        let names: Vec<String> =
            self.spans.iter().map(|span| quote_literal(&quote_relation(&span.schema, &span.name))).collect();
        let sql = format!(
            "SELECT pg_catalog.format('process %s, role %s, application %s, %s on %s for %s s', a.pid, a.usename,
                coalesce(pg_catalog.quote_literal(nullif(a.application_name, '')), 'unnamed'), l.mode, l.relation::pg_catalog.regclass,
                coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::bigint, 0))
            FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
                AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                AND l.relation IN (SELECT pg_catalog.to_regclass(name)::oid FROM pg_catalog.unnest(ARRAY[{}]) AS name)
            ORDER BY a.xact_start LIMIT 20",
            names.join(", ")
        );
        session.shown("the list of sessions in the way", &sql, &[]).await
    }

    /// What goes on reading a foreign table after the way back, which could not make it anew.
    pub async fn left(&self, session: &Session) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT coalesce(pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, w.ev_class, 0),
                pg_catalog.pg_describe_object(d.classid, d.objid, 0)) FROM pg_catalog.pg_foreign_table f
            JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver AND s.srvname = ANY ($1::text[])
            JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid AND c.relname ~ '^pgkeep_bridge_[0-9]+$'
            JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid AND d.deptype = 'n'
            LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid AND w.rulename = '_RETURN' ORDER BY 1";
        let servers: Vec<&str> = self.ways().iter().map(|way| way.server).collect();
        session.texts("what was not made again", sql, &[&servers]).await
    }

    /// The same for the way back.
    pub async fn rehearse_return(&self, session: &Session, patience: Patience) -> Result<Attempt, Error> {
        self.try_in_transaction(session, &self.tear_down(Refresh::Never), patience).await
    }

    async fn try_in_transaction(&self, session: &Session, sql: &str, patience: Patience) -> Result<Attempt, Error> {
        let sql = format!("BEGIN; SET LOCAL lock_timeout = {};\n{sql}ROLLBACK", patience.lock_timeout_ms);
        match transaction(session, "rehearsing the bridge", &sql).await {
            Err(source) if is_in_the_way(&source) => {
                let who = self.in_the_way(session).await?;
                let who = who.into_iter().map(|who| InTheWay { who, is_autovacuum: false }).collect();
                Ok(Attempt::InTheWay { who, source })
            }
            tried => tried.map(|()| Attempt::Up),
        }
    }
}
