use proptest::prelude::*;

use super::*;
use crate::pg::conninfo::{Conninfo, Environment};

fn change(server: Server) -> Change {
    Change { from: "chronos".into(), to: "twenty".into(), server }
}

fn other() -> Server {
    Server::Other { host: "db2.example".into(), port: 5433 }
}

fn value(key: &str, raw: &str, server: Server, set_elsewhere: &[&str]) -> Result<String, ValueError> {
    let set_elsewhere: Vec<String> = set_elsewhere.iter().map(|name| (*name).to_owned()).collect();
    let change = change(server);
    let scope =
        Scope { change: &change, style: Style::Double, dollar: Dollar::Interpolates, set_elsewhere: &set_elsewhere };
    rewrite(key, raw, &scope).map(|rewritten| match rewritten {
        Rewritten::Within(value) | Rewritten::Whole(value) => value,
    })
}

#[test]
fn connection_strings_change_where_the_database_is_and_nothing_else() {
    for (raw, same, elsewhere) in [
        ("postgres://u:p@db:5432/chronos", "postgres://u:p@db:5432/twenty", "postgres://u:p@db2.example:5433/twenty"),
        (
            "postgresql://u:p%40ss@db/chronos?sslmode=disable&application_name=a",
            "postgresql://u:p%40ss@db:5432/twenty?sslmode=disable&application_name=a",
            "postgresql://u:p%40ss@db2.example:5433/twenty?sslmode=disable&application_name=a",
        ),
        ("postgres://db:/chronos", "postgres://db:5432/twenty", "postgres://db2.example:5433/twenty"),
        (
            "postgres://u@[fd00::1]/chronos",
            "postgres://u@[fd00::1]:5432/twenty",
            "postgres://u@db2.example:5433/twenty",
        ),
        (
            "postgres://u:p:q@db/chr%6Fnos",
            "postgres://u:p:q@db:5432/twenty",
            "postgres://u:p:q@db2.example:5433/twenty",
        ),
        (
            "host=db user=u password='a b' dbname=chronos",
            "host=db port=5432 user=u password='a b' dbname=twenty",
            "host=db2.example port=5433 user=u password='a b' dbname=twenty",
        ),
        (
            "dbname = 'chronos' port=6000  host = db",
            "dbname = twenty port=6000  host = db",
            "dbname = twenty port=5433  host = db2.example",
        ),
        ("host=/run/pg dbname=chronos", "host=/run/pg dbname=twenty", "host=db2.example port=5433 dbname=twenty"),
    ] {
        assert_eq!(value("URL", raw, Server::Same, &[]).as_deref(), Ok(same), "{raw}");
        assert_eq!(value("URL", raw, other(), &[]).as_deref(), Ok(elsewhere), "{raw}");
        // libpq's own reading is the judge.
        let read =
            |dsn: &str| Conninfo::resolve(Some(dsn), &Environment { os_user: Some("me".into()), ..Default::default() });
        let (old, new) = (read(raw).unwrap(), read(elsewhere).unwrap());
        assert_eq!((new.database(), new.endpoints()[0].to_string().as_str()), ("twenty", "db2.example:5433"), "{raw}");
        assert_eq!(old.user(), new.user(), "{raw}");
        let (old, same) = (read(raw).unwrap(), read(same).unwrap());
        assert_eq!(
            (same.database(), same.endpoints()[0].to_string()),
            ("twenty", old.endpoints()[0].to_string()),
            "{raw}"
        );
    }
    let sockets = "postgres:///chronos?host=/run/pg";
    assert_eq!(value("URL", sockets, Server::Same, &[]).as_deref(), Ok("postgres:///twenty?host=/run/pg"));
    let many = "postgres://u@a:1,b:2/chronos?target_session_attrs=primary";
    let same = "postgres://u@a:1,b:2/twenty?target_session_attrs=primary";
    assert_eq!(value("URL", many, Server::Same, &[]).as_deref(), Ok(same));
    assert_eq!(value("URL", many, other(), &[]), Err(ValueError::SeveralServers));
}

/// What upstream writes for TwentyCRM: only the database is literal.
#[test]
fn variables_stay_where_nothing_must_change() {
    let raw = "postgres://${U:-postgres}:${P:-a@b/c}@${PG_HOST:-db}:${PG_PORT:-5432}/chronos";
    let renamed = "postgres://${U:-postgres}:${P:-a@b/c}@${PG_HOST:-db}:${PG_PORT:-5432}/twenty";
    assert_eq!(value("URL", raw, Server::Same, &[]).as_deref(), Ok(renamed));
    let refused = ValueError::Interpolated { part: Part::Host, variables: vec!["PG_HOST".into()] };
    assert_eq!(value("URL", raw, other(), &[]), Err(refused));
    assert_eq!(value("URL", raw, other(), &["PG_HOST", "PG_PORT"]).as_deref(), Ok(renamed));
    let refused = ValueError::Interpolated { part: Part::Port, variables: vec!["PG_PORT".into()] };
    assert_eq!(value("URL", raw, other(), &["PG_HOST"]), Err(refused));
    // An older form: the variable holds the port as well.
    let raw = "postgres://twenty:twenty@${PG_HOST}/chronos";
    assert_eq!(value("URL", raw, Server::Same, &[]).as_deref(), Ok("postgres://twenty:twenty@${PG_HOST}/twenty"));

    for raw in ["postgres://u@db/${DB:-chronos}", "postgres://u@db/chr$DB", "host=db dbname=${DB}"] {
        let refused = ValueError::Interpolated { part: Part::Database, variables: vec!["DB".into()] };
        assert_eq!(value("URL", raw, Server::Same, &[]), Err(refused), "{raw}");
    }
    let refused = ValueError::Interpolated { part: Part::Value, variables: vec!["PG_DATABASE_URL".into()] };
    assert_eq!(value("URL", "${PG_DATABASE_URL}", Server::Same, &[]), Err(refused));
}

#[test]
fn a_key_for_each_part_is_known_by_its_name() {
    for (key, raw, same, elsewhere) in [
        ("DB_DATABASE", "chronos", "twenty", "twenty"),
        ("PGDATABASE", "chronos", "twenty", "twenty"),
        ("POSTGRES_DB", "chronos", "twenty", "twenty"),
        ("PG_DATABASE_NAME", "chronos", "twenty", "twenty"),
        ("WHATEVER", "chronos", "twenty", "twenty"),
        ("DB_HOST", "db", "db", "db2.example"),
        ("PG_DATABASE_HOST", "db:5432", "db:5432", "db2.example:5433"),
        ("DB_PORT", "5432", "5432", "5433"),
    ] {
        assert_eq!(value(key, raw, Server::Same, &[]).as_deref(), Ok(same), "{key}");
        assert_eq!(value(key, raw, other(), &[]).as_deref(), Ok(elsewhere), "{key}");
    }
}

#[test]
fn what_is_not_surely_the_old_database_is_refused() {
    let unknown = ValueError::Unknown;
    let foreign = ValueError::OtherDatabase { expected: "chronos".into() };
    for (key, raw, error) in [
        ("URL", "redis://redis:6379", unknown.clone()),
        ("URL", "jdbc:postgresql://db/chronos", unknown.clone()),
        ("URL", "Host=db;Database=chronos", unknown.clone()),
        ("APP_SECRET", "hidden", unknown.clone()),
        ("DB_PORT", "none", unknown),
        ("URL", "postgres://u:p@db:5432/directus", foreign.clone()),
        ("DB_DATABASE", "directus", foreign),
        ("URL", "postgres://u:p@w@db/chronos", ValueError::Ambiguous),
        ("URL", "postgres://u:p/w@db/chronos", ValueError::Ambiguous),
        ("URL", "postgres://u:p?w@db/chronos", ValueError::Ambiguous),
        ("URL", "postgres://u@db", ValueError::NoDatabase),
        ("URL", "postgres://u@db/chronos?dbname=x", ValueError::Keyword { keyword: "dbname".into() }),
        ("URL", "host=db user=u", ValueError::NoDatabase),
        ("URL", "service=chronos dbname=chronos", ValueError::Keyword { keyword: "service".into() }),
    ] {
        assert_eq!(value(key, raw, Server::Same, &[]), Err(error), "{raw}");
    }
}

#[test]
fn the_host_that_is_this_machine_is_not_written_where_another_name_stood() {
    let here = || Server::Other { host: "localhost".into(), port: 5433 };
    let refused = ValueError::AsSeenFrom { host: "localhost".into() };
    for raw in ["postgres://u@db:5432/chronos", "host=db dbname=chronos"] {
        assert_eq!(value("URL", raw, here(), &[]), Err(refused.clone()));
    }
    assert_eq!(value("DB_HOST", "db", here(), &[]), Err(refused));
    let raw = "postgres://u@127.0.0.1:5432/chronos";
    assert_eq!(value("URL", raw, here(), &[]).as_deref(), Ok("postgres://u@localhost:5433/twenty"));
}

#[test]
fn a_name_with_odd_characters_is_written_as_each_form_needs_it() {
    let odd = Change { from: "chronos".into(), to: "tw'en ty/ü".into(), server: Server::Same };
    let scope = |style| Scope { change: &odd, style, dollar: Dollar::Literal, set_elsewhere: &[] };
    let uri = rewrite("URL", "postgres://u@db:1/chronos", &scope(Style::Plain));
    assert_eq!(uri, Ok(Rewritten::Within("postgres://u@db:1/tw%27en%20ty%2F%C3%BC".into())));
    let pairs = "host=db port=1 dbname=chronos";
    assert_eq!(rewrite("URL", pairs, &scope(Style::Double)), Err(ValueError::Unfit { part: Part::Value }));
    assert_eq!(rewrite("URL", pairs, &scope(Style::Plain)), Err(ValueError::Unfit { part: Part::Value }));
}

#[test]
fn passwords_are_masked() {
    for (raw, shown) in [
        ("postgres://u:hidden@h:1/d", "postgres://u:***@h:1/d"),
        ("postgres://u:hid@den@h/d", "postgres://u:***@h/d"),
        ("postgres://u:hid/den@h/d?password=hidden&a=b", "postgres://u:***@h/d?password=***&a=b"),
        ("redis://:hidden@h", "redis://:***@h"),
        ("postgres://${U:-u}:${P:-hidden}@${H:-h}/d", "postgres://${U:-u}:***@${H:-h}/d"),
        ("postgres://${BOTH:-u:hidden}@h/d", "postgres://${BOTH:***@h/d"),
        ("host=h password='hid den' dbname=d sslpassword=hidden", "host=h password=*** dbname=d sslpassword=***"),
        ("${URL:-postgres://u:hidden@h/d}", "***"),
        ("hidden", "***"),
    ] {
        assert_eq!(masked(raw, Dollar::Interpolates, Shown::Unknown), shown, "{raw}");
    }
    assert_eq!(masked("chronos", Dollar::Interpolates, Shown::Known), "chronos");
}

proptest! {
    /// Whatever stands in a file: no panic, and nothing but a database, a host and a port differs.
    #[test]
    fn any_text_is_taken_or_refused(
        scheme in "(postgres://|postgresql://|host=|dbname=|)",
        rest in "[a-c1-3ü:/@?&=,.%$\\{\\}\\[\\]'\"\\\\ -]{0,30}",
        tail in "(/chronos| dbname=chronos|chronos|)",
    ) {
        let raw = format!("{scheme}{rest}{tail}");
        for server in [Server::Same, other()] {
            if let Ok(new) = value("URL", &raw, server, &[]) {
                prop_assert!(new == raw || new.contains("twenty"), "{} {}", raw, new);
            }
        }
        masked(&raw, Dollar::Interpolates, Shown::Unknown);
    }
}
