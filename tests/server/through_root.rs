//! Partitions that another database cuts otherwise: by the hash of an enum, whose OIDs are another's there, or by a function that says
//! something else. Rows come back through the table above them, and the proof is of all of them together.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// Cut by the hash of an enum, of an array of it, and of a row of it; below a table that is cut by ranges, and above one that is cut by a
/// list; a partition with its columns in another order; keys among its own rows, from it, to it; an index and statistics.
const CUT: &str = "CREATE SCHEMA m;
    CREATE TYPE m.word AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p');
    CREATE TYPE m.pair AS (word m.word, n int);
    CREATE TABLE m.felt (id int, word m.word, before int, before_word m.word, note text, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, word)) PARTITION BY HASH (word);
    CREATE TABLE m.felt_0 PARTITION OF m.felt FOR VALUES WITH (MODULUS 4, REMAINDER 0);
    CREATE TABLE m.felt_1 PARTITION OF m.felt FOR VALUES WITH (MODULUS 4, REMAINDER 1) PARTITION BY LIST (id);
    CREATE TABLE m.felt_1_one PARTITION OF m.felt_1 FOR VALUES IN (1, 2, 3);
    CREATE TABLE m.felt_1_rest PARTITION OF m.felt_1 DEFAULT;
    CREATE TABLE m.felt_2 (note text, gone int, word m.word NOT NULL, before_word m.word, id int NOT NULL, before int, twice int GENERATED ALWAYS AS (id * 2) STORED);
    ALTER TABLE m.felt_2 DROP gone;
    ALTER TABLE m.felt ATTACH PARTITION m.felt_2 FOR VALUES WITH (MODULUS 4, REMAINDER 2);
    CREATE TABLE m.felt_3 PARTITION OF m.felt FOR VALUES WITH (MODULUS 4, REMAINDER 3);
    ALTER TABLE m.felt ADD FOREIGN KEY (before, before_word) REFERENCES m.felt;
    CREATE UNIQUE INDEX ON m.felt_0 (note);
    CREATE TABLE m.refers (id int, word m.word, FOREIGN KEY (id, word) REFERENCES m.felt);
    CREATE TABLE m.years (year int, words m.word[], note text) PARTITION BY RANGE (year);
    CREATE TABLE m.y25 PARTITION OF m.years FOR VALUES FROM (2025) TO (2026) PARTITION BY HASH (words);
    CREATE TABLE m.y25_0 PARTITION OF m.y25 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE m.y25_1 PARTITION OF m.y25 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE m.y26 PARTITION OF m.years FOR VALUES FROM (2026) TO (2027);
    CREATE TABLE m.pairs (pair m.pair, note text) PARTITION BY HASH (pair);
    CREATE TABLE m.pairs_0 PARTITION OF m.pairs FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE m.pairs_1 PARTITION OF m.pairs FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO m.felt SELECT i, w, nullif(i, 1), w, 'note ' || i || w FROM generate_series(1, 200) i, unnest(enum_range(NULL::m.word)) w;
    INSERT INTO m.refers SELECT id, word FROM m.felt;
    INSERT INTO m.years SELECT 2025 + i % 2, ARRAY[w, 'a'::m.word], 'y' || i FROM generate_series(1, 20) i, unnest(enum_range(NULL::m.word)) w;
    INSERT INTO m.pairs SELECT ROW(w, i)::m.pair, 'p' FROM generate_series(1, 20) i, unnest(enum_range(NULL::m.word)) w";

/// How many rows are in which partition, and what is in the whole.
const SPREAD: &str = "SELECT (SELECT string_agg(t || ' ' || n, ', ' ORDER BY t) FROM (SELECT tableoid::regclass::text AS t, count(*) AS n FROM m.felt GROUP BY 1) c)";
const WHOLE: &str = "SELECT (SELECT md5(string_agg(f::text, ',' ORDER BY id, word)) FROM m.felt f) || (SELECT md5(string_agg(y::text, ',' ORDER BY y::text)) FROM m.years y)
    || (SELECT md5(string_agg(p::text, ',' ORDER BY p::text)) FROM m.pairs p) || (SELECT count(*) FROM m.refers)";

#[track_caller]
fn ask(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

fn shop(major: u32, sql: &str) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    ask(&server, "shop", sql);
    server
}

#[track_caller]
fn against(repo: &Repo, server: &Server, database: &str) -> (i32, Value) {
    let said = Said::of(&mut repo.command(["verify", "latest", "--json", "--against", &server.dsn(database)]));
    (said.code, said.document())
}

/// The rows are where the new database looks for them, each once, and are proven; a row more, less or changed is found.
#[test]
fn partitions_by_the_hash_of_an_enum_are_restored_and_proven() {
    for major in [14, 18] {
        let (server, repo) = (shop(major, CUT), Repo::new());
        let programs = server.binaries.bin_dir.to_str().unwrap().to_owned();
        let report = repo.json(["backup", "-d", &server.dsn("shop"), "--pg-bin", &programs]);
        assert_eq!(report["warnings"], Value::Null, "{report}");
        for jobs in ["1", "4"] {
            let database = format!("copy_{jobs}");
            let restored = repo.restored(["latest", "-d", &server.dsn(&database), "--create", "-j", jobs]);
            assert_eq!(
                (&restored["proven"], &restored["mismatches"]),
                (&true.into(), &serde_json::json!([])),
                "{restored}"
            );
            assert_eq!(ask(&server, &database, WHOLE), ask(&server, "shop", WHOLE));
            // Else this proves nothing: 16 words would have to fall alike into four partitions.
            assert_ne!(ask(&server, &database, SPREAD), ask(&server, "shop", SPREAD));
            let unanalysed = "SELECT count(*) FROM pg_class c WHERE relkind = 'r' AND relispartition AND relnamespace = 'm'::regnamespace
                AND reltuples <= 0 AND EXISTS (SELECT FROM m.felt f WHERE f.tableoid = c.oid)";
            assert_eq!(
                ask(&server, &database, unanalysed),
                "0",
                "each partition has statistics of the rows that it has now"
            );
        }
        assert_eq!(against(&repo, &server, "copy_4").0, 0);
        for (change, undo) in [
            (
                "DELETE FROM m.refers WHERE id = 7; DELETE FROM m.felt WHERE before = 7; DELETE FROM m.felt WHERE id = 7 AND word = 'h'",
                "",
            ),
            (
                "UPDATE m.felt SET note = note || '.' WHERE id = 9 AND word = 'c'",
                "UPDATE m.felt SET note = left(note, -1) WHERE id = 9 AND word = 'c'",
            ),
            ("INSERT INTO m.years VALUES (2025, '{b}', 'new')", "DELETE FROM m.years WHERE note = 'new'"),
        ] {
            let database = if undo.is_empty() { "copy_1" } else { "copy_4" };
            ask(&server, database, change);
            let (code, found) = against(&repo, &server, database);
            assert_eq!(code, 3, "{change}: {found}");
            assert!(found.to_string().contains("\"m\""), "{found}");
            ask(&server, database, undo);
        }
        assert_eq!(against(&repo, &server, "copy_4").0, 0);
        // A part, of which one partition alone is a table like others.
        let part = repo.restored(["latest", "-d", &server.dsn("part"), "--create", "-t", "m.felt_0"]);
        assert_eq!(part["proven"], true, "{part}");
        let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
        let said = Said::of(drill.args(["drill", "--json", "--pg-bin", &programs]));
        assert_eq!(said.code, 0, "{said:?}");
    }
}

/// Also in a split, whose way back compares what was copied with what is there.
#[test]
fn partitions_by_the_hash_of_an_enum_move_and_come_back() {
    let server = shop(15, CUT);
    let before = ask(&server, "shop", WHOLE);
    let (from, to) = (server.dsn("shop"), server.dsn("place"));
    let split = |args: &[&str]| {
        let mut command = pgkeep();
        command.args(["split", "--schemas", "m", "--from", &from, "--to", &to, "--quiet", "--json"]);
        Said::of(command.arg("--pg-bin").arg(&server.binaries.bin_dir).args(args))
    };
    let said = split(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ask(&server, "place", WHOLE), before);
    assert_ne!(ask(&server, "place", SPREAD), ask(&server, "shop", SPREAD));
    ask(&server, "place", "UPDATE m.years SET note = note || '!' WHERE note = 'y7'");
    let back = |args: &[&str]| {
        let mut command = pgkeep();
        command.args(["split", "rollback", "--from", &from, "--to", &to, "--quiet", "--json"]);
        Said::of(command.args(args))
    };
    let said = back(&[]);
    assert!(said.code == 7 && said.stdout.contains("m.y2"), "{said:?}");
    ask(&server, "place", "UPDATE m.years SET note = 'y7' WHERE note = 'y7!'");
    let said = back(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ask(&server, "shop", WHOLE), before);
    ask(&server, "shop", "INSERT INTO m.years VALUES (2025, '{b}', 'goes on')");
}

/// A hash of somebody's own that says something else in each database.
const BY_FUNCTION: &str = "CREATE FUNCTION public.h(i int, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.hashint8extended(i # ascii(pg_catalog.reverse(pg_catalog.current_database())), seed)';
    CREATE OPERATOR CLASS public.own FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 public.h(int, bigint);
    CREATE TABLE public.cut (i int, t text) PARTITION BY HASH (i public.own);
    CREATE TABLE public.cut_0 PARTITION OF public.cut FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE public.cut_1 PARTITION OF public.cut FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO public.cut SELECT i, 't' || i FROM generate_series(1, 100) i";

/// What pgkeep cannot know beforehand, the operator can say: the failure names the switch.
#[test]
fn rows_of_partitions_go_through_the_root_on_demand() {
    let (server, repo) = (shop(15, BY_FUNCTION), Repo::new());
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let said = Said::of(&mut repo.restore(["latest", "--quiet", "-d", &server.dsn("one"), "--create"]));
    assert!(said.code == 8 && said.stderr.contains("--load-via-partition-root"), "{said:?}");
    let restored = repo.restored(["latest", "-d", &server.dsn("two"), "--create", "--load-via-partition-root"]);
    assert_eq!(restored["proven"], true, "{restored}");
    assert_eq!(ask(&server, "two", "SELECT count(*), count(DISTINCT i) FROM public.cut"), "100|100");
    assert_eq!(against(&repo, &server, "two").0, 0);
}
