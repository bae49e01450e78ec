//! `pgkeep restore` and its options: a part, other owners, roles that are missing, and targets that are refused.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::judge::{self, assert_equal, definitions, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Two owners, a group with a member, grants of every common kind, a default, a foreign key that crosses schemas.
const SHOP: &str = r#"
    CREATE ROLE shop_owner LOGIN PASSWORD 'not to be kept' CONNECTION LIMIT 7 VALID UNTIL '2031-02-03 00:00:00+00';
    CREATE ROLE readers NOLOGIN; CREATE ROLE clerk LOGIN NOINHERIT CREATEDB; GRANT readers TO clerk WITH ADMIN OPTION;
    ALTER ROLE clerk SET statement_timeout = '5s'; CREATE ROLE "staff office" NOLOGIN;
    CREATE ROLE bystander LOGIN;
    CREATE DATABASE shop OWNER shop_owner;"#;
const SCHEMAS: &str = r#"
    CREATE EXTENSION pgcrypto SCHEMA public;
    CREATE SCHEMA sales AUTHORIZATION shop_owner; CREATE SCHEMA staff AUTHORIZATION "staff office";
    GRANT USAGE ON SCHEMA sales TO readers;
    CREATE EXTENSION btree_gist SCHEMA public; CREATE FUNCTION public.near(n int) RETURNS int4range LANGUAGE sql IMMUTABLE AS $$ SELECT int4range(n, n + 2) $$;
    CREATE TABLE sales.shelves (room int, place int, EXCLUDE USING gist (room WITH =, public.near(place) WITH &&));
    CREATE TYPE sales.state AS ENUM ('new', 'paid');
    CREATE FUNCTION public.code(id bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT encode(public.digest(id::text, 'sha1'), 'hex') $$;
    CREATE TABLE sales.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state sales.state DEFAULT 'new', note text,
        code text GENERATED ALWAYS AS (public.code(id)) STORED);
    CREATE TABLE sales.lines (order_id bigint REFERENCES sales.orders, what text, amount numeric(12,2) CHECK (amount > 0));
    CREATE INDEX ON sales.lines (order_id); CREATE INDEX ON sales.orders (lower(note));
    CREATE VIEW sales.open AS SELECT * FROM sales.orders WHERE state = 'new';
    CREATE MATERIALIZED VIEW sales.totals AS SELECT order_id, sum(amount) FROM sales.lines GROUP BY 1;
    CREATE TABLE staff.wages (person text, order_id bigint REFERENCES sales.orders, wage numeric);
    INSERT INTO sales.orders (note) SELECT E'note\n' || n FROM generate_series(1, 500) n;
    INSERT INTO sales.lines SELECT 1 + n % 500, 'thing ' || n, n FROM generate_series(1, 2000) n;
    INSERT INTO staff.wages SELECT 'p' || n, n, 'NaN' FROM generate_series(1, 10) n;
    REFRESH MATERIALIZED VIEW sales.totals;
    ALTER TABLE sales.orders OWNER TO shop_owner; ALTER TABLE sales.lines OWNER TO shop_owner; ALTER VIEW sales.open OWNER TO shop_owner;
    ALTER MATERIALIZED VIEW sales.totals OWNER TO shop_owner; ALTER TYPE sales.state OWNER TO shop_owner;
    ALTER FUNCTION public.code OWNER TO shop_owner; ALTER TABLE staff.wages OWNER TO "staff office";
    GRANT SELECT ON sales.orders, sales.open TO readers; GRANT UPDATE (note) ON sales.orders TO clerk;
    GRANT EXECUTE ON FUNCTION public.code TO clerk WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA sales GRANT SELECT ON TABLES TO readers;
    COMMENT ON TABLE sales.orders IS 'by shop_owner''s leave';"#;

fn started() -> Server {
    Server::start(15, ClusterOptions::default())
}

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// A snapshot of the database `shop`, and the server that has it.
fn shop() -> (Server, Repo) {
    let (source, repo) = (started(), Repo::new());
    for statement in SHOP.split(';').filter(|statement| !statement.trim().is_empty()) {
        source.ask(statement);
    }
    sql(&source, "shop", SCHEMAS);
    repo.json(["backup", "-d", &source.dsn("shop")]);
    (source, repo)
}

#[test]
fn tables_of_a_snapshot_come_alone() {
    let (source, repo) = shop();
    source.ask("CREATE DATABASE part");
    let restored = repo.restored(["latest", "-d", &source.dsn("part"), "-t", "sales.ord*"]);
    assert_eq!((&restored["tables"], &restored["rows"]), (&json!(1), &json!(500)));
    let table = |database| definitions(&source, database, &["-t", "sales.orders", "-t", "sales.orders_id_seq"]);
    assert_equal("the table", &table("shop"), &table("part"));
    let only = "COPY (SELECT * FROM sales.orders ORDER BY id) TO STDOUT";
    assert_equal("its rows", &sql(&source, "shop", only), &sql(&source, "part", only));
    let there = "SELECT string_agg(oid::regclass::text, ' ' ORDER BY oid::regclass::text) FROM pg_class
        WHERE relkind IN ('r', 'v', 'm') AND relnamespace::regnamespace::text IN ('sales', 'staff', 'public')";
    assert_eq!(sql(&source, "part", there), "sales.orders");
    // The next number is the source's.
    let next = "INSERT INTO sales.orders DEFAULT VALUES RETURNING id";
    assert_eq!(sql(&source, "part", next), "501");
}

#[test]
fn a_schema_of_a_whole_snapshot_comes_with_what_it_needs_and_tells_what_stays_out() {
    let (source, repo) = shop();
    source.ask("CREATE DATABASE part");
    let restored = repo.restored(["latest", "-d", &source.dsn("part"), "-n", "sales"]);
    assert_eq!(restored["left_out"], json!([]));
    let schema = |database| definitions(&source, database, &["-n", "sales"]);
    assert_equal("sales", &schema("shop"), &schema("part"));
    let of_sales = |database| rows(&source, database, Some("nspname = 'sales'"));
    assert_equal("its rows", &of_sales("shop"), &of_sales("part"));
    assert_eq!(sql(&source, "part", "SELECT to_regnamespace('staff') IS NULL"), "t");

    // The foreign key of staff needs a table that is not asked for.
    source.ask("CREATE DATABASE other");
    let restored = repo.restored(["latest", "-d", &source.dsn("other"), "-n", "staff"]);
    let left_out = restored["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{restored}");
    assert!(left_out[0]["entry"].as_str().unwrap().contains("wages_order_id_fkey"), "{restored}");
    assert_eq!(sql(&source, "other", "SELECT count(*) FROM staff.wages WHERE wage = 'NaN'"), "10");
}

/// A mistyped name would map nothing.
#[test]
fn what_is_mapped_and_is_not_in_the_snapshot_is_refused() {
    let (source, repo) = shop();
    let refused = |repo: &Repo, switch: &str, pair: &str, why: &str, hint: &str| {
        let said =
            Said::of(&mut repo.restore(["latest", "--create", "-d", &source.dsn("none"), "--json", switch, pair]));
        let document = said.document();
        assert_eq!((said.code, &document["error"]), (2, &json!(why)), "{said:?}");
        assert!(document["hint"].as_str().unwrap().starts_with(hint), "{said:?}");
        assert_eq!(source.ask("SELECT count(*) FROM pg_database WHERE datname = 'none'"), "0");
    };
    let role = |pair: &str, old: &str, hint: &str| {
        refused(&repo, "--map-role", pair, &format!("the snapshot has no role {old}, which --map-role maps"), hint);
    };
    role("shop_ownr=new_owner", "shop_ownr", "Did you mean shop_owner?");
    role("somebody_else=new_owner", "somebody_else", "The roles of the snapshot: ");
    let why = "the snapshot has no tablespace fast, which --map-tablespace maps";
    refused(&repo, "--map-tablespace", "fast=slow", why, "The snapshot names no tablespace");

    source.ask("ALTER SYSTEM SET allow_in_place_tablespaces = on");
    source.ask("SELECT pg_reload_conf()");
    source.wait_for("SHOW allow_in_place_tablespaces", "on");
    source.ask("CREATE TABLESPACE quick LOCATION ''");
    sql(&source, "shop", "CREATE TABLE sales.quick (i int) TABLESPACE quick");
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let why = "the snapshot has no tablespace quik, which --map-tablespace maps";
    refused(&repo, "--map-tablespace", "quik=quick", why, "Did you mean quick?");
    repo.restored(["latest", "--create", "-d", &source.dsn("found"), "--map-tablespace", "quick=pg_default"]);
}

#[test]
fn a_role_is_replaced_wherever_it_was_named() {
    let (source, repo) = shop();
    source.ask("CREATE ROLE new_owner; CREATE ROLE \"new readers\"");
    let dsn = source.dsn("mapped");
    let maps = ["--map-role", "shop_owner=new_owner", "--map-role", "readers=new readers"];
    repo.restored(["latest", "--create", "-d", &dsn].into_iter().chain(maps));
    let expected = definitions(&source, "shop", &["--create"]);
    // In the order of the lines, not that of the names in a list of grants; a comment is text and stays.
    let expected = expected
        .replace("shop_owner", "new_owner")
        .replace("new_owner''s leave", "shop_owner''s leave")
        .replace(" readers", " \"new readers\"")
        .replace("ABASE shop", "ABASE mapped")
        .replace("connect shop", "connect mapped");
    let found = definitions(&source, "mapped", &["--create"]);
    let sorted = |text: &str| {
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    assert_equal("definitions", &sorted(&expected), &sorted(&found));
    assert_eq!(found.matches("shop_owner").count(), 1, "the comment's");
    assert_equal("rows", &rows(&source, "shop", None), &rows(&source, "mapped", None));
}

#[test]
fn an_ordinary_role_restores_what_it_may_own() {
    let (source, repo) = shop();
    let target = started();
    target.ask("CREATE ROLE tenant LOGIN");
    target.ask("CREATE DATABASE theirs OWNER tenant");
    let dsn = target.dsn_as("tenant", "theirs");
    let restored = repo.restored(["latest", "-d", &dsn, "--no-owner", "--no-acl"]);
    assert_eq!(restored["proven"], true);
    let plain = |server, database| definitions(server, database, &["--no-owner", "--no-acl"]);
    assert_equal("definitions", &plain(&source, "shop"), &plain(&target, "theirs"));
    assert_equal("rows", &rows(&source, "shop", None), &rows(&target, "theirs", None));
    let owners =
        "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace::regnamespace::text IN ('sales', 'staff')";
    assert_eq!(sql(&target, "theirs", owners), "tenant");
    let grants = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text IN ('sales', 'staff') AND relacl IS NOT NULL";
    assert_eq!(sql(&target, "theirs", grants), "0");
    assert_eq!(target.ask("SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'"), "2", "no role was made");
}

#[test]
fn missing_roles_are_made_as_they_were_and_without_a_password_unless_it_was_asked_for() {
    let (source, repo) = shop();
    source.ask("COMMENT ON ROLE readers IS 'who may read'");
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let target = started();
    // One that is there stays as it is.
    target.ask("CREATE ROLE \"staff office\" LOGIN CONNECTION LIMIT 1");
    repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
    let made = |server, args: &[&str]| {
        let text = judge::roles(server, args);
        let others = |line: &&str| !line.contains("bystander") && !line.contains("staff office");
        text.lines().filter(others).map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_equal("roles", &made(&source, &["--no-role-passwords"]), &made(&target, &["--no-role-passwords"]));
    assert_eq!(target.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'bystander'"), "0", "nothing refers to it");
    assert_eq!(target.ask("SELECT rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname = 'staff office'"), "t|1");
    assert_eq!(target.ask("SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL"), "0");

    repo.json(["backup", "-d", &source.dsn("shop"), "--role-passwords"]);
    let target = started();
    repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
    let hash = "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop_owner'";
    assert!(source.ask(hash).starts_with("SCRAM-SHA-256$"));
    assert_eq!(target.ask(hash), source.ask(hash));
}

#[test]
fn a_target_that_holds_something_is_refused_and_not_touched() {
    let (source, repo) = shop();
    source.ask("CREATE DATABASE used");
    sql(
        &source,
        "used",
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (mine text); INSERT INTO sales.orders VALUES ('mine')",
    );
    let state = |database| definitions(&source, database, &["--create"]) + &rows(&source, database, None);
    let before = state("used");
    // Each hint is run in `restore_ways.rs`.
    for part in [&[][..], &["-n", "sales"], &["-t", "sales.orders"]] {
        let said = Said::of(repo.restore(["latest", "-q", "-d", &source.dsn("used")]).args(part));
        let there = "pgkeep: the target database used already contains objects of the restore: sales.orders\n  \
            hint: Nothing was changed. To restore into a new database: `";
        assert_eq!((said.code, said.stderr.starts_with(there)), (7, true), "{said:?}");
    }
    assert_equal("the target", &before, &state("used"));

    let before = state("shop");
    let said = Said::of(&mut repo.restore(["latest", "-q", "--create", "-d", &source.dsn("shop")]));
    let there = "pgkeep: the database shop already exists\n  hint: To restore into a new database: `";
    assert_eq!((said.code, said.stderr.starts_with(there)), (7, true), "{said:?}");
    assert!(said.stderr.ends_with("`. If shop is empty, leave --create out.\n"), "{said:?}");
    assert_equal("the source", &before, &state("shop"));
}

/// Whoever owns a schema that is there has other things in it: owner, grants and comment stay, and what differs is told.
#[test]
fn a_schema_that_is_there_stays_as_it_is() {
    let (source, repo) = shop();
    source.ask("CREATE ROLE bob LOGIN");
    let ours = "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO readers WITH GRANT OPTION; COMMENT ON SCHEMA public IS 'ours';
        COMMENT ON SCHEMA sales IS 'what is sold'; CREATE SCHEMA \"Old Stock\" AUTHORIZATION shop_owner; GRANT USAGE ON SCHEMA \"Old Stock\" TO clerk;
        COMMENT ON SCHEMA \"Old Stock\" IS 'dusty'";
    sql(&source, "shop", ours);
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let theirs = "CREATE SCHEMA sales AUTHORIZATION bob; COMMENT ON SCHEMA sales IS 'bob''s'; CREATE SCHEMA \"Old Stock\" AUTHORIZATION bob;
        GRANT USAGE ON SCHEMA sales TO clerk; ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA sales GRANT SELECT, INSERT ON TABLES TO PUBLIC;
        ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA sales GRANT ALL ON SEQUENCES TO clerk; CREATE TABLE sales.mine (i int); ALTER TABLE sales.mine OWNER TO bob";
    let schemas = |database: &str| {
        let of_each =
            "SELECT nspname, nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'),
                (SELECT string_agg(concat_ws(' ', defaclrole::regrole, defaclobjtype, defaclacl), ',' ORDER BY 1) FROM pg_default_acl WHERE defaclnamespace = n.oid) FROM pg_namespace n
            WHERE nspname IN ('public', 'sales', 'Old Stock') ORDER BY 1";
        sql(&source, database, of_each)
    };
    let told = |restored: &serde_json::Value| {
        let warnings = restored["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
        warnings
            .filter(|warning| warning.contains("already exists and is not changed"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let of_sales = "schema sales already exists and is not changed: its owner is bob instead of shop_owner; its comment differs; \
        grants are missing: USAGE to readers; it has additional grants USAGE to clerk";
    let of_public = "schema public already exists and is not changed: its comment differs; \
        grants are missing: USAGE to readers with grant option; it has additional grants USAGE to PUBLIC";
    let of_stock = "schema Old Stock already exists and is not changed: its owner is bob instead of shop_owner; its comment differs; \
        grants are missing: USAGE to clerk";
    // Whoever asks for all of a schema asks for what its new objects are granted as well.
    let of_sales_whole = format!(
        "{of_sales}; default privileges are missing: SELECT to readers on TABLES of shop_owner; \
         it has additional default privileges ALL to clerk on SEQUENCES of bob, INSERT to PUBLIC on TABLES of bob, SELECT to PUBLIC on TABLES of bob"
    );
    let parts: [(&[&str], &[&str]); 4] = [
        (&["-t", "sales.lines"], &[of_sales]),
        (&[], &[of_stock, of_public, &of_sales_whole]),
        (&["-n", "sales"], &[&of_sales_whole]),
        (
            &["--no-owner", "--no-acl", "-t", "sales.lines"],
            &["schema sales already exists and is not changed: its comment differs"],
        ),
    ];
    for (n, (switches, expected)) in parts.iter().enumerate() {
        let database = format!("used{n}");
        source.ask(&format!("CREATE DATABASE {database}"));
        sql(&source, &database, theirs);
        let before = schemas(&database);
        let restored = repo.restored(["latest", "-d", &source.dsn(&database)].iter().chain(*switches));
        assert_equal("the schemas", &before, &schemas(&database));
        assert_eq!(told(&restored), *expected, "{switches:?}");
        let owner = if switches.contains(&"--no-owner") { "postgres" } else { "shop_owner" };
        let owners = "SELECT string_agg(relowner::regrole::text, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('lines', 'mine')";
        assert_eq!(sql(&source, &database, owners), format!("{owner} bob"));
    }

    // A database with nothing else has public as it was made: all of a snapshot makes it the snapshot's, a part does not.
    source.ask("CREATE DATABASE empty");
    let restored = repo.restored(["latest", "-d", &source.dsn("empty")]);
    assert_eq!(told(&restored), Vec::<String>::new());
    assert_equal("the schemas", &schemas("shop"), &schemas("empty"));
    source.ask("CREATE DATABASE part");
    let before = schemas("part");
    let restored = repo.restored(["latest", "-d", &source.dsn("part"), "-n", "public"]);
    assert_eq!((schemas("part"), told(&restored)), (before, vec![of_public.to_owned()]));
}

#[test]
fn an_unknown_snapshot_and_another_repositorys_key_are_refused_before_anything_is_made() {
    let (source, repo) = shop();
    let dsn = source.dsn("copy");
    let said = Said::of(&mut repo.restore(["ffffffffffff", "--create", "-d", &dsn, "-q"]));
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("ffffffffffff"), "{said:?}");

    let stranger = Repo::new();
    let mut restore = repo.command(["--restore-key"]);
    restore.arg(stranger.restore_key()).args(["restore", "latest", "--create", "-d", &dsn, "-q"]);
    let said = Said::of(&mut restore);
    assert_eq!((said.code, said.stdout.as_str()), (6, ""), "{said:?}");
    // Nor does the key that every backup host has.
    let said = Said::of(&mut repo.command(["restore", "latest", "--create", "-d", &dsn, "-q"]));
    assert_eq!((said.code, said.stdout.as_str()), (6, ""), "{said:?}");
    assert_eq!(source.ask("SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

/// What a restore causes itself is no difference: each of its sessions is a log-in, and here log-ins are counted.
#[test]
fn a_database_that_counts_its_log_ins_is_proven() {
    let (source, repo) = (Server::start(17, ClusterOptions::default()), Repo::new());
    source.ask("CREATE DATABASE counting");
    sql(
        &source,
        "counting",
        "CREATE TABLE log_ins (id bigint GENERATED ALWAYS AS IDENTITY, who text); SELECT lo_from_bytea(0, 'x');
         CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log_ins (who) VALUES (session_user); END';
         CREATE EVENT TRIGGER noting ON login EXECUTE FUNCTION note()",
    );
    repo.json(["backup", "-d", &source.dsn("counting"), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    for jobs in ["1", "3"] {
        let restored = repo.restored(["latest", "--create", "-d", &source.dsn("copy"), "-j", jobs]);
        assert_eq!((&restored["proven"], &restored["mismatches"]), (&json!(true), &json!([])), "{restored}");
        assert_eq!(sql(&source, "copy", "SELECT count(*) > 1 FROM log_ins"), "t", "this log-in is counted");
        source.ask("DROP DATABASE copy");
    }
    let mut drill = repo.command(["drill", "latest", "--json", "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    let drill = Said::of(drill.arg("--restore-key").arg(repo.restore_key()));
    assert_eq!((drill.code, &drill.document()["proven"]), (0, &json!(true)), "{drill:?}");
}

/// A domain that comes along because a table needs it comes with all its checks, those too that old values are against.
#[test]
fn a_domain_from_elsewhere_keeps_a_check_that_is_not_valid() {
    let (source, repo) = (started(), Repo::new());
    source.ask("CREATE DATABASE app");
    sql(
        &source,
        "app",
        "CREATE SCHEMA types; CREATE SCHEMA core; CREATE DOMAIN types.pos AS int; CREATE TABLE core.m (v types.pos); INSERT INTO core.m VALUES (-5);
         ALTER DOMAIN types.pos ADD CONSTRAINT is_pos CHECK (VALUE > 0) NOT VALID; COMMENT ON CONSTRAINT is_pos ON DOMAIN types.pos IS 'kept'",
    );
    repo.json(["backup", "-d", &source.dsn("app"), "-n", "core"]);
    let check =
        "SELECT convalidated, obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'is_pos'";
    repo.restored(["latest", "--create", "-d", &source.dsn("copy")]);
    assert_eq!(sql(&source, "copy", check), "f|kept");
    repo.json(["backup", "-d", &source.dsn("app")]);
    source.ask("CREATE DATABASE part");
    repo.restored(["latest", "-d", &source.dsn("part"), "-t", "core.m"]);
    assert_eq!(sql(&source, "part", check), "f|kept");
}
