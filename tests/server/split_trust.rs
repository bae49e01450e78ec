//! A split believes nothing that others may write: records, schemas, functions, copies of a cluster.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const TABLES: &str = "CREATE SCHEMA core; CREATE SCHEMA rest;
    CREATE TABLE core.t (id int PRIMARY KEY, v text); INSERT INTO core.t SELECT i, 'row ' || i FROM generate_series(1, 10) i;
    CREATE TABLE rest.u (id int PRIMARY KEY, t int REFERENCES core.t (id) ON DELETE CASCADE); INSERT INTO rest.u SELECT i, i FROM generate_series(1, 10) i";
const WRITE: &str = "UPDATE core.t SET v = v WHERE id = 1";

/// A database that is split, an ordinary role, and what the host remembers.
struct Place {
    server: Server,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let server = Server::start(15, ClusterOptions::default());
        server.ask("CREATE DATABASE old");
        server.ask("CREATE ROLE mallory LOGIN");
        psql(&server.binaries, &server.dsn("old"), TABLES).unwrap();
        Self { server, folder: folder() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    fn ends(&self) -> [String; 2] {
        ["old", "new"].map(|database| self.server.dsn(database))
    }

    fn with_ends(&self, args: &[&str], [from, to]: &[String; 2]) -> Said {
        let mut command = pgkeep();
        command.args(["split", "--json"]).args(args).args(["--from", from, "--to", to]);
        Said::of(command.env("PGKEEP_STATE", self.state()))
    }

    fn split(&self, args: &[&str]) -> Said {
        self.with_ends(args, &self.ends())
    }

    #[track_caller]
    fn moved(&self, more: &[&str]) {
        let said = self.split(&[&["--schemas", "core"], more].concat());
        assert_eq!((said.code, &said.document()["phase"]), (0, &"switched".into()), "{said:?}");
    }

    #[track_caller]
    fn refused(&self, args: &[&str], code: i32, words: &str) -> Value {
        let said = self.split(args);
        let document = said.document();
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(document["error"].as_str().unwrap().contains(words), "{args:?}: {document}");
        document
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.sql("new", "SELECT document FROM pgkeep_split.state")).unwrap()
    }

    fn plant(&self, document: &Value) {
        let document = document.to_string().replace('\'', "''");
        self.sql(
            "new",
            &format!(
                "CREATE SCHEMA IF NOT EXISTS pgkeep_split; DROP TABLE IF EXISTS pgkeep_split.state;
                CREATE TABLE pgkeep_split.state (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), document text NOT NULL, changed timestamptz NOT NULL DEFAULT now());
                INSERT INTO pgkeep_split.state (document) VALUES ('{document}')"
            ),
        );
    }
}

/// Each verb, and the plan.
const VERBS: [&[&str]; 6] = [
    &["--schemas", "core", "--boundary", "drop"],
    &["--plan", "--schemas", "core", "--boundary", "drop"],
    &["status"],
    &["rollback"],
    &["finish"],
    &["reap"],
];

/// The empty target belongs to a role that makes a record there first: a genuine one, but for what it asks to be done.
#[test]
fn a_planted_record_is_refused_and_nothing_of_it_is_done() {
    let place = Place::new();
    let files = folder();
    let app = files.path().join("app.env");
    fs::write(&app, "DATABASE_URL=postgresql://localhost/old\n").unwrap();
    let rewrite = format!("{}:DATABASE_URL", app.display());
    place.moved(&["--boundary", "drop", "--rewrite", &rewrite, "--hook", "true"]);
    let genuine = place.document();
    assert!(genuine.get("files").is_none() && genuine.get("hook").is_none(), "{genuine}");
    assert_eq!(place.split(&["rollback"]).code, 0);
    let (hooked, victim) = (files.path().join("hooked"), files.path().join("victim.env"));
    fs::write(&victim, "DATABASE_URL=postgresql://localhost/old\n").unwrap();
    let former: Value = serde_json::from_str(FORMER).unwrap();
    for phase in ["copying", "switched"] {
        place.server.ask("DROP DATABASE new");
        place.server.ask("CREATE DATABASE new OWNER mallory");
        let mut planted = former.clone();
        planted["phase"] = phase.into();
        planted["source"] = genuine["source"].clone();
        planted["found"] = "Empty".into();
        planted["tables"] = Value::Array(Vec::new());
        planted["given_up"] = Value::Array(Vec::new());
        planted["hook"] = format!("touch {}", hooked.display()).into();
        for at in ["path", "backup"] {
            planted["files"]["files"][0][at] = victim.display().to_string().into();
        }
        let as_mallory = place.server.dsn_as("mallory", "new");
        let document = planted.to_string().replace('\'', "''");
        let sql = format!(
            "CREATE SCHEMA pgkeep_split; CREATE TABLE pgkeep_split.state (only_row boolean PRIMARY KEY DEFAULT true, document text NOT NULL, changed timestamptz DEFAULT now());
            INSERT INTO pgkeep_split.state (document) VALUES ('{document}')"
        );
        psql(&place.server.binaries, &as_mallory, &sql).unwrap();
        for verb in VERBS {
            let said = place.refused(verb, 7, "is not trusted: schema pgkeep_split");
            assert!(said["error"].as_str().unwrap().contains("(mallory)"), "{said}");
        }
        // Owned by a superuser, and still not believed: nothing is run, and no file is touched.
        place.sql(
            "new",
            "ALTER SCHEMA pgkeep_split OWNER TO postgres; ALTER TABLE pgkeep_split.state OWNER TO postgres",
        );
        let said = place.split(&["rollback"]);
        let by_hand = said.document()["by_hand"].to_string();
        assert!(by_hand.contains("victim.env") && by_hand.contains("touch "), "{said:?}");
        assert!(!hooked.exists() && victim.exists(), "{phase}");
        place.server.ask("DROP DATABASE IF EXISTS new");
        place.server.ask("CREATE DATABASE new");
    }
    assert_eq!(place.sql("old", "SELECT count(*) FROM core.t"), "10");
}

/// Somebody who may write the table changes a word.
#[test]
fn a_record_that_was_changed_is_not_the_one_that_was_written() {
    let place = Place::new();
    place.moved(&["--boundary", "drop"]);
    place.sql("new", "UPDATE pgkeep_split.state SET document = replace(document, 'ADD CONSTRAINT', 'DROP CONSTRAINT')");
    for verb in VERBS.into_iter().filter(|verb| verb[0] != "--plan") {
        place.refused(verb, 7, "its checksum is wrong");
    }
    place.sql("new", "UPDATE pgkeep_split.state SET document = replace(document, 'DROP CONSTRAINT', 'ADD CONSTRAINT')");
    place.sql("new", "UPDATE pgkeep_split.state SET mark = NULL");
    place.refused(&["rollback"], 7, "its checksum is wrong");
    assert!(psql(&place.server.binaries, &place.server.dsn("old"), WRITE).is_err(), "the source is sealed as before");
}

/// What is not ours, made and taken back, on which side, and how it is called.
const STRANGE: [(&str, &str, &str, &str); 11] = [
    (
        "old",
        "ALTER SCHEMA pgkeep_split OWNER TO mallory",
        "ALTER SCHEMA pgkeep_split OWNER TO postgres",
        "schema pgkeep_split (mallory)",
    ),
    (
        "old",
        "ALTER TABLE pgkeep_split.splits OWNER TO mallory",
        "ALTER TABLE pgkeep_split.splits OWNER TO postgres",
        "table pgkeep_split.splits",
    ),
    (
        "old",
        "ALTER FUNCTION pgkeep_split.refuse() OWNER TO mallory",
        "ALTER FUNCTION pgkeep_split.refuse() OWNER TO postgres",
        "routine pgkeep_split.refuse()",
    ),
    (
        "old",
        "GRANT CREATE ON SCHEMA pgkeep_split TO PUBLIC",
        "REVOKE ALL ON SCHEMA pgkeep_split FROM PUBLIC",
        "schema pgkeep_split, with CREATE (PUBLIC)",
    ),
    ("old", "CREATE SCHEMA pgkeep_loose AUTHORIZATION mallory", "DROP SCHEMA pgkeep_loose", "schema pgkeep_loose"),
    (
        "old",
        "CREATE FUNCTION public.x() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER pgkeep_fence BEFORE INSERT ON rest.u EXECUTE FUNCTION public.x()",
        "DROP FUNCTION public.x() CASCADE",
        "trigger pgkeep_fence on rest.u",
    ),
    (
        "new",
        "ALTER SCHEMA pgkeep_split OWNER TO mallory",
        "ALTER SCHEMA pgkeep_split OWNER TO postgres",
        "schema pgkeep_split (mallory)",
    ),
    (
        "new",
        "ALTER TABLE pgkeep_split.state OWNER TO mallory",
        "ALTER TABLE pgkeep_split.state OWNER TO postgres",
        "table pgkeep_split.state",
    ),
    (
        "new",
        "GRANT UPDATE (document) ON pgkeep_split.state TO mallory",
        "REVOKE ALL (document) ON pgkeep_split.state FROM mallory",
        "table pgkeep_split.state, with UPDATE",
    ),
    (
        "new",
        "CREATE FUNCTION pgkeep_split.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; ALTER FUNCTION pgkeep_split.refuse() OWNER TO mallory",
        "DROP FUNCTION pgkeep_split.refuse()",
        "routine pgkeep_split.refuse()",
    ),
    ("new", "CREATE SCHEMA pgkeep_bridge AUTHORIZATION mallory", "DROP SCHEMA pgkeep_bridge", "schema pgkeep_bridge"),
];

#[test]
fn what_others_own_or_may_change_is_refused_by_every_verb_on_either_side() {
    let place = Place::new();
    place.sql("old", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mallory; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO mallory");
    place.moved(&["--boundary", "drop"]);
    for (database, strange, again, words) in STRANGE {
        place.sql(database, strange);
        for verb in VERBS {
            let said = place.refused(verb, 7, words);
            assert!(said["error"].as_str().unwrap().contains(database), "{said}");
        }
        place.sql(database, again);
    }
    let status = place.split(&["status"]).document();
    assert_eq!((&status["record"], &status["moved"]), (&"checked".into(), &Value::Array(Vec::new())), "{status}");
    assert_eq!(status["fence"]["source"], "as it should be");
    assert_eq!(place.split(&["rollback"]).code, 0);
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgkeep%'";
    assert_eq!(place.sql("old", left), "0", "nothing of ours stays at the source");
    place.sql("old", WRITE);
}

#[test]
fn a_function_without_a_comment_is_no_fence_and_no_fault() {
    let place = Place::new();
    let made = "CREATE SCHEMA pgkeep_split; CREATE FUNCTION pgkeep_split.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";
    place.sql("old", made);
    place.moved(&["--boundary", "drop"]);
    assert_eq!(place.split(&["status"]).document()["fence"]["source"], "as it should be");
    assert_eq!(place.split(&["rollback"]).code, 0);
}

/// Opened, exchanged, or without one of its triggers: told by status, and nothing goes on as if it were there.
#[test]
fn a_fence_that_is_not_as_the_split_left_it_is_told_and_stops_the_rest() {
    let place = Place::new();
    place.moved(&["--boundary", "drop"]);
    let body = place.sql("old", "SELECT quote_literal(prosrc) FROM pg_proc WHERE proname = 'refuse'");
    let function = |body: &str, more: &str| {
        format!("CREATE OR REPLACE FUNCTION pgkeep_split.refuse() RETURNS trigger LANGUAGE plpgsql {more} AS {body}")
    };
    let settings = "SET search_path = pg_catalog, pg_temp";
    let as_it_was = function(&body, &format!("{settings} SECURITY INVOKER"));
    for (broken, again, words) in [
        (function("'BEGIN RETURN NULL; END'", settings), as_it_was.clone(), "its function was replaced"),
        (function(&body, ""), as_it_was, "its function's settings are []"),
        (
            "ALTER TABLE core.t DISABLE TRIGGER pgkeep_fence".into(),
            "ALTER TABLE core.t ENABLE ALWAYS TRIGGER pgkeep_fence".into(),
            "core.t has a trigger that is disabled",
        ),
        (
            "ALTER TABLE core.t DISABLE TRIGGER pgkeep_fence_rows".into(),
            "ALTER TABLE core.t ENABLE ALWAYS TRIGGER pgkeep_fence_rows".into(),
            "core.t has a trigger that is disabled",
        ),
        (
            "DROP TRIGGER pgkeep_fence_rows ON core.t; CREATE TRIGGER pgkeep_fence_rows AFTER INSERT ON core.t FOR EACH ROW EXECUTE FUNCTION pgkeep_split.refuse(); ALTER TABLE core.t ENABLE ALWAYS TRIGGER pgkeep_fence_rows".into(),
            "CREATE OR REPLACE TRIGGER pgkeep_fence_rows AFTER INSERT OR UPDATE OR DELETE ON core.t FOR EACH ROW EXECUTE FUNCTION pgkeep_split.refuse(); ALTER TABLE core.t ENABLE ALWAYS TRIGGER pgkeep_fence_rows".into(),
            "core.t has a trigger that lets some statements pass",
        ),
        ("CREATE TABLE core.late ()".into(), "DROP TABLE core.late".into(), "core.late lacks a trigger of it"),
    ] {
        place.sql("old", &broken);
        let status = place.split(&["status"]).document();
        assert_eq!(status["fence"]["source"], words, "{status}");
        place.refused(VERBS[0], 7, words);
        if !words.ends_with("lacks a trigger of it") {
            // Which `finish` names as made there since.
            place.refused(&["finish", "--yes"], 7, words);
        }
        place.sql("old", &again);
        assert_eq!(place.split(&["status"]).document()["fence"]["source"], "as it should be");
    }
    // Whoever may call a function that runs as its owner could use it elsewhere.
    place.sql("old", &function(&body, &format!("{settings} SECURITY DEFINER")));
    place.refused(&["status"], 7, "routine pgkeep_split.refuse(), with EXECUTE");
    place.sql("old", "DROP FUNCTION pgkeep_split.refuse() CASCADE");
    assert_eq!(place.split(&["status"]).document()["fence"]["source"], "it is gone");
    place.refused(VERBS[0], 7, "fence was removed");
}

/// A second postmaster on a copy of the first one's folder.
struct Clone {
    postmaster: Child,
    folder: TempDir,
}

impl Clone {
    fn of(server: &Server) -> Self {
        server.ask("CHECKPOINT");
        let folder = folder();
        let data = folder.path().join("data");
        let copied = Command::new("cp").arg("-a").arg(server.cluster.data_dir()).arg(&data).status().unwrap();
        assert!(copied.success());
        fs::remove_file(data.join("postmaster.pid")).unwrap();
        let owner = fs::metadata(server.cluster.data_dir()).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut postgres = server.binaries.command("postgres");
        postgres.arg("-D").arg(&data).current_dir("/");
        let settings = [
            ("listen_addresses", String::new()),
            ("unix_socket_directories", folder.path().display().to_string()),
            ("port", server.cluster.port().to_string()),
            ("fsync", "off".to_owned()),
        ];
        for (name, value) in settings {
            postgres.args(["-c", &format!("{name}={value}")]);
        }
        postgres.uid(owner.uid()).gid(owner.gid()).stdout(Stdio::null()).stderr(Stdio::null());
        let clone = Self { postmaster: postgres.spawn().unwrap(), folder };
        let since = Instant::now();
        while psql(&server.binaries, &clone.dsn(server, "postgres"), "SELECT 1").is_err() {
            assert!(since.elapsed() < Duration::from_secs(60), "the clone does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        clone
    }

    fn dsn(&self, server: &Server, database: &str) -> String {
        let own = server.dsn(database);
        own.replace(&server.cluster.socket_dir().display().to_string(), &self.folder.path().display().to_string())
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.postmaster), Signal::INT);
        let _ = self.postmaster.wait();
    }
}

/// The same cluster identifier, the same oids, the same id of the split: only the place is another one.
#[test]
fn a_clone_of_either_side_is_refused_until_it_is_said_to_be_the_original() {
    let place = Place::new();
    place.moved(&["--boundary", "loose", "--leave", "*"]);
    place.sql("new", "DELETE FROM core.t WHERE id <= 4");
    let clone = Clone::of(&place.server);
    let [from, to] = place.ends();
    let [cloned_from, cloned_to] = ["old", "new"].map(|database| clone.dsn(&place.server, database));
    for (ends, words) in [
        (
            [cloned_from.clone(), to.clone()],
            "the source database old is in another place than before: its data directory is ",
        ),
        (
            [from.clone(), cloned_to.clone()],
            "the target database new is in another place than before: its data directory is ",
        ),
    ] {
        for verb in VERBS.into_iter().filter(|verb| !["--plan", "status"].contains(&verb[0])) {
            let said = place.with_ends(verb, &ends);
            assert_eq!(said.code, 7, "{verb:?}: {said:?}");
            let document = said.document();
            assert!(document["error"].as_str().unwrap().contains(words), "{verb:?}: {document}");
            assert!(document["hint"].as_str().unwrap().contains("--moved"), "{document}");
        }
        let status = place.with_ends(&["status"], &ends).document();
        assert_eq!(status["moved"].as_array().unwrap().len(), 1, "{status}");
    }
    // The cron job of a host that remembers nothing knows the log's own places.
    let elsewhere = folder();
    let mut reap = pgkeep();
    reap.args(["split", "reap", "--json", "--from", &from, "--to", &cloned_to]);
    let said = Said::of(reap.env("PGKEEP_STATE", elsewhere.path()));
    assert_eq!(said.code, 7, "{said:?}");
    assert_eq!(place.sql("old", "SELECT count(*) FROM rest.u"), "10", "the original's rows");
    let both = [cloned_from, cloned_to];
    assert_eq!(place.with_ends(&["reap"], &both).code, 7);
    assert_eq!(place.with_ends(&["reap", "--moved"], &both).code, 0);
    assert_eq!(place.sql("old", "SELECT count(*) FROM rest.u"), "10", "the original's rows");
    let said = place.split(&["reap"]);
    assert_eq!((said.code, place.sql("old", "SELECT count(*) FROM rest.u")), (0, "6".to_owned()), "{said:?}");
}

/// A list of keys that today's columns are missing from is read, and gets them.
#[test]
fn a_log_of_an_earlier_program_learns_where_its_databases_are() {
    let place = Place::new();
    place.moved(&["--boundary", "loose", "--leave", "*"]);
    place.sql("new", "ALTER TABLE pgkeep_loose.keys DROP COLUMN parent_place, DROP COLUMN child_place; DELETE FROM core.t WHERE id = 1");
    assert_eq!(place.split(&["reap"]).code, 0);
    assert_eq!(place.sql("old", "SELECT count(*) FROM rest.u"), "9");
    assert_eq!(
        place.sql("new", "SELECT parent_place IS NOT NULL AND child_place IS NOT NULL FROM pgkeep_loose.keys"),
        "t"
    );
}

#[test]
fn without_what_the_host_remembers_a_record_is_shown_and_nothing_is_done() {
    let place = Place::new();
    place.moved(&["--boundary", "drop"]);
    let state = place.state();
    let splits = state.join("splits");
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    let file = fs::read_dir(&splits).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let id = file.file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(place.document()["id"], id.as_str());
    assert_eq!(place.sql("old", "SELECT id FROM pgkeep_split.splits"), id);

    let away = place.folder.path().join("away.json");
    fs::rename(&file, &away).unwrap();
    for verb in [VERBS[0], VERBS[3], VERBS[4]] {
        place.refused(verb, 7, "this host does not know the split");
    }
    let status = place.split(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(status.document()["record"].as_str().unwrap().starts_with("unchecked"), "{status:?}");
    fs::rename(&away, &file).unwrap();

    for (path, open, closed) in [(&state, 0o777, 0o700), (&splits, 0o720, 0o700), (&file, 0o644, 0o600)] {
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        chmod(path, open);
        let said = place.refused(&["rollback"], 2, "the split's state on this host cannot be used");
        assert!(said["causes"][0].as_str().unwrap().contains("by other accounts"), "{said}");
        chmod(path, closed);
    }
    // The source of another day.
    place.sql("old", "DELETE FROM pgkeep_split.splits");
    place.refused(&["finish"], 7, "does not know the split");
    assert_eq!(place.split(&["rollback", "--moved"]).code, 0);
}

/// Programs before this one made the table first, and its row in another transaction.
#[test]
fn a_record_that_a_kill_left_unwritten_is_begun_again() {
    for unwritten in [
        "CREATE SCHEMA pgkeep_split",
        "CREATE SCHEMA pgkeep_split; CREATE TABLE pgkeep_split.state (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), document text NOT NULL, changed timestamptz NOT NULL DEFAULT now())",
    ] {
        let place = Place::new();
        place.server.ask("CREATE DATABASE new");
        place.sql("new", unwritten);
        for verb in [VERBS[2], VERBS[3], VERBS[4]] {
            let said = place.refused(verb, 2, "started, but ended before it wrote its record");
            assert!(said["hint"].as_str().unwrap().contains("Run `pgkeep split` again"), "{said}");
        }
        assert_eq!(place.split(VERBS[1]).code, 0, "the plan");
        place.moved(&["--boundary", "drop"]);
        assert_eq!(place.split(&["rollback"]).code, 0);
    }
}

const FORMER: &str = include_str!("../data/splits/format-1.json");

/// A record that the program of its time wrote, of the same rows; its file and its hook are named and left alone.
#[test]
fn a_record_of_format_1_is_gone_on_with_and_obeyed_in_nothing() {
    for verb in ["rollback", "finish"] {
        let place = Place::new();
        place.moved(&["--boundary", "drop"]);
        let now = place.document();
        let mut former: Value = serde_json::from_str(FORMER).unwrap();
        assert_eq!((&former["format"], former.get("id")), (&1.into(), None));
        former["source"] = now["source"].clone();
        // Its tables are those of the database that it was written for.
        for table in former["tables"].as_array_mut().unwrap() {
            let same = now["tables"].as_array().unwrap().iter().find(|now| now["name"] == table["name"]);
            table["oid"] = same.unwrap()["oid"].clone();
        }
        place.plant(&former);
        place.sql("old", "DROP TABLE pgkeep_split.splits");
        // Its fence had triggers for statements alone.
        place.sql(
            "old",
            "DO $$ DECLARE drops text; BEGIN
                SELECT string_agg(format('DROP TRIGGER pgkeep_fence_rows ON %s', tgrelid::regclass), '; ') INTO STRICT drops
                    FROM pg_trigger WHERE tgname = 'pgkeep_fence_rows';
                EXECUTE drops;
            END $$",
        );
        fs::remove_dir_all(place.state()).unwrap();

        let status = place.split(&["status"]).document();
        assert!(status["record"].as_str().unwrap().contains("earlier program"), "{status}");
        assert_eq!(status["fence"]["source"], "as it should be");
        let said = match verb {
            "finish" => place.split(&[verb, "--yes"]),
            verb => place.split(&[verb]),
        };
        assert_eq!(said.code, 0, "{said:?}");
        let record = place.document();
        assert_eq!((&record["format"], record["id"].as_str().map(str::len)), (&3.into(), Some(32)), "{record}");
        // By which its rows were found to be those that were copied.
        assert_eq!(record["row_hash"], "xxh3", "{record}");
        assert_eq!(place.split(&["status"]).document()["record"], "checked");
        if verb == "rollback" {
            let by_hand = said.document()["by_hand"].to_string();
            assert!(by_hand.contains("/srv/app/app.env") && by_hand.contains("hook"), "{said:?}");
            place.sql("old", WRITE);
            assert_eq!(
                place.sql("old", "SELECT count(*) FROM pg_constraint WHERE conname = 'u_t_fkey' AND convalidated"),
                "1"
            );
        }
    }
}
