//! Every kind of name is an attack: braces, quotes, dollar quotes, newlines, format's letters, backslashes, escape sequences, SQL. Every
//! verb of the split goes over them; none of them runs as SQL or moves a terminal's cursor, and everything goes there and comes back.

use std::path::{Path, PathBuf};

use pgkeep::pg::cluster::ClusterOptions;

use crate::judge::{assert_equal, definitions, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// With a letter before each, no longer than a name may be.
const ATTACKS: [&str; 8] = [
    "{tables}||public.evil()||{name}{}{0}%I%s%L%1$s",
    "||public.evil()||",
    "$pgkeep$; SELECT public.evil(); --",
    "$$; SELECT public.evil(); DO $$",
    "$f$; SELECT public.evil(); $f$ $1 :x /*",
    "\\'; DROP TABLE public.stays; SELECT public.evil(); --\\",
    "'\"; SELECT public.evil(); --",
    "a\r\n\nFAKED\u{1b}[2K\u{1b}]0;x\u{7}\u{9b}2J\u{202e}",
];
const SOURCE: &str = "o'\"$$;{}\\%I\u{1b}[2K||public.evil()||";
const TARGET: &str = "n'\"$pgkeep$;{tables}\\%s\u{1b}[2K";

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// One schema that moves and one that stays, of a role of its own, with one of everything; all are called by the attack.
fn objects(attack: &str) -> String {
    let named = |letter: &str| identifier(&format!("{letter}{attack}"));
    let (moves, stays, role) = (named("m"), named("s"), named("r"));
    let (column, kind, domain, sequence) = (named("c"), named("t"), named("d"), named("q"));
    let [table, own, child, parent, hidden] = ["a", "b", "k", "p", "h"].map(named);
    let [call, fires, view, reads, filled] = ["f", "g", "v", "w", "x"].map(named);
    let [key, check, index, foreign] = ["y", "z", "i", "j"].map(named);
    let text = literal(attack);
    let next = literal(&format!("{moves}.{sequence}"));
    format!(
        "CREATE ROLE {role}; CREATE SCHEMA {moves} AUTHORIZATION {role}; CREATE SCHEMA {stays} AUTHORIZATION {role}; SET ROLE {role};
        CREATE TYPE {moves}.{kind} AS ENUM ({text}, 'other');
        CREATE DOMAIN {moves}.{domain} AS text CONSTRAINT {check} CHECK (length(VALUE) > 0);
        CREATE SEQUENCE {moves}.{sequence} START 10;
        CREATE TABLE {moves}.{table} ({column} int DEFAULT nextval({next}), {kind} {moves}.{kind} DEFAULT {text}, {domain} {moves}.{domain},
            CONSTRAINT {key} PRIMARY KEY ({column}), CONSTRAINT {check} CHECK ({column} > 0));
        CREATE INDEX {index} ON {moves}.{table} ({domain}) WHERE {column} > 0;
        COMMENT ON TABLE {moves}.{table} IS {text}; COMMENT ON COLUMN {moves}.{table}.{column} IS {text};
        CREATE FUNCTION {moves}.{call}({column} int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE FUNCTION {moves}.{fires}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER {fires} BEFORE INSERT ON {moves}.{table} FOR EACH ROW EXECUTE FUNCTION {moves}.{fires}();
        CREATE TABLE {moves}.{hidden} ({column} int); CREATE POLICY {check} ON {moves}.{hidden} TO {role} USING ({column} > 0);
        ALTER TABLE {moves}.{hidden} ENABLE ROW LEVEL SECURITY;
        CREATE VIEW {moves}.{view} AS SELECT {column} FROM {moves}.{table};
        CREATE TABLE {stays}.{parent} ({column} int CONSTRAINT {key} PRIMARY KEY);
        CREATE TABLE {moves}.{own} ({column} int, CONSTRAINT {foreign} FOREIGN KEY ({column}) REFERENCES {stays}.{parent} ON DELETE CASCADE);
        CREATE TABLE {stays}.{child} ({column} int, CONSTRAINT {foreign} FOREIGN KEY ({column}) REFERENCES {moves}.{table} ON DELETE SET NULL);
        CREATE VIEW {stays}.{reads} AS SELECT {column}, {domain} FROM {moves}.{table};
        CREATE MATERIALIZED VIEW {stays}.{filled} AS SELECT {column} FROM {moves}.{table}; CREATE INDEX {index} ON {stays}.{filled} ({column});
        GRANT SELECT ({column}) ON {moves}.{table} TO {role};
        INSERT INTO {moves}.{table} ({domain}) VALUES ({text}), ('b'); INSERT INTO {stays}.{parent} VALUES (1), (2), (3);
        INSERT INTO {moves}.{own} VALUES (1), (2); INSERT INTO {stays}.{child} VALUES (10), (11); INSERT INTO {moves}.{hidden} VALUES (1);
        REFRESH MATERIALIZED VIEW {stays}.{filled}; RESET ROLE;\n"
    )
}

struct Split<'a> {
    server: &'a Server,
    repo: &'a Repo,
}

impl Split<'_> {
    /// As a person runs it, who reads what it says.
    #[track_caller]
    fn says(&self, code: i32, args: &[&str]) -> String {
        let (from, to) = (self.server.dsn(SOURCE), self.server.dsn(TARGET));
        let said = Said::of(
            self.repo
                .command(["split"])
                .env("PGKEEP_PG_BIN", self.programs())
                .args(args)
                .args(["--from", &from, "--to", &to]),
        );
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        for text in [&said.stdout, &said.stderr] {
            let obeyed = text.chars().find(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}'));
            assert_eq!(obeyed, None, "{args:?}: {text}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("FAKED")), "{args:?}: {text}");
        }
        self.nothing_ran(args[0]);
        said.stdout
    }

    /// The pg_dump that knows the server.
    fn programs(&self) -> PathBuf {
        Path::new(self.server.binaries.command("pg_dump").get_program()).parent().unwrap().to_owned()
    }

    fn nothing_ran(&self, verb: &str) {
        let log = std::fs::read_to_string(self.server.cluster.log_path()).unwrap();
        assert!(!log.contains("evil ran as"), "{verb}");
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    /// A statement for each attack; `MOVES` and the like stand for its names.
    #[track_caller]
    fn for_each(&self, database: &str, statement: &str) -> Vec<String> {
        let names = [
            ("MOVES", "m"),
            ("STAYS", "s"),
            ("COLUMN", "c"),
            ("TABLE", "a"),
            ("OWN", "b"),
            ("CHILD", "k"),
            ("PARENT", "p"),
            ("READS", "w"),
            ("DOMAIN", "d"),
        ];
        let one = |attack: &str| {
            let statement = statement.split(' ').map(|word| {
                let parts = word.split('.').map(|part| match names.iter().find(|(name, _)| *name == part) {
                    Some((_, letter)) => identifier(&format!("{letter}{attack}")),
                    None => part.to_owned(),
                });
                parts.collect::<Vec<_>>().join(".")
            });
            self.sql(database, &statement.collect::<Vec<_>>().join(" "))
        };
        ATTACKS.iter().map(|attack| one(attack)).collect()
    }
}

#[test]
fn no_name_is_run_by_any_verb_of_the_split() {
    let hba = "local all /^pgkeep_bridge[0-9]*_ scram-sha-256\nlocal all all trust\n";
    let data_files = vec![("pg_hba.conf".to_owned(), hba.as_bytes().to_vec())];
    let server = Server::start(17, ClusterOptions { data_files, ..ClusterOptions::default() });
    let repo = Repo::new();
    server.ask(&format!("CREATE DATABASE {}", identifier(SOURCE)));
    let split = Split { server: &server, repo: &repo };
    split.sql(
        SOURCE,
        "CREATE FUNCTION public.evil() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'evil ran as %', current_user; RETURN 'x'; END $$;
        CREATE TABLE public.stays (id int); INSERT INTO public.stays VALUES (1)",
    );
    ATTACKS.iter().for_each(|attack| drop(split.sql(SOURCE, &objects(attack))));
    let (before, defined) = (rows(&server, SOURCE, None), definitions(&server, SOURCE, &[]));
    let as_before = |when: &str| {
        assert_equal(when, &before, &rows(&server, SOURCE, None));
        assert_equal(when, &defined, &definitions(&server, SOURCE, &[]));
    };
    let moving = |boundary: &'static str| ["--schemas", "m*", "--leave", "*", "--boundary", boundary];
    let drop_target = || server.ask(&format!("DROP DATABASE IF EXISTS {}", identifier(TARGET)));

    let folder = tempfile::tempdir().unwrap();
    for picture in ["plan.svg", "plan.dot"] {
        let file = folder.path().join(picture);
        let plan = split.says(0, &[&["--plan", "--picture", file.to_str().unwrap()], &moving("bridge")[..]].concat());
        assert!(plan.contains("\\nFAKED") && plan.contains("\\x1b[2K"), "{plan}");
        let drawn = std::fs::read_to_string(&file).unwrap();
        assert_eq!(drawn.chars().find(|c| *c != '\n' && c.is_control()), None, "{drawn}");
    }
    split.says(3, &[&["--plan"], &moving("refuse")[..]].concat());
    as_before("after the plan");

    split.says(0, &moving("drop"));
    split.says(0, &["status"]);
    split.says(0, &["rollback"]);
    as_before("after drop");
    drop_target();

    split.says(0, &moving("loose"));
    split.for_each(SOURCE, "DELETE FROM STAYS.PARENT WHERE COLUMN = 2");
    split.for_each(TARGET, "DELETE FROM MOVES.TABLE WHERE COLUMN = 11");
    split.says(0, &["status"]);
    let reaped = split.says(0, &["reap"]);
    assert_eq!(reaped.matches("1 row deleted").count(), ATTACKS.len(), "{reaped}");
    assert_eq!(reaped.matches("1 row updated").count(), ATTACKS.len(), "{reaped}");
    split.says(0, &["rollback", "--discard"]);
    drop_target();
    let undone = "INSERT INTO STAYS.PARENT VALUES (2); INSERT INTO MOVES.OWN VALUES (2); UPDATE STAYS.CHILD SET COLUMN = 11 WHERE COLUMN IS NULL";
    split.for_each(SOURCE, undone);
    as_before("after loose");

    split.says(0, &[&moving("bridge")[..], &["--bridge-write"]].concat());
    split.for_each(SOURCE, "SELECT * FROM STAYS.READS");
    split.for_each(SOURCE, "UPDATE MOVES.TABLE SET DOMAIN = 'written' WHERE COLUMN = 11");
    split.for_each(TARGET, "DELETE FROM MOVES.TABLE WHERE DOMAIN <> 'written'");
    assert_eq!(split.for_each(SOURCE, "SELECT count(*) FROM STAYS.READS"), ["1"; ATTACKS.len()]);
    split.says(0, &["status"]);
    split.says(0, &["rollback", "--discard"]);
    as_before("after bridge-write");
    drop_target();

    split.says(0, &moving("bridge"));
    split.says(0, &["finish", "--yes"]);
    split.for_each(SOURCE, "SELECT * FROM STAYS.READS");
    split.for_each(SOURCE, "SELECT * FROM MOVES.TABLE");
    repo.json(["backup", "--pg-bin", split.programs().to_str().unwrap(), "-d", &server.dsn(SOURCE)]);
    repo.restored(["latest", "--create", "-d", &server.dsn("proof")]);
    split.says(0, &["finish", "--yes-drop", SOURCE]);
    split.for_each(SOURCE, "SELECT * FROM STAYS.READS");
    assert_eq!(split.sql(SOURCE, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%moved%'"), "0");
    assert_eq!(split.sql(SOURCE, "SELECT id FROM public.stays"), "1");
    let there = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'm%')";
    assert_eq!(split.sql(TARGET, there), (3 * ATTACKS.len()).to_string());
    split.nothing_ran("the end");
}
