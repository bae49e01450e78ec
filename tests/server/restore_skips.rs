//! What depends on an entry that the target refuses is not tried, and told with what it needs; all else is restored. The judge of what
//! depends is PostgreSQL's own DROP ... CASCADE.

use std::collections::BTreeSet;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

const APP: &str = "CREATE SCHEMA app; CREATE SCHEMA other;
    CREATE TYPE app.state AS ENUM ('new', 'old');
    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE app.t (id serial PRIMARY KEY, s app.state, n int CHECK (n > 0));
    CREATE TABLE app.u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t_id int REFERENCES app.t);
    CREATE TABLE app.heir (more int) INHERITS (app.t);
    INSERT INTO app.t (s, n) VALUES ('new', 1), ('old', 2); INSERT INTO app.u (t_id) VALUES (1);
    CREATE INDEX ON app.t (s); CREATE STATISTICS app.both ON s, n FROM app.t;
    CREATE TRIGGER touched BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();
    CREATE POLICY mine ON app.t USING (n > 0); ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
    CREATE RULE none AS ON DELETE TO app.t DO INSTEAD NOTHING;
    CREATE VIEW app.v AS SELECT id, s FROM app.t; CREATE VIEW other.w AS SELECT * FROM app.v;
    CREATE MATERIALIZED VIEW app.m AS SELECT id FROM other.w; CREATE UNIQUE INDEX ON app.m (id);
    COMMENT ON TABLE app.t IS 'all'; COMMENT ON COLUMN app.t.n IS 'a number'; COMMENT ON INDEX app.t_s_idx IS 'by state';
    COMMENT ON VIEW app.v IS 'seen'; COMMENT ON MATERIALIZED VIEW app.m IS 'kept'; COMMENT ON TYPE app.state IS 'which';
    GRANT SELECT ON app.t, app.v, app.m TO PUBLIC; GRANT SELECT (id) ON app.t TO pg_monitor;
    CREATE TABLE app.parted (k int PRIMARY KEY) PARTITION BY LIST (k); CREATE TABLE app.part PARTITION OF app.parted DEFAULT;
    INSERT INTO app.parted VALUES (7); COMMENT ON TABLE app.parted IS 'in parts'";

/// An entry, what an event trigger calls it, and what takes it and all that cannot be without it out of the source. A serial column's
/// sequence stands without its table. A partition's key does not come without its parent's, on which pg_dump says that it depends.
const REFUSED: [(&str, &str, &str); 9] = [
    ("SCHEMA app", "app", "DROP SCHEMA app CASCADE"),
    (
        "TYPE app.state",
        "app.state",
        "ALTER SEQUENCE app.t_id_seq OWNED BY NONE; DROP TABLE app.t CASCADE; DROP TYPE app.state",
    ),
    ("FUNCTION app.touch()", "app.touch()", "DROP FUNCTION app.touch CASCADE"),
    ("TABLE app.t", "app.t", "ALTER SEQUENCE app.t_id_seq OWNED BY NONE; DROP TABLE app.t CASCADE"),
    ("VIEW app.v", "app.v", "DROP VIEW app.v CASCADE"),
    ("MATERIALIZED VIEW app.m", "app.m", "DROP MATERIALIZED VIEW app.m"),
    ("CONSTRAINT app.t t_pkey", "app.t_pkey", "ALTER TABLE app.t DROP CONSTRAINT t_pkey CASCADE"),
    ("INDEX app.t_s_idx", "app.t_s_idx", "DROP INDEX app.t_s_idx"),
    (
        "TABLE app.parted",
        "app.parted",
        "ALTER TABLE app.parted DETACH PARTITION app.part; ALTER TABLE app.part DROP CONSTRAINT part_pkey; DROP TABLE app.parted",
    ),
];

fn entries(told: &Value) -> BTreeSet<&str> {
    told.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry.as_str().unwrap_or_else(|| entry["entry"].as_str().unwrap()))
        .collect()
}

#[test]
fn what_depends_on_a_refused_entry_is_skipped_and_nothing_else() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(&server, "app", APP);
    repo.json(["backup", "-d", &server.dsn("app")]);
    for (n, (entry, identity, taken_out)) in REFUSED.iter().enumerate() {
        let (copy, wanted) = (format!("copy_{n}"), format!("wanted_{n}"));
        server.ask(&format!("CREATE DATABASE {copy}"));
        server.ask(&format!("CREATE DATABASE {wanted} TEMPLATE app"));
        // A key has no command of its own.
        let is_made = match entry.starts_with("CONSTRAINT ") {
            true => format!("pg_catalog.to_regclass('{identity}') IS NOT NULL"),
            false => {
                format!("EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = '{identity}')")
            }
        };
        let refusing = format!(
            "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF {is_made} THEN RAISE 'not here'; END IF; END $$;
             CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION public.refuse()"
        );
        sql(&server, &copy, &refusing);
        let mut restore = repo.restore(["latest", "-q", "-d", &server.dsn(&copy)]);
        let said = Said::of(restore.arg("--json"));
        assert_eq!(said.code, 8, "{entry}: {said:?}");
        let told = said.document();
        assert_eq!(entries(&told["failures"]), BTreeSet::from([*entry]), "{told:#}");
        // Each says what it is without.
        assert_eq!(entries(&told["skipped"]), entries(&told["skipped_for"]), "{told:#}");
        let needs = told["skipped_for"].as_array().unwrap().iter().map(|skipped| skipped["needs"].as_str().unwrap());
        let sequence = |needs: &&str| needs.starts_with("SEQUENCE app.");
        assert!(needs.filter(|needs| !sequence(needs)).all(|needs| needs == *entry), "{told:#}");
        sql(&server, &copy, "DROP FUNCTION public.refuse CASCADE");
        sql(&server, &wanted, taken_out);
        assert_equal(entry, &definitions(&server, &wanted, &[]), &definitions(&server, &copy, &[]));
    }
}

/// In the words of both forms: the first cause, and no other.
#[test]
fn an_extension_that_lies_elsewhere_is_the_cause_that_is_told() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, m citext);
         CREATE INDEX by_m ON app.t (m); CREATE TABLE app.u (id int REFERENCES app.t, w text); CREATE INDEX by_word ON app.u USING gin (w gin_trgm_ops);
         INSERT INTO app.t VALUES (1, 'A'); CREATE VIEW app.v AS SELECT * FROM app.t; GRANT SELECT ON app.t TO PUBLIC",
    );
    repo.json(["backup", "-d", &server.dsn("app")]);
    server.ask("CREATE DATABASE copy");
    let elsewhere = "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext";
    for fix in [&[][..], &["--search-path-fix"]] {
        server.ask("DROP DATABASE copy");
        server.ask("CREATE DATABASE copy");
        sql(&server, "copy", elsewhere);
        let said = Said::of(repo.restore(["latest", "-q", "--json", "-d", &server.dsn("copy")]).args(fix));
        let told = said.document();
        assert_eq!(
            (said.code, entries(&told["failures"])),
            (8, BTreeSet::from(["TABLE app.t", "INDEX app.by_word"])),
            "{told:#}"
        );
        let skipped = [
            "VIEW app.v",
            "CONSTRAINT app.t t_pkey",
            "INDEX app.by_m",
            "FK CONSTRAINT app.u u_id_fkey",
            "ACL app.TABLE t",
        ];
        assert_eq!(entries(&told["skipped"]), BTreeSet::from(skipped), "{told:#}");
        for failure in told["failures"].as_array().unwrap() {
            let hint = failure["hint"].as_str().unwrap();
            let extension = if failure["entry"] == "TABLE app.t" { "citext" } else { "pg_trgm" };
            let moves = format!("`ALTER EXTENSION \"{extension}\" SET SCHEMA \"public\";`");
            assert!(hint.contains(&moves) && !hint.contains("search_path"), "{told:#}");
        }
        // Then what is in the database.
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.starts_with(told["failures"][0]["hint"].as_str().unwrap()), "{told:#}");
    }
    server.ask("DROP DATABASE copy");
    server.ask("CREATE DATABASE copy");
    sql(&server, "copy", elsewhere);
    let said = Said::of(&mut repo.restore(["latest", "-q", "-d", &server.dsn("copy")]));
    let line = "  skipped: VIEW app.v, CONSTRAINT app.t t_pkey, INDEX app.by_m, FK CONSTRAINT app.u u_id_fkey, ACL app.TABLE t (without TABLE app.t)\n";
    assert!(said.stderr.contains(line), "{said:?}");
    // As the hint says.
    server.ask("DROP DATABASE copy");
    server.ask("CREATE DATABASE copy");
    sql(&server, "copy", elsewhere);
    sql(&server, "copy", "ALTER EXTENSION citext SET SCHEMA public; ALTER EXTENSION pg_trgm SET SCHEMA public");
    assert_eq!(repo.restored(["latest", "-d", &server.dsn("copy")])["proven"], json!(true));
}

/// Where the target has what could not be made, it is not taken for missing.
#[test]
fn what_is_there_already_keeps_nothing_back() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE ROLE ann LOGIN; CREATE ROLE ben");
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "ALTER SCHEMA public OWNER TO ben; CREATE TABLE public.t (id int PRIMARY KEY); ALTER TABLE public.t OWNER TO ann; INSERT INTO public.t VALUES (1)",
    );
    repo.json(["backup", "-d", &server.dsn("app")]);
    server.ask("CREATE DATABASE copy OWNER ann");
    let said = Said::of(&mut repo.restore(["latest", "-q", "--json", "--no-acl", "-d", &server.dsn_as("ann", "copy")]));
    // She may give `public` to nobody, and what is in it comes.
    assert_eq!(said.code, 8, "{said:?}");
    assert_eq!(said.document()["skipped"], json!([]), "{said:?}");
    assert_eq!(sql(&server, "copy", "SELECT count(*) FROM public.t"), "1");
}
