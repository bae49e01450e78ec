//! Code of a database may raise errors of any length: what is kept of them is for people.

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

const LONG: usize = 20_000_000;

/// In rows, in a definition that is made before them, and in one that comes after.
#[test]
fn an_error_of_any_length_is_told_in_part() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    let loud = format!(
        "CREATE FUNCTION public.loud(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loud') THEN RAISE '%', 'so ' || repeat('x', {LONG}) USING DETAIL = repeat('y', {LONG}); END IF;
            RETURN $1; END $$; CREATE TABLE public.t (i int)"
    );
    let kinds = [
        "ALTER TABLE public.t ADD CHECK (public.loud(i) > 0); INSERT INTO public.t VALUES (1)",
        "INSERT INTO public.t VALUES (1); CREATE TABLE public.g (i int, j int GENERATED ALWAYS AS (public.loud(1)) STORED)",
        "INSERT INTO public.t VALUES (1); CREATE INDEX ON public.t (public.loud(i))",
    ];
    let mut met = 0;
    for (n, kind) in kinds.iter().enumerate() {
        let database = format!("shop_{n}");
        server.ask(&format!("CREATE DATABASE {database}"));
        psql(&server.binaries, &server.dsn(&database), &format!("{loud}; {kind}")).unwrap();
        repo.json(["backup", "-d", &server.dsn(&database)]);
        server.ask("CREATE ROLE loud");
        let target = server.dsn(&format!("copy_{n}"));
        let latest = format!("latest:{database}");
        let said = Said::of(&mut repo.restore([latest.as_str(), "--create", "-q", "-d", target.as_str()]));
        server.ask("DROP ROLE loud");
        let told = said.stdout + &said.stderr;
        // A definition may come without its code being run.
        met += usize::from(said.code == 8);
        assert!(told.len() < 1_000_000, "{n}: {} bytes", told.len());
        assert!(said.code == 0 || told.contains("so xxx") && told.contains(" bytes more)"), "{n}: {}", said.code);
    }
    assert!(met >= 2, "{met}");
}
