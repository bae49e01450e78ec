//! What is written through a bridge changes the rows that it would have changed before, or none.

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Those on which postgres_fdw loads with the libpq of this machine.
const BRIDGING: [u32; 2] = [14, 15];

/// The database that is split, its twin that is not, and the new one.
struct Twins {
    server: Server,
    repo: Repo,
}

impl Twins {
    fn start(major: u32, made: &str) -> Twins {
        let hba = "local part pgkeep_bridge_part scram-sha-256\nlocal all all trust\n";
        let data_files = vec![("pg_hba.conf".to_owned(), hba.into())];
        let server = Server::start(major, ClusterOptions { data_files, ..ClusterOptions::default() });
        for database in ["whole", "twin"] {
            server.ask(&format!("CREATE DATABASE {database}"));
            psql(&server.binaries, &server.dsn(database), made).unwrap();
        }
        Twins { server, repo: Repo::new() }
    }

    fn split(&self, args: &[&str]) -> Said {
        let (from, to) = (self.server.dsn("whole"), self.server.dsn("part"));
        let own = ["split", "--json", "--schemas", "app", "--boundary", "bridge", "--from", &from, "--to", &to];
        Said::of(&mut self.repo.command(own.iter().chain(args)))
    }

    fn ask(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(&self.server.binaries, &self.server.dsn(database), sql)
    }

    fn told(&self, args: &[&str], name: &str) -> Vec<String> {
        let said = self.split(&[&["--plan"], args].concat());
        assert_eq!(said.code, 0, "{said:?}");
        let document = said.document();
        let findings = document["warnings"].as_array().unwrap();
        let of_name = findings.iter().filter(|finding| finding["name"] == name && finding["kind"] == "bridge_limit");
        of_name.map(|finding| finding["reason"].as_str().unwrap().to_owned()).collect()
    }
}

const MADE: &str = "
    CREATE SCHEMA app; CREATE SCHEMA stay; CREATE TYPE app.state AS ENUM ('open', 'done');
    CREATE TABLE app.job (id int, year int, state app.state, PRIMARY KEY (id, year)) PARTITION BY RANGE (year);
    CREATE TABLE app.job24 PARTITION OF app.job FOR VALUES FROM (2024) TO (2025);
    CREATE TABLE app.job25 PARTITION OF app.job FOR VALUES FROM (2025) TO (2026) PARTITION BY RANGE (id);
    CREATE TABLE app.job25_low PARTITION OF app.job25 FOR VALUES FROM (0) TO (10);
    CREATE TABLE app.job25_high PARTITION OF app.job25 FOR VALUES FROM (10) TO (10000);
    INSERT INTO app.job SELECT i, 2024 + i % 2, (CASE WHEN i % 3 = 0 THEN 'done' ELSE 'open' END)::app.state FROM generate_series(1, 20) i;
    CREATE TABLE app.base (id int, state app.state); CREATE TABLE app.kid (more int) INHERITS (app.base);
    INSERT INTO app.base SELECT i, 'open' FROM generate_series(1, 8) i; INSERT INTO app.kid SELECT i, 'done', i FROM generate_series(9, 14) i;
    CREATE TABLE app.plain (id int, state app.state); INSERT INTO app.plain SELECT i, 'open' FROM generate_series(1, 8) i;
    CREATE TABLE stay.asked (id int); INSERT INTO stay.asked VALUES (2), (4), (9);
    CREATE VIEW stay.reads AS SELECT (SELECT count(*) FROM app.job) + (SELECT count(*) FROM app.job24) + (SELECT count(*) FROM app.job25)
        + (SELECT count(*) FROM app.job25_low) + (SELECT count(*) FROM app.base) + (SELECT count(*) FROM app.kid) + (SELECT count(*) FROM app.plain) AS n";

/// Every table as text, with the relation that a row is in.
const ROWS: &str = "SELECT string_agg(r, ',' ORDER BY r) FROM (
    SELECT tableoid::regclass || row(j)::text AS r FROM app.job j UNION ALL SELECT tableoid::regclass || row(b)::text FROM app.base b
    UNION ALL SELECT tableoid::regclass || row(p)::text FROM app.plain p) x";

/// postgres_fdw changes a row by its place in one relation (`ctid`); those of its siblings have rows in the same place.
#[test]
fn a_change_through_the_bridge_reaches_no_row_that_it_does_not_mean() {
    for major in BRIDGING {
        let twins = Twins::start(major, MADE);
        let told = |name: &str| twins.told(&["--bridge-write"], name);
        for (name, words) in [
            ("app.job", "it is partitioned"),
            ("app.job25", "it is partitioned"),
            ("app.base", "tables inherit from it: ONLY"),
        ] {
            let told = told(name);
            assert!(
                told.len() == 1 && told[0].contains(words) && told[0].contains("UPDATE, DELETE"),
                "{major} {name}: {told:?}"
            );
        }
        for name in ["app.job24", "app.job25_low", "app.kid", "app.plain"] {
            assert_eq!(told(name), [""; 0], "{major} {name}");
        }
        let said = twins.split(&["--bridge-write"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for table in ["job", "job24", "job25", "job25_low", "base", "kid", "plain"] {
            let statements = [
                // Nothing of these can be sent over as it is: the rows are found first, and changed by their place.
                format!("DELETE FROM app.{table} t USING stay.asked a WHERE t.id = a.id AND t.id > 3"),
                format!("UPDATE app.{table} t SET state = 'done' FROM stay.asked a WHERE t.id = a.id"),
                format!("DELETE FROM app.{table} WHERE state::text || random() LIKE 'done%' AND id < 10"),
                // These can.
                format!("UPDATE app.{table} SET state = 'done' WHERE id = 7"),
                format!("DELETE FROM app.{table} WHERE id = 5"),
            ];
            for statement in statements {
                let before = twins.ask("part", ROWS).unwrap();
                match twins.ask("whole", &statement) {
                    Ok(_) => {
                        twins.ask("twin", &statement).unwrap();
                        kept.push(table);
                    }
                    Err(told) => {
                        assert!(told.contains("permission denied for table"), "{major}: {statement}: {told}");
                        assert_eq!(twins.ask("part", ROWS).unwrap(), before, "{major}: {statement}");
                        refused.push(table);
                    }
                }
                assert_eq!(twins.ask("part", ROWS), twins.ask("twin", ROWS), "{major}: {statement}");
            }
        }
        kept.dedup();
        refused.dedup();
        assert_eq!(
            (kept, refused),
            (vec!["job24", "job25_low", "kid", "plain"], vec!["job", "job25", "base"]),
            "{major}"
        );
        for insert in ["job VALUES (900, 2025, 'done')", "base VALUES (900, 'open')"] {
            for database in ["whole", "twin"] {
                twins.ask(database, &format!("INSERT INTO app.{insert}")).unwrap();
            }
        }
        assert_eq!(twins.ask("part", ROWS), twins.ask("twin", ROWS), "{major}");
    }
}

/// A number that is counted in the new database is counted nowhere else.
#[test]
fn no_default_counts_on_in_the_old_database() {
    let made = "CREATE SCHEMA app; CREATE SCHEMA stay; CREATE SEQUENCE app.s; CREATE SEQUENCE app.f; CREATE SEQUENCE app.st; CREATE SEQUENCE app.d; CREATE SEQUENCE app.c; CREATE SEQUENCE app.closed;
        CREATE TABLE app.top (n bigint); INSERT INTO app.top VALUES (0);
        CREATE FUNCTION app.next_id() RETURNS bigint SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('app.f'); END $$;
        CREATE FUNCTION app.next_top() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ UPDATE app.top SET n = n + 1 RETURNING n $$;
        CREATE FUNCTION app.next_stable() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('app.st'); END $$;
        CREATE FUNCTION app.next_called() RETURNS bigint SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('app.c'); END $$;
        CREATE FUNCTION app.next_closed() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('app.closed'); END $$;
        CREATE DOMAIN app.counted AS bigint DEFAULT nextval('app.d'); CREATE DOMAIN app.called AS bigint DEFAULT app.next_called();
        CREATE FUNCTION app.word() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'word'::text $$;
        CREATE TABLE app.direct (id bigint DEFAULT nextval('app.s'), t text, at timestamptz DEFAULT now(), w text DEFAULT app.word(), u uuid DEFAULT gen_random_uuid());
        CREATE TABLE app.by_function (id bigint DEFAULT app.next_id() + 0, t text); CREATE TABLE app.by_table (id bigint DEFAULT app.next_top(), t text);
        CREATE TABLE app.by_stable (id bigint DEFAULT app.next_stable(), t text); CREATE TABLE app.by_closed (id bigint DEFAULT app.next_closed(), t text);
        CREATE TABLE app.by_domain (id app.counted, t text); CREATE TABLE app.by_called (id app.called, t text);
        CREATE VIEW stay.v AS SELECT (SELECT count(*) FROM app.direct) + (SELECT count(*) FROM app.by_function) + (SELECT count(*) FROM app.by_table)
            + (SELECT count(*) FROM app.by_stable) + (SELECT count(*) FROM app.by_domain) + (SELECT count(*) FROM app.by_called) + (SELECT count(*) FROM app.by_closed) AS n";
    for major in BRIDGING {
        let twins = Twins::start(major, made);
        let said = twins.split(&["--bridge-write"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        for table in ["direct", "by_function", "by_table", "by_stable", "by_domain", "by_called"] {
            for database in ["part", "whole", "part", "whole"] {
                let insert = format!("INSERT INTO app.{table} (t) SELECT 'x' FROM generate_series(1, 1200)");
                twins.ask(database, &insert).unwrap_or_else(|told| panic!("{major} {table} {database}: {told}"));
            }
            let numbers = format!("SELECT count(id) || ' ' || count(DISTINCT id) FROM app.{table}");
            assert_eq!(twins.ask("part", &numbers).unwrap(), "4800 4800", "{major} {table}");
        }
        // A function that runs as whoever inserts runs as the bridge's role: it may do no more than that.
        let told = twins.ask("whole", "INSERT INTO app.by_closed (t) VALUES ('x')").unwrap_err();
        assert!(told.contains("permission denied for sequence closed"), "{major}: {told}");
        // What counts nothing is computed where the row is written, and may be given.
        let given = "INSERT INTO app.direct (t, at, w, u) VALUES ('given', '2001-01-01', 'mine', '00000000-0000-0000-0000-000000000001')";
        twins.ask("whole", given).unwrap();
        let rows = "SELECT count(*) FILTER (WHERE w = 'word' AND at IS NOT NULL) || ' ' || count(DISTINCT u) || ' ' || count(*) FILTER (WHERE w = 'mine') FROM app.direct";
        assert_eq!(twins.ask("part", rows).unwrap(), "4800 4801 1", "{major}");
    }
}

/// What reads the versions of rows, or a table without its children, would read something else through a foreign table.
#[test]
fn what_a_foreign_table_has_otherwise_blocks_the_bridge() {
    let uses = [
        ("versions", "SELECT xmin::text AS version FROM app.plain"),
        ("deleted", "SELECT 1 AS n FROM app.job WHERE xmax::text <> '0'"),
        ("commands", "SELECT cmin FROM app.plain"),
        ("place", "SELECT ctid FROM app.job"),
        ("relation", "SELECT tableoid::regclass AS t FROM app.base"),
        ("only_base", "SELECT count(*) FROM ONLY app.base"),
        ("only_job", "SELECT 1 AS n WHERE EXISTS (SELECT FROM stay.asked a JOIN ONLY app.job USING (id))"),
        ("deep", "WITH x AS (SELECT id FROM app.kid UNION ALL SELECT id FROM ONLY app.base) SELECT * FROM x"),
    ];
    let harmless = [
        ("same_place", "SELECT ctid FROM app.plain"),
        ("same_relation", "SELECT tableoid::regclass AS t FROM app.kid"),
        ("only_plain", "SELECT count(*) FROM ONLY app.plain"),
        ("word", "SELECT 'ONLY app'::text AS w, xmin FROM stay.asked, (SELECT FROM app.base LIMIT 1) b"),
    ];
    let views: Vec<String> =
        uses.iter().chain(&harmless).map(|(name, query)| format!("CREATE VIEW stay.{name} AS {query};")).collect();
    let others = "CREATE FUNCTION stay.atomic() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM ONLY app.base; END;
        ALTER TABLE stay.asked ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON stay.asked USING (EXISTS (SELECT FROM app.plain p WHERE p.id = asked.id AND p.xmin::text <> '1'));
        CREATE RULE ruled AS ON INSERT TO stay.asked DO ALSO UPDATE stay.asked SET id = id WHERE id IN (SELECT id FROM ONLY app.base)";
    let twins = Twins::start(15, &format!("{MADE}; {}{others}", views.concat()));
    let said = twins.split(&["--plan"]);
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.document();
    let blockers = document["blockers"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "bridge_limit");
    let mut blocked: Vec<&str> = blockers.map(|finding| finding["name"].as_str().unwrap()).collect();
    blocked.sort_unstable();
    let mut expected: Vec<String> = uses.iter().map(|(name, _)| format!("view stay.{name}")).collect();
    expected.extend(
        ["function stay.atomic()", "policy seen on table stay.asked", "rule ruled on table stay.asked"]
            .map(str::to_owned),
    );
    expected.sort_unstable();
    assert_eq!(blocked, expected);
}

/// `finish` leaves nothing in the old schemas that the foreign tables need.
#[test]
fn the_types_of_the_columns_go_where_the_foreign_tables_go() {
    let made = "CREATE SCHEMA app; CREATE SCHEMA stay; CREATE TYPE app.e AS ENUM ('a'); CREATE DOMAIN app.d AS app.e;
        CREATE TYPE app.within AS RANGE (subtype = float8, multirange_type_name = app.withins);
        CREATE TYPE app.beyond AS RANGE (subtype = int8, multirange_type_name = app.beyonds);
        CREATE TYPE app.pair AS (a app.d, b app.withins[]); CREATE DOMAIN app.far AS app.beyonds;
        CREATE TABLE app.t (id int PRIMARY KEY, p app.pair[], f app.far, w app.within); INSERT INTO app.t VALUES (1, ARRAY[ROW('a', ARRAY['{[1,2]}'::app.withins])::app.pair], '{[3,4]}', '[5,6]');
        CREATE VIEW stay.v AS SELECT p, f, w FROM app.t";
    for major in BRIDGING {
        let twins = Twins::start(major, made);
        let read = |database| twins.ask(database, "SELECT * FROM stay.v").unwrap();
        let said = twins.split(&[]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        let (from, to) = (twins.server.dsn("whole"), twins.server.dsn("part"));
        let finish = |args: &[&str]| {
            let own = ["split", "finish", "--yes", "--json", "--from", &from, "--to", &to];
            Said::of(&mut twins.repo.command(own.iter().chain(args)))
        };
        let said = finish(&[]);
        assert_eq!((said.code, &said.document()["needed_by"]), (0, &serde_json::json!([])), "{major}: {said:?}");
        twins.repo.json(["backup", "-d", &from]);
        twins.repo.restored(["latest", "--create", "-d", &twins.server.dsn("proof")]);
        let said = finish(&["--yes-drop", "whole"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert_eq!(read("whole"), read("twin"), "{major}");
    }
}
