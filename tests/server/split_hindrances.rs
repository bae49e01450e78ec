//! What would end a split half-way: the plan finds it beforehand, as far as reading goes, and a run bears what it can bear.

use std::path::PathBuf;

use pgkeep::pg::cluster::{ClusterOptions, Durability};
use serde_json::Value;

use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql, server};

/// A server with the database `shop`, made by `sql`.
#[track_caller]
fn shop(major: u32, options: ClusterOptions, sql: &str) -> Server {
    let server = Server::start(major, options);
    server.ask("CREATE DATABASE shop");
    ask(&server, "shop", sql);
    server
}

#[track_caller]
fn ask(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

struct Ends<'a> {
    from: String,
    to: String,
    schemas: &'a str,
    /// Whose pg_dump.
    programs: PathBuf,
}

impl<'a> Ends<'a> {
    fn of(server: &Server, schemas: &'a str) -> Self {
        Self { from: server.dsn("shop"), to: server.dsn("place"), schemas, programs: server.binaries.bin_dir.clone() }
    }

    fn split(&self, args: &[&str]) -> Said {
        let mut command = pgkeep();
        command.args(["split", "--schemas", self.schemas, "--from", &self.from, "--to", &self.to]);
        command.arg("--quiet").arg("--pg-bin").arg(&self.programs).args(args);
        Said::of(&mut command)
    }

    #[track_caller]
    fn plan(&self, args: &[&str]) -> Value {
        let said = self.split(&[&["--plan", "--json"], args].concat());
        let document = said.document();
        assert_eq!(said.code, if document["ok"] == true { 0 } else { 3 }, "{said:?}");
        assert_eq!(document["ok"], document["blockers"].as_array().unwrap().is_empty(), "{document}");
        document
    }
}

/// The findings of a kind, as `name: reason -> action`.
fn told(plan: &Value, severity: &str, kind: &str) -> Vec<String> {
    let findings = plan[severity].as_array().unwrap().iter().filter(|finding| finding["kind"] == kind);
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings.map(|f| format!("{}: {} -> {}", text(f, "name"), text(f, "reason"), text(f, "action"))).collect()
}

#[track_caller]
fn one(plan: &Value, severity: &str, kind: &str) -> String {
    let told = told(plan, severity, kind);
    assert_eq!(told.len(), 1, "{severity} {kind}: {plan}");
    told.into_iter().next().unwrap()
}

/// The names of both tables are no friends of SQL.
const KEYS: &str = "CREATE SCHEMA m; CREATE TABLE m.\"p %I\" (id int PRIMARY KEY, code text UNIQUE);
    CREATE TABLE m.\"c'\"\"\" (id int PRIMARY KEY, p int REFERENCES m.\"p %I\", code text CONSTRAINT by_code REFERENCES m.\"p %I\" (code) DEFERRABLE);
    COMMENT ON CONSTRAINT by_code ON m.\"c'\"\"\" IS 'why';
    INSERT INTO m.\"p %I\" VALUES (1, 'a'); INSERT INTO m.\"c'\"\"\" VALUES (1, 1, 'a'), (2, NULL, NULL);";

#[test]
fn a_key_that_rows_are_against_is_counted_and_moves_as_not_valid() {
    let server = shop(15, ClusterOptions::default(), KEYS);
    let ends = Ends::of(&server, "m");
    assert_eq!(told(&ends.plan(&[]), "warnings", "orphaned_rows"), [""; 0]);
    ask(
        &server,
        "shop",
        "SET session_replication_role = replica; INSERT INTO m.\"c'\"\"\" VALUES (3, 7, 'a'), (4, 8, 'z')",
    );
    let plan = ends.plan(&[]);
    assert_eq!(plan["ok"], true, "{plan}");
    let warnings = told(&plan, "warnings", "orphaned_rows").join("\n");
    assert!(
        warnings.contains("m.c'\"._p_fkey: 2 rows violate it") || warnings.contains("_p_fkey: 2 rows violate it"),
        "{warnings}"
    );
    assert!(warnings.contains("by_code: 1 row violates it"), "{warnings}");
    assert!(warnings.contains("moves as NOT VALID"), "{warnings}");

    let said = ends.split(&["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let run = said.document();
    let keys: Vec<&str> = run["keys_not_valid"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2, "{run}");
    assert!(keys.iter().any(|key| key.contains("by_code (1 row violates it)")), "{keys:?}");
    assert_eq!(run["proven"], true);
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains("NOT VALID in the new database"), "{warnings}");
    let keys = "SELECT string_agg(conname || ' ' || convalidated || ' ' || condeferrable, ', ' ORDER BY conname), max(obj_description(oid, 'pg_constraint'))
        FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(ask(&server, "place", keys), "by_code false true, c'\"_p_fkey false false|why");
    // What comes from now on is checked.
    let refused =
        psql(&server.binaries, &server.dsn("place"), "INSERT INTO m.\"c'\"\"\" VALUES (5, 9, 'a')").unwrap_err();
    assert!(refused.contains("violates foreign key"), "{refused}");
}

#[test]
fn a_partitioned_tables_key_that_rows_are_against_blocks_before_18_and_moves_since() {
    let sql = "CREATE SCHEMA m; CREATE TABLE m.p (id int PRIMARY KEY); INSERT INTO m.p VALUES (1);
        CREATE TABLE m.c (id int, p int CONSTRAINT c_p REFERENCES m.p) PARTITION BY RANGE (id); CREATE TABLE m.c1 PARTITION OF m.c FOR VALUES FROM (0) TO (9);
        SET session_replication_role = replica; INSERT INTO m.c VALUES (1, 1), (2, 5)";
    let old = shop(15, ClusterOptions::default(), sql);
    let ends = Ends::of(&old, "m");
    let blocker = one(&ends.plan(&[]), "blockers", "orphaned_rows");
    assert!(blocker.starts_with("m.c.c_p: 1 row violates it") && blocker.contains("before PostgreSQL 18"), "{blocker}");
    // The run does not begin either.
    assert_eq!(ends.split(&["--json"]).code, 3);
    assert_eq!(old.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0");

    let new = shop(18, ClusterOptions::default(), sql);
    let ends = Ends::of(&new, "m");
    one(&ends.plan(&[]), "warnings", "orphaned_rows");
    let said = ends.split(&["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["keys_not_valid"][0], "m.c.c_p (1 row violates it)");
    assert_eq!(
        ask(&new, "place", "SELECT convalidated FROM pg_constraint WHERE conname = 'c_p' AND conparentid = 0"),
        "f"
    );
}

const ITEMS: &str =
    "CREATE SCHEMA m; CREATE TABLE m.item (id int PRIMARY KEY, name text); INSERT INTO m.item VALUES (1, 'a');";

#[test]
fn event_triggers_that_fire_for_a_split_are_told_and_one_that_always_raises_blocks() {
    let sql = "CREATE SCHEMA ops; CREATE TABLE ops.log (tag text);
        CREATE FUNCTION ops.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ops.log VALUES (tg_tag); END $$;
        CREATE FUNCTION ops.guard() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF tg_tag = 'DROP TABLE' THEN RAISE EXCEPTION 'ask the administrator'; END IF; END $$;
        CREATE FUNCTION ops.never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no DDL on %', tg_event; END $$;
        CREATE EVENT TRIGGER noting ON ddl_command_end EXECUTE FUNCTION ops.note();
        CREATE EVENT TRIGGER guarding ON ddl_command_start EXECUTE FUNCTION ops.guard();
        CREATE EVENT TRIGGER elsewhere ON ddl_command_start WHEN tag IN ('CREATE CAST') EXECUTE FUNCTION ops.never();
        CREATE EVENT TRIGGER asleep ON ddl_command_start EXECUTE FUNCTION ops.never(); ALTER EVENT TRIGGER asleep DISABLE;";
    let server = shop(17, ClusterOptions::default(), &format!("{ITEMS}{sql}"));
    let ends = Ends::of(&server, "m");
    let plan = ends.plan(&[]);
    assert_eq!(plan["ok"], true, "{plan}");
    let warnings = told(&plan, "warnings", "event_trigger");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0]
            .starts_with("EVENT TRIGGER guarding in shop: (function ops.guard, owner postgres, on ddl_command_start)"),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("under conditions"), "{warnings:?}");
    assert!(warnings[1].contains("EVENT TRIGGER noting") && warnings[1].contains("may write a log"), "{warnings:?}");

    ask(&server, "shop", "CREATE FUNCTION ops.hello() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
        CREATE EVENT TRIGGER greeting ON login EXECUTE FUNCTION ops.hello();
        CREATE EVENT TRIGGER never ON ddl_command_start WHEN tag IN ('CREATE TRIGGER', 'DROP CAST') EXECUTE FUNCTION ops.never()");
    let plan = ends.plan(&[]);
    let blocker = one(&plan, "blockers", "event_trigger");
    assert!(blocker.starts_with("EVENT TRIGGER never in shop") && blocker.contains("(CREATE TRIGGER)"), "{blocker}");
    assert!(blocker.contains("ALTER EVENT TRIGGER \"never\" DISABLE"), "{blocker}");
    assert!(
        told(&plan, "warnings", "event_trigger").iter().any(|w| w.contains("greeting") && w.contains("begins")),
        "{plan}"
    );
    // As the plan says, so it is: the fence cannot be put up, and without the trigger it can.
    ask(&server, "shop", "ALTER EVENT TRIGGER never DISABLE");
    // One that writes into what moves would be refused by the fence that it is called for, or by the log-in of the run's next session.
    ask(
        &server,
        "shop",
        "CREATE TABLE m.log (tag text); CREATE FUNCTION ops.keep() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO m.log VALUES (tg_event); END $$",
    );
    for event in ["ddl_command_end", "login"] {
        ask(&server, "shop", &format!("CREATE EVENT TRIGGER keeping ON {event} EXECUTE FUNCTION ops.keep()"));
        let blocker = one(&ends.plan(&[]), "blockers", "event_trigger");
        assert!(
            blocker.starts_with("EVENT TRIGGER keeping in shop") && blocker.contains("writes the table m.log"),
            "{blocker}"
        );
        ask(&server, "shop", "DROP EVENT TRIGGER keeping");
    }
    let said = ends.split(&["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_standby_and_sessions_that_only_read_are_no_end_of_a_split() {
    let standby = ClusterOptions {
        durability: Durability::Durable,
        data_files: vec![("standby.signal".to_owned(), Vec::new())],
        ..ClusterOptions::default()
    };
    let standby = Server::of_initdb(16, standby);
    assert_eq!(standby.ask("SELECT pg_is_in_recovery()"), "t");
    let primary = shop(16, ClusterOptions::default(), ITEMS);
    let programs = || primary.binaries.bin_dir.clone();
    let from_standby =
        Ends { from: standby.dsn("postgres"), to: primary.dsn("place"), schemas: "public", programs: programs() };
    let blocker = one(&from_standby.plan(&[]), "blockers", "source_read_only");
    assert!(blocker.contains("is a standby") && blocker.contains("name the primary with --from"), "{blocker}");
    assert_eq!(from_standby.split(&["--json"]).code, 3);
    let to_standby = Ends { from: primary.dsn("shop"), to: standby.dsn("place"), schemas: "m", programs: programs() };
    let blocker = one(&to_standby.plan(&[]), "blockers", "target_read_only");
    assert!(blocker.contains("is a standby") && blocker.contains("name the primary with --to"), "{blocker}");

    primary.ask("ALTER DATABASE shop SET default_transaction_read_only = on");
    let said = Ends::of(&primary, "m").split(&["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// As a server of another make has settings: without a prefix, and unknown to the next one.
const VENDOR: &str = "SET allow_system_table_mods = on;
    INSERT INTO pg_db_role_setting SELECT oid, 0, ARRAY['vendor_tuning=4', 'work_mem=7MB'] FROM pg_database WHERE datname = 'shop';
    INSERT INTO pg_db_role_setting SELECT d.oid, r.oid, ARRAY['vendor_quota=9', 'statement_timeout=1'] FROM pg_database d, pg_roles r WHERE datname = 'shop' AND rolname = 'clerk'";

#[test]
fn settings_that_the_new_server_does_not_take_are_told_and_left_out() {
    let sql = "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA m TO clerk;
        CREATE FUNCTION m.one() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1'";
    let server = shop(15, ClusterOptions::default(), &format!("{ITEMS}{sql}"));
    ask(&server, "shop", VENDOR);
    let ends = Ends::of(&server, "m");
    let plan = ends.plan(&[]);
    assert_eq!(plan["ok"], true, "{plan}");
    let warnings = told(&plan, "warnings", "setting").join("\n");
    assert!(warnings.contains("the database shop: vendor_tuning: PostgreSQL 15"), "{warnings}");
    assert!(warnings.contains("clerk in shop: vendor_quota") && warnings.contains("not set"), "{warnings}");
    assert!(!warnings.contains("work_mem") && !warnings.contains("statement_timeout"), "{warnings}");

    let of_function = "SET allow_system_table_mods = on; UPDATE pg_proc SET proconfig = ";
    ask(&server, "shop", &format!("{of_function} ARRAY['vendor_plan=x'] WHERE proname = 'one'"));
    let blocker = one(&ends.plan(&[]), "blockers", "setting");
    assert!(blocker.starts_with("FUNCTION m.one(): vendor_plan") && blocker.contains("RESET vendor_plan"), "{blocker}");
    ask(&server, "shop", &format!("{of_function} NULL WHERE proname = 'one'"));

    let said = ends.split(&["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let warnings = said.document()["warnings"].to_string();
    for name in ["vendor_tuning of the database", "vendor_quota of the role clerk in the database"] {
        assert!(warnings.contains(&format!("the setting {name} was left out")), "{warnings}");
    }
    let settings = "SELECT string_agg(array_to_string(setconfig, ','), ';' ORDER BY setrole) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'place'";
    assert_eq!(server.ask(settings), "work_mem=7MB;statement_timeout=1");
}

#[test]
fn what_counts_on_a_row_type_or_a_key_blocks_the_bridge() {
    let sql = "CREATE SCHEMA s; CREATE FUNCTION s.label(i m.item) RETURNS text LANGUAGE sql AS 'SELECT i.name';
        CREATE FUNCTION s.all_of_them() RETURNS SETOF m.item LANGUAGE sql AS 'SELECT * FROM m.item';
        CREATE VIEW s.grouped AS SELECT i.id, i.name, count(*) FROM m.item i GROUP BY i.id;
        CREATE VIEW s.plain AS SELECT id, name FROM m.item";
    let server = shop(15, ClusterOptions::default(), &format!("{ITEMS}{sql}"));
    let ends = Ends::of(&server, "m");
    let plan = ends.plan(&["--boundary", "bridge"]);
    let blockers = told(&plan, "blockers", "bridge_limit");
    let names: Vec<&str> = blockers.iter().map(|blocker| blocker.split(": ").next().unwrap()).collect();
    assert_eq!(names, ["function s.all_of_them()", "function s.label(m.item)", "view s.grouped"], "{plan}");
    assert!(blockers[2].contains("primary key of m.item"), "{blockers:?}");
    // Given up, the view is none; and nothing of it concerns a split without a bridge.
    let folder = folder();
    let choices = folder.path().join("choices.toml");
    std::fs::write(&choices, "default = \"bridge\"\n[objects]\n\"VIEW s.grouped\" = \"drop\"\n").unwrap();
    let plan = ends.plan(&["--boundary-file", choices.to_str().unwrap()]);
    assert_eq!(told(&plan, "blockers", "bridge_limit").len(), 2, "{plan}");
    assert_eq!(told(&ends.plan(&["--boundary", "drop"]), "blockers", "bridge_limit"), [""; 0]);
}

#[test]
fn a_hint_that_was_followed_is_not_given_again() {
    let sql = "CREATE SCHEMA s; CREATE VIEW s.plain AS SELECT id FROM m.item";
    let server = shop(15, ClusterOptions::default(), &format!("{ITEMS}{sql}"));
    let ends = Ends::of(&server, "m");
    assert!(
        one(&ends.plan(&[]), "blockers", "crossing")
            .contains("--boundary drop, loose or bridge, or one by one in --boundary-file")
    );
    let folder = folder();
    let choices = folder.path().join("choices.toml");
    std::fs::write(&choices, "[objects]\n\"VIEW s.plain\" = \"refuse\"\n").unwrap();
    let blocker = one(&ends.plan(&["--boundary-file", choices.to_str().unwrap()]), "blockers", "crossing");
    assert!(
        blocker.contains("choose drop, loose or bridge for it in the boundary file") && !blocker.contains("--boundary"),
        "{blocker}"
    );
}

#[test]
fn more_locks_than_the_server_has_room_for_block_and_the_number_is_told() {
    let settings = [("max_locks_per_transaction", "10"), ("max_connections", "20"), ("max_wal_senders", "0")];
    let options = ClusterOptions {
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ClusterOptions::default()
    };
    let server = shop(15, options, ITEMS);
    let ends = Ends::of(&server, "m");
    assert_eq!(told(&ends.plan(&[]), "blockers", "locks"), [""; 0]);
    ask(
        &server,
        "shop",
        "DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE TABLE public.t%s ()', i); COMMIT; END LOOP; END $$",
    );
    let blocker = one(&ends.plan(&[]), "blockers", "locks");
    let number = |before: &str| -> u64 {
        let rest = &blocker[blocker.find(before).unwrap_or_else(|| panic!("{before}: {blocker}")) + before.len()..];
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    // 20 sessions, 8 workers, 3 of autovacuum, and its launcher.
    let processes = 20 + 8 + 3 + 1;
    assert_eq!(number("room for "), 10 * processes);
    let needed = number("locks up to ");
    assert!(needed > 400 && number("max_locks_per_transaction to ") * processes >= needed, "{blocker}");
}

#[test]
fn prepared_transactions_that_hold_the_moving_tables_are_named() {
    let settings = vec![("max_prepared_transactions".to_owned(), "5".to_owned())];
    let server = shop(15, ClusterOptions { settings, ..ClusterOptions::default() }, ITEMS);
    let ends = Ends::of(&server, "m");
    ask(&server, "shop", "BEGIN; SELECT count(*) FROM m.item; PREPARE TRANSACTION 'it only reads'");
    assert_eq!(told(&ends.plan(&[]), "warnings", "prepared_transaction"), [""; 0]);
    ask(&server, "shop", "BEGIN; UPDATE m.item SET name = 'b'; PREPARE TRANSACTION 'it''s half done'");
    let warning = one(&ends.plan(&[]), "warnings", "prepared_transaction");
    assert!(warning.starts_with("it's half done: postgres prepared it at "), "{warning}");
    assert!(
        warning.contains("m.item") && warning.contains("COMMIT PREPARED 'it''s half done' or ROLLBACK PREPARED"),
        "{warning}"
    );
}

#[test]
fn the_plan_shows_what_a_run_would_write_and_looks_for_the_hook() {
    let server = shop(15, ClusterOptions::default(), ITEMS);
    let ends = Ends::of(&server, "m");
    let folder = folder();
    let file = folder.path().join(".env");
    std::fs::write(&file, "PG_DATABASE_URL=postgres://app:secret@db:5432/shop\n").unwrap();
    let rewrite = |key: &str| format!("{}:{key}", file.display());
    let hook = folder.path().join("apps.sh");
    std::fs::write(&hook, "#!/bin/sh\n").unwrap();
    let url = rewrite("PG_DATABASE_URL");
    let args = ["--rewrite", url.as_str(), "--hook", hook.to_str().unwrap()];
    let plan = ends.plan(&args);
    assert!(one(&plan, "blockers", "hook").contains("is not executable"), "{plan}");
    let diff = plan["files"]["diff"].as_str().unwrap();
    assert!(diff.contains("+PG_DATABASE_URL=postgres://app:***@db:5432/place"), "{diff}");
    assert!(!plan.to_string().contains("secret"));
    // So it ends a run, before anything is made.
    let run = ends.split(&args);
    assert!(run.code == 3 && run.stdout.contains("is not executable"), "{run:?}");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0");
    let said = ends.split(&[&["--plan"], &args[..2]].concat());
    assert!(
        said.code == 0 && said.stdout.contains("a run would write this:\n") && said.stdout.contains(diff),
        "{said:?}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "PG_DATABASE_URL=postgres://app:secret@db:5432/shop\n");
    // A key that is not there ends the plan as it ends a run.
    let wrong = rewrite("PG_DATABSE_URL");
    let (plan, run) = (ends.split(&["--plan", "--rewrite", &wrong]), ends.split(&["--rewrite", &wrong]));
    assert_eq!((plan.code, &plan.stderr), (2, &run.stderr), "{run:?}");
    assert_eq!(
        one(&ends.plan(&["--hook", "no-such-program --now"]), "blockers", "hook").split(" does not exist").count(),
        2
    );
}

#[test]
fn a_target_that_is_newer_than_pg_dump_is_the_targets_fault() {
    let source = shop(15, ClusterOptions::default(), ITEMS);
    let target = Server::start(16, ClusterOptions::default());
    let programs = server(15).bin_dir;
    let ends = Ends { from: source.dsn("shop"), to: target.dsn("place"), schemas: "m", programs };
    let said = ends.split(&["--plan"]);
    assert_eq!(said.code, 8, "{said:?}");
    assert!(said.stderr.contains("the target database") && !said.stderr.contains("source"), "{said:?}");
}

/// Who may read, and does not own the tables, is told before a run; who may put the fence up as a member of their owner is not, and neither is
/// a function in `public` that only the database's owner may make.
#[test]
fn what_the_role_may_not_do_at_the_source_blocks_and_what_a_member_may_do_does_not() {
    let server = shop(
        15,
        ClusterOptions::default(),
        "CREATE ROLE app; CREATE ROLE reader LOGIN IN ROLE pg_read_all_data; CREATE ROLE mover LOGIN CREATEDB IN ROLE app;
        ALTER DATABASE shop OWNER TO app; SET ROLE app;
        CREATE FUNCTION public.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
        CREATE SCHEMA sales; CREATE TABLE sales.orders (id int PRIMARY KEY, name text, CHECK (public.slug(name) <> '')); INSERT INTO sales.orders VALUES (1, 'A')",
    );
    let ends = |role: &str| Ends {
        from: server.dsn_as(role, "shop"),
        to: server.dsn_as("mover", "place"),
        ..Ends::of(&server, "sales")
    };
    let told_of = |ends: &Ends| told(&ends.plan(&[]), "blockers", "source_privilege").join("\n");
    let reader = told_of(&ends("reader"));
    assert!(
        reader.contains("the role reader does not own sales.orders")
            && reader.contains("GRANT CREATE ON DATABASE shop TO reader"),
        "{reader}"
    );
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0", "nothing was made");
    let mover = ends("mover");
    assert_eq!(mover.plan(&[])["blockers"], serde_json::json!([]));
    assert_eq!(mover.split(&[]).code, 0);
    assert_eq!(ask(&server, "place", "SELECT public.slug(name) FROM sales.orders"), "a");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname ~ '^pgkeep_trial'"), "0");
}

/// Rows that would not move, or would pass the fence; and a target that every new database would be a copy of.
#[test]
fn what_no_copy_would_hold_blocks() {
    let server = shop(
        15,
        ClusterOptions::default(),
        "CREATE SCHEMA m; CREATE SCHEMA s; CREATE TABLE s.p (i int, t text) PARTITION BY LIST (i); CREATE TABLE m.p1 PARTITION OF s.p FOR VALUES IN (1);
        CREATE EXTENSION pg_trgm SCHEMA m; CREATE TABLE m.of_it (i int); INSERT INTO m.of_it VALUES (1); ALTER EXTENSION pg_trgm ADD TABLE m.of_it",
    );
    let ends = Ends::of(&server, "m");
    let plan = ends.plan(&["--boundary", "drop"]);
    let members = told(&plan, "blockers", "extension").join("\n");
    assert!(
        members.contains("m.of_it: it belongs to the extension pg_trgm") && members.contains("its rows would not move"),
        "{members}"
    );
    let parents = told(&plan, "blockers", "crossing").join("\n");
    assert!(parents.contains("m.p1") && parents.contains("its parent s.p stays"), "{parents}");
    let ends = Ends { to: server.dsn("template1"), ..ends };
    assert!(
        told(&ends.plan(&[]), "blockers", "target_not_empty").join("").contains("it is the template of new databases")
    );
}

/// A function that finds its table by `search_path` passes where no rows are, and fails under the fence: the plan names it. A generated column is
/// computed anew: the plan names it too, where that may come to something else.
#[test]
fn functions_that_need_a_search_path_are_told_before_rows_meet_them() {
    let server = shop(
        15,
        ClusterOptions::default(),
        "CREATE SCHEMA m; CREATE TABLE m.dict (val text); INSERT INTO m.dict VALUES ('a'); SET search_path = m;
        CREATE FUNCTION m.in_dict(p text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM dict WHERE val = p)';
        CREATE FUNCTION m.in_it(p text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM m.dict WHERE val = p)';
        CREATE TABLE m.data (val text CHECK (m.in_dict(val)), other text CHECK (m.in_it(other)))",
    );
    ask(&server, "shop", "CREATE FUNCTION m.f(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
        CREATE TABLE m.made (t text, own text GENERATED ALWAYS AS (m.f(t)) STORED, plain text GENERATED ALWAYS AS (upper(t)) STORED)");
    let plan = Ends::of(&server, "m").plan(&[]);
    let generated = told(&plan, "warnings", "generated");
    assert!(generated.len() == 1 && generated[0].starts_with("m.made.own: "), "{generated:?}");
    let told = told(&plan, "blockers", "search_path");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("m.in_dict(") && told[0].contains("SET search_path"), "{told:?}");
}
