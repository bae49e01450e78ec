//! `pgkeep split --plan`: what it says of the samples, against what PostgreSQL says, and that it touches nothing.

use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::judge::{definitions, roles, rows};
use crate::pgkeep::{Said, assert_refused, folder, pgkeep};
use crate::postgres::{Server, psql};

/// One server with both samples, for all questions that change nothing.
fn samples() -> Server {
    Server::with_samples(15, &[("chronos", "0.001"), ("portfolio", "0.001")], ClusterOptions::default())
}

fn split(server: &Server, database: &str, schemas: &str, target: &str, more: &[&str]) -> Command {
    let mut command = pgkeep();
    command.args(["split", "--plan", "--schemas", schemas, "--from", &server.dsn(database), "--to", target]).args(more);
    command
}

/// The document of a plan, and its exit code.
#[track_caller]
fn planned(server: &Server, database: &str, schemas: &str, more: &[&str]) -> (Value, i32) {
    let said = Said::of(split(server, database, schemas, &server.dsn("new_place"), more).arg("--json"));
    let document = said.document();
    assert_eq!(said.code, if document["ok"] == true { 0 } else { 3 }, "{said:?}");
    assert_eq!(document["ok"], document["blockers"].as_array().unwrap().is_empty());
    (document, said.code)
}

/// What the judge says, as numbers and names.
#[track_caller]
fn ask(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// The items of a list for which one field has this value.
fn with<'a>(list: &'a Value, field: &str, value: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().filter(|item| item[field] == value).collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// As `schema tables rows bytes indexes index_bytes sequences`, one line each.
const MOVES: &str = "SELECT string_agg(format('%s %s %s %s %s %s %s', n.nspname,
        (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')),
        (SELECT sum(c.reltuples)::bigint FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'),
        (SELECT sum(pg_table_size(c.oid)) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'),
        (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = n.oid AND c.relkind = 'r'),
        (SELECT sum(pg_indexes_size(c.oid)) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'),
        (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'S')), E'\\n' ORDER BY n.nspname COLLATE \"C\")
    FROM pg_namespace n WHERE n.nspname ~ '^(NAMES)$'";

#[track_caller]
fn assert_moves(server: &Server, database: &str, plan: &Value, names: &str) {
    let line = |schema: &Value| {
        let fields = ["tables", "rows_estimated", "bytes", "indexes", "index_bytes", "sequences"];
        let numbers: Vec<String> = fields.iter().map(|field| schema[field].to_string()).collect();
        format!("{} {}", schema["schema"].as_str().unwrap(), numbers.join(" "))
    };
    let told: Vec<String> = plan["moves"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(told.join("\n"), ask(server, database, &MOVES.replace("NAMES", names)));
}

#[test]
fn the_customers_schemas_that_only_text_names_block_a_split_of_core_and_metadata() {
    let server = samples();
    let (plan, code) = planned(&server, "chronos", "core,metadata", &[]);
    assert_eq!(code, 3);
    assert_moves(&server, "chronos", &plan, "core|metadata");
    // The judge: the rows in which TwentyCRM writes where a customer's records are.
    let said = ask(
        &server,
        "chronos",
        "SELECT DISTINCT \"databaseSchema\" FROM core.workspace WHERE \"databaseSchema\" <> '' ORDER BY 1",
    );
    let forgotten = with(&plan["blockers"], "kind", "forgotten_schema");
    let names: Vec<&str> = forgotten.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    assert_eq!(names, said.lines().collect::<Vec<_>>());
    assert!(names.len() >= 2 && names.iter().all(|name| name.starts_with("workspace_")), "{names:?}");
    for finding in forgotten {
        let reason = finding["reason"].as_str().unwrap();
        assert!(
            reason.contains("core.dataSource.\"schema\"") && reason.contains("core.workspace.\"databaseSchema\""),
            "{reason}"
        );
        assert!(finding["action"].as_str().unwrap().contains("--schemas"), "{finding}");
    }
    // With the word that they stay they are notes; named, they are none.
    let (left, _) = planned(&server, "chronos", "core,metadata", &["--leave", "workspace_*"]);
    assert_eq!(with(&left["blockers"], "kind", "forgotten_schema").len(), 0);
    assert_eq!(
        left["notes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|n| n["name"].as_str().unwrap().starts_with("workspace_"))
            .count(),
        2
    );

    let (all, code) = planned(&server, "chronos", "core,metadata,workspace_*", &["--boundary", "drop"]);
    assert_eq!(code, 0, "{all}");
    assert_moves(&server, "chronos", &all, "core|metadata|workspace_.*");
    assert_eq!(with(&all["blockers"], "kind", "forgotten_schema").len(), 0);

    // Text is read whatever its collation; such columns side by side have none in common.
    let notes = "CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE metadata.notes (strict text COLLATE \"C\", loose text COLLATE public.loose, plain text);
        INSERT INTO metadata.notes SELECT 'a', 'workspace_' || 'elsewhere', 'b'; CREATE SCHEMA workspace_elsewhere;
        CREATE TABLE workspace_elsewhere.t ()";
    ask(&server, "chronos", notes);
    let (plan, _) = planned(&server, "chronos", "metadata", &["--boundary", "drop"]);
    let forgotten = with(&plan["blockers"], "name", "workspace_elsewhere");
    assert!(forgotten[0]["reason"].as_str().unwrap().contains("metadata.notes.\"loose\""), "{forgotten:?}");
}

#[test]
fn a_function_in_public_and_the_extension_that_only_its_text_names_come_along() {
    let server = samples();
    let (plan, _) = planned(&server, "chronos", "core,metadata,workspace_*", &["--boundary", "drop"]);
    let need = |name: &str| {
        let found = with(&plan["needs"], "name", name);
        assert_eq!(found.len(), 1, "{name}: {}", plan["needs"]);
        found[0].clone()
    };
    assert_eq!(need("public.unaccent_immutable(text)")["kind"], "FUNCTION");
    let version =
        |name: &str| ask(&server, "chronos", &format!("SELECT extversion FROM pg_extension WHERE extname = '{name}'"));
    assert_eq!(need("unaccent")["version"], version("unaccent"));
    assert_eq!(need("unaccent")["why"], "named_in_text");
    assert_eq!(need("uuid-ossp")["version"], version("uuid-ossp"));
    assert_eq!(need("uuid-ossp")["why"], "dependency");
    // And SUPERUSER is not needed for them.
    let superuser = with(&plan["notes"], "kind", "superuser");
    assert_eq!(superuser.len(), 1, "{}", plan["notes"]);
    assert_eq!(superuser[0]["name"], "twenty_user");
    assert!(superuser[0]["action"].as_str().unwrap().contains("ALTER ROLE \"twenty_user\" NOSUPERUSER LOGIN"));
    let trusted = "SELECT bool_and(trusted) FROM pg_available_extension_versions v JOIN pg_extension e ON extname = name AND extversion = version WHERE name IN ('unaccent', 'uuid-ossp')";
    assert_eq!(ask(&server, "chronos", trusted), "t");
    // What only the database of origin says is told.
    let settings = with(&plan["notes"], "kind", "setting");
    assert!(settings.iter().any(|finding| finding["name"] == "twenty_user in chronos: search_path"), "{settings:?}");
}

/// What PostgreSQL's own catalog knows to lead from a view to a table, as `view table`.
const VIEWS: &str = "SELECT DISTINCT v.oid::regclass || ' ' || t.oid::regclass FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
    JOIN pg_class t ON t.oid = d.refobjid
    WHERE (v.relnamespace::regnamespace::text ~ '^(MOVING)$') <> (t.relnamespace::regnamespace::text ~ '^(MOVING)$') ORDER BY 1";

#[track_caller]
fn assert_views(server: &Server, database: &str, plan: &Value, moving: &str) {
    let boundary = plan["boundary"].as_array().unwrap().iter();
    let views = boundary.filter(|crossing| ["view", "materialized_view"].contains(&crossing["kind"].as_str().unwrap()));
    let mut told: Vec<String> =
        views.map(|c| format!("{} {}", c["name"].as_str().unwrap(), c["to"].as_str().unwrap())).collect();
    told.sort();
    let judge = ask(server, database, &VIEWS.replace("MOVING", moving));
    assert_eq!(told, judge.lines().collect::<Vec<_>>());
    assert!(!told.is_empty());
}

#[test]
fn the_key_between_erp_and_agent_is_told_with_its_orphans_each_way_and_every_boundary() {
    let server = samples();
    let orphans: u64 = ask(&server, "portfolio", "SELECT count(session_id) FROM erp.execution_runs").parse().unwrap();
    assert!(orphans > 0);
    for (schema, direction) in [("erp", "moving_needs_staying"), ("agent", "staying_needs_moving")] {
        for (boundary, action, list) in [
            ("refuse", "refuse", "blockers"),
            ("drop", "drop", "warnings"),
            ("loose", "loose", "notes"),
            ("bridge", "bridge", "warnings"),
        ] {
            let (plan, code) = planned(&server, "portfolio", schema, &["--boundary", boundary]);
            let keys = with(&plan["boundary"], "kind", "foreign_key");
            assert_eq!(keys.len(), 1, "{}", plan["boundary"]);
            let key = keys[0];
            assert_eq!(key["name"], "execution_runs_session_id_fkey");
            assert_eq!(
                (&key["from"], &key["to"]),
                (&Value::from("erp.execution_runs"), &Value::from("agent.sessions"))
            );
            assert_eq!(key["direction"], direction);
            assert_eq!(key["orphans"], orphans);
            assert_eq!(key["action"], action, "{schema} {boundary}");
            assert_eq!(key["on_delete"], "SET NULL");
            assert!(names(&plan[list]).contains(&"erp.execution_runs.execution_runs_session_id_fkey"), "{plan}");
            // agent.sessions has policies, which no bridge carries.
            let blocked = boundary == "refuse" || (schema, boundary) == ("agent", "bridge");
            assert_eq!(code, if blocked { 3 } else { 0 }, "{plan}");
            assert_views(&server, "portfolio", &plan, schema);
            assert_moves(&server, "portfolio", &plan, schema);
        }
    }
}

#[test]
fn functions_that_name_the_other_side_are_found_by_parsing_their_text() {
    let server = samples();
    let functions = |plan: &Value| -> Vec<String> {
        let of = |kind: &str| with(&plan["boundary"], "kind", kind).into_iter().cloned().collect::<Vec<_>>();
        let all = of("function").into_iter().chain(of("procedure"));
        let line = |c: Value| {
            let word = |field: &str| c[field].as_str().unwrap().to_owned();
            format!("{} {} {} {}", word("name"), word("direction"), word("to"), word("certainty"))
        };
        let mut lines: Vec<String> = all.map(line).collect();
        lines.sort();
        lines
    };
    // What scripts/sample writes into the bodies.
    let (plan, _) = planned(&server, "portfolio", "erp", &[]);
    let expected = [
        "agent.close_sessions(timestamp with time zone) staying_needs_moving erp.execution_runs parsed",
        "erp.session_cost(uuid) moving_needs_staying agent.messages parsed",
    ];
    assert_eq!(functions(&plan), expected);
    let (plan, _) = planned(&server, "chronos", "core,metadata", &[]);
    assert_eq!(functions(&plan), ["analytics.active_users() staying_needs_moving core.user parsed"]);
    assert_views(&server, "chronos", &plan, "core|metadata");

    // Text that is executed, an unqualified name on the function's own path, a language that is not parsed.
    let more = "CREATE FUNCTION erp.dynamic() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'TRUNCATE agent.sessions'; END $$;
        CREATE FUNCTION erp.by_path() RETURNS bigint LANGUAGE sql SET search_path = agent AS $$ SELECT count(*) FROM memories $$;
        CREATE FUNCTION erp.declared() RETURNS void LANGUAGE plpgsql AS $$ DECLARE a agent.messages%ROWTYPE; BEGIN NULL; END $$;";
    ask(&server, "portfolio", more);
    let (plan, _) = planned(&server, "portfolio", "erp", &[]);
    let expected = [
        "agent.close_sessions(timestamp with time zone) staying_needs_moving erp.execution_runs parsed",
        "erp.by_path() moving_needs_staying agent.memories parsed",
        "erp.declared() moving_needs_staying agent.messages parsed",
        "erp.dynamic() moving_needs_staying agent.sessions dynamic",
        "erp.session_cost(uuid) moving_needs_staying agent.messages parsed",
    ];
    assert_eq!(functions(&plan), expected);
}

#[test]
fn a_boundary_file_decides_one_by_one_and_its_mistakes_are_told() {
    let (server, folder) = (samples(), folder());
    let file = folder.path().join("boundary.toml");
    let path = file.to_str().unwrap();
    let key = "erp.execution_runs.execution_runs_session_id_fkey";
    std::fs::write(
        &file,
        format!("[constraints]\n\"{key}\" = \"loose\"\n[objects]\n\"VIEW erp.run_overview\" = \"drop\"\n"),
    )
    .unwrap();
    let (plan, code) = planned(&server, "portfolio", "erp", &["--boundary-file", path, "--leave", "SPECIAL*"]);
    assert_eq!(code, 0, "{plan}");
    assert_eq!(with(&plan["boundary"], "kind", "foreign_key")[0]["action"], "loose");
    assert_eq!(with(&plan["boundary"], "kind", "view")[0]["action"], "leave_behind");
    assert_eq!(with(&plan["boundary"], "kind", "view")[0]["name"], "erp.run_overview");

    for (text, error, hint) in [
        ("\n[constraint]\n", "line 2: there is no key `constraint`", "Did you mean `constraints`?"),
        (
            "[constraints]\n\"execution_runs_sesion_id_fkey\" = \"drop\"\n",
            "line 2: no foreign key `execution_runs_sesion_id_fkey` crosses the line",
            "Did you mean `execution_runs_session_id_fkey`?",
        ),
        (
            "[objects]\n\"VIEW erp.run_overvew\" = \"drop\"\n",
            "line 2: nothing called `VIEW erp.run_overvew` crosses the line",
            "Did you mean `VIEW erp.run_overview`?",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut command = split(&server, "portfolio", "erp", &server.dsn("new_place"), &["--boundary-file", path]);
        assert_refused(&mut command, 2, &format!("pgkeep: {path}: {error}\n  hint: {hint}\n"));
    }
}

#[test]
fn wrong_questions_are_refused_in_words() {
    let server = samples();
    let refused = |schemas: &str, target: &str, code: i32, text: &str| {
        assert_refused(&mut split(&server, "chronos", schemas, &server.dsn(target), &[]), code, text);
    };
    refused("cores", "new_place", 2, "pgkeep: no schema matches cores\n  hint: Did you mean core?\n");
    refused(
        "core",
        "chronos",
        2,
        "pgkeep: --from and --to are the same database, chronos\n  hint: Name a database that does not exist yet with --to: the split creates it.\n",
    );
    let mut nowhere = split(&server, "chronos", "core", "host=/nonexistent dbname=x user=y", &["--json"]);
    assert_eq!(Said::of(&mut nowhere).document()["exit_code"], 8);
    let mut nowhere = pgkeep();
    nowhere.args([
        "split",
        "--plan",
        "--schemas",
        "core",
        "--from",
        "host=/nonexistent dbname=x user=y",
        "--to",
        &server.dsn("x"),
        "--json",
    ]);
    assert_eq!(Said::of(&mut nowhere).document()["exit_code"], 4);

    // A target that holds something is a blocker, an empty one is none.
    server.ask("CREATE DATABASE full_house TEMPLATE template0");
    let said = Said::of(&mut split(
        &server,
        "portfolio",
        "erp",
        &server.dsn("full_house"),
        &["--boundary", "drop", "--leave", "SPECIAL*", "--json"],
    ));
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["target"]["exists"], true);
    ask(&server, "full_house", "CREATE TABLE public.here (id integer)");
    let said = Said::of(&mut split(
        &server,
        "portfolio",
        "erp",
        &server.dsn("full_house"),
        &["--boundary", "drop", "--leave", "SPECIAL*", "--json"],
    ));
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.document();
    let blockers = document["blockers"].as_array().unwrap();
    assert_eq!(blockers.len(), 1, "{document}");
    assert_eq!(blockers[0]["kind"], "target_not_empty");
    assert_eq!(blockers[0]["reason"], "the target database exists and is not empty: public.here");
    // So is a role that may not make one.
    server.ask("CREATE ROLE nobody_much LOGIN");
    let target = server.dsn_as("nobody_much", "new_place");
    let said = Said::of(&mut split(&server, "portfolio", "erp", &target, &["--boundary", "drop", "--json"]));
    let document = said.document();
    assert_eq!((said.code, &document["blockers"][0]["kind"]), (3, &Value::from("extension")), "{document}");
    assert!(with(&document["blockers"], "kind", "target_privilege").len() == 1, "{document}");
}

#[test]
fn an_older_server_blocks_and_a_newer_one_is_noted() {
    let (older, newer) = (Server::start(15, ClusterOptions::default()), Server::start(18, ClusterOptions::default()));
    for server in [&older, &newer] {
        ask(server, "postgres", "CREATE DATABASE shop");
        ask(server, "shop", "CREATE SCHEMA sales CREATE TABLE orders (id integer PRIMARY KEY)");
    }
    let plan = |from: &Server, to: &Server| {
        let mut command = split(from, "shop", "sales", &to.dsn("new_place"), &["--json"]);
        let bin = newer.binaries.bin_dir.to_str().unwrap();
        Said::of(command.args(["--pg-bin", bin])).document()
    };
    let back = plan(&newer, &older);
    assert_eq!(back["blockers"][0]["kind"], "server_version", "{back}");
    assert_eq!(back["target"]["same_cluster"], false);
    let forth = plan(&older, &newer);
    assert_eq!(forth["ok"], true, "{forth}");
    assert_eq!(with(&forth["notes"], "kind", "server_version").len(), 1);
}

#[test]
fn a_plan_writes_nothing_on_either_side() {
    let source = samples();
    let target = Server::start(15, ClusterOptions::default());
    target.ask("CREATE DATABASE new_place");
    let counters = |server: &Server, database: &str| {
        // The statistics of a session are there once it has ended.
        server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%'", "0");
        server.ask(&format!("SELECT pg_stat_clear_snapshot(), tup_inserted, tup_updated, tup_deleted FROM pg_stat_database WHERE datname = '{database}'"))
    };
    let state =
        |server: &Server, database: &str| (definitions(server, database, &["--create"]), rows(server, database, None));
    // What all databases of a server share: a scratch database is made at the target's server, and is gone.
    let shared = |server: &Server| {
        let catalogs = "SELECT (SELECT string_agg(format('%s %s %s', oid, datname, datacl), ' ' ORDER BY oid) FROM pg_database),
            (SELECT count(*) FROM pg_shdescription), (SELECT count(*) FROM pg_shdepend), (SELECT count(*) FROM pg_db_role_setting),
            (SELECT count(*) FROM pg_auth_members), (SELECT count(*) FROM pg_tablespace), (SELECT count(*) FROM pg_subscription)";
        (server.ask(catalogs), roles(server, &[]))
    };
    let wal = |server: &Server| ask(server, "postgres", "SELECT pg_current_xact_id()").parse::<u64>().unwrap();
    let before = (state(&source, "portfolio"), state(&target, "new_place"), shared(&source), shared(&target));
    let counted = (counters(&source, "portfolio"), counters(&target, "new_place"));
    let from = wal(&source);
    let mut command = split(&source, "portfolio", "erp", &target.dsn("new_place"), &["--boundary", "bridge", "--json"]);
    let said = Said::of(&mut command);
    let plan = said.document();
    assert_eq!(plan["target"]["same_cluster"], false);
    let of_definitions = with(&plan["warnings"], "kind", "definition");
    let left = "definitions that may call functions of their owners were not tried";
    assert!(of_definitions.iter().all(|warning| warning.to_string().contains(left)), "the others were tried: {plan}");
    // Asking is itself a transaction; the plan between added none that has written.
    assert_eq!(wal(&source), from + 1);
    assert_eq!((counters(&source, "portfolio"), counters(&target, "new_place")), counted);
    let after = (state(&source, "portfolio"), state(&target, "new_place"), shared(&source), shared(&target));
    assert!(before == after);
}

#[test]
fn sessions_that_use_what_moves_are_told_by_role_and_application() {
    let server = samples();
    let mut busy = server.binaries.command("psql");
    let dsn = format!("{} application_name='twenty worker'", server.dsn_as("twenty_user", "chronos"));
    let mut busy = busy
        .args(["-X", "-q", "-d", &dsn, "-c", "BEGIN; SELECT count(*) FROM core.\"user\"; SELECT pg_sleep(60)"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twenty worker' AND wait_event = 'PgSleep'";
    server.wait_for(sleeping, "1");
    let (plan, _) = planned(&server, "chronos", "core,metadata", &[]);
    busy.kill().unwrap();
    busy.wait().unwrap();
    let sessions = with(&plan["sessions"], "application", "twenty worker");
    assert_eq!(sessions.len(), 1, "{}", plan["sessions"]);
    assert_eq!((&sessions[0]["role"], &sessions[0]["using_now"]), (&Value::from("twenty_user"), &Value::from(1)));
    assert_eq!(with(&plan["notes"], "kind", "session").len(), 1);
}

#[test]
fn the_picture_is_well_formed_whatever_the_names() {
    let (server, folder) = (samples(), folder());
    let special = r#"'"SPECIAL ""@/\#~_-"'"#.trim_matches('\'');
    ask(
        &server,
        "portfolio",
        "CREATE VIEW \"SPECIAL \"\"@/\\#~_-\".\"<&>\" AS SELECT id FROM erp.products; CREATE VIEW agent.\"a\"\"b\\\" AS SELECT * FROM \"SPECIAL \"\"@/\\#~_-\".names",
    );
    for (schemas, form) in [("erp", "svg"), ("erp", "dot"), (special, "svg"), (special, "dot")] {
        let file = folder.path().join(format!("plan.{form}"));
        planned(&server, "portfolio", schemas, &["--boundary", "drop", "--picture", file.to_str().unwrap()]);
        let text = std::fs::read_to_string(&file).unwrap();
        match form {
            "svg" => assert_xml(&text),
            _ => assert_dot(&text),
        }
    }
    let mut wrong = split(&server, "portfolio", "erp", &server.dsn("x"), &["--picture", "plan.png"]);
    assert_eq!(Said::of(&mut wrong).code, 2);
}

/// Every tag is closed in its order, and no special character stands bare.
#[track_caller]
fn assert_xml(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let between = &rest[..start];
        assert!(!between.contains('>'), "{between}");
        for (at, _) in between.match_indices('&') {
            assert!(["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|e| between[at..].starts_with(e)), "{between}");
        }
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name)),
            (None, true) => {}
            (None, false) => open.push(tag.split(' ').next().unwrap()),
        }
        rest = &rest[end + 1..];
    }
    assert_eq!((open, rest.trim()), (Vec::new(), ""));
    assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(!text.contains("href"), "a picture of its own needs nothing from elsewhere");
}

/// Quoted strings end, brackets match, and every arrow joins two boxes that there are.
#[track_caller]
fn assert_dot(text: &str) {
    let (mut bare, mut quoted, mut escaped) = (String::new(), false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '\n' if quoted => panic!("a line end within a string: {text}"),
            c if !quoted => bare.push(c),
            _ => {}
        }
    }
    assert!(!quoted, "{text}");
    assert!(bare.chars().all(|c| c.is_ascii_alphanumeric() || " {}[]=;,->_\n".contains(c)), "{bare}");
    for (open, close) in [('{', '}'), ('[', ']')] {
        assert_eq!(bare.matches(open).count(), bare.matches(close).count());
    }
    let mut arrows = 0;
    for line in bare.lines().filter(|line| line.contains("->")) {
        let (from, to) = line.split_once("->").unwrap();
        let to = to.split('[').next().unwrap();
        for node in [from, to] {
            assert!(bare.contains(&format!("    {} [label=", node.trim())), "{node}: {text}");
        }
        arrows += 1;
    }
    assert!(arrows > 0, "{text}");
}
