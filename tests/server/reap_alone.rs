//! Loose keys whose child's owner would rather that nobody reaps: what code of one child does keeps no other key back, in `reap` and on the
//! way back, and nothing of what it keeps back is lost or passed over in silence.

use std::path::Path;
use std::process::{Child, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// Parents that stay, and children that move: one of `mal`'s, between two of others. What a deletion of `mal`'s calls is `kid.act`.
const TABLES: &str = "
    CREATE SCHEMA par; CREATE SCHEMA kid; GRANT CREATE, USAGE ON SCHEMA kid TO mal; GRANT USAGE ON SCHEMA kid TO other;
    CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p SELECT generate_series(1, 9);
    CREATE TABLE kid.a (id int, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.a SELECT i, i FROM generate_series(1, 9) i;
    CREATE TABLE kid.m (LIKE kid.a); ALTER TABLE kid.m ADD FOREIGN KEY (p) REFERENCES par.p ON DELETE CASCADE;
    CREATE TABLE kid.z (LIKE kid.a); ALTER TABLE kid.z ADD FOREIGN KEY (p) REFERENCES par.p ON DELETE CASCADE;
    INSERT INTO kid.m SELECT * FROM kid.a; INSERT INTO kid.z SELECT * FROM kid.a;
    CREATE FUNCTION kid.act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DEED; RETURN OLD; END $$;
    CREATE TRIGGER act BEFORE DELETE ON kid.m FOR EACH ROW EXECUTE FUNCTION kid.act();
    ALTER TABLE kid.a OWNER TO other; ALTER TABLE kid.m OWNER TO mal; ALTER TABLE kid.z OWNER TO other; ALTER FUNCTION kid.act() OWNER TO mal;";

/// What `mal` does when a row goes, and whether the first server that can be made to do it is a later one than 14.
const DEEDS: &[(&str, &str, u32)] = &[
    ("an error of the server's", "RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = 'not now'", 14),
    ("an error of a user's", "RAISE EXCEPTION 'not now'", 14),
    ("the error of a lock", "RAISE EXCEPTION USING ERRCODE = '55P03', MESSAGE = 'not now'", 14),
    ("the error of a lost connection", "RAISE EXCEPTION USING ERRCODE = '08006', MESSAGE = 'not now'", 14),
    ("the error of a cancelled statement", "RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'not now'", 14),
    ("an attempt to end the session", "PERFORM pg_terminate_backend(pg_backend_pid())", 14),
    ("the end of the session", "PERFORM set_config('transaction_timeout', '1', false); PERFORM pg_sleep(1)", 17),
    (
        "sleep, whoever wakes it",
        "LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP",
        14,
    ),
];

pub struct Halves<'a> {
    server: &'a Server,
    pub name: String,
}

impl<'a> Halves<'a> {
    fn moved(server: &'a Server, name: String, deed: &str) -> Self {
        Self::moved_with(server, name, deed, "")
    }

    /// With more tables.
    pub fn moved_with(server: &'a Server, name: String, deed: &str, more: &str) -> Self {
        server.ask(&format!("CREATE DATABASE {name}"));
        let halves = Self { server, name };
        halves.sql(&halves.name, &(TABLES.replace("DEED", deed) + more));
        let said = halves.split(&["--schemas", "kid", "--boundary", "loose"]);
        assert_eq!(said.code, 0, "{said:?}");
        halves
    }

    pub fn split(&self, args: &[&str]) -> Said {
        self.split_to(args, &self.new_place())
    }

    fn split_to(&self, args: &[&str], to: &str) -> Said {
        let pg_dump = self.server.binaries.command("pg_dump");
        let (from, to) = (self.server.dsn(&self.name), self.server.dsn(to));
        let mut command = pgkeep();
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        Said::of(command.args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]))
    }

    pub fn new_place(&self) -> String {
        format!("{}_new", self.name)
    }

    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    /// The children's rows: of `a`, of `m`, of `z`.
    pub fn rows(&self, database: &str) -> String {
        self.sql(
            database,
            "SELECT (SELECT count(*) FROM kid.a) || ' ' || (SELECT count(*) FROM kid.m) || ' ' || (SELECT count(*) FROM kid.z)",
        )
    }
}

fn of_mal<'a>(keys: &'a Value, key: &str) -> &'a Value {
    keys.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap_or(&Value::Null)
}

const KEY: &str = "kid.m.m_p_fkey";

fn each_deed_on(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE ROLE other");
    for (n, (deed, sql, _)) in DEEDS.iter().enumerate().filter(|(_, (.., since))| *since <= major) {
        let halves = Halves::moved(&server, format!("deed_{n}"), sql);
        let (old, new) = (halves.name.clone(), halves.new_place());
        halves.sql(&old, "DELETE FROM par.p WHERE id <= 3");

        // The keys before and after it are followed, and this one is named.
        let said = halves.split(&["reap", "--key-timeout", "3"]);
        assert_eq!((said.code, &*halves.rows(&new)), (3, "6 9 6"), "{major}, {deed}: {said:?}");
        let document = said.document();
        let told = of_mal(&document["keys"], KEY);
        assert_eq!(told["child"], "kid.m", "{deed}: {told}");
        assert!(told["progress"] != "done" || !told["refused"].as_array().unwrap().is_empty(), "{deed}: {told}");
        let others = document["keys"].as_array().unwrap().iter().filter(|key| key["key"] != KEY);
        others.for_each(|key| {
            assert_eq!((&key["progress"], &key["deleted"]), (&"done".into(), &3.into()), "{deed}: {key}")
        });

        // So is it on the way back, which opens the old place all the same.
        let back = halves.split(&["rollback", "--discard", "--fence-wait", "2", "--replay-timeout", "4"]);
        assert_eq!((back.code, &*halves.rows(&old)), (3, "6 9 6"), "{major}, {deed}: {back:?}");
        let document = back.document();
        let left = &document["keys_not_replayed"];
        assert_eq!(left.as_array().unwrap().len(), 1, "{deed}: {left}");
        assert_eq!(
            (&left[0]["key"], &left[0]["child"], &left[0]["entries"]),
            (&KEY.into(), &"kid.m".into(), &3.into()),
            "{deed}: {left}"
        );
        halves.sql(&old, "INSERT INTO kid.a VALUES (10, 9)");
        let keys = "SELECT string_agg(convalidated::text, ' ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'";
        assert_eq!(halves.sql(&old, keys), "true false true", "{deed}");
        assert!(document["keys_unchecked"].to_string().contains(KEY), "{deed}: {document}");

        // Nothing is lost: once the trigger is disabled, the old rows learn it, and the key can be checked.
        let again = halves.split(&["reap", "--key-timeout", "3"]);
        assert_eq!((again.code, &*halves.rows(&old)), (3, "7 9 6"), "{major}, {deed}: {again:?}");
        halves.sql(&old, "SET ROLE mal; ALTER TABLE kid.m DISABLE TRIGGER act");
        let to = if n % 2 == 0 { &new } else { &old };
        let done = halves.split_to(&["reap"], to);
        assert_eq!((done.code, &*halves.rows(&old)), (0, "7 6 6"), "{major}, {deed}: {done:?}");
        let check = done.document()["keys"][0]["to_do"].as_str().unwrap().split(": ").last().unwrap().to_owned();
        halves.sql(&old, &check);
        assert_eq!(halves.sql(&old, keys), "true true true", "{deed}");
        assert_eq!(halves.sql(&old, "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_loose'"), "0", "{deed}");
        assert_eq!(halves.split(&["reap"]).code, 7, "nothing is left: {deed}");
    }
}

#[test]
fn what_one_childs_code_does_keeps_no_other_key_back_15() {
    each_deed_on(15);
}

#[test]
fn what_one_childs_code_does_keeps_no_other_key_back_18() {
    each_deed_on(18);
}

/// Somebody who keeps the lock of `mal`'s key, as this role and under this name, until it is ended.
fn keeps(halves: &Halves<'_>, role: &str, application: &str) -> Child {
    let mut session = halves.server.binaries.command("psql");
    let lock = "SELECT pg_advisory_lock(1886086514, 2); SELECT pg_sleep(120)";
    session.env("PGAPPNAME", application).args([
        "-X",
        "-q",
        "-d",
        &halves.server.dsn_as(role, &halves.name),
        "-c",
        lock,
    ]);
    let session = session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    halves.server.wait_for(&keeper("count(*)::text"), "1");
    session
}

fn keeper(what: &str) -> String {
    format!(
        "SELECT {what} FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (1886086514, 2) AND granted"
    )
}

/// Whoever may connect can take it: only a reaper of a role that may reap is one.
#[test]
fn who_holds_the_lock_of_a_key_and_is_no_reaper_is_named() {
    let server = Server::start(15, ClusterOptions::default());
    for role in ["mal", "other"] {
        server.ask(&format!("CREATE ROLE {role} LOGIN"));
    }
    let halves = Halves::moved(&server, "held".into(), "NULL");
    halves.sql("held", "DELETE FROM par.p WHERE id <= 3");
    let superuser = server.ask("SELECT current_user");
    for (role, application) in [("mal", "an application"), ("mal", "pgkeep reap"), (&*superuser, "psql")] {
        let mut session = keeps(&halves, role, application);
        let pid = server.ask(&keeper("pid"));
        let said = halves.split(&["reap"]);
        assert_eq!(said.code, 3, "{said:?}");
        let document = said.document();
        let told = of_mal(&document["keys"], KEY);
        assert_eq!((&told["progress"], &told["child"]), (&"held".into(), &"kid.m".into()), "{told}");
        let who = format!("process {pid} of the role {role} (application '{application}')");
        assert!(told["reason"].as_str().unwrap().contains(&who), "{who}: {told}");
        assert!(told["to_do"].as_str().unwrap().contains(&format!("pg_terminate_backend({pid})")), "{told}");
        assert_eq!(halves.rows("held_new"), "6 9 6");
        server.ask(&keeper("pg_terminate_backend(pid)"));
        session.wait().unwrap();
    }
    // A reaper, which is no fault.
    let mut session = keeps(&halves, &superuser, "pgkeep reap");
    let said = halves.split(&["reap"]);
    assert_eq!((said.code, &of_mal(&said.document()["keys"], KEY)["progress"]), (0, &"taken".into()), "{said:?}");
    server.ask(&keeper("pg_terminate_backend(pid)"));
    session.wait().unwrap();
    assert_eq!((halves.split(&["reap"]).code, &*halves.rows("held_new")), (0, "6 6 6"));
}

/// A commit that waits for a standby that is not there is one that a server would have on its disk.
#[test]
fn what_a_reaper_does_at_a_child_is_durable_whatever_code_of_the_child_says() {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings =
        vec![setting("wal_level", "replica"), setting("max_wal_senders", "1"), setting("synchronous_commit", "local")];
    let server = Server::start(15, ClusterOptions { settings, ..ClusterOptions::default() });
    for role in ["mal", "other"] {
        server.ask(&format!("CREATE ROLE {role} LOGIN"));
    }
    let deed = "PERFORM set_config('synchronous_commit', 'off', false)";
    let halves = Halves::moved(&server, "durable".into(), deed);
    // Nothing at its other children.
    halves.sql(
        "durable",
        "DELETE FROM pgkeep_loose.keys WHERE name <> 'kid.m.m_p_fkey'; DELETE FROM par.p WHERE id <= 3",
    );
    server.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.ask("SELECT pg_reload_conf()");
    let mut until_waits = server.binaries.command("psql");
    until_waits.env("PGAPPNAME", "probe").args(["-X", "-q", "-d", &server.dsn("postgres"), "-c"]);
    until_waits
        .arg("SET synchronous_commit = on")
        .args(["-c", "DO $$ BEGIN LOOP PERFORM pg_logical_emit_message(true, 'a', 'b'); COMMIT; END LOOP; END $$"]);
    let mut until_waits = until_waits.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waits = |who: &str| {
        format!(
            "SELECT string_agg(datname, ' ') FROM pg_stat_activity WHERE application_name = '{who}' AND wait_event = 'SyncRep'"
        )
    };
    server.wait_for(&waits("probe"), "postgres");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'probe'");
    until_waits.wait().unwrap();

    std::thread::scope(|scope| {
        let reaped = scope.spawn(|| halves.split(&["reap"]));
        server.wait_for(&waits("pgkeep reap"), "durable_new");
        server.ask("ALTER SYSTEM RESET synchronous_standby_names");
        server.ask("SELECT pg_reload_conf()");
        let said = reaped.join().unwrap();
        assert_eq!((said.code, &*halves.rows("durable_new")), (0, "9 6 9"), "{said:?}");
    });
}

/// A reaper whose session at the child waits for this test, in code that has changed what both of its sessions call themselves.
fn while_it_waits(halves: &Halves<'_>, meanwhile: impl FnOnce()) -> Said {
    let mut holder = halves.server.binaries.command("psql");
    holder.args(["-X", "-q", "-d", &halves.server.dsn(&halves.new_place())]);
    holder.args(["-c", "SET application_name = 'holder'; SELECT pg_advisory_lock(7); SELECT pg_sleep(120)"]);
    let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waits = |granted: bool| {
        format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (0, 7) AND granted = {granted}"
        )
    };
    halves.server.wait_for(&waits(true), "1");
    std::thread::scope(|scope| {
        let reaped = scope.spawn(|| halves.split(&["reap"]));
        halves.server.wait_for(&waits(false), "1");
        meanwhile();
        halves.server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'");
        holder.wait().unwrap();
        reaped.join().unwrap()
    })
}

fn renamed_on(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    for role in ["mal", "other"] {
        server.ask(&format!("CREATE ROLE {role} LOGIN"));
    }
    let renames = "PERFORM set_config('application_name', 'psql', false)";
    let halves = Halves::moved(&server, "renamed".into(), &format!("{renames}; PERFORM pg_advisory_xact_lock(7)"));
    // What the parent is asked with calls it, once for each session.
    halves.sql(
        "renamed",
        &format!(
            "CREATE FUNCTION par.renames(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN {renames}; RETURN true; END $$;
            GRANT USAGE ON SCHEMA par TO mal; ALTER TABLE par.p OWNER TO mal; CREATE INDEX ON par.p (id) WHERE par.renames(1);
            DELETE FROM par.p WHERE id <= 3"
        ),
    );
    let first = while_it_waits(&halves, || {
        let second = halves.split(&["reap"]);
        let document = second.document();
        let told = of_mal(&document["keys"], KEY);
        assert_eq!((second.code, &told["progress"]), (0, &"taken".into()), "{second:?}");
    });
    assert_eq!((first.code, &*halves.rows("renamed_new")), (0, "6 6 6"), "{first:?}");

    // Without its lock it does nothing.
    halves.sql("renamed", "DELETE FROM par.p WHERE id = 4");
    let first = while_it_waits(&halves, || drop(server.ask(&keeper("pg_terminate_backend(pid)"))));
    let document = first.document();
    let told = of_mal(&document["keys"], KEY);
    assert_eq!(
        (first.code, &told["progress"], &*halves.rows("renamed_new")),
        (3, &"failed".into(), "5 6 5"),
        "{first:?}"
    );
    assert_eq!((halves.split(&["reap"]).code, &*halves.rows("renamed_new")), (0, "5 5 5"));
}

#[test]
fn a_reaper_is_known_by_a_session_that_no_code_has_renamed_15() {
    renamed_on(15);
}

#[test]
fn a_reaper_is_known_by_a_session_that_no_code_has_renamed_18() {
    renamed_on(18);
}

#[test]
fn of_many_refusals_the_first_are_told_and_the_others_counted() {
    let server = Server::start(15, ClusterOptions::default());
    for role in ["mal", "other"] {
        server.ask(&format!("CREATE ROLE {role} LOGIN"));
    }
    let halves = Halves::moved(&server, "many".into(), "RAISE EXCEPTION 'not % now', OLD.id");
    halves.sql("many", "INSERT INTO par.p SELECT generate_series(10, 112)");
    halves.sql("many_new", "INSERT INTO kid.m SELECT i, i FROM generate_series(10, 112) i");
    halves.sql("many", "DELETE FROM par.p WHERE id > 9");
    let said = halves.split(&["reap"]);
    let document = said.document();
    let told = of_mal(&document["keys"], KEY);
    assert_eq!((said.code, &told["entries"], &told["refused_more"]), (3, &103.into(), &3.into()), "{said:?}");
    let refused = told["refused"].as_array().unwrap();
    assert_eq!((refused.len(), &refused[99]["error"]), (100, &"not 109 now".into()), "{told}");
    assert_eq!(halves.sql("many", "SELECT count(*) FROM pgkeep_loose.log WHERE key = 2 AND reaped IS NULL"), "103");
    let mut plain = pgkeep();
    let pg_dump = server.binaries.command("pg_dump");
    plain.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
    let plain = Said::of(plain.args(["split", "reap", "--from", &server.dsn("many"), "--to", &server.dsn("many_new")]));
    assert_eq!(plain.stdout.matches("  refused for (").count(), 100, "{plain:?}");
    assert!(plain.stdout.contains("  refused for 3 more gone keys\n"), "{plain:?}");
}
