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
    CREATE TABLE m.classes (class regclass) PARTITION BY HASH (class);
    CREATE TABLE m.classes_0 PARTITION OF m.classes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE m.classes_1 PARTITION OF m.classes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE m.numbered (word m.word) PARTITION BY LIST ((abs(hashenum(word)) % 2));
    CREATE TABLE m.even PARTITION OF m.numbered FOR VALUES IN (0);
    CREATE TABLE m.odd PARTITION OF m.numbered FOR VALUES IN (1);
    CREATE FUNCTION m.h(i int, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.hashint8extended(i # ascii(pg_catalog.reverse(pg_catalog.current_database())), seed)';
    CREATE OPERATOR CLASS m.own FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 m.h(int, bigint);
    CREATE TABLE m.owned (i int) PARTITION BY HASH (i m.own);
    CREATE TABLE m.owned_0 PARTITION OF m.owned FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE m.owned_1 PARTITION OF m.owned FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO m.classes SELECT oid::regclass FROM pg_class WHERE relnamespace = 'm'::regnamespace AND relkind IN ('r', 'p');
    INSERT INTO m.numbered SELECT unnest(enum_range(NULL::m.word));
    INSERT INTO m.owned SELECT generate_series(1, 100);
    INSERT INTO m.felt SELECT i, w, nullif(i, 1), w, 'note ' || i || w FROM generate_series(1, 200) i, unnest(enum_range(NULL::m.word)) w;
    INSERT INTO m.refers SELECT id, word FROM m.felt;
    INSERT INTO m.years SELECT 2025 + i % 2, ARRAY[w, 'a'::m.word], 'y' || i FROM generate_series(1, 20) i, unnest(enum_range(NULL::m.word)) w;
    INSERT INTO m.pairs SELECT ROW(w, i)::m.pair, 'p' FROM generate_series(1, 20) i, unnest(enum_range(NULL::m.word)) w";

/// How many rows are in which partition, and what is in the whole.
const SPREAD: &str = "SELECT (SELECT string_agg(t || ' ' || n, ', ' ORDER BY t) FROM (SELECT tableoid::regclass::text AS t, count(*) AS n FROM m.felt GROUP BY 1) c)";
const WHOLE: &str = "SELECT (SELECT md5(string_agg(f::text, ',' ORDER BY id, word)) FROM m.felt f) || (SELECT md5(string_agg(y::text, ',' ORDER BY y::text)) FROM m.years y)
    || (SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) FROM m.classes c) || (SELECT count(*) FROM m.numbered) || (SELECT sum(i) FROM m.owned)
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
            assert_eq!(ask(&server, &database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
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

/// What pgkeep cannot know beforehand, the operator can say: the failure names the switch. The collation sorts capitals first when rows
/// come, and last ever after, as one may after an update of its library.
#[test]
fn rows_of_partitions_go_through_the_root_on_demand() {
    let cut = "CREATE COLLATION public.sorted (provider = icu, locale = 'en-u-kf-upper');
        CREATE TABLE public.cut (t text COLLATE public.sorted) PARTITION BY RANGE (t);
        CREATE TABLE public.low PARTITION OF public.cut FOR VALUES FROM (MINVALUE) TO ('m'); CREATE TABLE public.high PARTITION OF public.cut FOR VALUES FROM ('m') TO (MAXVALUE);
        INSERT INTO public.cut SELECT unnest(ARRAY['a', 'M', 'm', 'z'])";
    let (server, repo) = (shop(15, cut), Repo::new());
    ask(&server, "shop", "UPDATE pg_catalog.pg_collation SET colliculocale = 'en' WHERE collname = 'sorted'");
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let said = Said::of(&mut repo.restore(["latest", "--quiet", "-d", &server.dsn("one"), "--create"]));
    assert!(said.code == 8 && said.stderr.contains("--load-via-partition-root"), "{said:?}");
    let restored = repo.restored(["latest", "-d", &server.dsn("two"), "--create", "--load-via-partition-root"]);
    assert_eq!(restored["proven"], true, "{restored}");
    assert_eq!(ask(&server, "two", "SELECT string_agg(t, ' ' ORDER BY t) FROM public.high"), "m M z");
    assert_eq!(against(&repo, &server, "two").0, 0);
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
    let drill = drill.args(["drill", "--quiet", "--pg-bin", server.binaries.bin_dir.to_str().unwrap()]);
    let said = Said::of(drill);
    assert!(said.code == 8 && said.stderr.contains("--load-via-partition-root"), "{said:?}");
    assert_eq!(Said::of(drill.arg("--load-via-partition-root")).code, 0);
}

/// A partition on another server: no row of a copy is ever sent there.
#[test]
fn no_row_goes_to_the_server_of_a_foreign_partition() {
    let words = "CREATE TYPE public.word AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j')";
    let server = shop(
        15,
        &format!("{words}; CREATE SCHEMA m; CREATE TABLE m.cut (id int, word public.word) PARTITION BY HASH (word); CREATE TABLE m.here PARTITION OF m.cut FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE EXTENSION postgres_fdw"),
    );
    server.ask("CREATE DATABASE remote");
    ask(&server, "remote", &format!("{words}; CREATE TABLE public.there (id int, word public.word)"));
    let socket = server.ask("SELECT current_setting('unix_socket_directories')").replace('"', "");
    let port = server.ask("SELECT current_setting('port')");
    let user = server.ask("SELECT current_user");
    ask(
        &server,
        "shop",
        &format!("CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{socket}', port '{port}', dbname 'remote'); CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user '{user}');
            CREATE FOREIGN TABLE m.there PARTITION OF m.cut FOR VALUES WITH (MODULUS 2, REMAINDER 1) SERVER far OPTIONS (schema_name 'public', table_name 'there');
            INSERT INTO m.cut SELECT i, w FROM generate_series(1, 20) i, unnest(enum_range(NULL::public.word)) w"),
    );
    let there = || ask(&server, "remote", "SELECT count(*) FROM public.there");
    let before = there();
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("shop")]);
    for more in [&[][..], &["--load-via-partition-root"]] {
        let mut restore = repo.restore(["latest", "--json", "-d", &server.dsn("copy"), "--create"]);
        let said = Said::of(restore.args(more));
        // By chance the words may fall alike.
        assert!(said.code == 8 || said.code == 0, "{said:?}");
        assert!(said.stdout.contains("foreign partition") && said.stdout.contains("m.cut"), "{said:?}");
        assert_eq!(there(), before);
        server.ask("DROP DATABASE copy");
    }
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
    let said = Said::of(drill.args(["drill", "--json", "--pg-bin", server.binaries.bin_dir.to_str().unwrap()]));
    assert!(said.code == 8 || said.code == 0, "{said:?}");
    let mut plan = pgkeep();
    plan.args([
        "split",
        "--plan",
        "--json",
        "--schemas",
        "m",
        "--from",
        &server.dsn("shop"),
        "--to",
        &server.dsn("place"),
    ]);
    let said = Said::of(plan.arg("--pg-bin").arg(&server.binaries.bin_dir));
    assert!(said.code == 3 && said.document()["blockers"].to_string().contains("foreign_partition"), "{said:?}");
    assert_eq!(there(), before);
}

/// Partitions are compared together where one by one they cannot be: what is said is of their table, and of what has another name or stands alone.
#[test]
fn partitions_under_other_names_and_by_themselves_are_told_as_that() {
    let (server, repo) = (shop(15, CUT), Repo::new());
    ask(&server, "shop", "TRUNCATE m.classes"); // Its rows have the names of tables.
    repo.json(["backup", "-d", &server.dsn("shop")]);
    repo.restored(["latest", "-d", &server.dsn("copy"), "--create"]);
    let first = "SELECT md5(string_agg(p::text, ',' ORDER BY p::text)) FROM m.pairs_0 p";
    assert_ne!(ask(&server, "copy", first), ask(&server, "shop", first), "the copy cuts otherwise");
    let told = |database: &str| {
        let (code, found) = against(&repo, &server, database);
        let findings = found["findings"].as_array().unwrap().iter();
        let words =
            findings.map(|f| format!("{}: {}", f["tables"][0].as_str().unwrap(), f["detail"].as_str().unwrap()));
        (code, words.collect::<Vec<_>>())
    };
    let elsewhere =
        |table: &str| format!("the table is missing; its rows are in other partitions of {table}, which is complete");
    for database in ["shop", "copy"] {
        ask(&server, database, "ALTER TABLE m.pairs_1 RENAME TO pairs_one");
        assert_eq!(told(database), (3, vec![format!("m.pairs_1: {}", elsewhere("m.pairs"))]), "renamed in {database}");
        ask(&server, database, "ALTER TABLE m.pairs_one RENAME TO pairs_1");
        ask(
            &server,
            database,
            "CREATE TABLE m.was AS TABLE m.y26; DROP TABLE m.y26; CREATE TABLE m.y26_all PARTITION OF m.years FOR VALUES FROM (2026) TO (2027); INSERT INTO m.years TABLE m.was",
        );
        assert_eq!(told(database), (3, vec![format!("m.y26: {}", elsewhere("m.years"))]), "made anew in {database}");
        // What is in none is missed.
        ask(&server, database, "DELETE FROM m.y26_all WHERE note = (SELECT min(note) FROM m.y26_all)");
        let (code, words) = told(database);
        assert_eq!((code, words[0].as_str()), (3, "m.y26: the table is missing"), "{words:?}");
        ask(
            &server,
            database,
            "DROP TABLE m.y26_all; CREATE TABLE m.y26 PARTITION OF m.years FOR VALUES FROM (2026) TO (2027); INSERT INTO m.years TABLE m.was",
        );
        assert_eq!(told(database), (0, vec![]), "{database}");
    }
    // Rows are where they were, and no table lacks any.
    ask(&server, "shop", "ALTER TABLE m.pairs DETACH PARTITION m.pairs_1");
    assert_eq!(told("shop"), (0, vec![]));
    ask(&server, "copy", "ALTER TABLE m.pairs DETACH PARTITION m.pairs_1");
    let (code, words) = told("copy");
    assert!(code == 3 && words.len() == 1, "{words:?}");
    assert!(
        words[0].starts_with("m.pairs_1: it is not a partition of m.pairs here, as after DETACH PARTITION"),
        "{words:?}"
    );
    // A row more: one difference, of the table, in the copy; of the partition, where that is known.
    for database in ["shop", "copy"] {
        ask(
            &server,
            database,
            "ALTER TABLE m.pairs ATTACH PARTITION m.pairs_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        );
        ask(&server, database, "INSERT INTO m.pairs SELECT pair, 'new' FROM m.pairs_0 LIMIT 1");
    }
    let (code, words) = told("copy");
    assert!(code == 3 && words.len() == 1 && words[0].starts_with("m.pairs: 321 rows"), "{words:?}");
    let (code, words) = told("shop");
    assert!(code == 3 && words.len() == 1 && words[0].starts_with("m.pairs_0: "), "{words:?}");
}
