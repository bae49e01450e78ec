//! Databases without an encoding (`SQL_ASCII`), whose names and texts may be bytes: those come back as they were, and go nowhere else.

use std::process::{Command, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// `~` stands for the byte E9, which is no UTF-8 wherever it stands here. Each kind of name, and each kind of text. `{private}` is the
/// character that the byte is inside pgkeep, as somebody's own text.
const KINDS: &str = "
    CREATE ROLE \"r~le\"; COMMENT ON ROLE \"r~le\" IS 'c~'; CREATE ROLE plain; COMMENT ON ROLE plain IS 'pl~in'; GRANT plain TO \"r~le\";
    ALTER ROLE plain SET search_path = 's~';
    CREATE SCHEMA \"s~\"; CREATE SCHEMA other;
    CREATE TYPE \"s~\".\"enum~\" AS ENUM ('un', 'd~ux'); CREATE TYPE \"s~\".\"pair~\" AS (\"a~\" int, b text);
    CREATE DOMAIN \"s~\".\"dom~\" AS text DEFAULT 'd~f' CONSTRAINT \"dc~\" CHECK (VALUE <> 'n~n');
    CREATE SEQUENCE \"s~\".\"seq~\";
    CREATE FUNCTION \"s~\".\"f~\"(\"arg~\" text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'r~' || \"arg~\" $$;
    CREATE TABLE \"s~\".\"t~\" (\"k~\" int CONSTRAINT \"pk~\" PRIMARY KEY, e \"s~\".\"enum~\" DEFAULT 'd~ux', d text DEFAULT 'd~faut', o \"s~\".\"dom~\",
        g text GENERATED ALWAYS AS ('g~' || \"k~\"::text) STORED, p \"s~\".\"pair~\", \"n~\" bigint DEFAULT nextval('\"s~\".\"seq~\"'),
        CONSTRAINT \"check~\" CHECK (d <> 'n~n'));
    CREATE INDEX \"i~\" ON \"s~\".\"t~\" (lower(d)) WHERE d <> '~';
    CREATE TABLE \"s~\".\"part~\" (x text, y int) PARTITION BY LIST (x);
    CREATE TABLE \"s~\".\"part1~\" PARTITION OF \"s~\".\"part~\" FOR VALUES IN ('~', 'a');
    CREATE STATISTICS \"s~\".\"st~\" ON d, e FROM \"s~\".\"t~\";
    CREATE VIEW \"s~\".\"v~\" AS SELECT \"k~\" AS \"w~\", 'v~'::text AS x FROM \"s~\".\"t~\";
    CREATE MATERIALIZED VIEW \"s~\".\"mv~\" AS SELECT * FROM \"s~\".\"v~\";
    CREATE FUNCTION public.\"tr~\"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.d := NEW.d; RETURN NEW; END /* ~ */ $$;
    CREATE TRIGGER \"trigger~\" BEFORE INSERT ON \"s~\".\"t~\" FOR EACH ROW WHEN (NEW.d <> 'w~') EXECUTE FUNCTION public.\"tr~\"();
    CREATE RULE \"rule~\" AS ON DELETE TO \"s~\".\"v~\" DO INSTEAD NOTHING;
    CREATE POLICY \"policy~\" ON \"s~\".\"t~\" TO \"r~le\" USING (d <> 'p~');
    CREATE TABLE other.clean (i int, parent int CONSTRAINT \"fk~\" REFERENCES \"s~\".\"t~\");
    CREATE TABLE other.alone (i int, x text); INSERT INTO other.alone VALUES (1, 'a'), (2, 'b');
    COMMENT ON SCHEMA \"s~\" IS 'sch~ma'; COMMENT ON COLUMN \"s~\".\"t~\".\"k~\" IS 'c~l'; COMMENT ON TABLE other.clean IS '~{private}';
    COMMENT ON DATABASE shop IS 'b~se'; ALTER DATABASE shop SET my.word = 'd~';
    ALTER TABLE \"s~\".\"t~\" OWNER TO \"r~le\"; GRANT USAGE, CREATE ON SCHEMA \"s~\" TO \"r~le\"; GRANT SELECT ON other.clean TO \"r~le\", plain;
    INSERT INTO \"s~\".\"t~\" (\"k~\", d, p) VALUES (1, 'a~', ROW(1, 'p~')), (2, '{private}', NULL);
    INSERT INTO \"s~\".\"part~\" VALUES ('~', 1), ('a', 2); INSERT INTO other.clean VALUES (1, 1);
    SELECT setval('\"s~\".\"seq~\"', 17); REFRESH MATERIALIZED VIEW \"s~\".\"mv~\"; SELECT lo_from_bytea(4711, 'abc'); COMMENT ON LARGE OBJECT 4711 IS 'lo~';";

fn as_bytes(sql: &str) -> Vec<u8> {
    let sql = sql.replace("{private}", "\u{10ffe9}");
    sql.bytes().map(|byte| if byte == b'~' { 0xe9 } else { byte }).collect()
}

fn without_encoding(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE DATABASE shop ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    server
}

/// Statements as they are, byte for byte.
#[track_caller]
fn run(server: &Server, sql: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), as_bytes(sql)).unwrap();
    let mut psql = bare(server, "psql");
    let said = psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn("shop"), "-f"]).arg(file.path());
    said_by(said);
}

fn bare(server: &Server, program: &str) -> Command {
    let mut command = server.binaries.command(program);
    command.env("PGCLIENTENCODING", "SQL_ASCII");
    command
}

#[track_caller]
fn said_by(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Definitions, rows and roles as PostgreSQL's own programs write them, but for keys that they make up for each run.
fn judged(server: &Server, database: &str) -> String {
    let dsn = server.dsn(database);
    let definitions = said_by(bare(server, "pg_dump").args(["--create", "--schema-only", "-d", &dsn]));
    let rows = said_by(bare(server, "pg_dump").args(["--data-only", "--inserts", "-d", &dsn]));
    let roles = said_by(bare(server, "pg_dumpall").args(["--roles-only", "-d", &dsn, "-l", database]));
    let kept = |line: &&[u8]| !line.starts_with(b"\\restrict ") && !line.starts_with(b"\\unrestrict ");
    let all = [definitions, rows, roles].concat();
    let lines = all.split(|byte| *byte == b'\n').filter(kept).map(|line| line.escape_ascii().to_string() + "\n");
    lines.collect::<String>().replace(database, "DATABASE")
}

#[track_caller]
fn assert_equal(source: &str, target: &str) {
    assert!(source.contains("\\xe9") && source.contains("\\xf4\\x8f\\xbf\\xa9"), "{source}");
    crate::judge::assert_equal("the copy", source, target);
}

fn keeps_bytes(major: u32) {
    let (server, elsewhere) = (without_encoding(major), Server::start(major, ClusterOptions::default()));
    run(&server, KINDS);
    let source = judged(&server, "shop");
    let repo = Repo::new();
    let bin = server.binaries.bin_dir.to_str().unwrap();
    let taken = repo.json(["backup", "--pg-bin", bin, "-d", &server.dsn("shop")]);
    let whole = taken["snapshot"].as_str().unwrap();
    assert_eq!(repo.json(["verify", whole, "--against", &server.dsn("shop")])["ok"], true);
    // On the server itself, whose roles are there, and on another one, which has none of them.
    for (server, database) in [(&server, "copy"), (&elsewhere, "shop")] {
        let restored = repo.restored([whole, "--create", "-d", &server.dsn(database)]);
        assert_eq!((&restored["proven"], &restored["left_out"]), (&true.into(), &Value::Array(vec![])), "{restored}");
        assert_equal(&source, &judged(server, database));
        assert_eq!(repo.json(["verify", whole, "--against", &server.dsn(database)])["ok"], true);
    }
    let mut drill = repo.command(["drill", whole, "--pg-bin", bin]);
    let drilled = Said::of(drill.arg("--restore-key").arg(repo.restore_key()));
    assert_eq!(drilled.code, 0, "{drilled:?}");
    // What has changed is named as a terminal can show it.
    run(&elsewhere, "UPDATE \"s~\".\"part~\" SET y = 3");
    let differs = Said::of(&mut repo.command(["verify", whole, "--against", &elsewhere.dsn("shop")]));
    assert!(differs.code == 3 && differs.stdout.contains("s\\xe9.part1\\xe9"), "{differs:?}");
}

#[test]
fn names_and_texts_of_bytes_come_back_on_15() {
    keeps_bytes(15);
}

#[test]
fn names_and_texts_of_bytes_come_back_on_18() {
    keeps_bytes(18);
}

fn typed(text: &str) -> std::ffi::OsString {
    std::os::unix::ffi::OsStringExt::from_vec(as_bytes(text))
}

#[test]
fn a_part_is_named_by_its_bytes() {
    let server = without_encoding(15);
    run(&server, KINDS);
    let repo = Repo::new();
    let tables = |switch: &str, pattern: &str| {
        let mut backup = repo.command(["backup", "--json", "-d", &server.dsn("shop"), switch]);
        let said = Said::of(backup.arg(typed(pattern)));
        assert_eq!(said.code, 0, "{said:?}");
        said.document()["tables"].as_u64()
    };
    assert_eq!(tables("-n", "s~"), Some(2));
    assert_eq!(tables("-t", "\"s~\".\"t~\""), Some(1));
    assert_eq!(tables("-t", "s*.*~"), Some(2));
    assert_eq!(tables("-N", "s~"), Some(2));
    // Without what has bytes, it fits into a database that has an encoding.
    assert_eq!(tables("-t", "other.alone"), Some(1));
    server.ask("CREATE DATABASE text");
    assert_eq!(repo.restored(["latest", "-d", &server.dsn("text")])["proven"], true);
    assert_eq!(psql(&server.binaries, &server.dsn("text"), "SELECT count(*) FROM other.alone").unwrap(), "2");
}

#[test]
fn what_another_encoding_cannot_hold_is_refused_and_named() {
    let server = without_encoding(15);
    run(&server, KINDS);
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("shop")]);
    server.ask("CREATE DATABASE text");
    let refused = |database: &str, named: &[&str]| {
        let said = Said::of(&mut repo.restore(["latest", "-d", &server.dsn(database)]));
        assert_eq!(said.code, 8, "{said:?}");
        assert!(named.iter().all(|name| said.stderr.contains(name)), "{said:?}");
        let nothing = "SELECT count(*) FROM pg_class WHERE oid >= 16384";
        assert_eq!(psql(&server.binaries, &server.dsn(database), nothing).unwrap(), "0");
    };
    refused("text", &["the target database text has the encoding UTF8, which cannot hold names or texts of ", "\\xe9"]);

    // The other way round: a character that would become a byte there.
    server.ask("CREATE DATABASE private");
    let sql = "CREATE TABLE \"\u{10ffe9}\" (i int); INSERT INTO \"\u{10ffe9}\" VALUES (1)";
    psql(&server.binaries, &server.dsn("private"), sql).unwrap();
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("private")]);
    assert_eq!(repo.restored(["latest", "--create", "-d", &server.dsn("again")])["proven"], true);
    let there = psql(&server.binaries, &server.dsn("again"), "SELECT i FROM \"\u{10ffe9}\"").unwrap();
    assert_eq!(there, "1");
    server.ask("CREATE DATABASE bare ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let said = Said::of(&mut repo.restore(["latest", "-d", &server.dsn("bare")]));
    assert!(said.code == 8 && said.stderr.contains("has the encoding SQL_ASCII, which cannot hold"), "{said:?}");
}

#[test]
fn a_split_refuses_names_and_texts_of_bytes_and_names_them() {
    let server = without_encoding(15);
    run(&server, "CREATE SCHEMA other; CREATE TABLE other.t (x text); CREATE TABLE plain (x text)");
    let repo = Repo::new();
    let plan = || {
        let (from, to) = (server.dsn("shop"), server.dsn("moved"));
        Said::of(&mut repo.command(["split", "-q", "--plan", "--schemas", "other", "--from", &from, "--to", &to]))
    };
    assert_eq!(plan().code, 0, "{:?}", plan());
    for (make, named, undo) in [
        ("CREATE TABLE \"~\" (i int)", "table public.\\xe9", "DROP TABLE \"~\""),
        ("ALTER TABLE plain ADD \"caf~\" int", "column public.plain.caf\\xe9", "ALTER TABLE plain DROP \"caf~\""),
        (
            "ALTER TABLE plain ALTER x SET DEFAULT 'caf~'",
            "column public.plain.x (its text)",
            "ALTER TABLE plain ALTER x DROP DEFAULT",
        ),
        (
            "COMMENT ON TABLE plain IS 'caf~'",
            "comment on table public.plain (its text)",
            "COMMENT ON TABLE plain IS NULL",
        ),
        (
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''caf~'' '",
            "function public.f (its text)",
            "DROP FUNCTION f",
        ),
        (
            "ALTER TABLE plain ADD CONSTRAINT k CHECK (x <> 'b~')",
            "constraint public.plain.k (its text)",
            "ALTER TABLE plain DROP CONSTRAINT k",
        ),
        ("CREATE SCHEMA \"~\"", "schema \\xe9", "DROP SCHEMA \"~\""),
    ] {
        run(&server, make);
        let said = plan();
        assert_eq!(said.code, 4, "{said:?}");
        let words = format!("names or texts of these objects are not valid UTF-8: {named}\n");
        assert!(said.stderr.contains(&words) && said.stderr.contains("PGCLIENTENCODING=SQL_ASCII psql"), "{said:?}");
        run(&server, undo);
    }
    assert_eq!(plan().code, 0, "{:?}", plan());
}

/// A program that does not know such texts would make other names of them.
#[test]
fn a_snapshot_with_bytes_is_of_a_format_that_older_programs_refuse() {
    let server = without_encoding(15);
    run(&server, "CREATE TABLE plain (x text); INSERT INTO plain VALUES ('a')");
    let format = || {
        let repo = Repo::new();
        repo.json(["backup", "-d", &server.dsn("shop")]);
        crate::format::manifest(&repo, &repo.writer_key())["format"].clone()
    };
    assert_eq!(format(), 2);
    for (make, undo) in [
        ("COMMENT ON TABLE plain IS 'caf~'", "COMMENT ON TABLE plain IS NULL"),
        ("ALTER TABLE plain ADD \"caf~\" int", "ALTER TABLE plain DROP \"caf~\""),
        ("COMMENT ON ROLE postgres IS 'caf~'", "COMMENT ON ROLE postgres IS NULL"),
        ("COMMENT ON TABLE plain IS '{private}'", "COMMENT ON TABLE plain IS NULL"),
    ] {
        run(&server, make);
        assert_eq!(format(), 3, "{make}");
        run(&server, undo);
        assert_eq!(format(), 2, "{undo}");
    }
}
