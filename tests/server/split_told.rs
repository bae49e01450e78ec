//! What is said where a split cannot go on: who takes writes, what is known all the same, and what can be done.

use std::process::Stdio;

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::disk_full::SmallDisk;
use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const TABLE: &str = "CREATE SCHEMA m; CREATE TABLE m.t (id int); INSERT INTO m.t VALUES (1)";

fn split(server: &Server, name: &str, args: &[&str]) -> Said {
    let (from, to) = (server.dsn(name), server.dsn(&format!("{name}_new")));
    Said::of(pgkeep().args(["split", "--json", "--quiet"]).args(args).args(["--from", &from, "--to", &to]))
}

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

#[track_caller]
fn begun(server: &Server, name: &str, sql: &str) {
    server.ask(&format!("CREATE DATABASE {name}"));
    self::sql(server, name, sql);
}

/// The error and the hint.
fn told(said: &Said) -> (String, String) {
    let document = said.document();
    let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
    (text("error"), text("hint"))
}

#[test]
fn a_way_back_that_fails_for_no_lock_says_who_takes_writes() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "back", TABLE);
    assert_eq!(split(&server, "back", &["--schemas", "m"]).code, 0);
    // Whatever ends the transaction that opens the old place.
    sql(
        &server,
        "back",
        "CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
        CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION public.no()",
    );
    let said = split(&server, "back", &["rollback"]);
    let (error, hint) = told(&said);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(error.contains("the new database takes writes, and the old one refuses them"), "{error}");
    assert!(hint.contains("run `pgkeep split rollback` again"), "{hint}");
    assert!(said.document()["causes"].to_string().contains("not today"), "{said:?}");
    // As it says, so it is.
    sql(&server, "back_new", "INSERT INTO m.t VALUES (2); DELETE FROM m.t WHERE id = 2");
    assert!(psql(&server.binaries, &server.dsn("back"), "INSERT INTO m.t VALUES (2)").is_err());
    sql(&server, "back", "DROP EVENT TRIGGER no");
    assert_eq!(split(&server, "back", &["rollback"]).code, 0);
}

#[test]
fn a_hook_that_fails_says_what_is_done_and_how_to_go_on() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "hook", TABLE);
    let run = ["--schemas", "m", "--hook", "exit 3"];
    let said = split(&server, "hook", &run);
    let (error, hint) = told(&said);
    assert!(error.contains("the source takes writes again"), "{error}");
    for words in ["Nothing was moved", "Fix the hook", "drop that database", "run `pgkeep split` again"] {
        assert!(hint.contains(words), "{words}: {hint}");
    }
    assert!(!hint.contains("by hand"), "{hint}");
    sql(&server, "hook", "INSERT INTO m.t VALUES (2)");

    // Somebody has written in the new place: it cannot be taken back by itself.
    server.ask("DROP DATABASE hook_new");
    let psql = server.binaries.bin_dir.join("psql");
    let writes =
        format!("{} -X -q -d '{}' -c 'INSERT INTO m.t VALUES (3)'; exit 3", psql.display(), server.dsn("hook_new"));
    let said = split(&server, "hook", &["--schemas", "m", "--hook", &writes]);
    let (error, hint) = told(&said);
    assert!(error.contains("the source refuses writes"), "{error}");
    for words in ["The rows are in the new database", "copies nothing", "--hook can name another one", "rollback"] {
        assert!(hint.contains(words), "{words}: {hint}");
    }
    // What it says works: the hook alone, once more.
    let on = split(&server, "hook", &["--schemas", "m", "--hook", "true"]);
    assert_eq!((on.code, &on.document()["phase"]), (0, &json!("switched")), "{on:?}");
    assert_eq!(sql(&server, "hook_new", "SELECT count(*) FROM m.t"), "3");
}

#[test]
fn a_new_database_that_is_gone_or_away_is_told_with_what_is_known() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "gone", TABLE);
    assert_eq!(split(&server, "gone", &["--schemas", "m"]).code, 0);
    // Nobody is at that place.
    let away = format!("host=/nonexistent dbname={}", "gone_new");
    let said = Said::of(pgkeep().args(["split", "--json", "status", "--to", &away, "--from", &server.dsn("gone")]));
    let (error, _) = told(&said);
    assert_eq!(said.code, 8, "{said:?}");
    assert!(error.contains("could not connect to the new database gone_new"), "{error}");
    assert!(error.contains("this host has the state of a split of m into it"), "{error}");
    assert!(
        error.contains("the old database gone refuses writes to the moved schemas, and knows a split into gone_new"),
        "{error}"
    );

    server.ask("DROP DATABASE gone_new");
    for verb in ["status", "rollback", "finish"] {
        let said = split(&server, "gone", &[verb]);
        let (error, hint) = told(&said);
        assert_eq!(said.code, 8, "{said:?}");
        assert!(error.contains("the database that got m is no longer on that server"), "{verb}: {error}");
        assert!(error.contains("the old database gone refuses writes"), "{verb}: {error}");
        assert!(hint.contains("DROP SCHEMA pgkeep_split CASCADE"), "{verb}: {hint}");
    }
    sql(&server, "gone", "DROP SCHEMA pgkeep_split CASCADE; INSERT INTO m.t VALUES (2)");
    let (error, _) = told(&split(&server, "gone", &["status"]));
    assert!(error.contains("the old database gone takes writes"), "{error}");
}

#[test]
fn a_new_database_that_goes_after_its_split_is_over_is_told_as_no_loss_of_the_old_one() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "back", TABLE);
    assert_eq!(split(&server, "back", &["--schemas", "m"]).code, 0);
    assert_eq!(split(&server, "back", &["rollback"]).code, 0);
    server.ask("DROP DATABASE back_new");
    let (error, hint) = told(&split(&server, "back", &["status"]));
    assert!(error.contains("no longer on that server; the split was rolled back"), "{error}");
    assert!(error.contains("the old database back takes writes"), "{error}");
    assert_eq!(hint, "Nothing is left to do: the moved schemas take writes in the old database.");

    begun(&server, "over", TABLE);
    assert_eq!(split(&server, "over", &["--schemas", "m"]).code, 0);
    assert_eq!(split(&server, "over", &["finish", "--yes"]).code, 0);
    server.ask("DROP DATABASE over_new");
    let (error, hint) = told(&split(&server, "over", &["status"]));
    assert!(error.contains("the split was finished but for dropping the old schemas"), "{error}");
    assert!(hint.contains("still in the old database, in schemas with other names"), "{hint}");
    assert!(!hint.contains("DROP SCHEMA"), "{hint}");
}

/// A name is used again: what is told is of the database that was named, not of those that were split into that name before it.
#[test]
fn a_new_database_that_is_missing_is_told_of_the_splits_of_this_source_alone() {
    let server = Server::start(15, ClusterOptions::default());
    let begin = || {
        begun(&server, "again", TABLE);
        assert_eq!(split(&server, "again", &["--schemas", "m"]).code, 0);
    };
    begin();
    assert_eq!(split(&server, "again", &["finish", "--yes"]).code, 0);
    let gone = || ["again", "again_new"].map(|database| server.ask(&format!("DROP DATABASE {database}")));
    gone();
    begin();
    assert_eq!(split(&server, "again", &["rollback"]).code, 0);
    server.ask("DROP DATABASE again_new");
    let (error, hint) = told(&split(&server, "again", &["status"]));
    assert!(error.contains("the split was rolled back") && !error.contains("finished"), "{error}");
    assert_eq!(hint, "Nothing is left to do: the moved schemas take writes in the old database.");
}

#[test]
fn a_way_back_whose_state_cannot_be_written_says_who_takes_writes() {
    let place = folder();
    let Some(disk) = SmallDisk::mount(place.path(), "size=64k") else { return };
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "brim", TABLE);
    let state = place.path().join("state");
    let run = |args: &[&str]| split(&server, "brim", &[args, &["--state", state.to_str().unwrap()]].concat());
    assert_eq!(run(&["--schemas", "m"]).code, 0);
    // What is left of the disk.
    let _ = std::fs::write(place.path().join("filler"), vec![0; 200_000]);
    let said = run(&["rollback"]);
    let (error, hint) = told(&said);
    assert_eq!(said.code, 8, "{said:?}");
    let takes = |database: &str| psql(&server.binaries, &server.dsn(database), "INSERT INTO m.t VALUES (2)").is_ok();
    let words = match (takes("brim"), takes("brim_new")) {
        (true, false) => "the old database takes writes, and the new one refuses them",
        (false, true) => "the new database takes writes, and the old one refuses them",
        (old, new) => panic!("{old} {new}: {said:?}"),
    };
    assert!(error.contains(words), "{words}: {error}");
    assert!(hint.contains("run `pgkeep split rollback` again"), "{hint}");
    disk.remount("size=1m");
    assert_eq!(run(&["rollback", "--discard"]).code, 0);
}

/// The server goes on making a database that nobody waits for any more.
#[test]
fn a_database_that_is_half_made_when_a_run_ends_goes_or_comes_to_its_right_owner() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE app LOGIN");
    server.ask("CREATE ROLE operator SUPERUSER LOGIN");
    server.ask("CREATE DATABASE half OWNER app");
    server.ask("COMMENT ON DATABASE half IS 'mine'");
    sql(&server, "half", "CREATE SCHEMA m AUTHORIZATION app; CREATE TABLE m.t (id int)");
    let ends = [server.dsn_as("operator", "half"), server.dsn_as("operator", "half_new")];
    let run = ["split", "--json", "--quiet", "--schemas", "m", "--from", &ends[0], "--to", &ends[1]];
    let there = "SELECT string_agg(pg_get_userbyid(datdba), '') FROM pg_database WHERE datname = 'half_new'";
    for signal in [Signal::INT, Signal::KILL] {
        let mut holder = server.binaries.command("psql");
        holder.args([
            "-X",
            "-q",
            "-d",
            &server.dsn("postgres"),
            "-c",
            "BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE; SELECT pg_sleep(60)",
        ]);
        let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
        let child = pgkeep().args(run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%half_new%' AND wait_event_type = 'Lock'", "1");
        kill_process(Pid::from_child(&child), signal).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        holder.wait().unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE usename = 'operator'", "0");
        if signal == Signal::INT {
            assert_eq!(said.code, 130, "{said:?}");
            assert_eq!(server.ask(there), "", "{said:?}");
        } else {
            assert_eq!(server.ask(there), "operator", "the server has gone on");
        }
    }
    let said = Said::of(pgkeep().args(run));
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(server.ask(there), "app", "{said:?}");
    assert!(!said.document()["warnings"].to_string().contains("belongs to"), "{said:?}");
}

/// The rollback that goes on finds what the first one has opened: its keys are no change of somebody's, and the new place stays sealed.
#[test]
fn a_rollback_that_goes_on_says_nothing_of_its_own_work_and_opens_no_second_place() {
    let server = Server::start(15, ClusterOptions::default());
    let keys =
        "CREATE SCHEMA other; CREATE TABLE other.u (id int PRIMARY KEY); ALTER TABLE m.t ADD u int REFERENCES other.u";
    begun(&server, "again", &format!("{TABLE}; {keys}"));
    assert_eq!(split(&server, "again", &["--schemas", "m", "--leave", "*", "--boundary", "drop"]).code, 0);
    let somebody = |database: &str, sql: &str| {
        let mut command = server.binaries.command("psql");
        command.args(["-X", "-q", "-d", &server.dsn(database), "-c", &format!("BEGIN; {sql}; SELECT pg_sleep(600)")]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let asleep = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        server.wait_for(asleep, "t");
        child
    };
    let end = |mut child: std::process::Child| {
        server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        child.wait().unwrap();
    };
    let takes =
        |name: &str| psql(&server.binaries, &server.dsn(name), "BEGIN; INSERT INTO m.t VALUES (2); ROLLBACK").is_ok();

    // The record cannot be written, and then it is killed.
    let reader = somebody("again_new", "LOCK TABLE pgkeep_split.state IN SHARE MODE");
    let mut command = pgkeep();
    command.args(["split", "--quiet", "rollback", "--from", &server.dsn("again"), "--to", &server.dsn("again_new")]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'again_new'",
        "t",
    );
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    end(reader);
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'pgkeep'", "0");
    assert_eq!((takes("again"), takes("again_new")), (true, false));

    // It goes on, and somebody is in its way.
    let writer = somebody("again", "INSERT INTO other.u VALUES (7)");
    let said = split(&server, "again", &["rollback", "--fence-wait", "1"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(told(&said).1.starts_with("The old database takes writes, and the new one refuses them."), "{said:?}");
    assert_eq!((takes("again"), takes("again_new")), (true, false), "{said:?}");
    end(writer);
    let said = split(&server, "again", &["rollback"]);
    let told = said.document();
    assert_eq!((said.code, &told["warnings"], &told["lost"]), (0, &json!([]), &json!([])), "{said:?}");
    assert_eq!((takes("again"), takes("again_new")), (true, false));
}

/// The host remembers a split whose new database was lost; by now another split of the source is sealed.
#[test]
fn no_statement_is_given_that_opens_the_fence_of_another_split() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "twice", "CREATE SCHEMA m; CREATE TABLE m.a (id int); CREATE SCHEMA k; CREATE TABLE k.b (id int)");
    let split = |args: &[&str], to: &str| {
        let ends = [server.dsn("twice"), server.dsn(to)];
        Said::of(pgkeep().args(["split", "--json", "-q"]).args(args).args(["--from", &ends[0], "--to", &ends[1]]))
    };
    assert_eq!(split(&["--schemas", "m", "--leave", "k"], "first").code, 0);
    server.ask("DROP DATABASE first");
    // Without the source nothing is known of its fence.
    let alone = Said::of(pgkeep().args(["split", "--json", "status", "--to", &server.dsn("first")]));
    assert!(told(&alone).1.contains("`pgkeep split status` with --from says whether"), "{alone:?}");
    let (_, hint) = told(&split(&["status"], "first"));
    let open = "DROP SCHEMA pgkeep_split CASCADE";
    assert!(hint.contains(open), "{hint}");
    sql(&server, "twice", open);
    let over = |said: &Said| {
        let (error, hint) = told(said);
        assert!(error.contains("nothing of that split is left in the old database"), "{error}");
        assert!(hint.starts_with("That split is over"), "{hint}");
        assert!(!hint.contains("DROP"), "{hint}");
    };
    over(&split(&["status"], "first"));
    assert_eq!(split(&["--schemas", "k", "--leave", "m"], "second").code, 0);
    for verb in ["status", "rollback", "finish"] {
        over(&split(&[verb], "first"));
    }
    // Its own is still told, and a split that this database is the target of keeps its record.
    server.ask("DROP DATABASE second");
    begun(&server, "other", "CREATE SCHEMA o; CREATE TABLE o.t (id int)");
    let (_, hint) = told(&split(&["status"], "second"));
    assert!(hint.contains(open), "{hint}");
    sql(
        &server,
        "twice",
        "CREATE TABLE pgkeep_split.state (only_row boolean PRIMARY KEY, document text, changed timestamptz)",
    );
    let (_, hint) = told(&split(&["status"], "second"));
    let open = "DROP FUNCTION pgkeep_split.refuse() CASCADE";
    assert!(hint.contains(open), "{hint}");
    sql(&server, "twice", &format!("{open}; INSERT INTO k.b VALUES (1); TABLE pgkeep_split.state"));
    over(&split(&["status"], "second"));
}

#[test]
fn what_could_not_be_read_is_not_called_nobody() {
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "shut", TABLE);
    let psql = server.binaries.bin_dir.join("psql").display().to_string();
    let hook = format!(
        "[ $PGKEEP_SPLIT_PHASE = rollback ] || '{psql}' -X -q -d '{}' -c 'ALTER DATABASE shut ALLOW_CONNECTIONS false'",
        server.dsn("postgres")
    );
    let said = split(&server, "shut", &["--schemas", "m", "--hook", &hook]);
    let document = said.document();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(document["unread"], json!(["sessions_old", "changed_since", "may_connect_old"]));
    assert_eq!(document["may_connect_new"], json!(["PUBLIC"]));
    server.ask("ALTER DATABASE shut ALLOW_CONNECTIONS true");
    assert_eq!(split(&server, "shut", &["rollback"]).code, 0);
    server.ask("DROP DATABASE shut_new");
    let ends = ["--from", &server.dsn("shut"), "--to", &server.dsn("shut_new")];
    let text = Said::of(pgkeep().args(["split", "--schemas", "m", "--hook", &hook]).args(ends));
    let words = "who may connect (superusers and owners aside): to the old database unknown, to the new one PUBLIC";
    assert!(text.stdout.contains(words) || text.stderr.contains(words), "{text:?}");
}

/// Without room for what the host keeps, no other folder would do: it knows nothing of the split.
#[test]
fn a_full_disk_under_the_state_is_no_wrong_question() {
    let folder = folder();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=1m") else { return };
    let server = Server::start(15, ClusterOptions::default());
    begun(&server, "fully", TABLE);
    let split = |args: &[&str]| {
        let ends = [server.dsn("fully"), server.dsn("fully_new")];
        let mut command = pgkeep();
        command.args(["split", "--json", "-q"]).args(args).args(["--from", &ends[0], "--to", &ends[1]]);
        Said::of(command.env("PGKEEP_STATE", folder.path().join("state")))
    };
    let fill = folder.path().join("fill");
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let mut all = std::process::Command::new("dd");
    all.args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", fill.display())).stderr(Stdio::null());
    all.status().unwrap();
    let full = |said: &Said| {
        let (_, hint) = told(said);
        assert_eq!(said.code, 8, "{said:?}");
        assert!(said.stdout.contains("No space left on device"), "{said:?}");
        assert!(
            hint.contains("with the same --state: what this host knows of a split is in that folder alone"),
            "{hint}"
        );
        assert!(!hint.contains("Name your own folder"), "{hint}");
    };
    full(&split(&["--schemas", "m"]));
    // In the middle: the fence is up, and the seal comes after the record of what was proven.
    std::fs::remove_file(&fill).unwrap();
    let env = folder.path().join(".env");
    std::fs::write(&env, "URL=x\n").unwrap();
    let fill_up =
        format!("[ $PGKEEP_SPLIT_PHASE = rollback ] || dd if=/dev/zero of={} bs=4k 2>/dev/null; true", fill.display());
    let value = format!("{}:URL=y", env.display());
    full(&split(&["--schemas", "m", "--rewrite", &value, "--hook", &fill_up]));
    std::fs::remove_file(&fill).unwrap();
    let said = split(&["--schemas", "m", "--rewrite", &value, "--hook", "true"]);
    assert_eq!(said.code, 0, "with the same --state it goes on: {said:?}");
    drop(disk);
}

#[test]
fn the_verbs_that_a_copy_is_refused_are_not_next() {
    let server = Server::start(15, ClusterOptions::default());
    let repo = Repo::new();
    begun(&server, "orig", TABLE);
    assert_eq!(split(&server, "orig", &["--schemas", "m"]).code, 0);
    assert_eq!(Said::of(&mut repo.command(["backup", "-q", "-d", &server.dsn("orig_new")])).code, 0);
    server.ask("DROP DATABASE orig_new");
    assert_eq!(Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &server.dsn("orig_new")])).code, 0);
    let document = split(&server, "orig", &["status"]).document();
    assert_eq!((&document["next"], document["moved"].as_array().map(Vec::len)), (&json!([]), Some(1)), "{document}");
    let ends = ["--from", &server.dsn("orig"), "--to", &server.dsn("orig_new")];
    let text = Said::of(pgkeep().args(["split", "status"]).args(ends));
    assert!(text.stdout.contains("confirm it once with --moved"), "{text:?}");
    for verb in [&["--schemas", "m"][..], &["rollback"], &["finish", "--yes"]] {
        let said = split(&server, "orig", verb);
        assert!(said.code == 7 && told(&said).0.contains("in another place than before"), "{said:?}");
    }
}

/// Whoever may connect can take the lock: it is told who has it, and that it is a split only where it is one.
#[test]
fn who_holds_the_lock_of_a_split_is_named() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    begun(&server, "held", TABLE);
    assert_eq!(split(&server, "held", &["--schemas", "m"]).code, 0);
    for lock in ["pg_advisory_lock_shared", "pg_advisory_lock"] {
        let mut holder = server.binaries.command("psql");
        holder.args(["-X", "-q", "-d", &server.dsn_as("mal", "held"), "-c", "SET application_name = 'pgkeep split'"]);
        holder.args(["-c", &format!("SELECT {lock}(1886086512, 1)"), "-c", "SELECT pg_sleep(60)"]);
        let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
        let pid = server.ask("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        let status = split(&server, "held", &["status"]).document();
        assert_eq!(status["under_way"], json!(false), "{status}");
        let said = split(&server, "held", &["rollback"]);
        let (error, hint) = told(&said);
        assert_eq!(said.code, 7, "{said:?}");
        let held = "the advisory lock of a split of the database held is held by";
        assert_eq!(error, format!("{held} process {pid} of the role mal (application 'pgkeep split')"));
        // As it says, so it is.
        let end = hint.rsplit_once(": ").unwrap().1.trim_end_matches('.');
        server.ask(end);
        holder.wait().unwrap();
    }
    assert_eq!(split(&server, "held", &["rollback"]).code, 0);
}

/// What only a superuser may make is made by the split, as one: nobody makes it beforehand.
#[test]
fn the_way_on_from_an_extension_of_superusers_is_one() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE app LOGIN CREATEDB");
    begun(
        &server,
        "ext",
        "ALTER DATABASE ext OWNER TO app; CREATE EXTENSION pageinspect SCHEMA public; CREATE SCHEMA m AUTHORIZATION app; SET ROLE app;
        CREATE TABLE m.t (id int); CREATE VIEW m.v AS SELECT * FROM public.page_header('\\x00'::bytea) WHERE false",
    );
    let plan = |to: &str| {
        Said::of(pgkeep().args([
            "split",
            "--json",
            "--plan",
            "--schemas",
            "m",
            "--from",
            &server.dsn_as("app", "ext"),
            "--to",
            to,
        ]))
    };
    let document = plan(&server.dsn_as("app", "ext_new")).document();
    assert_eq!(document["blockers"][0]["action"], "name a superuser in --to: the split creates it", "{document}");
    // What the run refuses, the plan does too.
    server.ask("CREATE DATABASE ext_new");
    sql(&server, "ext_new", "CREATE EXTENSION pageinspect");
    let document = plan(&server.dsn("ext_new")).document();
    assert_eq!(document["blockers"][0]["kind"], "target_not_empty", "{document}");
    assert!(document["blockers"][0]["reason"].as_str().unwrap().contains("extension pageinspect"), "{document}");
    server.ask("DROP DATABASE ext_new");
    let said = Said::of(pgkeep().args([
        "split",
        "--json",
        "--schemas",
        "m",
        "--from",
        &server.dsn_as("app", "ext"),
        "--to",
        &server.dsn("ext_new"),
    ]));
    assert_eq!(said.code, 0, "{said:?}");
}

/// The check's function finds its table by search_path, which is empty while rows are copied, and the plan does not see it in a text.
#[test]
fn a_copy_that_fails_says_that_the_source_takes_writes_and_how_to_go_on() {
    let server = Server::start(15, ClusterOptions::default());
    let reads = "CREATE SCHEMA m; CREATE TABLE m.dict (w text); INSERT INTO m.dict VALUES ('a');
        CREATE FUNCTION m.known(t text) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE is bool; BEGIN EXECUTE 'SELECT EXISTS (SELECT FROM dict WHERE w = $1)' INTO is USING t; RETURN is; END $$;
        SET search_path = m; CREATE TABLE m.t (w text CHECK (m.known(w))); INSERT INTO m.t VALUES ('a')";
    begun(&server, "path", reads);
    let said = split(&server, "path", &["--schemas", "m"]);
    let (error, hint) = told(&said);
    assert_eq!(said.code, 8, "{said:?}");
    assert!(error.contains("TABLE DATA m.t"), "{error}");
    let way_on =
        ["--search-path-fix", "The source takes writes again", "run `pgkeep split` again", "`pgkeep split rollback`"];
    for words in way_on {
        assert!(hint.contains(words), "{words}: {hint}");
    }
    assert!(said.document()["failures"].is_array(), "{said:?}");
    // As it says, so it is.
    sql(&server, "path", "SET search_path = m; INSERT INTO m.t VALUES ('a')");
    assert_eq!(split(&server, "path", &["rollback"]).code, 0);
    // Where there is nothing left, and never was, this host says what it knows.
    let said = split(&server, "path", &["status"]);
    assert!(told(&said).0.contains("this host remembers no split into path_new"), "{said:?}");
}
