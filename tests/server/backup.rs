//! What `pgkeep backup` refuses at the source database, in which words, and with which exit code.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::{ClusterOptions, Listen};
use secrecy::SecretString;
use serde_json::json;

use crate::pgkeep::{Repo, Said, assert_refused};
use crate::postgres::{Server, psql, server};

/// Three tables in two schemas, and roles that may read none, one, and all of them.
const SHOP: &str = "
    CREATE TABLE public.orders (id serial PRIMARY KEY, what text);
    INSERT INTO public.orders (what) SELECT 'order ' || i FROM generate_series(1, 100) i;
    CREATE TABLE public.prices (id integer);
    CREATE SCHEMA staff;
    CREATE TABLE staff.wages (id integer);
    CREATE ROLE clerk LOGIN;
    GRANT SELECT ON public.prices TO clerk;
    CREATE ROLE reader LOGIN;
    GRANT pg_read_all_data TO reader;
";

fn shop() -> Server {
    let server = Server::start(15, ClusterOptions::default());
    server.ask(SHOP);
    server
}

fn backup(repo: &Repo, dsn: &str, args: &[&str]) -> Command {
    let mut command = repo.command(["backup", "-d", dsn]);
    command.args(args);
    command
}

#[test]
fn a_server_that_does_not_let_us_in_is_exit_code_4() {
    let password = SecretString::from("right");
    let listen = Listen::Loopback { password };
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions { listen, ..ClusterOptions::default() }));
    let port = server.cluster.port();
    let dsn = |rest: &str| format!("host=127.0.0.1 port={port} user=postgres dbname=postgres {rest}");
    assert_refused(
        &mut backup(&repo, &dsn("password=wrong"), &[]),
        4,
        &format!(
            "pgkeep: connecting failed at the source database\n  \
             because: 127.0.0.1:{port} refused the login of postgres\n  \
             because: FATAL: password authentication failed for user \"postgres\" (SQLSTATE 28P01)\n  \
             hint: the password was taken from the connection string\n"
        ),
    );
    let said = Said::of(backup(&repo, &dsn(""), &["-q"]).env("PGPASSWORD", "wrong"));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(
        said.stderr.ends_with("hint: the password was taken from the environment variable PGPASSWORD\n"),
        "{said:?}"
    );
    let said = Said::of(backup(&repo, &dsn("password=right"), &["-q", "--accept-shrink"]).env("PGPASSWORD", "wrong"));
    assert_eq!(said.code, 0, "{said:?}");

    assert_refused(
        &mut backup(&repo, &dsn("password=right dbname=nosuch"), &[]),
        4,
        &format!(
            "pgkeep: connecting failed at the source database\n  \
             because: 127.0.0.1:{port} has no database nosuch\n  \
             because: FATAL: database \"nosuch\" does not exist (SQLSTATE 3D000)\n  \
             hint: psql -l lists the databases of a server\n"
        ),
    );
}

#[test]
fn a_role_that_cannot_read_a_relation_is_told_which_one() {
    let (repo, server) = (Repo::new(), shop());
    let clerk = server.dsn_as("clerk", "postgres");
    assert_refused(
        &mut backup(&repo, &clerk, &[]),
        4,
        "pgkeep: the role clerk cannot read all rows of public.orders, staff.wages\n  \
         hint: GRANT pg_read_all_data TO clerk, or connect as a superuser; -N and -T leave schemas and tables out.\n",
    );
    assert_refused(
        &mut backup(&repo, &clerk, &["-n", "staff"]),
        4,
        "pgkeep: the role clerk cannot read all rows of staff.wages\n  \
         hint: GRANT pg_read_all_data TO clerk, or connect as a superuser; -N and -T leave schemas and tables out.\n",
    );
    // A sequence has rights of its own.
    server.ask("GRANT SELECT ON public.orders, staff.wages TO clerk; GRANT USAGE ON SCHEMA staff TO clerk");
    assert_refused(
        &mut backup(&repo, &clerk, &[]),
        4,
        "pgkeep: the role clerk cannot read all rows of public.orders_id_seq\n  \
         hint: GRANT pg_read_all_data TO clerk, or connect as a superuser; -N and -T leave schemas and tables out.\n",
    );
    assert_eq!(repo.json(["list"]), json!([]));

    let prices = repo.json(["backup", "-d", &clerk, "-t", "public.prices", "--accept-shrink"]);
    assert_eq!((&prices["tables"], &prices["rows"]), (&json!(1), &json!(0)));
    let all = repo.json(["backup", "-d", &server.dsn_as("reader", "postgres")]);
    assert_eq!((&all["tables"], &all["rows"]), (&json!(3), &json!(100)));
}

/// As the advice of the error says: without BYPASSRLS nothing, with it everything.
#[test]
fn rows_that_row_level_security_would_hide_are_never_left_out_in_silence() {
    let (repo, server) = (Repo::new(), shop());
    let reader = server.dsn_as("reader", "postgres");
    server.ask("ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY");
    assert_refused(
        &mut backup(&repo, &reader, &[]),
        4,
        "pgkeep: the role reader cannot read all rows of public.orders\n  \
         hint: Row-level security would hide rows: ALTER ROLE reader BYPASSRLS, or connect as the owner or as a \
         superuser.\n",
    );
    assert_eq!(repo.json(["backup", "-d", &reader, "-n", "staff", "--accept-shrink"])["tables"], 1);
    server.ask("ALTER ROLE reader BYPASSRLS");
    assert_eq!(repo.json(["backup", "-d", &reader])["rows"], 100);
    // FORCE binds the owner as well, yet not a superuser.
    server.ask("ALTER TABLE public.orders FORCE ROW LEVEL SECURITY; ALTER TABLE public.orders OWNER TO clerk");
    let said = Said::of(&mut backup(&repo, &server.dsn_as("clerk", "postgres"), &["-q", "-t", "public.orders"]));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("cannot read all rows of public.orders\n"), "{said:?}");
    assert_eq!(repo.json(["backup", "-d", &server.dsn("postgres")])["rows"], 100);
}

#[test]
fn a_server_newer_than_pg_dump_names_the_package_to_install() {
    let (repo, server18) = (Repo::new(), Server::start(18, ClusterOptions::default()));
    let older = server(16);
    let bin = older.bin_dir.display().to_string();
    assert_refused(
        &mut backup(&repo, &server18.dsn("postgres"), &["--pg-bin", &bin]),
        4,
        &format!(
            "pgkeep: the schema of the source database cannot be read\n  \
             because: no suitable pg_dump for this server\n  \
             because: the server is PostgreSQL 18, which is newer than pg_dump {} ({bin}/pg_dump)\n  \
             hint: install a client of version 18 or newer: postgresql-client-18 on Debian and Ubuntu (from the \
             PostgreSQL project's repository, PGDG, where the distribution is older), postgresql18 on Red Hat and derivatives; or name a folder that holds one with --pg-bin, PGKEEP_PG_BIN or, in a policy, pg_bin under [backup]\n",
            older.version
        ),
    );
    assert_refused(
        &mut backup(&repo, &server18.dsn("postgres"), &["--pg-bin", "/nonexistent"]),
        4,
        "pgkeep: the schema of the source database cannot be read\n  \
         because: no suitable pg_dump for this server\n  \
         because: pg_dump is not in /nonexistent\n  \
         hint: --pg-bin, PGKEEP_PG_BIN or, in a policy, pg_bin under [backup] must name the folder with the programs, often PREFIX/bin\n",
    );
    let bin = server18.binaries.bin_dir.display().to_string();
    assert_eq!(
        repo.json(["backup", "-d", &server18.dsn("postgres"), "--pg-bin", &bin, "--accept-shrink"])["tables"],
        0
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_exit_code_2() {
    let (repo, server) = (Repo::new(), shop());
    let dsn = server.dsn("postgres");
    for (flag, kind) in [("-t", "table"), ("-T", "table"), ("-n", "schema"), ("-N", "schema")] {
        let said = Said::of(&mut backup(&repo, &dsn, &["-q", flag, "nothing*"]));
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        let first = format!("pgkeep: no {kind} matches the pattern \"nothing*\"\n  hint: ");
        assert!(said.stderr.starts_with(&first), "{said:?}");
    }
    // One that matches does not excuse one that does not.
    let said = Said::of(&mut backup(&repo, &dsn, &["-q", "-n", "staff", "-n", "stuff"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(repo.json(["list"]), json!([]));
}

/// Holds ACCESS EXCLUSIVE on a table, as a migration would.
struct Migration<'a> {
    server: &'a Server,
    psql: std::process::Child,
}

impl<'a> Migration<'a> {
    fn locks(server: &'a Server, table: &str) -> Self {
        let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)");
        let mut psql = server.binaries.command("psql");
        psql.args(["-X", "-q", "-d", &server.dsn("postgres"), "-c", &sql]).env("PGAPPNAME", "migration");
        let psql = psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let held = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        );
        server.wait_for(&held, "1");
        Self { server, psql }
    }
}

impl Drop for Migration<'_> {
    fn drop(&mut self) {
        self.server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'migration'");
        let _ = self.psql.wait();
    }
}

#[test]
fn a_prepared_transaction_that_holds_a_table_is_named() {
    let settings = vec![("max_prepared_transactions".to_owned(), "2".to_owned())];
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions { settings, ..ClusterOptions::default() }));
    server.ask("CREATE ROLE clerk LOGIN; CREATE TABLE orders (id int); INSERT INTO orders VALUES (1); ALTER TABLE orders OWNER TO clerk");
    let prepare = "BEGIN; ALTER TABLE orders ADD COLUMN x int; PREPARE TRANSACTION 'it''s'";
    psql(&server.binaries, &server.dsn_as("clerk", "postgres"), prepare).unwrap();
    let dsn = server.dsn("postgres");
    let said = Said::of(&mut backup(&repo, &dsn, &["-q", "--lock-wait-timeout", "1"]));
    assert_eq!(said.code, 4, "{said:?}");
    let told = "held on public.orders (prepared transaction 'it''s' of clerk)\n";
    assert!(said.stderr.contains(told) && said.stderr.contains("ROLLBACK PREPARED"), "{said:?}");
    server.ask("ROLLBACK PREPARED 'it''s'");
    assert_eq!(repo.json(["backup", "-d", &dsn])["tables"], 1);
}

#[test]
fn a_lock_of_another_session_is_waited_for_as_long_as_was_said() {
    let (repo, server) = (Repo::new(), shop());
    let migration = Migration::locks(&server, "public.orders");
    let started = Instant::now();
    let said = Said::of(&mut backup(&repo, &server.dsn("postgres"), &["-q", "--lock-wait-timeout", "1"]));
    assert!(started.elapsed() < Duration::from_secs(20), "waited for {:?}", started.elapsed());
    assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{said:?}");
    assert!(said.stderr.contains("canceling statement due to lock timeout (SQLSTATE 55P03)"), "{said:?}");
    assert!(
        said.stderr.starts_with("pgkeep: could not get a lock within 1 s; locks are held on public.orders (process "),
        "{said:?}"
    );
    assert!(said.stderr.contains(", migration)\n"), "{said:?}");
    assert!(said.stderr.contains("\n  hint: Try again when that session has ended"), "{said:?}");
    assert_eq!(repo.json(["list"]), json!([]));
    drop(migration);
    assert_eq!(repo.json(["backup", "-d", &server.dsn("postgres"), "--lock-wait-timeout", "1"])["rows"], 100);
}
