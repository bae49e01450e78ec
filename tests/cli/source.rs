//! A source database that cannot be named or reached.

use crate::pgkeep::{Repo, assert_refused};

#[test]
fn a_server_that_is_down_is_exit_code_4() {
    let repo = Repo::new();
    let folder = repo.root().with_file_name("nowhere");
    assert_refused(
        &mut repo.command(["backup", "-d", &format!("host={} user=u dbname=d", folder.display())]),
        4,
        &format!(
            "pgkeep: connecting failed at the source database\n  \
             because: could not connect to socket {}:5432\n  \
             because: No such file or directory (os error 2)\n  \
             hint: there is no server socket: is the server running, and are the folder and the port right?\n",
            folder.display()
        ),
    );
    // Nobody listens on port 1 of the loopback interface: it takes root to, and it is tcpmux.
    assert_refused(
        &mut repo.command(["backup", "-d", "postgresql://u@127.0.0.1:1/d"]),
        4,
        "pgkeep: connecting failed at the source database\n  \
         because: could not connect to 127.0.0.1:1\n  \
         because: Connection refused (os error 111)\n  \
         hint: is the server running, and do listen_addresses and port allow TCP connections?\n",
    );
    assert_eq!(repo.json(["list"]), serde_json::json!([]));
}

#[test]
fn a_connection_string_that_cannot_be_used_is_exit_code_2() {
    let repo = Repo::new();
    assert_refused(
        &mut repo.command(["backup", "-d", "host=127.0.0.1 prt=1"]),
        2,
        "pgkeep: the connection string cannot be used\n  \
         because: the connection string has the unknown connection setting \"prt\"\n  \
         hint: Did you mean \"port\"?\n",
    );
    // A password in what is wrong must not reach a log.
    let said = crate::pgkeep::Said::of(&mut repo.command([
        "backup",
        "-d",
        "host=127.0.0.1 password=geheim sslmode=sometimes",
    ]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(!said.stderr.contains("geheim"), "{said:?}");
}

#[test]
fn a_pattern_that_cannot_be_used_is_exit_code_2() {
    let repo = Repo::new();
    assert_refused(
        &mut repo.command(["backup", "-d", "host=/nonexistent user=u dbname=d", "-t", "a.b.c.d"]),
        2,
        "pgkeep: invalid pattern\n  \
         because: the pattern \"a.b.c.d\" has too many dots\n  \
         hint: a schema pattern has no dot, a table pattern at most one; put a dot that is part of a name in double quotes\n",
    );
}

/// libpq's own choice is rarely what was meant, and an empty database is backed up as well as any.
#[test]
fn a_database_that_nobody_named_is_told() {
    let repo = Repo::new();
    let mut command = repo.command(["backup", "-q", "-d", "host=/nonexistent user=u"]);
    let said = crate::pgkeep::Said::of(command.env_remove("PGDATABASE"));
    let note =
        "pgkeep: note: no database was named, so the one with the user's name is taken: u; -d NAME names another one\n";
    assert!(said.code == 4 && said.stderr.starts_with(note), "{said:?}");
    let said = crate::pgkeep::Said::of(command.env("PGDATABASE", "shop"));
    assert!(said.code == 4 && !said.stderr.contains("note:"), "{said:?}");
}
