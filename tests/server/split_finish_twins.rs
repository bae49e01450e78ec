//! The owner of the schema that moved has another one, with tables of somebody else under the same names, and exchanges the two: `split finish`
//! renames and drops the one that was sealed, or nothing. Names come back afterwards.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// `vic` never moved anything.
const SCHEMAS: &str = "
    CREATE SCHEMA m AUTHORIZATION mal; CREATE SCHEMA twin AUTHORIZATION mal; GRANT ALL ON SCHEMA twin TO vic; GRANT CREATE ON DATABASE app TO mal;
    SET ROLE mal; CREATE TABLE m.t (id int PRIMARY KEY); INSERT INTO m.t VALUES (1), (2); CREATE SEQUENCE m.calls; RESET ROLE;
    SET ROLE vic; CREATE TABLE twin.t (id int PRIMARY KEY); INSERT INTO twin.t SELECT generate_series(1, 50); CREATE SEQUENCE twin.calls;";

const VICS: &str = "SELECT count(*) FROM pg_class WHERE relowner = 'vic'::regrole AND relkind IN ('r', 'S')";

/// A session that somebody types into.
struct Typed(Child);

impl Typed {
    fn also(&mut self, sql: &str) {
        self.0.stdin.as_mut().unwrap().write_all(sql.as_bytes()).unwrap();
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

struct App {
    server: Server,
    repo: Repo,
}

impl App {
    /// After the switch.
    fn split(major: u32) -> Self {
        let settings = vec![("max_prepared_transactions".to_owned(), "2".to_owned())];
        let server = Server::start(major, ClusterOptions { settings, ..ClusterOptions::default() });
        server.ask("CREATE ROLE mal LOGIN");
        server.ask("CREATE ROLE vic LOGIN");
        server.ask("CREATE DATABASE app");
        let app = Self { server, repo: Repo::new() };
        app.sql(SCHEMAS);
        let said = app.run(&["--schemas", "m", "--leave", "*"]);
        assert_eq!(said.code, 0, "{said:?}");
        app
    }

    /// Put aside, and in a proven snapshot; with the name aside.
    fn finished(major: u32) -> (Self, String) {
        let app = Self::split(major);
        let said = app.run(&["finish", "--yes"]);
        assert_eq!(said.code, 0, "{said:?}");
        let aside = said.document()["quarantined"][0][1].as_str().unwrap().to_owned();
        let (source, proof) = (app.server.dsn("app"), app.server.dsn("proof"));
        let said = Said::of(&mut app.with_programs(app.repo.command(["backup", "-d", &source])));
        assert_eq!(said.code, 0, "{said:?}");
        let said = Said::of(&mut app.with_programs(app.repo.restore(["latest", "--create", "-d", &proof])));
        assert_eq!(said.code, 0, "{said:?}");
        (app, aside)
    }

    fn with_programs(&self, mut command: Command) -> Command {
        let pg_dump = self.server.binaries.command("pg_dump");
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        command
    }

    fn program(&self, args: &[&str]) -> Command {
        let (from, to) = (self.server.dsn("app"), self.server.dsn("app_new"));
        let command = self.repo.command(["split", "--json"].iter().chain(args).chain(&["--from", &from, "--to", &to]));
        self.with_programs(command)
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::of(&mut self.program(args))
    }

    fn while_it_waits(&self, args: &[&str], meanwhile: impl FnOnce()) -> Said {
        let mut command = self.program(args);
        let running = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        meanwhile();
        Said::from(running.wait_with_output().unwrap())
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn("app"), sql).unwrap()
    }

    fn exchange(&self, schema: &str) {
        psql(&self.server.binaries, &self.server.dsn_as("mal", "app"), &exchanged(schema)).unwrap();
    }

    fn session(&self, application: &str, dsn: &str, sql: &str) -> Typed {
        let mut session = self.server.binaries.command("psql");
        session.env("PGAPPNAME", application).args(["-X", "-q", "-d", dsn]);
        let session = session.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut session = Typed(session);
        session.also(sql);
        session
    }

    fn wait_for_session(&self, application: &str, condition: &str) {
        let sql =
            format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}' AND ({condition})");
        self.server.wait_for(&sql, "1");
    }

    fn oid(&self, schema: &str) -> String {
        self.sql(&format!("SELECT oid FROM pg_namespace WHERE nspname = '{schema}'"))
    }

    /// The names go round before the program renames or drops, and stay so when it goes on.
    fn exchanged_under(&self, args: &[&str], schema: &str) -> Said {
        let mut mal =
            self.session("mal", &self.server.dsn_as("mal", "app"), &format!("BEGIN; {};\n", exchanged(schema)));
        self.wait_for_session("mal", "state = 'idle in transaction' AND query ~ 'RENAME TO twin'");
        let said = self.while_it_waits(args, || {
            self.wait_for_session("pgkeep split", "wait_event_type = 'Lock'");
            mal.also("COMMIT;\n");
        });
        mal.end();
        said
    }
}

fn exchanged(schema: &str) -> String {
    format!(
        "ALTER SCHEMA {schema} RENAME TO gone; ALTER SCHEMA twin RENAME TO {schema}; ALTER SCHEMA gone RENAME TO twin"
    )
}

/// In the moment after the last look at the old tables, while the program asks the new database what that has lost.
fn dropped_on(major: u32) {
    let (app, aside) = App::finished(major);
    let (old, twin) = (app.oid(&aside), app.oid("twin"));
    // Who has a prepared transaction is no session that uses the tables.
    app.sql(&format!("BEGIN; SELECT count(*) FROM {aside}.t; PREPARE TRANSACTION 'reads'"));
    let table = app.sql(&format!("SELECT '{aside}.t'::regclass::oid"));
    let mut mal = None;
    let said = app.while_it_waits(&["finish", "--yes-drop", "app"], || {
        let waits = format!("SELECT count(*) FROM pg_locks WHERE relation = {table} AND NOT granted");
        app.server.wait_for(&waits, "1");
        let mut new = app.session(
            "new",
            &app.server.dsn("app_new"),
            "SET allow_system_table_mods = on; BEGIN; LOCK TABLE pg_catalog.pg_namespace;\n",
        );
        app.wait_for_session("new", "state = 'idle in transaction' AND query ~ 'LOCK TABLE'");
        app.sql("COMMIT PREPARED 'reads'");
        app.wait_for_session("pgkeep split", "wait_event_type = 'Lock' AND datname = 'app_new'");
        let go_round = format!("BEGIN; {}; COMMIT;\nSELECT 'over';\n", exchanged(&aside));
        mal = Some(app.session("mal", &app.server.dsn_as("mal", "app"), &go_round));
        // It has done it, or has to wait for the program.
        app.wait_for_session("mal", "wait_event_type = 'Lock' OR state = 'idle' AND query ~ 'over'");
        new.also("COMMIT;\n");
        new.end();
    });
    mal.unwrap().end();
    assert_eq!((said.code, &said.document()["dropped"]), (0, &true.into()), "{said:?}");
    assert_eq!(app.sql(VICS), "2", "{said:?}");
    let left = format!("SELECT string_agg(oid::text, ' ') FROM pg_namespace WHERE oid IN ({old}, {twin})");
    assert_eq!(app.sql(&left), twin, "{said:?}");
}

#[test]
fn a_drop_takes_no_twin_for_an_old_schema_15() {
    dropped_on(15);
}

#[test]
fn a_drop_takes_no_twin_for_an_old_schema_18() {
    dropped_on(18);
}

/// Before it holds the names: nothing is dropped, and once they are back it goes on.
#[test]
fn a_drop_that_finds_a_twin_drops_nothing_and_says_so() {
    let (app, aside) = App::finished(15);
    let drop = ["finish", "--yes-drop", "app"];
    let there = "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname ~ '^(m|twin|gone|pgkeep_[0-9a-f])'";
    let said = app.exchanged_under(&drop, &aside);
    assert_eq!(said.code, 7, "{said:?}");
    let error = said.document()["error"].to_string();
    assert!(error.contains(&format!("another schema was in the place of {aside}")), "{said:?}");
    assert_eq!((app.sql(VICS), app.sql(there)), ("2".to_owned(), format!("{aside} twin")));
    let said = app.run(&drop);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.document()["error"].to_string().contains(&format!("{aside} is now twin")), "{said:?}");
    // The old one is gone, and the twin has its name: that is none of the old ones.
    app.sql("DROP SCHEMA twin CASCADE");
    let said = app.run(&drop);
    assert_eq!((said.code, app.sql(VICS), app.sql(there)), (0, "2".to_owned(), aside), "{said:?}");
}

fn put_aside_on(major: u32) {
    let app = App::split(major);
    let (old, twin) = (app.oid("m"), app.oid("twin"));
    let names = || {
        app.sql(&format!("SELECT string_agg(nspname, ' ' ORDER BY oid) FROM pg_namespace WHERE oid IN ({old}, {twin})"))
    };
    let finish = ["finish", "--yes"];
    // Long before.
    app.exchange("m");
    let said = app.run(&finish);
    assert_eq!((said.code, &*names()), (7, "twin m"), "{said:?}");
    assert!(said.document()["error"].to_string().contains("the old schemas were renamed: m is now twin"), "{said:?}");
    app.exchange("m");
    // In the last moment.
    let said = app.exchanged_under(&finish, "m");
    assert_eq!((said.code, &*names()), (7, "twin m"), "{said:?}");
    assert!(said.document()["error"].to_string().contains("another schema was in the place of m"), "{said:?}");
    assert_eq!(app.run(&["status"]).document()["phase"], "switched");
    app.exchange("m");
    let said = app.run(&finish);
    let aside = said.document()["quarantined"][0][1].as_str().unwrap().to_owned();
    assert_eq!((said.code, names()), (0, format!("{aside} twin")), "{said:?}");
}

#[test]
fn finish_puts_no_twin_of_an_old_schema_aside_15() {
    put_aside_on(15);
}

#[test]
fn finish_puts_no_twin_of_an_old_schema_aside_18() {
    put_aside_on(18);
}
