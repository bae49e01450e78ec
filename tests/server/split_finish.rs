//! What `split finish --yes-drop` may drop: nothing that stays goes along, whatever kind of thing it is.

use std::collections::BTreeSet;
use std::process::Stdio;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::connect::connect;
use pgkeep::pg::conninfo::{Conninfo, Environment};
use pgkeep::pg::quarantine::Named;
use pgkeep::pg::{closing, quarantine};

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// Old schemas as a split leaves them: `mv` and, holding on to it, `mv2`. `stay` stays.
const BASE: &str = r#"
    CREATE SCHEMA stay; CREATE SCHEMA mv; CREATE SCHEMA mv2;
    CREATE TABLE stay.t (id int PRIMARY KEY, a text, n numeric); INSERT INTO stay.t SELECT g, 'x', g FROM generate_series(1, 10) g;
    CREATE TABLE mv.t (id int PRIMARY KEY, b text); INSERT INTO mv.t SELECT g, 'y' FROM generate_series(1, 10) g;
    CREATE SEQUENCE mv.s;
    CREATE FUNCTION mv.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE FUNCTION mv.evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE FUNCTION mv.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
    CREATE FUNCTION mv.tx(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
    CREATE TYPE mv.e AS ENUM ('a', 'b'); CREATE DOMAIN mv.d AS int;
    CREATE FUNCTION mv.eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
    CREATE TYPE mv.ct AS (x int, y text)"#;

/// What stays, and the beginning of what is told of it.
const NEEDS: &[(&str, &str)] = &[
    (
        "CREATE TRIGGER tr BEFORE INSERT ON stay.t FOR EACH ROW EXECUTE FUNCTION mv.trg()",
        "trigger tr on stay.t (needs function mv.trg())",
    ),
    (
        "CREATE FUNCTION stay.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER tr BEFORE INSERT ON stay.t FOR EACH ROW WHEN (mv.f(NEW.id) > 0) EXECUTE FUNCTION stay.tf()",
        "trigger tr on stay.t (needs function mv.f(integer))",
    ),
    (
        "CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION mv.evt()",
        "event trigger ev (needs function mv.evt())",
    ),
    ("CREATE INDEX ix ON stay.t (mv.f(id))", "index stay.ix (needs function mv.f(integer))"),
    ("CREATE INDEX ix ON stay.t (id) WHERE mv.f(id) > 3", "index stay.ix (needs function mv.f(integer))"),
    ("CREATE UNIQUE INDEX ux ON stay.t (mv.f(id))", "index stay.ux (needs"),
    (
        "CREATE OPERATOR stay.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = mv.eq)",
        "operator stay.===(integer,integer) (needs function mv.eq",
    ),
    (
        "CREATE TYPE stay.k AS (x int); CREATE FUNCTION mv.kf(stay.k) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE CAST (stay.k AS int) WITH FUNCTION mv.kf(stay.k)",
        "cast (stay.k AS integer) (needs function mv.kf",
    ),
    ("ALTER TABLE stay.t ALTER id SET DEFAULT nextval('mv.s')", "default value for stay.t.id (needs sequence mv.s)"),
    ("ALTER TABLE stay.t ADD c mv.d DEFAULT 1", "table column stay.t.c (needs type mv.d)"),
    ("ALTER TABLE stay.t ADD c mv.e DEFAULT 'a'", "table column stay.t.c (needs type mv.e)"),
    ("ALTER TABLE stay.t ADD c mv.e[] DEFAULT '{a}'", "table column stay.t.c (needs type mv.e[])"),
    ("ALTER TABLE stay.t ADD c mv.t", "table column stay.t.c (needs type mv.t)"),
    ("ALTER TABLE stay.t ADD CONSTRAINT ck CHECK (mv.f(id) > 0)", "table constraint ck on stay.t (needs function mv.f"),
    // PostgreSQL drops this one without a word, and without CASCADE.
    (
        "ALTER TABLE stay.t ADD g int GENERATED ALWAYS AS (mv.f(id)) STORED",
        "table column stay.t.g (needs function mv.f",
    ),
    ("CREATE TABLE stay.fk (id int REFERENCES mv.t(id))", "table constraint fk_id_fkey on stay.fk (needs"),
    ("CREATE VIEW stay.v AS SELECT * FROM mv.t", "view stay.v (needs table mv.t)"),
    (
        "CREATE VIEW stay.v AS SELECT * FROM mv.t; CREATE VIEW stay.w AS SELECT * FROM stay.v",
        "view stay.w (needs view stay.v)",
    ),
    ("CREATE MATERIALIZED VIEW stay.v AS SELECT * FROM mv.t", "materialized view stay.v (needs table mv.t)"),
    ("CREATE POLICY po ON stay.t USING (mv.f(id) > 0)", "policy po on stay.t (needs"),
    ("CREATE RULE ru AS ON INSERT TO stay.t DO ALSO SELECT mv.f(1)", "rule ru on stay.t (needs"),
    (
        "CREATE AGGREGATE stay.ag(int) (SFUNC = int4pl, STYPE = int, FINALFUNC = mv.f)",
        "aggregate stay.ag(integer) (needs",
    ),
    ("CREATE DOMAIN stay.dd AS int CHECK (mv.f(VALUE) > 0)", "domain constraint dd_check on stay.dd (needs"),
    (
        "CREATE FUNCTION stay.g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM mv.t; END",
        "function stay.g() (needs table mv.t)",
    ),
    ("CREATE FUNCTION stay.g(mv.e) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function stay.g(mv.e) (needs type mv.e)"),
    (
        "CREATE FUNCTION stay.g(a int DEFAULT mv.f(3)) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function stay.g(integer) (needs",
    ),
    (
        "CREATE FUNCTION stay.g() RETURNS SETOF mv.t LANGUAGE sql AS 'SELECT NULL::mv.t'",
        "function stay.g() (needs type mv.t)",
    ),
    ("CREATE STATISTICS stay.st ON (mv.f(id)), (mv.tx(a)) FROM stay.t", "statistics object stay.st (needs"),
    ("CREATE TYPE stay.r AS RANGE (subtype = mv.d)", "type stay.r (needs type mv.d)"),
    ("CREATE TYPE stay.c AS (x mv.e)", "composite type column stay.c.x (needs"),
    ("CREATE TABLE stay.ch (x int) INHERITS (mv.t)", "table stay.ch (needs table mv.t)"),
    ("CREATE TABLE stay.ty OF mv.ct", "table stay.ty (needs type mv.ct)"),
    (
        "CREATE FUNCTION mv.cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2'; CREATE OPERATOR CLASS stay.oc FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 mv.cmp(int, int)",
        "operator class stay.oc USING btree (needs",
    ),
    (
        "CREATE OPERATOR CLASS mv.oc FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int); CREATE INDEX ix ON stay.t (id mv.oc)",
        "index stay.ix (needs operator class mv.oc",
    ),
    (
        "CREATE TEXT SEARCH DICTIONARY mv.dict (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION stay.cfg (PARSER = default); ALTER TEXT SEARCH CONFIGURATION stay.cfg ADD MAPPING FOR word WITH mv.dict",
        "text search configuration stay.cfg (needs text search dictionary mv.dict)",
    ),
    (
        "CREATE COLLATION mv.co (LOCALE = 'C'); ALTER TABLE stay.t ADD c text COLLATE mv.co",
        "table column stay.t.c (needs collation mv.co)",
    ),
    (
        "CREATE COLLATION mv.co (LOCALE = 'C'); CREATE INDEX ix ON stay.t (a COLLATE mv.co)",
        "index stay.ix (needs collation mv.co)",
    ),
    (
        "CREATE EXTENSION hstore SCHEMA mv; ALTER TABLE stay.t ADD h mv.hstore",
        "table column stay.t.h (needs type mv.hstore)",
    ),
    (
        "CREATE EXTENSION pg_trgm SCHEMA mv; CREATE INDEX ix ON stay.t USING gin (a mv.gin_trgm_ops)",
        "index stay.ix (needs operator class mv.gin_trgm_ops",
    ),
    (
        "CREATE EXTENSION hstore SCHEMA mv; CREATE FUNCTION stay.g() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION stay.g() DEPENDS ON EXTENSION hstore",
        "function stay.g() (needs extension hstore)",
    ),
    (
        "CREATE EXTENSION postgres_fdw SCHEMA mv; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw",
        "server far (needs foreign-data wrapper postgres_fdw)",
    ),
    (
        "CREATE EXTENSION hstore SCHEMA stay; ALTER EXTENSION hstore ADD TABLE mv.t",
        "extension hstore (owns table mv.t)",
    ),
    (
        "CREATE TABLE mv.p (id int) PARTITION BY RANGE (id); CREATE TABLE stay.p1 PARTITION OF mv.p FOR VALUES FROM (1) TO (9)",
        "table stay.p1 (needs table mv.p)",
    ),
    (
        "CREATE TABLE stay.p (id int) PARTITION BY RANGE (id); CREATE TABLE mv.p1 PARTITION OF stay.p FOR VALUES FROM (1) TO (9)",
        "table stay.p (has the rows of mv.p1)",
    ),
    ("CREATE TABLE stay.p (id int) PARTITION BY RANGE ((mv.f(id)))", "table stay.p (needs function mv.f"),
];

/// What is no reason to refuse, and leaves what stays as it was.
const GO: &[&str] = &[
    "SELECT 1",
    "CREATE CAST (mv.e AS int) WITH INOUT AS ASSIGNMENT",
    "CREATE PUBLICATION p FOR TABLE stay.t, mv.t",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA stay, mv",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA mv GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE EXTENSION hstore SCHEMA mv; ALTER TABLE mv.t ADD h mv.hstore",
    "CREATE EXTENSION postgres_fdw SCHEMA mv",
    "CREATE TABLE mv.fk (id int REFERENCES stay.t); CREATE TRIGGER tr BEFORE INSERT ON mv.fk FOR EACH ROW EXECUTE FUNCTION mv.trg()",
    "CREATE TABLE mv.a (id int PRIMARY KEY, b int); CREATE TABLE mv2.b (id int PRIMARY KEY, a int REFERENCES mv.a); ALTER TABLE mv.a ADD FOREIGN KEY (b) REFERENCES mv2.b",
    "CREATE TABLE mv.p (id int, k bigint GENERATED ALWAYS AS IDENTITY, t text) PARTITION BY RANGE (id); CREATE TABLE mv2.p1 PARTITION OF mv.p FOR VALUES FROM (1) TO (9); CREATE INDEX ON mv.p (t)",
    // Across kinds, in circles: a default that calls a function which reads the table; a type and its functions.
    "CREATE TABLE mv.c (n int); CREATE FUNCTION mv2.next() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM mv.c; END; ALTER TABLE mv.c ALTER n SET DEFAULT mv2.next()",
    "CREATE TYPE mv.own; CREATE FUNCTION mv.own_in(cstring) RETURNS mv.own LANGUAGE internal IMMUTABLE STRICT AS 'int4in'; CREATE FUNCTION mv.own_out(mv.own) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out'; CREATE TYPE mv.own (INPUT = mv.own_in, OUTPUT = mv.own_out, LIKE = int4); CREATE TABLE mv.o (o mv.own)",
    "CREATE VIEW mv.v AS SELECT * FROM mv.t; CREATE MATERIALIZED VIEW mv2.m AS SELECT * FROM mv.v; CREATE UNIQUE INDEX ON mv2.m (id); CREATE FUNCTION mv2.g(mv.v) RETURNS mv2.m LANGUAGE sql AS 'SELECT NULL::mv2.m'; CREATE RULE ru AS ON INSERT TO mv.v DO INSTEAD INSERT INTO stay.t VALUES (1)",
    "CREATE OPERATOR CLASS mv.oc FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int); CREATE INDEX ON mv.t (id mv.oc); CREATE OPERATOR mv.== (LEFTARG = int, RIGHTARG = int, FUNCTION = mv.eq); CREATE AGGREGATE mv.ag(int) (SFUNC = int4pl, STYPE = int, FINALFUNC = mv.f); CREATE PROCEDURE mv.pr(INOUT a int) LANGUAGE sql AS 'SELECT 1'; CREATE COLLATION mv.co (LOCALE = 'C'); CREATE TEXT SEARCH DICTIONARY mv.di (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION mv.cf (COPY = simple); CREATE STATISTICS mv.st ON id, b FROM mv.t; CREATE CONVERSION mv.cv FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1; CREATE TYPE mv.r AS RANGE (subtype = int); CREATE TYPE mv.co2 AS (e mv.e, d mv.d)",
    r#"CREATE TABLE mv."odd "" name; DROP TABLE stay.t" (id int); CREATE FUNCTION mv."f(x"("A" int) RETURNS int LANGUAGE sql AS 'SELECT 1'"#,
];

/// Everything outside the two schemas, as PostgreSQL names it, columns included.
const OUTSIDE: &str = "SELECT string_agg(what, E'\\n' ORDER BY what COLLATE \"C\") FROM (
    SELECT format('%s %s', i.type, i.identity) AS what FROM (
        SELECT DISTINCT classid, objid FROM pg_depend WHERE deptype <> 'p'
        UNION SELECT 'pg_publication'::regclass, oid FROM pg_publication
        UNION SELECT 'pg_extension'::regclass, oid FROM pg_extension) o, pg_identify_object(classid, objid, 0) i
    WHERE i.identity !~ '\\mmv2?\\M' AND i.identity NOT LIKE 'pg_toast%' AND coalesce(i.schema, '') <> 'pg_catalog'
        AND i.type <> 'trigger' OR i.type = 'trigger' AND i.identity !~ 'RI_ConstraintTrigger|mv'
    UNION ALL SELECT format('column %s.%s', attrelid::regclass, attname) FROM pg_attribute WHERE attrelid::regclass::text LIKE 'stay.%' AND NOT attisdropped) a";

/// What is not in a schema, and so cannot be there twice.
const OF_THE_DATABASE: &[&str] = &["CREATE EXTENSION", "CREATE EVENT TRIGGER", "CREATE PUBLICATION"];

/// A shape in a database: schemas of its own in one that it shares with the others, or a database of its own.
struct Cell {
    dsn: String,
    mark: String,
}

impl Cell {
    fn new(server: &Server, n: usize, sql: &str) -> Self {
        let alone = OF_THE_DATABASE.iter().any(|words| sql.contains(words));
        let database = if alone { format!("alone_{n}") } else { "shared".to_owned() };
        if alone {
            server.ask(&format!("CREATE DATABASE {database}"));
        }
        let cell = Self { dsn: server.dsn(&database), mark: format!("x{n}x") };
        cell.ask(server, BASE);
        cell.ask(server, sql);
        cell
    }

    /// The text with the names of this cell's schemas.
    fn named(&self, text: &str) -> String {
        text.replace("stay", &format!("stay{}", self.mark)).replace("mv", &format!("mv{}", self.mark))
    }

    #[track_caller]
    fn ask(&self, server: &Server, sql: &str) -> String {
        psql(&server.binaries, &self.dsn, &self.named(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// What is in the way, as the drop itself says it; nothing: it was dropped.
    fn drop_old(&self) -> Vec<String> {
        let info = Conninfo::resolve(Some(&self.dsn), &Environment::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mv, mv2) = (self.named("mv"), self.named("mv2"));
        runtime.block_on(async {
            let session = connect(&info, "a test").await.unwrap();
            let oids = quarantine::oids(&session, &[mv.clone(), mv2.clone()]).await.unwrap();
            let old = oids.into_iter().zip([&mv, &mv2]).map(|(oid, name)| Named { oid, name: name.clone() });
            assert_eq!(quarantine::hold(&session, &old.collect::<Vec<_>>(), 5000).await.unwrap(), [""; 0]);
            let by = quarantine::drop_for_good(&session, &[&mv, &mv2], 5000).await.unwrap();
            session.close().await.unwrap();
            by
        })
    }
}

fn matrix(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE DATABASE shared");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('mv', 'mv2')";
    for (n, (sql, told)) in NEEDS.iter().enumerate() {
        let cell = Cell::new(&server, n, sql);
        let (by, told) = (cell.drop_old(), cell.named(told));
        assert!(by.iter().any(|by| by.starts_with(&told)), "{sql}\ntold: {by:#?}\nwanted: {told}");
        assert_eq!(cell.ask(&server, schemas), "2", "{sql}");
    }
    for (n, sql) in GO.iter().enumerate() {
        if major < 15 && sql.contains("IN SCHEMA stay, mv") {
            continue;
        }
        let cell = Cell::new(&server, NEEDS.len() + n, sql);
        let lines = |text: String| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
        let before = lines(cell.ask(&server, OUTSIDE));
        assert_eq!(cell.drop_old(), [""; 0], "{sql}");
        assert_eq!(cell.ask(&server, schemas), "0", "{sql}");
        let after = lines(cell.ask(&server, OUTSIDE));
        // An extension lies in one schema, and is a thing of that schema.
        let of_extension = |what: &str| what.contains("hstore") || what.contains("postgres_fdw");
        let gone = before.difference(&after).filter(|what| !(sql.contains("CREATE EXTENSION") && of_extension(what)));
        assert_eq!(gone.collect::<Vec<_>>(), [""; 0], "{sql}");
        assert!(before.len() > 5, "{before:?}");
    }
}

#[test]
fn whatever_stays_and_needs_the_old_schemas_keeps_them_and_is_named() {
    matrix(15);
}

#[test]
fn the_same_on_the_oldest_and_the_newest_version() {
    matrix(14);
    matrix(18);
}

/// Were a version to have another catalog whose rows lie in schemas, what is inside would be taken for something outside, or not be seen.
#[test]
fn every_catalog_with_a_schema_is_known() {
    for major in [14, 15, 17, 18] {
        let server = Server::start(major, ClusterOptions::default());
        let sql = "SELECT fktable::text || ' ' || fkcols[1] FROM pg_get_catalog_foreign_keys() WHERE pktable = 'pg_namespace'::regclass";
        let there: BTreeSet<String> = server.ask(sql).lines().map(str::to_owned).collect();
        let known =
            quarantine::HOMES.iter().filter(|(catalog, _)| major >= 15 || *catalog != "pg_publication_namespace");
        let known: BTreeSet<String> = known.map(|(catalog, column)| format!("{catalog} {column}")).collect();
        assert_eq!(known, there, "PostgreSQL {major}");
    }
}

/// Who may make something in a schema loses that, and gets it back as it was, grantors and grant options too.
#[test]
fn closed_schemas_open_again_as_they_were() {
    let server = Server::start(15, ClusterOptions::default());
    let dsn = server.dsn("postgres");
    server.ask(
        "CREATE ROLE owner; CREATE ROLE anna; CREATE ROLE bert; CREATE ROLE gone; CREATE SCHEMA core AUTHORIZATION owner;
        GRANT CREATE, USAGE ON SCHEMA core TO anna WITH GRANT OPTION; GRANT CREATE ON SCHEMA core TO PUBLIC, gone;
        SET ROLE anna; GRANT CREATE ON SCHEMA core TO bert",
    );
    let access =
        "SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM pg_namespace, unnest(nspacl) a WHERE nspname = 'core'";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let info = Conninfo::resolve(Some(&dsn), &Environment::default()).unwrap();
        let session = connect(&info, "a test").await.unwrap();
        let grants = closing::may_create(&session, &["core".to_owned()]).await.unwrap();
        let run = async |sql: String| session.client().batch_execute(&format!("BEGIN; {sql} COMMIT")).await.unwrap();
        run(closing::close(&grants)).await;
        assert_eq!(server.ask(access), "anna=U*/owner owner=UC/owner");
        server.ask("DROP ROLE gone");
        run(closing::open_again(&grants)).await;
        assert_eq!(server.ask(access), "=C/owner anna=U*C*/owner bert=C/anna owner=UC/owner");
        session.close().await.unwrap();
    });
}

const SHOP: &str = "CREATE SCHEMA core; CREATE SEQUENCE core.s; CREATE TABLE core.t (id int PRIMARY KEY DEFAULT nextval('core.s'), b text);
    INSERT INTO core.t (b) SELECT 'row ' || g FROM generate_series(1, 100) g; CREATE TABLE public.other (id int); INSERT INTO public.other VALUES (1);
    REVOKE CONNECT, TEMPORARY ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO app; COMMENT ON DATABASE shop IS 'the shop''s';
    ALTER DATABASE shop CONNECTION LIMIT 33";

fn shop() -> Server {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE app LOGIN");
    server.ask("CREATE DATABASE shop");
    psql(&server.binaries, &server.dsn("shop"), SHOP).unwrap();
    server
}

fn error(said: &Said) -> String {
    said.document()["error"].as_str().unwrap_or_default().to_owned()
}

/// A snapshot of another database of that name, with as many rows, allowed the drop; and what was made in the old place went with it.
#[test]
fn only_a_snapshot_of_all_that_is_there_now_allows_the_drop() {
    let (server, repo) = (shop(), Repo::new());
    let (from, to) = (server.dsn("shop"), server.dsn("crm"));
    let ask = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
    let mut stayed = server.binaries.command("psql");
    stayed.args(["-X", "-q", "-d", &from, "-c", "SET application_name = 'the old app'; SELECT pg_sleep(600)"]);
    let mut stayed = stayed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the old app'", "1");
    let split = |args: &[&str]| {
        Said::of(&mut repo.command(["split", "--json"].iter().chain(args).chain(&["--from", &from, "--to", &to])))
    };
    let said = split(&["--schemas", "core"]);
    let report = said.document();
    assert_eq!(said.code, 0, "{said:?}");
    // Who reads old rows is named, and the new place is as closed as the old one.
    assert_eq!(
        (&report["sessions_old"][0]["application"], &report["sessions_old"][0]["sessions"]),
        (&"the old app".into(), &1.into())
    );
    assert_eq!(
        (&report["may_connect_old"], &report["may_connect_new"]),
        (&serde_json::json!(["app"]), &serde_json::json!(["app"]))
    );
    let like = "SELECT datconnlimit, shobj_description(oid, 'pg_database'), (SELECT string_agg(format('%s %s', grantee::regrole, privilege_type), ',' ORDER BY 1)
        FROM aclexplode(datacl)) FROM pg_database WHERE datname = ";
    let closed = |database: &str| server.ask(&format!("{like} '{database}'"));
    assert_eq!(closed("crm"), closed("shop"));
    // The policy that it proposes names a database that is there.
    let text = Said::of(&mut repo.command(["split", "--from", &from, "--to", &to, "--schemas", "core"])).stdout;
    let line = text.lines().find_map(|line| line.split_once("dsn = ")).expect("a policy").1;
    let proposed: String = serde_json::from_str(line).expect("a string of TOML's, which is one of JSON's here");
    assert_eq!(psql(&server.binaries, &proposed, "SELECT current_database()").unwrap(), "crm", "{proposed}");
    // What leads to the password stays in it, and a password does not get into it.
    let folder = crate::pgkeep::folder();
    let (services, passfile) = (folder.path().join("services"), folder.path().join("pass"));
    let service = format!(
        "[new]\nhost={}\nport={}\nuser=postgres\npassword=not-shown\n",
        server.cluster.socket_dir().display(),
        server.cluster.port()
    );
    std::fs::write(&services, service).unwrap();
    std::fs::write(&passfile, "").unwrap();
    let typed = format!("service=new passfile={} password=not-shown dbname=crm", passfile.display());
    for (dsn, kept) in
        [("service=new dbname=crm", &["service=new"][..]), (typed.as_str(), &["service=new", "passfile="][..])]
    {
        let mut again = repo.command(["split", "--from", &from, "--to", dsn, "--schemas", "core"]);
        let said = Said::of(again.env("PGSERVICEFILE", &services));
        assert!(said.code == 0 && !said.stdout.contains("not-shown"), "{said:?}");
        for line in
            ["pgkeep backup ", "dsn = "].map(|word| said.stdout.lines().find(|line| line.contains(word)).unwrap())
        {
            assert!(kept.iter().all(|pair| line.contains(pair)) && line.contains("dbname=crm"), "{said:?}");
        }
    }
    let status = split(&["status"]).document();
    assert_eq!(status["sessions_old"][0]["application"], "the old app");

    // The end of the way back is nobody's accident.
    let said = split(&["finish"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        error(&said).starts_with(
            "not confirmed: core will be put aside, and `rollback` will no longer be possible; connected to the old database: 1 session of"
        ),
        "{said:?}"
    );
    assert_eq!(ask("SELECT count(*) FROM core.t"), "100");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the old app'");
    stayed.wait().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the old app'", "0");

    ask("CREATE TABLE core.late (id int); INSERT INTO core.late VALUES (7); ALTER TABLE core.t ADD extra int");
    let aside = split(&["finish", "--yes"]).document();
    let moved = aside["quarantined"][0][1].as_str().unwrap().to_owned();
    assert_eq!(
        aside["made_since"],
        serde_json::json!([format!("column {moved}.t.extra"), format!("table {moved}.late")])
    );

    let drop = || split(&["finish", "--yes-drop", "shop"]);
    let refused = |told: &str| {
        let said = drop();
        assert_eq!(said.code, 7, "{said:?}");
        assert!(error(&said).contains(told), "{told}: {said:?}");
        assert_eq!(ask(&format!("SELECT count(*) FROM {moved}.t")), "100");
    };
    refused("no proven snapshot");
    // Elsewhere there is a database of that name, with the same definitions and as many rows.
    let other = shop();
    let there = "CREATE TABLE core.late (id int); INSERT INTO core.late VALUES (8); ALTER TABLE core.t ADD extra int; ALTER SCHEMA core RENAME TO ";
    psql(&other.binaries, &other.dsn("shop"), &format!("{there} {moved}")).unwrap();
    repo.json(["backup", "-d", &other.dsn("shop")]);
    repo.restored(["latest", "--create", "-d", &other.dsn("proof")]);
    refused(&format!("{moved}.late: "));
    // Taken here, and proven; then a row is written where no fence stands.
    repo.json(["backup", "-d", &from]);
    refused("no restore or drill has proven it");
    repo.restored(["latest", "--create", "-d", &server.dsn("proof")]);
    ask(&format!("INSERT INTO {moved}.late VALUES (9)"));
    refused(&format!("{moved}.late: 2 rows"));
    ask(&format!("DELETE FROM {moved}.late WHERE id = 9; SELECT nextval('{moved}.s')"));
    refused(&format!("{moved}.s: its value is 101"));
    ask(&format!("SELECT setval('{moved}.s', 100); CREATE VIEW {moved}.v AS SELECT 1 AS one"));
    refused(&format!("it does not contain VIEW {moved}.v"));
    ask(&format!("DROP VIEW {moved}.v; CREATE TABLE {moved}.later (id int)"));
    refused(&format!("it does not contain the table {moved}.later"));
    ask(&format!("DROP TABLE {moved}.later"));
    let said = drop();
    assert_eq!((said.code, &said.document()["dropped"]), (0, &true.into()), "{said:?}");
    assert_eq!(ask("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(core|pgkeep)'"), "0");
    assert_eq!(ask("SELECT count(*) FROM public.other"), "1");
    // The next backup lacks what was dropped, and says why that may be.
    let next = Said::of(&mut repo.command(["backup", "--json", "-d", &from]));
    assert_eq!(next.code, 3, "{next:?}");
    assert!(next.document()["suspicious"][0].as_str().unwrap().contains("--accept-shrink once"), "{next:?}");
}

/// What was made in the new place would be left behind by a way back, as much as rows are.
#[test]
fn a_rollback_leaves_nothing_behind_that_was_made_in_the_new_place() {
    let server = shop();
    let (from, to) = (server.dsn("shop"), server.dsn("crm"));
    let split =
        |args: &[&str]| Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]));
    assert_eq!(split(&["--schemas", "core"]).code, 0);
    let ask = |sql: &str| psql(&server.binaries, &to, sql).unwrap();
    for (make, told, away) in [
        ("CREATE TABLE core.notes (id int)", "table core.notes", "DROP TABLE core.notes"),
        (
            "ALTER TABLE core.t ADD nick text DEFAULT 'x'",
            "column core.t.nick, default value for column nick of table core.t, table core.t",
            "ALTER TABLE core.t DROP nick",
        ),
        ("CREATE INDEX late ON core.t (b)", "index core.late", "DROP INDEX core.late"),
        ("COMMENT ON TABLE core.t IS 'new'", "table core.t", "COMMENT ON TABLE core.t IS NULL"),
        (
            "ALTER TABLE core.t ALTER b SET DEFAULT 'new'",
            "default value for column b of table core.t, table core.t",
            "ALTER TABLE core.t ALTER b DROP DEFAULT",
        ),
        (
            "CREATE SCHEMA workspace_new; CREATE SEQUENCE workspace_new.s",
            "schema workspace_new, sequence workspace_new.s",
            "DROP SCHEMA workspace_new CASCADE",
        ),
        ("SELECT lo_create(4711)", "large object 4711", "SELECT lo_unlink(4711)"),
        (
            "CREATE FUNCTION core.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function core.f()",
            "DROP FUNCTION core.f()",
        ),
        ("CREATE TYPE core.mood AS ENUM ('good')", "type core.mood", "DROP TYPE core.mood"),
    ] {
        ask(make);
        let said = split(&["rollback"]);
        assert_eq!(
            (said.code, error(&said)),
            (7, format!("objects in the new database were created or changed since the switch: {told}")),
            "{said:?}"
        );
        ask(away);
    }
    ask(
        "CREATE TABLE core.notes (id int); CREATE INDEX late ON core.t (b); CREATE ROLE late; GRANT SELECT ON core.t TO late; GRANT ALL ON SCHEMA core TO app",
    );
    let said = split(&["rollback"]);
    assert_eq!(said.code, 7, "{said:?}");
    let said = split(&["rollback", "--discard"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.document()["left_behind"],
        serde_json::json!(["index core.late", "schema core", "table core.notes", "table core.t"])
    );
    // Nothing is made any more where no fence would be around it.
    let made = psql(&server.binaries, &to, "SET ROLE app; CREATE TABLE core.later (id int)");
    assert!(made.unwrap_err().contains("permission denied"));
    assert_eq!(psql(&server.binaries, &from, "INSERT INTO core.t (b) VALUES ('again') RETURNING 1").unwrap(), "1");
}

/// What is done is done to the old schemas themselves, whatever has their names, or whatever they are called.
#[test]
fn a_name_is_not_taken_for_the_schema_that_had_it() {
    let server = shop();
    let (from, to) = (server.dsn("shop"), server.dsn("crm"));
    let repo = Repo::new();
    let split = |args: &[&str]| {
        Said::of(&mut repo.command(["split", "--json"].iter().chain(args).chain(&["--from", &from, "--to", &to])))
    };
    assert_eq!(split(&["--schemas", "core"]).code, 0);
    let ask = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
    let today = ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')");
    let tomorrow = ask("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD')");
    for day in [&today, &tomorrow] {
        ask(&format!("CREATE SCHEMA core_moved_{day}; CREATE TABLE core_moved_{day}.theirs AS SELECT 1 AS a"));
    }
    let aside = split(&["finish", "--yes"]);
    assert_eq!(aside.code, 0, "{aside:?}");
    let name = aside.document()["quarantined"][0][1].as_str().unwrap().to_owned();
    assert!(name.ends_with("_2"), "{name}");
    assert_eq!(ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'core'"), "0");
    assert_eq!(ask(&format!("SELECT count(*) FROM {name}.t")), ask_new(&server, &to, "SELECT count(*) FROM core.t"));
    // Renamed, it is not gone.
    ask(&format!("ALTER SCHEMA {name} RENAME TO archive"));
    let said = split(&["finish", "--yes-drop", "shop"]);
    assert_eq!((said.code, error(&said).contains("archive")), (7, true), "{said:?}");
    assert!(psql(&server.binaries, &from, "INSERT INTO archive.t (b) VALUES ('x')").unwrap_err().contains("has moved"));
    ask(&format!("ALTER SCHEMA archive RENAME TO {name}"));
    assert_eq!(ask("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^core_moved'"), "3");
}

fn ask_new(server: &Server, to: &str, sql: &str) -> String {
    psql(&server.binaries, to, sql).unwrap()
}

/// A table that is made in the old schema while it is compared with the snapshot is in no snapshot.
#[test]
fn what_is_made_while_the_old_schemas_are_compared_is_not_dropped() {
    let server = shop();
    let (from, to) = (server.dsn("shop"), server.dsn("crm"));
    let ask = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
    ask(
        "CREATE TABLE core.filled AS SELECT g AS id, repeat(md5(g::text), 10) AS text FROM generate_series(1, 150000) g",
    );
    let repo = Repo::new();
    let command =
        |args: &[&str]| repo.command(["split", "--json"].iter().chain(args).chain(&["--from", &from, "--to", &to]));
    assert_eq!(Said::of(&mut command(&["--schemas", "core"])).code, 0);
    let aside = Said::of(&mut command(&["finish", "--yes"])).document();
    let name = aside["quarantined"][0][1].as_str().unwrap().to_owned();
    repo.json(["backup", "-d", &from]);
    repo.restored(["latest", "--create", "-d", &server.dsn("proof")]);
    let mut dropping = command(&["finish", "--yes-drop", "shop"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Its rows are read; the definitions have been.
    let read = format!(
        "SELECT (count(*) > 0)::text FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%{name}%filled%'"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let others = connect(&Conninfo::resolve(Some(&from), &Environment::default()).unwrap(), "test").await.unwrap();
        while others.client().query_one(&read, &[]).await.unwrap().get::<_, String>(0) == "false" {
            assert!(dropping.try_wait().unwrap().is_none(), "its rows were not seen to be read");
        }
        others.client().batch_execute(&format!("CREATE TABLE {name}.late AS SELECT 1 AS a")).await.unwrap();
        others.close().await.unwrap();
    });
    let said: Said = dropping.wait_with_output().unwrap().into();
    assert_eq!(said.code, 7, "{said:?}");
    assert!(error(&said).contains("while they were compared with the snapshot: "), "{said:?}");
    assert!(error(&said).contains(&format!("table {name}.late")), "{said:?}");
    assert_eq!(ask(&format!("SELECT count(*) FROM {name}.late")), "1");
}

/// What the plan says of what stays, held against what `finish` does to it.
#[test]
fn what_stays_outlives_finish_as_the_plan_says() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    let shop = |sql: &str| psql(&server.binaries, &server.dsn("shop"), sql);
    shop(
        "CREATE SCHEMA mv; CREATE SCHEMA stay; CREATE TABLE mv.t (id int); INSERT INTO mv.t VALUES (1);
         CREATE TYPE mv.e AS ENUM ('a'); CREATE VIEW stay.v AS SELECT id FROM mv.t; CREATE TABLE stay.u (e mv.e);
         CREATE FUNCTION stay.f() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM mv.t); END'",
    )
    .unwrap();
    let split = |args: &[&str]| {
        let mut command = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
        command.args(["split", "--quiet"]).args(args);
        Said::of(command.args(["--from", &server.dsn("shop"), "--to", &server.dsn("crm")]))
    };
    let run = ["--schemas", "mv", "--boundary", "drop"];
    let plan = split(&[&run[..], &["--plan", "--json"]].concat()).document();
    let told = |name: &str| {
        let findings = plan["warnings"].as_array().unwrap().iter();
        let finding = findings.clone().find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("{plan}"));
        format!("{}; {}", finding["reason"], finding["action"])
    };
    let view = told("VIEW stay.v");
    assert!(view.contains("sees the old rows of mv.t") && view.contains("drop or change it yourself"), "{view}");
    assert!(view.contains("until then `finish --yes-drop` drops nothing"), "{view}");
    let table = told("TABLE stay.u");
    assert!(
        table.contains("which `finish` puts aside") && table.contains("`finish --yes-drop` drops nothing"),
        "{table}"
    );
    assert!(told("FUNCTION stay.f()").contains("after `finish` it fails"), "{plan}");
    let text = split(&[&run[..], &["--plan"]].concat()).stdout;
    let line = text.lines().find(|line| line.contains("stay.v")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.ends_with("stay and see old rows"), "{line}");

    assert_eq!(split(&run).code, 0);
    psql(&server.binaries, &server.dsn("crm"), "INSERT INTO mv.t VALUES (2)").unwrap();
    assert_eq!(shop("SELECT count(*), stay.f() FROM stay.v").unwrap(), "1|1");
    assert_eq!(split(&["finish", "--yes"]).code, 0);
    assert_eq!(shop("SELECT count(*) FROM stay.v").unwrap(), "1", "it stays, and sees the old rows");
    assert!(shop("SELECT stay.f()").is_err());
    let needed = |by: &[&str]| {
        let said = split(&["finish", "--yes-drop", "shop"]);
        assert_eq!(said.code, 7, "{said:?}");
        by.iter().for_each(|by| assert!(said.stderr.contains(by), "{by}: {said:?}"));
        said.stderr
    };
    needed(&["view stay.v", "table column stay.u.e"]);
    shop("DROP VIEW stay.v").unwrap();
    let said = needed(&["table column stay.u.e"]);
    assert!(!said.contains("stay.v"), "{said}");
    shop("ALTER TABLE stay.u DROP e").unwrap();
    needed(&["no proven snapshot"]);
}
