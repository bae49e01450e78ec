use super::*;

/// Path, services, line and value.
type Found = (String, Vec<String>, usize, String);

fn found(text: &str, key: &str) -> Result<Vec<Found>, SwitchError> {
    let sites = locate(Path::new("docker-compose.yml"), text, key)?;
    Ok(sites.into_iter().map(|site| (site.path, site.services, site.line, text[site.value].to_owned())).collect())
}

fn one(path: &str, services: &[&str], line: usize, value: &str) -> Found {
    (path.into(), services.iter().map(|name| (*name).to_owned()).collect(), line, value.into())
}

#[test]
fn values_are_found_in_maps_and_lists_in_every_quotation() {
    let text = "\u{feff}# ü\r\nservices:\r\n  a:\r\n    environment:\r\n      URL: plain # why\r\n  b:\r\n    environment:\r\n    - X=1\r\n    \
                - URL=plain\r\n  c: {environment: {URL: 'sin''gle', X: 1}}\r\n  d:\r\n    environment: [\"URL=dou\\\"ble\"]\r\n  \
                e:\r\n    environment:\r\n      \"URL\": \"€\"\r\n  f:\r\n    image: x\r\n";
    let expected = [
        one("services.a.environment.URL", &["a"], 5, "plain"),
        one("services.b.environment.URL", &["b"], 9, "plain"),
        one("services.c.environment.URL", &["c"], 10, "sin''gle"),
        one("services.d.environment.URL", &["d"], 12, "dou\\\"ble"),
        one("services.e.environment.URL", &["e"], 15, "€"),
    ];
    assert_eq!(found(text, "URL").unwrap(), expected);
}

#[test]
fn what_services_share_is_found_once_where_it_stands() {
    let text = "x-env: &env\n  URL: shared\n  A: 1\nservices:\n  a:\n    environment: *env\n  b:\n    environment:\n      \
                <<: *env\n      A: 2\n  c:\n    environment:\n      <<: [*env]\n      URL: own\n  d: &d\n    environment:\n      \
                - URL=list\n  e:\n    <<: *d\n";
    let expected = [
        one("x-env.URL", &["a", "b"], 2, "shared"),
        one("services.c.environment.URL", &["c"], 14, "own"),
        one("services.d.environment.URL", &["d", "e"], 17, "list"),
    ];
    assert_eq!(found(text, "URL").unwrap(), expected);
}

#[test]
fn what_cannot_be_edited_in_place_is_refused() {
    for (environment, part) in [
        ("      URL: |\n        a\n", "line 4: URL has a value in a block"),
        ("      URL: >-\n        a\n", "has a value in a block"),
        ("      URL: a\n        b\n", "has a value of several lines"),
        ("      URL: \"a\n        b\"\n", "has a value of several lines"),
        ("      URL:\n", "takes it from its own environment"),
        ("      - URL\n", "takes it from its own environment"),
        ("      URL: &url a\n", "has an anchor"),
        ("      A: &url a\n      URL: *url\n", "is an alias"),
        ("      URL: [a]\n", "is not a single value"),
        ("      URL: a\n      X: 1\n      URL: b\n", "sets URL twice, in line 4 and in line 6"),
        ("      - URL=a\n      - URL=b\n", "sets URL twice, in line 4 and in line 5"),
        ("      - \"\\x55RL=a\"\n", "is written with escapes"),
        ("      URL: {{ url }}\n", "is not a single value"),
        ("      A: \"b\nURL: c\n", "cannot parse"),
        ("      OTHER: a\n", "has no URL"),
    ] {
        let text = format!("services:\n  a:\n    environment:\n{environment}");
        let error = found(&text, "URL").unwrap_err();
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
    let two = "services: {}\n---\nservices: {}\n";
    assert!(found(two, "URL").unwrap_err().to_string().contains("a second document begins"));
}

#[test]
fn a_missing_key_is_told_with_the_nearest_or_with_the_files_that_services_read() {
    let text = "services:\n  a:\n    env_file: .env\n    environment:\n      PG_DATABASE_URL: x\n  b:\n    env_file:\n      - path: b.env\n";
    let hint = |key| found(text, key).unwrap_err().hint();
    assert_eq!(hint("PG_DATABASE_URI").as_deref(), Some("Did you mean PG_DATABASE_URL?"));
    let files = "Its services read their own files: --rewrite .env:DB_HOST --rewrite b.env:DB_HOST";
    assert_eq!(hint("DB_HOST").as_deref(), Some(files));
}

#[test]
fn another_meaning_than_the_one_that_was_meant_is_seen() {
    let path = Path::new("c.yml");
    let old = "services:\n  a:\n    environment:\n      URL: old\n      B: c\n";
    let sites = locate(path, old, "URL").unwrap();
    let check = |new: &str, value: &str| differs_only_in(path, old, new, &[(&sites[0], value.to_owned())]).is_ok();
    assert!(check(&old.replace("old", "'n#w'"), "n#w"));
    assert!(!check(&old.replace("old", "n #w"), "n #w"));
    assert!(!check(&old.replace("old", "new").replace("c\n", "d\n"), "new"));
    assert!(!check(&old.replace("old", "a: b"), "a: b"));
    assert!(!check(&old.replace("URL", "URI").replace("old", "new"), "new"));
}
