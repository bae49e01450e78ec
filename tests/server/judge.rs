//! PostgreSQL as the judge of a copy: pg_dump's text of both sides, and every row as COPY writes it. Nothing of pgkeep's own
//! (no digest, no list of tables) has a say here.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::postgres::{Server, psql};

/// Writes the commands that print all rows of the schemas for which `{schemas}` holds: tables (each by itself: ONLY), filled
/// materialized views, sequences. Sorted by the row's text; rows whose text is equal are written equally.
const ROWS_OF: &str = r#"
    SELECT format('COPY (SELECT %L) TO STDOUT;', c.oid::regclass || ' ' || relkind::text) || CASE
        WHEN relkind = 'S' THEN format('COPY (SELECT last_value, is_called FROM %s) TO STDOUT;', c.oid::regclass)
        WHEN NOT relispopulated THEN ''
        ELSE format('COPY (SELECT judged.* FROM %s %s AS judged ORDER BY (judged.*)::text COLLATE "C") TO STDOUT;',
                    CASE relkind WHEN 'r' THEN 'ONLY' ELSE '' END, c.oid::regclass) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'm', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND ({schemas})
    ORDER BY nspname COLLATE "C", relname COLLATE "C""#;

/// Contents, owners, grants and comments of large objects, of which `pg_dump --schema-only` says nothing.
const LARGE_OBJECTS: &str = "COPY (SELECT oid, lomowner::regrole, md5(lo_get(oid)), length(lo_get(oid)), obj_description(oid, 'pg_largeobject'),
    (SELECT array_agg(grants::text ORDER BY grants::text) FROM unnest(lomacl) AS grants)
    FROM pg_largeobject_metadata ORDER BY oid) TO STDOUT;";

/// Text forms must not depend on the settings of the database.
const SETTINGS: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET search_path = ''; SET bytea_output = 'hex'; SET row_security = off;";

/// All rows of the database, or of the schemas for which the condition on `nspname` holds; the large objects as well where
/// everything is asked for.
pub fn rows(server: &Server, database: &str, schemas: Option<&str>) -> String {
    let dsn = server.dsn(database);
    let listing = format!("{SETTINGS} {}", ROWS_OF.replace("{schemas}", schemas.unwrap_or("true")));
    let mut script = format!("{SETTINGS}\n{}\n", psql(&server.binaries, &dsn, &listing).unwrap());
    if schemas.is_none() {
        script += LARGE_OBJECTS;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.sql");
    std::fs::write(&file, script).unwrap();
    let mut psql = server.binaries.command("psql");
    text_of(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &dsn, "-f"]).arg(file))
}

/// The rows are the same, and sequences stand where they stood, or far enough ahead that no number is handed out twice.
#[track_caller]
pub fn assert_gone_over(what: &str, source: &str, target: &str) {
    let mut is_sequence = false;
    let lines = source.lines().zip(target.lines().map(Some).chain(std::iter::repeat(None)));
    let mut gone_on = String::new();
    for (ours, theirs) in lines {
        let value = |line: &str| line.split_once('\t').and_then(|(value, _)| value.parse::<i64>().ok());
        let ahead = is_sequence && value(ours).zip(theirs.and_then(value)).is_some_and(|(a, b)| (b - a).abs() >= 1000);
        gone_on += if ahead { theirs.unwrap_or(ours) } else { ours };
        gone_on += "\n";
        is_sequence = ours.ends_with(" S");
    }
    assert_equal(what, gone_on.trim_end(), target.trim_end());
}

/// What pg_dump, of the server's own version, writes of the definitions: its entries, sorted, because their order follows from
/// OIDs where names and dependencies leave it open. Without the key that newer versions make up for each run.
pub fn definitions(server: &Server, database: &str, args: &[&str]) -> String {
    let mut pg_dump = server.binaries.command("pg_dump");
    let text = text_of(pg_dump.args(["--schema-only", "-d", &server.dsn(database)]).args(args));
    // The values that hold for all entries, once they were set; others stay, at the entry where they are.
    let of_order = ["SET default_tablespace = '';", "SET default_table_access_method = heap;", "--", ""];
    let kept: Vec<&str> = steady_lines(&text).filter(|line| !of_order.contains(line)).collect();
    let entries =
        kept.chunk_by(|_, next| !next.starts_with("-- Name: ") && !next.starts_with("-- PostgreSQL database"));
    let mut entries: Vec<String> = entries
        .map(|lines| {
            let mut lines: Vec<String> = lines.iter().map(|line| with_sorted_roles(line)).collect();
            if lines[0].contains("Type: DATABASE PROPERTIES") {
                // Settings of roles come as they lie in the catalog.
                lines.sort_unstable();
            }
            lines.join("\n") + "\n"
        })
        .collect();
    entries.sort_unstable();
    entries.concat()
}

/// A policy's roles in the order of their names: pg_dump writes them as they lie in the catalog.
pub fn with_sorted_roles(line: &str) -> String {
    if !line.starts_with("CREATE POLICY ") {
        return line.to_owned();
    }
    let Some((before, after)) = line.split_once(" TO ") else { return line.to_owned() };
    let end = [" USING (", " WITH CHECK (", ";"].iter().filter_map(|end| after.find(end)).min().unwrap();
    let mut roles: Vec<&str> = after[..end].split(", ").collect();
    roles.sort_unstable();
    format!("{before} TO {}{}", roles.join(", "), &after[end..])
}

fn steady_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "))
}

/// The roles of the server as pg_dumpall writes them, with memberships, comments and settings: a statement a line, sorted.
pub fn roles(server: &Server, args: &[&str]) -> String {
    let mut pg_dumpall = server.binaries.command("pg_dumpall");
    let text = text_of(pg_dumpall.args(["--roles-only", "-d", &server.dsn("postgres")]).args(args));
    let mut lines: Vec<&str> = steady_lines(&text).filter(|line| !line.is_empty() && !line.starts_with("--")).collect();
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

/// Both texts are equal; otherwise the first lines that are not.
#[track_caller]
pub fn assert_equal(what: &str, source: &str, target: &str) {
    // Nothing compared with nothing proves nothing.
    assert!(!source.trim().is_empty(), "{what}: the source has none");
    if source == target {
        return;
    }
    let (mut ours, mut theirs) = (source.lines(), target.lines());
    let mut before = "";
    for number in 1.. {
        let (a, b) = (ours.next(), theirs.next());
        if a != b {
            let short = |line: Option<&str>| line.map(|line| line.chars().take(300).collect::<String>());
            panic!(
                "{what}: line {number} differs, after {before:.300}\n  source: {:?}\n  target: {:?}",
                short(a),
                short(b)
            );
        }
        before = a.unwrap_or_else(|| panic!("{what}: only the ends of the lines differ"));
    }
}

/// A sample database of the project, made on this server.
pub fn load_sample(server: &Server, sample: &str, scale: &str) {
    let script = project("scripts/sample/load");
    let dsn = server.dsn(sample);
    text_of(Command::new(script).args([sample, "--scale", scale, "--create", &dsn]));
}

pub fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a program prints that succeeds.
#[track_caller]
pub fn text_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Each of these differences between two databases is seen.
#[test]
fn the_judge_is_not_asleep() {
    let server = Server::start(15, pgkeep::pg::cluster::ClusterOptions::default());
    let sql = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql).unwrap();
    for database in ["one", "other"] {
        server.ask(&format!("CREATE DATABASE {database}"));
        sql(
            database,
            "CREATE TABLE t (id serial PRIMARY KEY, note text); INSERT INTO t (note) VALUES ('a'), (NULL), ('');
             CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t; CREATE TABLE child () INHERITS (t);
             SELECT lo_from_bytea(4711, 'abc')",
        );
    }
    let all = |database| rows(&server, database, None) + &definitions(&server, database, &[]);
    assert_equal("before", &all("one"), &all("other"));
    for difference in [
        "UPDATE t SET note = '' WHERE note IS NULL",
        "SELECT setval('t_id_seq', 3, false)",
        "SELECT lo_put(4711, 1, 'x')",
        "INSERT INTO child VALUES (9, 'moved')",
        "REFRESH MATERIALIZED VIEW m",
        "ALTER TABLE child ALTER note SET NOT NULL",
        "GRANT SELECT ON t TO PUBLIC",
    ] {
        let before = all("other");
        sql("other", difference);
        assert_ne!(before, all("other"), "{difference}");
    }
}
