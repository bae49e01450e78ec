//! Extensions whose tables hold rows of the extension's own beside the user's.

use pgkeep::pg::cluster::ClusterOptions;

use crate::judge::{assert_equal, definitions, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, install_extension, psql};

const NAME: &str = "pgkeep_test_config";
const CONTROL: &str =
    "comment = 'for the tests of pgkeep'\ndefault_version = '1.0'\nrelocatable = false\nschema = config\n";
/// As in PostgreSQL's documentation ("Extension Configuration Tables"): the condition tells the user's rows.
const SCRIPT: &str = "CREATE TABLE rules (id integer PRIMARY KEY, what text NOT NULL);
    INSERT INTO rules SELECT n, 'built in ' || n FROM generate_series(1, 5) n;
    CREATE SEQUENCE rules_id START 1000;
    CREATE TABLE all_theirs (what text);
    CREATE TABLE all_ours (what text);
    INSERT INTO all_ours VALUES ('of the extension');
    SELECT pg_catalog.pg_extension_config_dump('rules', 'WHERE id >= 1000');
    SELECT pg_catalog.pg_extension_config_dump('rules_id', '');
    SELECT pg_catalog.pg_extension_config_dump('all_theirs', '');";

#[test]
fn the_users_rows_of_an_extensions_tables_come_back_and_its_own_are_not_doubled() {
    install_extension(16, NAME, CONTROL, SCRIPT);
    let (source, repo) = (Server::start(16, ClusterOptions::default()), Repo::new());
    source.ask("CREATE DATABASE app");
    let sql = |database: &str, sql: &str| psql(&source.binaries, &source.dsn(database), sql).unwrap();
    sql("app", &format!("CREATE SCHEMA config; CREATE EXTENSION {NAME}"));
    sql(
        "app",
        "INSERT INTO config.rules SELECT nextval('config.rules_id'), E'mine\\t' || n FROM generate_series(1, 7) n;
         INSERT INTO config.all_theirs VALUES ('mine'), (NULL);
         CREATE TABLE public.uses (rule integer REFERENCES config.rules); INSERT INTO public.uses VALUES (3), (1003)",
    );
    let backup = repo.json(["backup", "-d", &source.dsn("app"), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    assert_eq!(backup["rows"], 7 + 2 + 2, "the user's rows alone");
    let restored = repo.restored(["latest", "--create", "-d", &source.dsn("copy")]);
    assert_eq!(restored["proven"], true);
    assert_equal("definitions", &definitions(&source, "app", &[]), &definitions(&source, "copy", &[]));
    assert_equal("rows", &rows(&source, "app", None), &rows(&source, "copy", None));
    assert_eq!(sql("copy", "SELECT count(*), max(id) FROM config.rules"), "12|1006");
    assert_eq!(sql("copy", "SELECT last_value, is_called FROM config.rules_id"), "1006|t");

    // A server without the extension: refused, with the reason.
    let target = Server::start(15, ClusterOptions::default());
    let said = Said::of(&mut repo.restore(["latest", "--create", "-d", &target.dsn("copy"), "-q"]));
    assert_eq!((said.code, said.stdout.as_str()), (8, ""), "{said:?}");
    assert!(
        said.stderr
            .contains(&format!("EXTENSION {NAME}: ERROR: extension \"{NAME}\" is not available (SQLSTATE 0A000)")),
        "{said:?}"
    );
    assert!(said.stderr.contains("\n  hint: Install the extension's package on the target's server "), "{said:?}");
}

/// The documented way of an ordinary role: an administrator has made the extension beforehand, with its schema, and its rows may be there
/// too. What is there and equal is neither made again nor in conflict.
#[test]
fn an_ordinary_role_finds_what_an_administrator_has_made() {
    install_extension(16, NAME, CONTROL, SCRIPT);
    // Like uuid-ossp: the name needs quotes.
    install_extension(
        16,
        "pgkeep-test quoted",
        "comment = 'for the tests'\ndefault_version = '1.0'\n",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;",
    );
    let (source, repo) = (Server::start(16, ClusterOptions::default()), Repo::new());
    let sql = |database: &str, sql: &str| psql(&source.binaries, &source.dsn(database), sql).unwrap();
    source.ask("CREATE DATABASE app");
    source.ask("CREATE ROLE tenant LOGIN");
    let administrator = format!(
        "CREATE SCHEMA config; CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION {NAME}; COMMENT ON SCHEMA ext IS 'theirs';
         CREATE SCHEMA \"My Ext\"; CREATE EXTENSION \"pgkeep-test quoted\" SCHEMA \"My Ext\"; COMMENT ON SCHEMA \"My Ext\" IS 'it''s \"theirs\"'"
    );
    sql("app", &administrator);
    sql(
        "app",
        "INSERT INTO config.rules SELECT nextval('config.rules_id'), 'mine' FROM generate_series(1, 7); CREATE TABLE t (i int, h ext.hstore); INSERT INTO t VALUES (1, 'a=>1')",
    );
    repo.json(["backup", "-d", &source.dsn("app"), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    let rights = "GRANT USAGE ON SCHEMA ext, config TO tenant; GRANT SELECT ON ALL TABLES IN SCHEMA config TO tenant; GRANT SELECT ON ALL SEQUENCES IN SCHEMA config TO tenant";
    let same = "INSERT INTO config.rules SELECT nextval('config.rules_id'), 'mine' FROM generate_series(1, 7)";
    source.ask("CREATE DATABASE theirs OWNER tenant");
    for statement in [administrator.as_str(), rights, same] {
        sql("theirs", statement);
    }
    let restore = ["latest", "--no-owner", "--no-acl", "-d", &source.dsn_as("tenant", "theirs")];
    let restored = repo.restored(restore);
    assert_eq!(
        (&restored["proven"], &restored["warnings"]),
        (&serde_json::json!(true), &serde_json::json!([])),
        "{restored}"
    );
    assert_equal("rows", &rows(&source, "app", None), &rows(&source, "theirs", None));
    source.ask("DROP DATABASE theirs");

    // Rows that are otherwise are not mixed with the snapshot's, and the rest comes.
    source.ask("CREATE DATABASE theirs OWNER tenant");
    for statement in [administrator.as_str(), rights, "INSERT INTO config.rules VALUES (1000, 'another')"] {
        sql("theirs", statement);
    }
    let said = Said::of(repo.restore(restore).arg("--json"));
    let failures = said.document()["failures"].to_string();
    assert_eq!((said.code, failures.contains("TABLE DATA config.rules")), (8, true), "{said:?}");
    assert!(failures.contains("SEQUENCE SET config.rules_id"), "{said:?}");
    assert_eq!(sql("theirs", "SELECT count(*) FROM t"), "1");
}
