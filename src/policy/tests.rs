use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text.as_bytes(), Path::new("/etc/pgkeep"))
}

/// The message, and the hint behind it.
fn refusal(text: &str) -> String {
    let error = parse(text).unwrap_err();
    match error.hint() {
        Some(hint) => format!("{error} | {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn every_key_arrives_and_relative_paths_count_from_the_policys_folder() {
    let policy = parse(
        r#"
        [source]
        dsn = "host=db dbname=shop"
        password_command = ["./get-password", "shop"]
        [selection]
        schemas = ["core", "workspace_*"]
        exclude_schemas = ["workspace_old"]
        tables = ['public."Order"']
        exclude_tables = ["*.log"]
        [repository]
        url = "../backups"
        writer_key = "writer.key"
        [backup]
        jobs = 4
        level = -3
        lock_wait_timeout = 0
        role_passwords = true
        accept_shrink = true
        pg_bin = "/opt/pg/bin"
        tags = ["nightly", "eu-1"]
        [retention]
        keep_last = 1
        keep_hourly = 2
        keep_daily = 3
        keep_weekly = 4
        keep_monthly = 5
        keep_yearly = 6
        keep_within = "1m7d"
        keep_tags = ["release"]
        grace = "36h"
        time_zone = "Europe/Berlin"
        "#,
    );
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let expected = Policy {
        dsn: "host=db dbname=shop".into(),
        password: PasswordSource::Command {
            program: "/etc/pgkeep/./get-password".into(),
            arguments: vec!["shop".into()],
        },
        schemas: texts(&["core", "workspace_*"]),
        exclude_schemas: texts(&["workspace_old"]),
        tables: texts(&["public.\"Order\""]),
        exclude_tables: texts(&["*.log"]),
        repository: Some("/etc/pgkeep/../backups".into()),
        writer_key: Some("/etc/pgkeep/writer.key".into()),
        jobs: 4,
        level: -3,
        lock_wait_timeout: 0,
        role_passwords: true,
        accept_shrink: true,
        pg_bin: Some("/opt/pg/bin".into()),
        tags: vec!["nightly".parse().unwrap(), "eu-1".parse().unwrap()],
        retention: Some(Retention {
            rules: Rules {
                last: 1,
                hourly: 2,
                daily: 3,
                weekly: 4,
                monthly: 5,
                yearly: 6,
                within: Some("1m7d".parse().unwrap()),
                tags: vec!["release".parse().unwrap()],
            },
            grace: "36h".parse().unwrap(),
            time_zone: "Europe/Berlin".parse().unwrap(),
        }),
    };
    assert_eq!(policy.unwrap(), expected);
}

#[test]
fn what_is_not_said_is_as_in_backup() {
    let policy = parse("source.dsn = 'shop'\nrepository.url = 'file:///srv/backup'").unwrap();
    assert_eq!((policy.jobs, policy.level, policy.lock_wait_timeout, policy.role_passwords), (2, 1, 120, false));
    assert!(!policy.accept_shrink);
    assert_eq!(policy.password, PasswordSource::Libpq);
    assert_eq!(policy.repository.as_deref(), Some("file:///srv/backup"));
    assert!(policy.schemas.is_empty() && policy.tables.is_empty());
    let bare = parse("[source]\ndsn = 'shop'\npassword_command = ['pass', 'show', '~/$x']").unwrap();
    let arguments = vec!["show".into(), "~/$x".into()];
    assert_eq!(bare.password, PasswordSource::Command { program: "pass".into(), arguments });
}

#[test]
fn an_unknown_name_is_refused_with_its_line_and_the_likely_one() {
    for (text, expected) in [
        ("[source]\ndsn = 's'\n\n[backup]\njbos = 3", "line 5: [backup] has no key `jbos` | Did you mean `jobs`?"),
        ("[backup]\nurl = 'x'", "line 2: [backup] has no key `url` | It belongs in [repository]."),
        (
            "[repository]\nbucket = 'x'",
            "line 2: [repository] has no key `bucket` | [repository] has the keys url, writer_key.",
        ),
        ("[sources]\ndsn = 'x'", "line 1: a policy has no section [sources] | Did you mean [source]?"),
        (
            "\n[limits]\nrate = 7",
            "line 2: a policy has no section [limits] | This version has [source], [selection], [repository], [backup], [retention].",
        ),
        ("dsn = 'x'", "line 1: the key `dsn` is in no section | It belongs in [source]."),
        // The first from the top, not the first of the alphabet.
        (
            "[source]\nzeta = 1\nalpha = 1",
            "line 2: [source] has no key `zeta` | [source] has the keys dsn, password_file, password_command.",
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_never_repeated() {
    for (text, expected) in [
        ("[backup]\njobs = 'hunter2'", "line 2: jobs must be a number from 1 to 256, not a string"),
        ("[backup]\njobs = 0", "line 2: jobs must be a number from 1 to 256, not 0"),
        (
            "[backup]\njobs = 99999999999999999999",
            "line 2: jobs must be a number from 1 to 256, not 99999999999999999999",
        ),
        ("[backup]\nlevel = 1.5", "line 2: level must be a number from -7 to 19, not a number with a decimal point"),
        (
            "[backup]\nlock_wait_timeout = '120s'",
            "line 2: lock_wait_timeout must be a number of seconds up to 2147483, not a string",
        ),
        (
            "[backup]\nlock_wait_timeout = 2147484",
            "line 2: lock_wait_timeout must be a number of seconds up to 2147483, not 2147484",
        ),
        ("[backup]\nrole_passwords = 'yes'", "line 2: role_passwords must be true or false, not a string"),
        ("[selection]\nschemas = 'core'", "line 2: schemas must be a list of strings, not a string"),
        ("[selection]\ntables = [\n 'a',\n 7]", "line 4: tables must be a list of strings, not a list with a number"),
        ("source = 'hunter2'", "line 1: [source] must be a section, not a string"),
        ("[[source]]\ndsn = 'x'", "line 1: [source] must be a section, not a list"),
        ("[repository]\nurl = ''", "line 2: url must be a path, not an empty string"),
    ] {
        let text = if text.contains("source") { text.to_owned() } else { format!("{text}\n[source]\ndsn = 's'") };
        assert_eq!(refusal(&text), expected, "{text}");
    }
    let source = |line: &str| refusal(&format!("[source]\ndsn = 's'\n{line}"));
    assert_eq!(
        source("password_command = 'echo hunter2'"),
        "line 3: password_command must be a list of strings, not a string"
    );
    assert_eq!(
        source("password_command = []"),
        "line 3: password_command must be a program and its arguments, not an empty list"
    );
    assert_eq!(
        source("password_command = ['p']\npassword_file = 'f'"),
        "line 3: both password_command and password_file are given | Keep one of them."
    );
}

#[test]
fn retention_is_refused_where_it_is_not_understood() {
    let retention = |line: &str| refusal(&format!("[source]\ndsn = 's'\n[retention]\n{line}"));
    for (line, expected) in [
        (
            "",
            "[retention] has no rule | For example: keep_daily = 7. Without the section, no snapshot is ever forgotten.",
        ),
        ("keep_dayly = 7", "line 4: [retention] has no key `keep_dayly` | Did you mean `keep_daily`?"),
        ("keep_daily = 0", "line 4: keep_daily must be a number from 1, not 0"),
        (
            "keep_within = '1w'",
            "line 4: keep_within cannot be used: write a period as 2y5m7d3h: years, months, days and hours, each at most once",
        ),
        (
            "keep_tags = ['a', 'b c']",
            "line 4: keep_tags cannot be used: a tag is a word of 1 to 64 characters, without white space and commas",
        ),
        (
            "keep_daily = 1\ngrace = '0h'",
            "line 5: grace cannot be used: a grace period of less than an hour is not safe: a backup that runs at the same time may need what would be deleted",
        ),
        (
            "keep_daily = 1\ntime_zone = 'CEST'",
            "line 5: time_zone cannot be used: a time zone is `local`, `UTC` or a name of the IANA database, as in Europe/Berlin",
        ),
    ] {
        assert_eq!(retention(line), expected, "{line}");
    }
    assert_eq!(parse("source.dsn = 's'").unwrap().retention, None);
    let shortest = parse("[source]\ndsn = 's'\n[retention]\nkeep_last = 3").unwrap().retention.unwrap();
    assert_eq!((shortest.grace, shortest.time_zone), (Grace::default(), Zone::Local));
}

#[test]
fn no_policy_holds_a_password() {
    const SAID: &str = "line 2: a policy must not contain a password | Use a file (password_file), a program that prints it (password_command), ~/.pgpass or PGPASSWORD.";
    for line in [
        "dsn = 'host=db password=hunter2'",
        "dsn = 'postgresql://me:hunter2@db/shop'",
        "dsn = 'postgresql://me@db/shop?password=hunter2'",
        "dsn = 'host=db sslpassword=hunter2'",
        "password = 'hunter2'",
    ] {
        assert_eq!(refusal(&format!("[source]\n{line}")), SAID, "{line}");
    }
    assert!(parse("[source]\ndsn = 'postgresql://me@db/shop?passfile=/etc/pgpass'").is_ok());
    let malformed = parse("[source]\ndsn = 'host=db hunter2'").unwrap_err();
    assert_eq!(malformed.to_string(), "line 2: dsn cannot be used");
}

#[test]
fn a_home_or_a_variable_is_not_expanded_and_not_taken_for_a_name() {
    for (line, key, sign) in [("url = '~/backups'", "url", '~'), ("writer_key = '$HOME/writer.key'", "writer_key", '$')]
    {
        let text = format!("[source]\ndsn = 's'\n[repository]\n{line}");
        let expected = format!(
            "line 4: {key} begins with `{sign}`, which is not expanded | Write the whole path, or one relative to the folder of the policy."
        );
        assert_eq!(refusal(&text), expected);
    }
}

#[test]
fn what_is_no_policy_at_all_is_told_apart() {
    const EMPTY: &str = "the policy is empty | It needs a [source] with dsn and a [repository] at least.";
    assert_eq!(refusal(""), EMPTY);
    assert_eq!(refusal("# comment\n\n"), EMPTY);
    assert!(refusal("[repository]\nurl = 'x'").starts_with("[source] has no dsn | "));
    for (text, line) in
        [("[source]\ndsn = \n", 2), ("a = 1\na = 2", 2), ("[source]\r\n\r\ndsn = 'x", 3), ("nonsense", 1)]
    {
        match parse(text) {
            Err(PolicyError::Syntax { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    let error = Policy::parse(b"[source]\ndsn = 'caf\xe9'\n", Path::new("")).unwrap_err();
    assert_eq!(error.to_string(), "line 2: it is not UTF-8");
}

#[test]
fn a_pattern_is_checked_before_anything_is_connected_to() {
    match parse("[source]\ndsn = 's'\n[selection]\nschemas = ['core',\n 'a.b']") {
        Err(PolicyError::Pattern { line, key, .. }) => assert_eq!((line, key), (5, "schemas")),
        other => panic!("{other:?}"),
    }
}
