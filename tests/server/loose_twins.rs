//! Tables of one owner in a schema of another one's, who exchanges it for a schema with tables of the same names, in the moment between a
//! look and the locks: what a loose key changes, reads and watches is the table that it was made for. Names come back afterwards.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::fence::KeyItself;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// Both schemas are `mal`'s, and what is in them is `vic`'s, but for one child, which waits from the second time on that a row of it is
/// deleted, as long as somebody has an advisory lock.
const TABLES: &str = "
    CREATE SCHEMA par AUTHORIZATION mal; CREATE SCHEMA kid AUTHORIZATION mal; GRANT ALL ON SCHEMA par, kid TO vic;
    CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p SELECT generate_series(1, 9);
    CREATE SEQUENCE par.calls; GRANT ALL ON SEQUENCE par.calls TO mal; GRANT ALL ON par.p TO mal;
    CREATE TABLE kid.evil (id int, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.evil VALUES (3, 3);
    CREATE TABLE kid.good (id int, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.good SELECT i, i FROM generate_series(1, 9) i;
    CREATE FUNCTION kid.act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('par.calls') >= 2 THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN OLD; END $$;
    CREATE TRIGGER act BEFORE DELETE ON kid.evil FOR EACH ROW EXECUTE FUNCTION kid.act();
    ALTER FUNCTION kid.act() OWNER TO mal; ALTER TABLE kid.evil OWNER TO mal; ALTER TABLE kid.good OWNER TO vic; ALTER TABLE par.p OWNER TO vic;";

const KIDS_TWIN: &str =
    "CREATE SCHEMA twin; CREATE TABLE twin.evil (id int, p int); CREATE TABLE twin.good (id int, p int);
    INSERT INTO twin.good SELECT i, i FROM generate_series(1, 9) i";
const PARENTS_TWIN: &str =
    "CREATE SCHEMA twin; CREATE TABLE twin.p (id int PRIMARY KEY); INSERT INTO twin.p SELECT generate_series(1, 9)";

const DELETED: &str = "DELETE FROM par.p WHERE id = 3";

struct Halves<'a> {
    server: &'a Server,
    name: &'a str,
}

/// A session that has locks until it is let go.
struct Holder(Child);

impl Holder {
    fn let_go(mut self) {
        self.0.stdin.take().unwrap().write_all(b"COMMIT;\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl<'a> Halves<'a> {
    fn new(server: &'a Server, name: &'a str) -> Self {
        server.ask(&format!("CREATE DATABASE {name}"));
        let halves = Self { server, name };
        halves.sql(name, TABLES);
        halves.sql(name, &format!("GRANT CREATE ON DATABASE {name} TO mal"));
        halves
    }

    fn moved(server: &'a Server, name: &'a str) -> Self {
        let halves = Self::new(server, name);
        let said = halves.split(&["--schemas", "kid", "--boundary", "loose", "--leave", "*"]);
        assert_eq!(said.code, 0, "{said:?}");
        let new = halves.new_place();
        halves.sql(&new, &format!("GRANT CREATE ON DATABASE {new} TO mal"));
        halves
    }

    fn new_place(&self) -> String {
        format!("{}_new", self.name)
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    #[track_caller]
    fn as_mal(&self, database: &str, sql: &str) {
        psql(&self.server.binaries, &self.server.dsn_as("mal", database), sql).unwrap();
    }

    /// The names of two schemas go round, in one transaction.
    #[track_caller]
    fn exchange(&self, database: &str, schema: &str) {
        self.as_mal(
            database,
            &format!("ALTER SCHEMA {schema} RENAME TO aside; ALTER SCHEMA twin RENAME TO {schema}; ALTER SCHEMA aside RENAME TO twin"),
        );
    }

    fn program(&self, args: &[&str]) -> std::process::Command {
        let pg_dump = self.server.binaries.command("pg_dump");
        let (from, to) = (self.server.dsn(self.name), self.server.dsn(&self.new_place()));
        let mut command = pgkeep();
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        command.args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]);
        command
    }

    fn split(&self, args: &[&str]) -> Said {
        Said::of(&mut self.program(args))
    }

    /// The same while something else happens.
    fn while_it_waits(&self, args: &[&str], meanwhile: impl FnOnce()) -> Said {
        let mut command = self.program(args);
        let running = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        meanwhile();
        Said::from(running.wait_with_output().unwrap())
    }

    /// Begins to hold what these statements lock; it may have to wait for it.
    fn hold(&self, database: &str, sql: &str) -> Holder {
        let mut session = self.server.binaries.command("psql");
        session.env("PGAPPNAME", "holder").args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.server.dsn(database),
        ]);
        let mut session = session.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        session.stdin.as_mut().unwrap().write_all(format!("BEGIN; {sql};\n").as_bytes()).unwrap();
        Holder(session)
    }

    /// How many locks of this kind sessions of a name have, or wait for.
    fn wait_for_locks(&self, application: &str, database: &str, granted: bool, condition: &str, count: &str) {
        self.server.wait_for(
            &format!("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = '{application}'
                AND a.datname = '{database}' AND l.granted = {granted} AND ({condition})"),
            count,
        );
    }

    fn oid(&self, database: &str, table: &str) -> String {
        self.sql(database, &format!("SELECT '{table}'::regclass::oid"))
    }

    /// The program waits for a table that somebody has locked; the schema is exchanged, and the table let go.
    fn exchanged_while_waiting(
        &self,
        args: &[&str],
        (database, schema, table): (&str, &str, &str),
        lock: &str,
    ) -> Said {
        let relation = format!("relation = {}", self.oid(database, table));
        let holder = self.hold(database, lock);
        self.wait_for_locks("holder", database, true, &relation, "1");
        let application = if args[0] == "reap" { "pgkeep reap" } else { "pgkeep split" };
        self.while_it_waits(args, || {
            self.wait_for_locks(application, database, false, &relation, "1");
            self.exchange(database, schema);
            holder.let_go();
        })
    }
}

fn server(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE ROLE vic LOGIN");
    server
}

const ROWS: &str = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM kid.good";
const LEFT: &str = "1 2 4 5 6 7 8 9";
const ALL: &str = "1 2 3 4 5 6 7 8 9";

fn reaped_on(major: u32) {
    let server = server(major);
    let halves = Halves::moved(&server, "child");
    let new = halves.new_place();
    halves.as_mal(&new, KIDS_TWIN);
    halves.sql("child", DELETED);
    halves.sql(&new, "ALTER TABLE kid.evil DISABLE TRIGGER act");
    let lock = "LOCK TABLE kid.good IN ACCESS EXCLUSIVE MODE";
    let said = halves.exchanged_while_waiting(&["reap"], (&new, "kid", "kid.good"), lock);
    halves.exchange(&new, "kid");
    assert_eq!((said.code, &*halves.sql(&new, ROWS)), (0, LEFT), "{said:?}");
    assert_eq!(halves.sql(&new, &ROWS.replace("kid", "twin")), ALL);
    assert_eq!(halves.sql("child", "SELECT count(*) FROM pgkeep_loose.log WHERE reaped IS NULL"), "0");

    let halves = Halves::moved(&server, "parent");
    let new = halves.new_place();
    halves.as_mal("parent", PARENTS_TWIN);
    halves.sql("parent", DELETED);
    halves.sql(&new, "ALTER TABLE kid.evil DISABLE TRIGGER act");
    let lock = "LOCK TABLE par.p IN ACCESS EXCLUSIVE MODE";
    let said = halves.exchanged_while_waiting(&["reap"], ("parent", "par", "par.p"), lock);
    halves.exchange("parent", "par");
    assert_eq!((said.code, &*halves.sql(&new, ROWS)), (0, LEFT), "{said:?}");
    assert_eq!(said.document()["keys"][1]["back"], 0, "{said:?}");
}

#[test]
fn a_reaper_takes_no_twin_for_a_table_of_a_loose_key_15() {
    reaped_on(15);
}

#[test]
fn a_reaper_takes_no_twin_for_a_table_of_a_loose_key_18() {
    reaped_on(18);
}

/// The names are others again whenever it looks: it gives up, says so, and the log is there for the next one.
#[test]
fn a_reaper_that_finds_a_twin_each_time_says_so_and_forgets_nothing() {
    let server = server(15);
    let halves = Halves::moved(&server, "again");
    let new = halves.new_place();
    halves.as_mal(&new, KIDS_TWIN);
    halves.sql("again", DELETED);
    halves.sql(&new, "ALTER TABLE kid.evil DISABLE TRIGGER act");
    let relation = format!("relation = {}", halves.oid(&new, "kid.good"));
    let lock = |schema: &str| format!("LOCK TABLE {schema}.good IN ACCESS EXCLUSIVE MODE");
    let mut holder = halves.hold(&new, &lock("kid"));
    halves.wait_for_locks("holder", &new, true, &relation, "1");
    let said = halves.while_it_waits(&["reap"], || {
        for schema in ["twin", "kid", "twin", "kid"] {
            halves.wait_for_locks("pgkeep reap", &new, false, &relation, "1");
            halves.exchange(&new, "kid");
            // Behind the reaper, and before its next attempt.
            let next = halves.hold(&new, &lock(schema));
            halves.wait_for_locks("holder", &new, false, &relation, "1");
            holder.let_go();
            holder = next;
        }
        holder.let_go();
    });
    let document = said.document();
    let key = document["keys"].as_array().unwrap().iter().find(|key| key["key"] == "kid.good.good_p_fkey").unwrap();
    assert_eq!((said.code, &key["progress"]), (3, &"failed".into()), "{said:?}");
    let reason = key["reason"].as_str().unwrap();
    assert!(reason.starts_with("another table was in the place of ") && reason.ends_with(".good"), "{key}");
    assert!(key["to_do"].as_str().unwrap().contains("Look at who renames tables or schemas"), "{key}");
    assert_eq!(halves.sql(&new, ROWS), ALL);
    assert_eq!(halves.sql(&new, &ROWS.replace("kid", "twin")), ALL);
    let said = halves.split(&["reap"]);
    assert_eq!((said.code, &*halves.sql(&new, ROWS)), (0, LEFT), "{said:?}");
}

fn replayed_on(major: u32) {
    let server = server(major);
    let halves = Halves::moved(&server, "back");
    halves.sql("back", DELETED);
    halves.as_mal("back", KIDS_TWIN);
    let holder = halves.hold("back", "SELECT pg_advisory_xact_lock(7)");
    let waits = "locktype = 'advisory' AND objid = 7";
    halves.wait_for_locks("holder", "back", true, waits, "1");
    // The rehearsal deletes the first time, and the opening the second, before it comes to the other key.
    let said = halves.while_it_waits(&["rollback"], || {
        halves.wait_for_locks("pgkeep split", "back", false, waits, "1");
        halves.exchange("back", "kid");
        holder.let_go();
    });
    halves.exchange("back", "kid");
    assert_eq!(halves.sql("back", ROWS), LEFT, "{said:?}");
    assert_eq!(halves.sql("back", &ROWS.replace("kid", "twin")), ALL, "{said:?}");
    assert_eq!(halves.sql("back", "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_loose'"), "0", "{said:?}");
    // No foreign key is made at a twin, and none is told that is not there.
    assert_eq!(halves.sql("back", "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), "0", "{said:?}");
    let missing = &said.document()["keys_missing"];
    assert_eq!((said.code, missing), (3, &serde_json::json!(["kid.evil.evil_p_fkey", "kid.good.good_p_fkey"])));
}

#[test]
fn a_rollback_takes_no_twin_for_the_child_of_a_loose_key_15() {
    replayed_on(15);
}

#[test]
fn a_rollback_takes_no_twin_for_the_child_of_a_loose_key_18() {
    replayed_on(18);
}

/// A twin of the referenced table gets no foreign key either.
fn led_on(major: u32) {
    let server = server(major);
    let halves = Halves::moved(&server, "led");
    halves.sql("led", DELETED);
    halves.as_mal("led", PARENTS_TWIN);
    let holder = halves.hold("led", "SELECT pg_advisory_xact_lock(7)");
    let waits = "locktype = 'advisory' AND objid = 7";
    halves.wait_for_locks("holder", "led", true, waits, "1");
    let said = halves.while_it_waits(&["rollback"], || {
        halves.wait_for_locks("pgkeep split", "led", false, waits, "1");
        halves.exchange("led", "par");
        holder.let_go();
    });
    halves.exchange("led", "par");
    assert_eq!(halves.sql("led", "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), "0", "{said:?}");
    assert_eq!(halves.sql("led", ROWS), LEFT, "{said:?}");
    let missing = &said.document()["keys_missing"];
    assert_eq!((said.code, missing), (3, &serde_json::json!(["kid.evil.evil_p_fkey", "kid.good.good_p_fkey"])));
}

#[test]
fn a_foreign_key_that_comes_back_leads_to_no_twin_15() {
    led_on(15);
}

#[test]
fn a_foreign_key_that_comes_back_leads_to_no_twin_18() {
    led_on(18);
}

/// What the seal asks after it has dropped a foreign key by the name of its table.
#[test]
fn a_foreign_key_is_gone_where_its_own_table_has_lost_it() {
    let server = server(15);
    server.ask("CREATE DATABASE gone");
    let halves = Halves { server: &server, name: "gone" };
    halves.sql(
        "gone",
        "CREATE SCHEMA kid; CREATE SCHEMA twin; CREATE TABLE kid.p (id int PRIMARY KEY);
        CREATE TABLE kid.c (p int CONSTRAINT k REFERENCES kid.p); CREATE TABLE twin.c (p int CONSTRAINT k REFERENCES kid.p)",
    );
    let [constraint, table, referenced] = [
        "SELECT oid FROM pg_constraint WHERE conrelid = 'kid.c'::regclass AND contype = 'f'",
        "SELECT 'kid.c'::regclass::oid",
        "SELECT 'kid.p'::regclass::oid",
    ]
    .map(|oid| halves.sql("gone", oid).parse().unwrap());
    let itself = KeyItself { name: "k".into(), constraint, table, referenced };
    let drop = |table: &str| format!("BEGIN; ALTER TABLE ONLY {table} DROP CONSTRAINT k; {} COMMIT", itself.is_gone());
    let another = psql(&server.binaries, &server.dsn("gone"), &drop("twin.c")).unwrap_err();
    assert!(another.contains("another table was in the place of one of the foreign key k"), "{another}");
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(halves.sql("gone", keys), "2");
    halves.sql("gone", &drop("kid.c"));
    assert_eq!(halves.sql("gone", keys), "1");
}

/// The table is another one each time that the opening looks: its key is left, and the others are not.
#[test]
fn a_rollback_that_finds_a_twin_each_time_leaves_that_key_alone() {
    let server = server(15);
    let halves = Halves::moved(&server, "each");
    halves.sql("each", DELETED);
    halves.as_mal("each", KIDS_TWIN);
    let lock = "SELECT pg_advisory_xact_lock(7)";
    let mut holder = halves.hold("each", lock);
    let waits = "locktype = 'advisory' AND objid = 7";
    halves.wait_for_locks("holder", "each", true, waits, "1");
    let said = halves.while_it_waits(&["rollback"], || {
        for _ in 0..3 {
            halves.wait_for_locks("pgkeep split", "each", false, waits, "1");
            halves.exchange("each", "kid");
            // Behind the opening, and before its next attempt.
            let next = halves.hold("each", lock);
            halves.wait_for_locks("holder", "each", false, waits, "1");
            holder.let_go();
            holder = next;
        }
        halves.wait_for_locks("pgkeep split", "each", false, waits, "1");
        halves.exchange("each", "kid");
        holder.let_go();
    });
    let document = said.document();
    let left: Vec<_> = document["keys_not_replayed"].as_array().unwrap().iter().map(|key| &key["key"]).collect();
    assert_eq!((said.code, left), (3, vec![&"kid.good.good_p_fkey".into()]), "{said:?}");
    assert_eq!((&*halves.sql("each", ROWS), &*halves.sql("each", &ROWS.replace("kid", "twin"))), (ALL, ALL));
    assert_eq!(halves.sql("each", "SELECT count(*) FROM kid.evil"), "0");
    let said = halves.split(&["reap"]);
    assert_eq!((said.code, &*halves.sql("each", ROWS)), (0, LEFT), "{said:?}");
}

fn sealed_on(major: u32) {
    let server = server(major);
    let halves = Halves::new(&server, "seal");
    halves.as_mal("seal", PARENTS_TWIN);
    let args = ["--schemas", "kid", "--boundary", "loose", "--leave", "*"];
    let reads = "SELECT count(*) FROM kid.evil";
    let said = halves.exchanged_while_waiting(&args, ("seal", "par", "kid.evil"), reads);
    halves.exchange("seal", "par");
    assert_eq!(said.code, 7, "{said:?}");
    let error = said.document()["error"].to_string();
    assert!(error.contains("another table was in the place of par.p"), "{said:?}");
    // It is as it was: nothing is watched, and the real keys do their work.
    let ours = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_loose') + (SELECT count(*) FROM pg_trigger WHERE tgname ~ '^pgkeep_loose')";
    assert_eq!(halves.sql("seal", ours), "0");
    halves.sql("seal", DELETED);
    assert_eq!(halves.sql("seal", ROWS), LEFT);
}

#[test]
fn a_seal_watches_no_twin_of_a_parent_15() {
    sealed_on(15);
}

#[test]
fn a_seal_watches_no_twin_of_a_parent_18() {
    sealed_on(18);
}
