//! Settings of roles, databases and servers neither stop a run nor shape what is read, sent and proven.

use std::collections::BTreeSet;
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::connect::settings::{LEFT, PINNED};
use pgkeep::pg::connect::{Session, connect};
use pgkeep::pg::conninfo::{Conninfo, Environment};
use serde_json::Value;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

/// For each setting that is pinned, a value that would do harm, where a database or a role can have one.
const HOSTILE: &[(&str, &str)] = &[
    ("statement_timeout", "1"),
    ("lock_timeout", "1"),
    ("idle_in_transaction_session_timeout", "1"),
    ("idle_session_timeout", "1"),
    ("transaction_timeout", "1"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("exit_on_error", "on"),
    ("role", "nobody_here"),
    ("DateStyle", "German, DMY"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "Asia/Kathmandu"),
    ("extra_float_digits", "-15"),
    ("bytea_output", "escape"),
    ("lc_monetary", "POSIX"),
    ("quote_all_identifiers", "on"),
    ("search_path", "trap, pg_catalog"),
    ("row_security", "on"),
    ("synchronize_seqscans", "on"),
    ("enable_tidscan", "off"),
    ("constraint_exclusion", "on"),
    ("jit", "on"),
    ("gin_fuzzy_search_limit", "1"),
    ("array_nulls", "off"),
    ("backslash_quote", "on"),
    ("standard_conforming_strings", "off"),
    ("transform_null_equals", "on"),
    ("xmlbinary", "hex"),
    ("xmloption", "document"),
    ("check_function_bodies", "off"),
    ("default_table_access_method", "odd"),
    ("default_tablespace", "nowhere"),
    ("client_min_messages", "error"),
    ("createrole_self_grant", "set, inherit"),
    ("icu_validation_level", "error"),
    ("restrict_nonsystem_relation_kind", "view, foreign-table"),
    ("zero_damaged_pages", "on"),
    ("ignore_checksum_failure", "on"),
    ("session_replication_role", "replica"),
];

/// Rows that travel as text, beside values whose text depends on settings.
const SHOP: &str = "CREATE SCHEMA shop;
    CREATE TYPE shop.price AS (amount numeric, currency text);
    CREATE TABLE shop.orders (id int PRIMARY KEY, price shop.price, at timestamptz, lasted interval, weight float8, raw bytea, paid money,
        of regclass, tags text[], day date, note xml, span tstzrange, CHECK (at > '2020-01-01 00:00:00+02'));
    INSERT INTO shop.orders SELECT g, ROW(g, 'EUR')::shop.price, '2026-03-29 01:30+00'::timestamptz + g * interval '7 minutes',
        interval '-1 day 02:03:04' * g, 0.1::float8 * g, decode('00ff5c', 'hex'), (g * 1.5)::numeric::money, 'shop.orders', ARRAY['NULL', NULL, 'a\"b'],
        '2026-02-01'::date + g, xmlparse(content 'a<b/>c'), tstzrange('2026-01-01', '2026-02-01') FROM generate_series(1, 50) g;
    CREATE TABLE shop.events (id int, at timestamptz) PARTITION BY RANGE (at);
    CREATE TABLE shop.events_old PARTITION OF shop.events FOR VALUES FROM ('2025-12-31 23:00:00+00') TO ('2026-12-31 23:00:00+00');
    INSERT INTO shop.events VALUES (1, '2026-06-01');
    CREATE SEQUENCE shop.numbers; SELECT nextval('shop.numbers');
    CREATE SCHEMA trap; CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''trap''';";

fn known(server: &Server) -> Vec<String> {
    let sql = "SELECT name FROM pg_settings WHERE context NOT IN ('internal', 'postmaster', 'sighup') ORDER BY 1";
    server.ask(sql).lines().map(str::to_owned).collect()
}

#[test]
fn somebody_has_decided_on_every_setting_of_every_version() {
    let lower = |name: &&str| name.to_lowercase();
    let left: BTreeSet<String> = LEFT.iter().flat_map(|(_, names)| names.iter()).map(lower).collect();
    let pinned: BTreeSet<String> = PINNED.iter().map(|pin| &pin.name).map(lower).collect();
    let mut seen = BTreeSet::new();
    for version in VERSIONS {
        let server = Server::start(version, ClusterOptions::default());
        let known: BTreeSet<String> = known(&server).iter().map(|name| name.to_lowercase()).collect();
        let undecided: Vec<&String> =
            known.iter().filter(|name| !left.contains(*name) && !pinned.contains(*name)).collect();
        assert!(undecided.is_empty(), "PostgreSQL {version}: nobody has decided on {undecided:?}");
        seen.extend(known);
    }
    // pg_settings shows it to nobody.
    seen.insert("role".into());
    let gone: Vec<&String> = pinned.iter().filter(|name| !seen.contains(*name)).collect();
    assert!(gone.is_empty(), "no version has {gone:?}");
    let tried: BTreeSet<String> = HOSTILE.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(tried, pinned, "each pin has a value that would do harm");
}

/// Gives the settings to all sessions of a database, as far as the server has them. Some name what is not there, which only a catalog takes.
fn make_hostile(server: &Server, database: &str) {
    let known: BTreeSet<String> = known(server).iter().map(|name| name.to_lowercase()).collect();
    let chosen: Vec<String> = HOSTILE
        .iter()
        .filter(|(name, _)| *name == "role" || known.contains(&name.to_lowercase()))
        .map(|(name, value)| format!("'{name}={}'", if *name == "role" { "app" } else { value }))
        .collect();
    server.ask(&format!(
        "DELETE FROM pg_db_role_setting; INSERT INTO pg_db_role_setting SELECT oid, 0, ARRAY[{}] FROM pg_database WHERE datname = '{database}'",
        chosen.join(", ")
    ));
}

fn session(server: &Server, database: &str) -> (tokio::runtime::Runtime, Session) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let info = Conninfo::resolve(Some(&server.dsn(database)), &Environment::default()).unwrap();
    let session = runtime.block_on(connect(&info, "pgkeep test")).unwrap_or_else(|error| {
        panic!("{error}: {:?}", error.server_message());
    });
    (runtime, session)
}

fn shop(version: u32) -> Server {
    let server = Server::start(version, ClusterOptions::default());
    server.ask("CREATE ROLE app");
    server.ask("CREATE DATABASE shop");
    psql(&server.binaries, &server.dsn("shop"), SHOP).unwrap();
    server
}

#[test]
fn sessions_have_what_is_pinned_whatever_the_database_has() {
    for version in VERSIONS {
        let server = shop(version);
        make_hostile(&server, "shop");
        // A time-out of a millisecond is a race: once would prove little.
        for _ in 0..5 {
            let (runtime, session) = session(&server, "shop");
            for pin in PINNED {
                let name = pin.name;
                let found: Option<String> = runtime
                    .block_on(async { session.client().query_one("SELECT current_setting($1, true)", &[&name]).await })
                    .unwrap()
                    .get(0);
                assert!(
                    found.is_none() || found.as_deref() == Some(pin.value),
                    "PostgreSQL {version}: {}: {found:?}",
                    pin.name
                );
            }
            runtime.block_on(session.close()).unwrap();
        }
    }
}

fn dump(server: &Server, repo: &Repo, args: &[&str]) -> Value {
    repo.json(["backup", "--pg-bin", &server.binaries.bin_dir.display().to_string()].iter().chain(args))
}

#[test]
fn a_database_with_hostile_settings_is_backed_up_restored_drilled_and_compared_as_any_other() {
    for version in VERSIONS {
        let server = shop(version);
        let repo = Repo::new();
        let before = dump(&server, &repo, &["-d", &server.dsn("shop")]);
        make_hostile(&server, "shop");
        let after = dump(&server, &repo, &["-d", &server.dsn("shop")]);
        assert_eq!(after["rows"], before["rows"]);
        assert_eq!(after["objects_new"], 0, "PostgreSQL {version}: the same rows are read otherwise: {after}");

        server.ask("CREATE DATABASE copy");
        make_hostile(&server, "copy");
        let copied = repo.restored(["latest", "-d", &server.dsn("copy")]);
        assert_eq!(copied["proven"], true, "{copied}");
        let verified = repo.json(["verify", "latest", "--against", &server.dsn("copy")]);
        assert_eq!(verified["ok"], true, "{verified}");
        let mut drill: Command = pgkeep();
        drill.arg("--repo").arg(repo.root()).arg("--writer-key").arg(repo.writer_key());
        drill
            .arg("--restore-key")
            .arg(repo.restore_key())
            .args(["drill", "--json", "--pg-bin"])
            .arg(&server.binaries.bin_dir);
        let said = Said::of(&mut drill);
        assert_eq!(said.code, 0, "PostgreSQL {version}: {said:?}");
    }
}

#[test]
fn a_setting_that_only_a_superuser_may_change_is_named_where_it_is_in_the_way() {
    let server = shop(15);
    server.ask(
        "CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; ALTER ROLE reader SET zero_damaged_pages = on",
    );
    let repo = Repo::new();
    let dsn = server.dsn_as("reader", "shop");
    let said = Said::of(&mut repo.command(["backup", "-q", "-d", &dsn]));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("has zero_damaged_pages = on for this role, but pgkeep needs off"), "{said:?}");
    assert!(said.stderr.contains("RESET zero_damaged_pages"), "{said:?}");
    server.ask("GRANT SET ON PARAMETER zero_damaged_pages TO reader");
    assert_eq!(repo.json(["backup", "-d", &dsn])["rows"], 51);
}

#[test]
fn a_role_that_the_operator_names_is_kept() {
    let server = shop(15);
    server.ask("ALTER ROLE postgres SET role = app");
    let repo = Repo::new();
    assert_eq!(repo.json(["backup", "-d", &server.dsn("shop")])["rows"], 51);
    let said =
        Said::of(&mut repo.command(["backup", "-q", "-d", &format!("{} options='-c role=app'", server.dsn("shop"))]));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("cannot read all rows"), "{said:?}");
}

/// What a function that only claims to be immutable says, and what a view made of it, is that of the source's sessions.
#[test]
fn code_of_the_database_runs_under_the_time_zone_of_its_sessions() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    let sql = "CREATE FUNCTION day_of(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT $1::date';
        CREATE EXTENSION citext;
        CREATE TABLE sales (id int PRIMARY KEY, who citext, at timestamptz, day date GENERATED ALWAYS AS (day_of(at)) STORED, CHECK (day = day_of(at)));
        CREATE INDEX ON sales (day_of(at));
        CREATE MATERIALIZED VIEW days AS SELECT day_of(at) AS day, to_char(at, 'HH24') AS hour, count(*) FROM sales GROUP BY 1, 2;
        ALTER DATABASE shop SET timezone = 'Europe/Berlin'; SET timezone = 'Europe/Berlin';
        INSERT INTO sales SELECT g, 'u', '2026-07-01 21:30+00'::timestamptz + g * interval '1 hour' FROM generate_series(1, 40) g;
        REFRESH MATERIALIZED VIEW days";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let all = "SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM (SELECT day::text || hour || count AS t FROM days UNION ALL SELECT id || day::text FROM sales) t";
    let expected = psql(&server.binaries, &server.dsn("shop"), all).unwrap();
    for zone in ["UTC", "Pacific/Kiritimati"] {
        server.ask(&format!("ALTER SYSTEM SET timezone = '{zone}'"));
        server.ask("SELECT pg_reload_conf()");
        server.ask("DROP DATABASE IF EXISTS copy");
        let report = repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
        assert_eq!(report["proven"], true, "{report}");
        assert_eq!(report["warnings"], serde_json::json!([]), "{report}");
        assert_eq!(psql(&server.binaries, &server.dsn("copy"), all).unwrap(), expected, "{zone}");
        let indexed = "SET enable_seqscan = off; SELECT count(*) FROM sales WHERE day_of(at) = '2026-07-02'";
        assert_eq!(
            psql(&server.binaries, &server.dsn("copy"), indexed).unwrap(),
            psql(&server.binaries, &server.dsn("shop"), indexed).unwrap()
        );
    }
}

#[test]
fn assertions_of_a_drill_are_asked_as_a_user_of_the_database_would() {
    let server = shop(15);
    server.ask("ALTER DATABASE shop SET timezone = 'Asia/Tokyo'");
    server.ask("ALTER DATABASE shop SET search_path = shop");
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let asked = repo.root().with_file_name("asked.sql");
    std::fs::write(&asked, "SELECT current_setting('TimeZone') = 'Asia/Tokyo' AND count(*) = 50 FROM orders;").unwrap();
    let mut drill: Command = pgkeep();
    drill.arg("--repo").arg(repo.root()).arg("--writer-key").arg(repo.writer_key());
    drill.arg("--restore-key").arg(repo.restore_key()).args(["drill", "--json", "--assert"]).arg(&asked);
    let said = Said::of(&mut drill);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn values_of_a_database_without_an_encoding_are_carried_as_bytes() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let sql = "CREATE SCHEMA other; CREATE TYPE pair AS (a text, b int); CREATE TABLE plain (x text); CREATE TABLE odd (p pair, x text);
        SET client_encoding = 'SQL_ASCII'; INSERT INTO plain VALUES (E'caf\\351'), (E'\\303\\251'); INSERT INTO odd VALUES (ROW(E'na\\357f', 1), E'\\377')";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let repo = Repo::new();
    assert_eq!(repo.json(["backup", "-d", &server.dsn("shop")])["rows"], 3);
    assert_eq!(repo.restored(["latest", "--create", "-d", &server.dsn("copy")])["proven"], true);
    let bytes =
        "SELECT string_agg(x::bytea::text, ' ' ORDER BY x) || (SELECT ((p).a || x)::bytea::text FROM odd) FROM plain";
    let there = |database: &str| psql(&server.binaries, &server.dsn(database), bytes).unwrap();
    assert_eq!(there("copy"), there("shop"));
    assert!(there("copy").contains("636166e9") && there("copy").contains("6e61ef66ff"), "{}", there("copy"));
    assert_eq!(repo.json(["verify", "latest", "--against", &server.dsn("shop")])["ok"], true);
}
