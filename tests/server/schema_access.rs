//! Who may do what in the schemas of a copy, as the catalogs of both sides say. pg_dump is no judge of it: it measures against a beginning
//! that is not the copy's, and finds two databases equal that are not.

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql, server};

/// What an operator does to the schema that every database begins with; and the schema in which his table is then.
const STATES: &[(&str, &str, &str)] = &[
    ("asnew", "public", "SELECT 1"),
    ("hardened", "public", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
    ("shut", "public", "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO app"),
    ("open", "public", "GRANT ALL ON SCHEMA public TO PUBLIC"),
    ("makes", "public", "REVOKE USAGE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC"),
    ("owned", "public", "ALTER SCHEMA public OWNER TO keeper; REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
    (
        "less",
        "public",
        "ALTER SCHEMA public OWNER TO keeper; REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM keeper",
    ),
    ("anew", "public", "DROP SCHEMA public; CREATE SCHEMA public"),
    (
        "passed",
        "public",
        "GRANT ALL ON SCHEMA public TO app WITH GRANT OPTION; SET ROLE app; GRANT USAGE ON SCHEMA public TO reader; RESET ROLE",
    ),
    ("renamed", "app", "ALTER SCHEMA public RENAME TO app"),
    (
        "renamedshut",
        "app",
        "ALTER SCHEMA public RENAME TO app; REVOKE ALL ON SCHEMA app FROM PUBLIC; GRANT USAGE ON SCHEMA app TO reader",
    ),
    (
        "exchanged",
        "app",
        "ALTER SCHEMA public RENAME TO app; CREATE SCHEMA public AUTHORIZATION keeper; GRANT USAGE ON SCHEMA public TO app",
    ),
    ("dropped", "z", "DROP SCHEMA public; CREATE SCHEMA z; GRANT USAGE ON SCHEMA z TO PUBLIC, app"),
];

const ROLES: &str = "CREATE ROLE keeper; CREATE ROLE app; CREATE ROLE reader; CREATE ROLE stranger";

/// Each privilege on the schemas, by whom and whether it may be passed on; and the owners.
fn access(server: &Server, database: &str, which: &str) -> String {
    let sql = format!(
        "SELECT string_agg(format('%s of %s: %s', nspname, nspowner::regrole, (SELECT string_agg(a::text, ' ' ORDER BY a::text)
            FROM unnest(coalesce(nspacl, acldefault('n', nspowner))) a)), E'\\n' ORDER BY nspname)
        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pgkeep_split') AND {which}"
    );
    psql(&server.binaries, &server.dsn(database), &sql).unwrap()
}

fn make(server: &Server, (name, schema, state): (&str, &str, &str)) {
    server.ask(&format!("CREATE DATABASE {name}"));
    let table = format!("CREATE TABLE {schema}.t (id int PRIMARY KEY); INSERT INTO {schema}.t VALUES (1)");
    psql(&server.binaries, &server.dsn(name), &format!("{state}; {table}")).unwrap();
}

/// `dumper` is whose pg_dump is taken.
fn every_way_keeps_what_may_be_done_in_schemas(major: u32, dumper: u32) {
    let source = Server::start(major, ClusterOptions::default());
    source.ask(ROLES);
    let programs = server(dumper).bin_dir;
    let repo = Repo::new();
    // All that differs, not only the first.
    let faults = std::cell::RefCell::new(Vec::new());
    let compare = |case: &str, wanted: &str, found: &str| {
        if wanted != found {
            faults.borrow_mut().push(format!("{case}:\n  {wanted}\n  {found}"));
        }
    };
    // The owner of `public` is something that pg_dump 14 does not write at all.
    let is_known =
        |state: &&(&str, &str, &str)| dumper > 14 || !matches!(state.0, "owned" | "less" | "anew" | "exchanged");
    for &(name, schema, state) in STATES.iter().filter(is_known) {
        make(&source, (name, schema, state));
        let case = |way: &str| format!("{major}, pg_dump {dumper}, {name}, {way}");
        let all = "true";
        let wanted = access(&source, name, all);
        let backup = repo.command(["backup", "-q", "-d", &source.dsn(name)]).env("PGKEEP_PG_BIN", &programs).status();
        assert!(backup.unwrap().success(), "{}", case("backup"));
        let restore = |way: &str, switches: &[&str]| {
            let copy = format!("{name}_{way}");
            let latest = format!("latest:{name}");
            let dsn = source.dsn(&copy);
            let asked = [&[latest.as_str(), "--json", "-q", "-d", &dsn][..], switches].concat();
            let said = Said::of(repo.restore(asked).env("PGKEEP_PG_BIN", &programs));
            assert_eq!(said.code, 0, "{}: {said:?}", case(way));
            let warnings = said.document()["warnings"].to_string();
            let said = if warnings.to_lowercase().contains("schema") { warnings.as_str() } else { "" };
            compare(&case(way), "", said);
            copy
        };
        let copy = restore("made", &["--create"]);
        compare(&case("made"), &wanted, &access(&source, &copy, all));
        let copy = restore("part", &["--create", "-n", schema]);
        let asked = format!("nspname = '{schema}'");
        compare(&case("part"), &access(&source, name, &asked), &access(&source, &copy, &asked));
        // One that was not asked for is as the new database has it, if there is one at all.
        let kept = access(&source, &copy, "nspname = 'public'");
        if kept.is_empty() == wanted.contains("public of") {
            compare(&case("part"), "a public or none, as the source", &kept);
        }

        // Empty ones that are there: one as new, and one as a template of the operator's makes it.
        let is_kept = if wanted.contains("public of") { all } else { "nspname <> 'public'" };
        for (way, template) in [
            ("there", "SELECT 1"),
            (
                "odd",
                "GRANT ALL ON SCHEMA public TO stranger WITH GRANT OPTION; REVOKE ALL ON SCHEMA public FROM PUBLIC",
            ),
        ] {
            source.ask(&format!("CREATE DATABASE {name}_{way}"));
            psql(&source.binaries, &source.dsn(&format!("{name}_{way}")), template).unwrap();
            let copy = restore(way, &[]);
            compare(&case(way), &access(&source, name, is_kept), &access(&source, &copy, is_kept));
        }

        let new = format!("{name}_split");
        let mut split = pgkeep();
        split.env("PGKEEP_PG_BIN", &programs).args(["split", "--json", "-q", "--schemas", schema]);
        let said = Said::of(split.args(["--from", &source.dsn(name), "--to", &source.dsn(&new)]));
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{}: {said:?}", case("split"));
        let moved = format!("nspname = '{schema}'");
        // The old place is closed by then.
        let of_moved: Vec<&str> = wanted.lines().filter(|line| line.starts_with(&format!("{schema} of"))).collect();
        compare(&case("split"), &of_moved.join("\n"), &access(&source, &new, &moved));
        let left = access(&source, &new, "nspname = 'public'");
        if left.is_empty() == wanted.contains("public of") {
            compare(&case("split"), "a public or none, as the source", &left);
        }
    }
    let faults = faults.into_inner();
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_way_keeps_what_may_be_done_in_schemas_14_by_its_own_pg_dump() {
    every_way_keeps_what_may_be_done_in_schemas(14, 14);
}

#[test]
fn every_way_keeps_what_may_be_done_in_schemas_14_by_a_newer_pg_dump() {
    every_way_keeps_what_may_be_done_in_schemas(14, 15);
}

#[test]
fn every_way_keeps_what_may_be_done_in_schemas_15() {
    every_way_keeps_what_may_be_done_in_schemas(15, 18);
}

#[test]
fn every_way_keeps_what_may_be_done_in_schemas_18() {
    every_way_keeps_what_may_be_done_in_schemas(18, 18);
}
