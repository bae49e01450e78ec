//! Names, comments and settings of roles and databases belong to all databases of a server: those that were written in a database of
//! another encoding come as bytes that are no UTF-8. They are in nobody's way, and no verb breaks down on them.

use std::fs;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

/// A server with a database `latin`, whose role, database and session have names that only it can read, and `shop`, which has nothing to
/// do with them.
fn started() -> Server {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    server.ask("CREATE DATABASE shop");
    latin(&server, "CREATE ROLE U&\"m\\00fcller\" LOGIN");
    latin(&server, "CREATE DATABASE U&\"b\\00fccher\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let sql = "CREATE ROLE clerk; CREATE SCHEMA m; CREATE TABLE m.t (id int PRIMARY KEY); INSERT INTO m.t VALUES (1); ALTER TABLE m.t OWNER TO clerk";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    server
}

fn latin(server: &Server, sql: &str) {
    psql(&server.binaries, &server.dsn("latin"), sql).unwrap();
}

fn split(server: &Server, args: &[&str]) -> Said {
    let mut command = pgkeep();
    command.args(["split", "--quiet", "--json"]).args(args).args(["--from", &server.dsn("shop")]);
    Said::of(command.args(["--to", &server.dsn("part")]))
}

#[test]
fn roles_and_databases_of_another_encoding_are_in_nobodys_way() {
    let (server, repo) = (started(), Repo::new());
    assert_eq!(repo.json(["backup", "-d", &server.dsn("shop")])["rows"], 1);
    assert_eq!(repo.restored(["latest", "--create", "-d", &server.dsn("copy")])["proven"], true);
    assert_eq!(repo.json(["verify", "latest", "--against", &server.dsn("shop")])["ok"], true);
    let folder = folder();
    let asked = folder.path().join("assert.sql");
    fs::write(&asked, "-- there are rows\nSELECT count(*) = 1 FROM m.t;\n").unwrap();
    let mut drill = repo.command(["drill", "--json", "--assert"]);
    let drilled = Said::of(drill.arg(&asked).arg("--restore-key").arg(repo.restore_key()));
    assert_eq!(drilled.code, 0, "{drilled:?}");
    // A database that is not there is looked for among the names of all.
    let mistyped = Said::of(repo.command(["backup"]).args(["-d", &server.dsn("shpo")]));
    assert!(mistyped.code == 4 && mistyped.stderr.contains("shop"), "{mistyped:?}");
    let planned = split(&server, &["--schemas", "m", "--plan"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let moved = split(&server, &["--schemas", "m"]);
    assert_eq!((moved.code, &moved.document()["proven"]), (0, &Value::Bool(true)), "{moved:?}");
    for verb in ["status", "rollback"] {
        let said = split(&server, &[verb]);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn what_the_database_itself_needs_of_them_is_named() {
    let (server, repo) = (started(), Repo::new());
    let refused = |named: &str| {
        let commands =
            [&["backup", "-d"][..], &["split", "--schemas", "m", "--plan", "--to", &server.dsn("part"), "--from"]];
        for command in commands {
            let said = Said::of(repo.command(command).arg(server.dsn("shop")));
            assert_eq!(said.code, 4, "{said:?}");
            assert!(
                said.stderr.contains("names or texts of these objects are not valid UTF-8: ")
                    && said.stderr.contains(named),
                "{said:?}"
            );
            assert!(said.stderr.contains("connect to the database where it was written"), "{said:?}");
        }
    };
    latin(&server, "COMMENT ON ROLE clerk IS U&'l\\00e4dt'");
    refused("l\\xe4dt");
    latin(&server, "COMMENT ON ROLE clerk IS NULL; ALTER ROLE clerk SET search_path = U&\"w\\00e4gt\"");
    refused("w\\xe4gt");
    latin(&server, "ALTER ROLE clerk RESET ALL; COMMENT ON DATABASE shop IS U&'B\\00fccher'");
    refused("B\\xfccher");
    latin(&server, "COMMENT ON DATABASE shop IS NULL; GRANT U&\"m\\00fcller\" TO clerk");
    refused("m\\xfcller");
    latin(&server, "REVOKE U&\"m\\00fcller\" FROM clerk");
    assert_eq!(repo.json(["backup", "-d", &server.dsn("shop")])["rows"], 1);
}
