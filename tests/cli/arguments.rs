//! What the grammar refuses: exit code 2, the wrong word is named, the likely one offered.

use crate::pgkeep::{Repo, Said, assert_refused, pgkeep};

#[track_caller]
fn assert_usage(args: &[&str], names: &[&str]) {
    let said = Said::of(pgkeep().args(args));
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    names.iter().for_each(|name| assert!(said.stderr.contains(name), "no {name:?} in: {}", said.stderr));

    let said = Said::of(pgkeep().args(args).arg("--json"));
    assert_eq!((said.code, said.stderr.as_str()), (2, ""), "{said:?}");
    let told = said.document();
    assert_eq!(told["exit_code"], 2);
    assert_eq!(told["causes"], serde_json::json!([]));
    let words = format!("pgkeep: {}\n{}", told["error"].as_str().unwrap(), told["hint"].as_str().unwrap());
    // How the verb is used is for whoever reads the text.
    let names = names.iter().filter(|name| !name.starts_with("pgkeep ["));
    names.for_each(|name| assert!(words.contains(name), "no {name:?} in: {words}"));
}

#[test]
fn an_unknown_flag_is_named_and_the_likely_one_offered() {
    let unknown = |flag: &str, hint: &str| format!("pgkeep: unexpected argument '{flag}' found\n  hint: {hint}\n");
    assert_usage(
        &["backup", "--lock-wait-timout", "5"],
        &["pgkeep: unexpected argument '--lock-wait-timout' found", "Did you mean '--lock-wait-timeout'?"],
    );
    assert_usage(
        &["list", "--frobnicate"],
        &["pgkeep: unexpected argument '--frobnicate' found", "Usage: pgkeep list"],
    );
    for (args, flag, hint) in [
        (&["prune", "--dryrun"][..], "--dryrun", "Did you mean '--dry-run'?"),
        (&["backup", "--jbos", "2"], "--jbos", "Did you mean '--jobs'?"),
        (
            &["restore", "latest", "--clean"],
            "--clean",
            "pgkeep never overwrites: restore into an empty database; --create creates one",
        ),
        (&["restore", "latest", "--no-privileges"], "--no-privileges", "--no-acl leaves grants out"),
        (&["list", "--verbose"], "--verbose", "progress is shown unless --quiet hides it"),
        (&["backup", "--database", "x"], "--database", "-d names the database"),
    ] {
        let said = Said::of(pgkeep().args(args));
        assert!(said.code == 2 && said.stderr.starts_with(&unknown(flag, hint)), "{said:?}");
    }
    // A wrong guess is worse than none.
    for flag in ["--clean", "--frobnicate", "--schedule", "--table-space"] {
        for verb in ["backup", "restore", "verify", "prune", "split"] {
            let said = Said::of(pgkeep().args([verb, flag]));
            for guess in ["'--schema'", "'--schemas'", "'--table'", "similar"] {
                assert!(!said.stderr.contains(guess), "{verb} {flag}: {said:?}");
            }
        }
    }
}

#[test]
fn an_unknown_verb_is_named_and_the_likely_one_offered() {
    assert_usage(
        &["bakcup"],
        &["pgkeep: unrecognized subcommand 'bakcup'", "Did you mean 'backup'?", "pgkeep [OPTIONS] <COMMAND>"],
    );
    for (typed, verb) in [
        ("snapshots", "list"),
        ("check", "verify"),
        ("forget", "prune"),
        ("dump", "backup"),
        ("pg_restore", "restore"),
        ("migrate", "split"),
    ] {
        let said = Said::of(pgkeep().args([typed, "x"]));
        let told =
            format!("pgkeep: unrecognized subcommand '{typed}'\n  hint: that is '{verb}' here: pgkeep {verb} --help\n");
        assert!(said.code == 2 && said.stderr.starts_with(&told), "{said:?}");
    }
    let said = Said::of(pgkeep().arg("frobnicate"));
    assert!(!said.stderr.contains("hint:"), "{said:?}");
}

/// Other tools' switches are answered with one of the verb's own, and with none that it does not have.
#[test]
fn a_switch_of_another_tool_is_answered_with_one_that_the_verb_takes() {
    let hint = |args: &[&str]| {
        let said = Said::of(pgkeep().args(args));
        assert_eq!(said.code, 2, "{said:?}");
        said.stderr.lines().find_map(|line| line.trim().strip_prefix("hint: ").map(str::to_owned)).unwrap_or_default()
    };
    assert_eq!(hint(&["restore", "latest", "--database", "x"]), "-d names the database");
    let list = "list shows the snapshots of all databases, each with its database";
    assert_eq!(hint(&["list", "--database", "x"]), list);
    for verb in ["list", "show", "verify", "prune", "drill", "init"] {
        for switch in ["--database", "--threads", "-O", "--compress", "-x", "--role", "-U"] {
            let hint = hint(&[verb, switch]);
            let Some(ours) = hint.split(' ').next().filter(|word| word.starts_with('-')) else { continue };
            let help = Said::of(pgkeep().args([verb, "--help"])).stdout;
            let listed = help.split([' ', ',', '\n', '=']).any(|word| word == ours);
            assert!(listed, "{verb} {switch}: {hint}");
        }
    }
}

/// Letters that changed places are one fault; other tools' words come first; and a verb has verbs of its own.
#[test]
fn a_mistyped_verb_is_answered_with_one_that_can_stand_there() {
    let hint = |args: &[&str]| {
        let said = Said::of(pgkeep().args(args));
        assert_eq!(said.code, 2, "{said:?}");
        said.stderr.lines().find_map(|line| line.trim().strip_prefix("hint: ").map(str::to_owned)).unwrap_or_default()
    };
    for (typed, verb) in [
        ("resotre", "restore"),
        ("lsit", "list"),
        ("iint", "init"),
        ("vefiry", "verify"),
        ("split rolback", "rollback"),
        ("split stauts", "status"),
        ("key rotaet", "rotate"),
    ] {
        let args: Vec<&str> = typed.split(' ').collect();
        assert_eq!(hint(&args), format!("Did you mean '{verb}'?"), "{typed}");
    }
    for (typed, verb) in [("rm", "prune"), ("test", "drill"), ("new", "init"), ("ls", "list")] {
        assert_eq!(hint(&[typed]), format!("that is '{verb}' here: pgkeep {verb} --help"), "{typed}");
    }
    for no_guess in [&["split", "bakcup"][..], &["split", "rm"], &["xy"]] {
        assert_eq!(hint(no_guess), "", "{no_guess:?}");
    }
}

#[test]
fn a_value_out_of_range_is_named_with_its_range() {
    assert_usage(&["backup", "-j", "0"], &["pgkeep: invalid value '0' for '--jobs <JOBS>': 0 is not in 1..=256"]);
    assert_usage(
        &["backup", "--level", "20"],
        &["pgkeep: invalid value '20' for '--level <LEVEL>': 20 is not in -7..=19"],
    );
    assert_usage(&["show"], &["the following required arguments were not provided", "<SNAPSHOT>"]);
    assert_usage(&["init"], &["the following required arguments were not provided", "--keys <DIR>"]);
    // In JSON, too, the error itself says which.
    let said = Said::of(pgkeep().args(["show", "--json"]));
    let error = said.document()["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!((said.code, error.ends_with("were not provided: <SNAPSHOT>")), (2, true), "{said:?}");
}

/// What a server takes as a lock_timeout: milliseconds in 31 bits.
#[test]
fn a_wait_for_locks_is_no_longer_than_a_server_can_wait() {
    let verbs: [&[&str]; 4] = [&["backup"], &["split"], &["split", "finish"], &["split", "reap"]];
    for verb in verbs {
        let wait = |seconds: &str| Said::of(pgkeep().args(verb).args(["--lock-wait-timeout", seconds]));
        for seconds in ["2147484", "4294967295"] {
            let told = format!(
                "invalid value '{seconds}' for '--lock-wait-timeout <SECONDS>': {seconds} is not in 0..=2147483"
            );
            let said = wait(seconds);
            assert!(said.code == 2 && said.stderr.contains(&told), "{verb:?}: {said:?}");
        }
        for seconds in ["0", "2147483"] {
            assert!(!wait(seconds).stderr.contains("invalid value"), "{verb:?} {seconds}");
        }
    }
}

#[test]
fn a_flag_is_never_guessed_from_its_beginning() {
    assert_usage(&["backup", "--lock", "5"], &["pgkeep: unexpected argument '--lock' found"]);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = Said::of(pgkeep().arg("--help"));
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for code in ["0 success", "2 usage", "4 source", "5 repository", "6 keys", "7 conflict", "130 interrupted"] {
        let words: String = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(code), "{code} is not in {words}");
    }
    let version = Said::of(pgkeep().arg("--version"));
    assert_eq!(version.stdout, format!("pgkeep {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(version.code, 0);
}

/// What belongs to the verb stands before what every verb takes, in every help there is.
#[test]
fn the_common_options_come_last_in_every_help() {
    const COMMON: [&str; 7] = [
        "--repo <URL>",
        "--writer-key <FILE>",
        "--restore-key <FILE>",
        "--identity <FILE>",
        "--passphrase-file <FILE>",
        "      --json ",
        "--quiet ",
    ];
    let verbs = ["init", "backup", "list", "show", "restore", "verify", "drill", "split", "prune", "run", "key"];
    let deeper =
        [["split", "status"], ["split", "rollback"], ["split", "finish"], ["split", "reap"], ["key", "rotate"]];
    let all = verbs.iter().map(|verb| vec![*verb]).chain(deeper.iter().map(|path| path.to_vec()));
    for path in all {
        let help = Said::of(pgkeep().args(&path).arg("--help")).stdout;
        let (own, common) = help.split_once("\nCommon options:\n").unwrap_or_else(|| panic!("{path:?}: {help}"));
        for option in COMMON {
            assert!(!own.contains(option), "{path:?}: {option} among its own: {help}");
            assert!(common.contains(option), "{path:?}: {option} is not in {common}");
        }
        let asked = Said::of(pgkeep().arg("help").args(&path));
        assert_eq!((asked.code, asked.stderr.as_str()), (0, ""), "{path:?}");
        assert_eq!(asked.stdout, help, "{path:?}");
    }
    assert_eq!(Said::of(pgkeep().arg("help")).stdout, Said::of(pgkeep().arg("--help")).stdout);
    assert_eq!(Said::of(pgkeep().arg("version")).stdout, Said::of(pgkeep().arg("--version")).stdout);
    assert_eq!(Said::of(pgkeep().args(["version", "--json"])).document()["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn nothing_at_all_shows_the_verbs_and_fails() {
    let said = Said::of(&mut pgkeep());
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("  backup   Back up a database or some of its schemas\n"), "{}", said.stderr);
}

#[test]
fn a_repository_must_be_named() {
    let repo = Repo::new();
    for verb in [&["list"][..], &["show", "latest"], &["backup", "-d", "x"]] {
        assert_refused(
            pgkeep().args(verb).arg("--writer-key").arg(repo.writer_key()),
            2,
            "pgkeep: no repository was given\n  hint: Name it with --repo URL or PGKEEP_REPO.\n",
        );
    }
    assert_refused(
        pgkeep().args(["init", "--keys", "/nonexistent"]),
        2,
        "pgkeep: no repository was given\n  hint: Name it with --repo URL or PGKEEP_REPO.\n",
    );
}

#[test]
fn the_environment_names_repository_and_key_as_well() {
    let repo = Repo::new();
    let mut list = pgkeep();
    list.arg("list").env("PGKEEP_REPO", repo.root()).env("PGKEEP_WRITER_KEY", repo.writer_key());
    let said = Said::of(&mut list);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "no snapshots yet\n", ""));
}

#[test]
fn what_is_no_url_of_a_repository_is_refused() {
    let repo = Repo::new();
    for (url, reason) in [
        ("s3:///prefix", "it names no bucket: s3://bucket/prefix"),
        ("s3://id:secret@bucket/x", "credentials come from the environment or from a profile, never from the URL"),
        ("https://example.org/x", "a repository is file:///path, a path, or s3://bucket/prefix"),
        ("file://relative/path", "file:// needs an absolute path: file:///srv/backup"),
        ("", "a repository is file:///path, a path, or s3://bucket/prefix"),
    ] {
        let text = format!("pgkeep: `{url}` is not a valid repository URL: {reason}\n");
        assert_refused(
            pgkeep().arg("list").arg("--repo").arg(url).arg("--writer-key").arg(repo.writer_key()),
            2,
            &text,
        );
        assert_refused(pgkeep().args(["init", "--keys", "/nonexistent/keys", "--repo", url]), 2, &text);
    }
}

/// Whoever knows pg_dump names the database without a switch; and a program reads the hint alone.
#[test]
fn a_database_without_its_switch_is_told_with_it() {
    let document = Said::of(pgkeep().args(["backup", "shop", "--json"])).document();
    assert_eq!(document["hint"], "-d shop names the database", "{document}");
    let document = Said::of(pgkeep().args(["restore", "latest", "my shop", "--json"])).document();
    assert_eq!(document["hint"], "-d 'my shop' names the database", "{document}");
    let document = Said::of(pgkeep().args(["backup", "--jbos", "2", "--json"])).document();
    assert_eq!(document["hint"], "Did you mean '--jobs'?", "{document}");
}
