//! Extensions in a schema that moves, as applications make them (`public`), which those who stay use as well.

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

const MADE: &str = r#"
    CREATE SCHEMA erp; CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION "uuid-ossp" SCHEMA erp; CREATE EXTENSION hstore SCHEMA public;
    CREATE TABLE public.users (id int PRIMARY KEY, email citext, more hstore); CREATE TABLE erp.orders (id uuid DEFAULT erp.uuid_generate_v4());
    CREATE SCHEMA analytics;
    CREATE TABLE analytics.hits (id int, email public.citext); INSERT INTO analytics.hits VALUES (1, 'U1@x.org');
    CREATE TABLE analytics.lists (emails public.citext[]);
    CREATE TABLE analytics.made (id uuid DEFAULT erp.uuid_generate_v4());
"#;

/// The plan names what is shared; `finish` puts nothing aside whose operators somebody would no longer find, and who stays reads what he read.
#[test]
fn an_extension_that_what_stays_uses_is_not_put_aside() {
    for major in [15, 18] {
        let server = Server::start(major, ClusterOptions::default());
        server.ask("CREATE DATABASE shop");
        let (from, to) = (server.dsn("shop"), server.dsn("moved"));
        let ask = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
        ask(MADE);
        let split = |args: &[&str]| {
            let mut command = pgkeep();
            command.args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]);
            Said::of(command.env("PGKEEP_PG_BIN", &server.binaries.bin_dir))
        };
        let ways = ["--schemas", "public,erp", "--boundary", "refuse"];
        let planned = split(&[&["--plan"][..], &ways].concat()).document();
        let warned: Vec<&str> = planned["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["kind"] == "extension")
            .map(|finding| finding["name"].as_str().unwrap())
            .collect();
        assert_eq!(warned, ["citext", "uuid-ossp"], "{planned}");
        assert_eq!(split(&ways).code, 0, "{major}");
        let reads = "SELECT count(*) FROM analytics.hits WHERE email = 'u1@X.ORG'";
        assert_eq!(ask(reads), "1");

        let said = split(&["finish", "--yes"]);
        let told = said.document();
        assert_eq!(said.code, 7, "{told}");
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("citext by table column analytics.") && error.contains("uuid-ossp by "), "{error}");
        assert!(!error.contains("hstore"), "{error}");
        assert!(told["hint"].as_str().unwrap().contains("ALTER EXTENSION \"citext\" SET SCHEMA"), "{told}");
        assert_eq!(ask(reads), "1", "nothing was changed");

        // As the hint says.
        ask(
            "CREATE SCHEMA shared; GRANT USAGE ON SCHEMA shared TO PUBLIC; ALTER DATABASE shop SET search_path = public, shared",
        );
        ask("ALTER EXTENSION citext SET SCHEMA shared; ALTER EXTENSION \"uuid-ossp\" SET SCHEMA shared");
        let said = split(&["finish", "--yes"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(ask(reads), "1");
    }
}
