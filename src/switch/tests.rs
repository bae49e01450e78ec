//! Files on disk: planned, switched, put back.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const TWENTY: &str = include_str!("tests/twenty.yml");

/// Like the file that docs.directus.io tells to write.
const DIRECTUS: &str = "# Database\nDB_CLIENT=\"pg\"\nDB_HOST=\"database\"\nDB_PORT=\"5432\"\nDB_DATABASE=\"chronos\"\n\
                        DB_USER=\"directus\"\nDB_PASSWORD=\"hidden\" # hidden\n\nSECRET='hidden'";
const POSTGREST: &str = "PGRST_DB_URI=postgres://authenticator:hidden@postgres:5432/chronos\r\nPGRST_DB_SCHEMAS=erp,agent\r\n\
                         PGRST_DB_ANON_ROLE=web_anon\r\n";

struct Place {
    folder: TempDir,
}

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            fs::write(place.path(name), text).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn plan(&self, rewrites: &[&str], server: Server) -> Result<Plan, SwitchError> {
        let parse = |text: &&str| {
            let mut rewrite = Rewrite::parse(text).unwrap();
            rewrite.file = self.path(rewrite.file.to_str().unwrap());
            rewrite
        };
        let rewrites: Vec<Rewrite> = rewrites.iter().map(parse).collect();
        let from = if rewrites[0].file.ends_with("twenty.yml") { "default" } else { "chronos" };
        Plan::read(&rewrites, &Change { from: from.into(), to: "twenty".into(), server })
    }

    fn switch(&self, rewrites: &[&str]) -> Applied {
        let plan = self.plan(rewrites, Server::Same).unwrap();
        let record = plan.record(at());
        plan.apply(&record).unwrap();
        // As it comes back from where it was kept.
        serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn at() -> DateTime<Utc> {
    "2026-11-22T03:15:00Z".parse().unwrap()
}

#[test]
fn twenty_is_switched_in_both_services_and_back() {
    let place = Place::with(&[("twenty.yml", TWENTY)]);
    let plan = place.plan(&["twenty.yml:PG_DATABASE_URL"], Server::Same).unwrap();
    let path = place.path("twenty.yml");
    let shown = "postgres://${PG_DATABASE_USER:-postgres}:***@${PG_DATABASE_HOST:-db}:${PG_DATABASE_PORT:-5432}";
    let diff = format!(
        "--- {0}\n+++ {0}\n@@ -11 +11 @@ services.server.environment\n-      PG_DATABASE_URL: {shown}/default\n\
         +      PG_DATABASE_URL: {shown}/twenty\n@@ -30 +30 @@ services.worker.environment\n\
         -      PG_DATABASE_URL: {shown}/default …\n+      PG_DATABASE_URL: {shown}/twenty …\n",
        path.display()
    );
    assert_eq!(plan.diff(), diff);
    assert_eq!(place.text("twenty.yml"), TWENTY);
    assert_eq!(place.names(), ["twenty.yml"]);

    let record = plan.record(at());
    plan.apply(&record).unwrap();
    assert_eq!(place.text("twenty.yml"), TWENTY.replace("/default", "/twenty"));
    assert_eq!(place.names(), ["twenty.yml", "twenty.yml.pgkeep-20261122T031500Z"]);
    assert_eq!(place.text("twenty.yml.pgkeep-20261122T031500Z"), TWENTY);
    let services: Vec<_> = record.files[0].edits.iter().map(|edit| edit.services.join(" ")).collect();
    assert_eq!(services, ["server", "worker"]);

    // A second switch finds nothing to do.
    let again = place.plan(&["twenty.yml:PG_DATABASE_URL"], Server::Same).unwrap();
    assert_eq!((again.edits().len(), again.kept().len(), again.diff().as_str()), (0, 2, ""));

    record.revert().unwrap();
    assert_eq!(place.text("twenty.yml"), TWENTY);
    assert_eq!(place.names(), ["twenty.yml"]);
    record.revert().unwrap();
    assert_eq!(place.text("twenty.yml"), TWENTY);
}

#[test]
fn twenty_on_another_server_needs_its_variables_rewritten_too() {
    let env = "PG_DATABASE_HOST=db:5432\nPG_DATABASE_PORT=5432\n";
    let place = Place::with(&[("twenty.yml", TWENTY), (".env", env)]);
    let other = || Server::Other { host: "db2".into(), port: 5433 };
    let error = place.plan(&["twenty.yml:PG_DATABASE_URL"], other()).unwrap_err();
    let SwitchError::Value { source, line: 11, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "the host is not written there: it comes from PG_DATABASE_HOST");
    assert!(error.hint().unwrap().contains("--rewrite .env:PG_DATABASE_HOST"), "{:?}", error.hint());
    let rewrites = ["twenty.yml:PG_DATABASE_URL", ".env:PG_DATABASE_HOST", ".env:PG_DATABASE_PORT"];
    let plan = place.plan(&rewrites, other()).unwrap();
    plan.apply(&plan.record(at())).unwrap();
    assert_eq!(place.text("twenty.yml"), TWENTY.replace("/default", "/twenty"));
    assert_eq!(place.text(".env"), "PG_DATABASE_HOST=db2:5433\nPG_DATABASE_PORT=5433\n");
}

#[test]
fn directus_and_postgrest_are_switched_by_their_own_keys() {
    let place = Place::with(&[(".env", DIRECTUS), ("postgrest.env", POSTGREST)]);
    let rewrites = [".env:DB_DATABASE", ".env:DB_HOST", ".env:DB_PORT", "postgrest.env:PGRST_DB_URI"];
    let plan = place.plan(&rewrites, Server::Other { host: "db2.example".into(), port: 5433 }).unwrap();
    let record = plan.record(at());
    plan.apply(&record).unwrap();
    let directus = DIRECTUS.replace("\"database\"", "\"db2.example\"").replace("5432", "5433");
    assert_eq!(place.text(".env"), directus.replace("chronos", "twenty"));
    let postgrest = POSTGREST.replace("postgres:5432/chronos", "db2.example:5433/twenty");
    assert_eq!(place.text("postgrest.env"), postgrest);
    let said = format!("{plan:?} {} {} {record:?}", plan.diff(), serde_json::to_string(&record).unwrap());
    assert!(!said.contains("hidden"), "{said}");
    record.revert().unwrap();
    assert_eq!((place.text(".env").as_str(), place.text("postgrest.env").as_str()), (DIRECTUS, POSTGREST));
}

#[test]
fn a_literal_value_takes_the_place_of_any_other() {
    let yml = "services: {a: {environment: {A: hidden, URL: \"jdbc:hidden\", B: hidden}}} # hidden\n";
    let place = Place::with(&[("c.yml", yml), (".env", "JDBC=a\nPASS='hidden'\n")]);
    let rewrites = ["c.yml:URL=jdbc:postgresql://db/twenty?password=hidden", ".env:JDBC=a b", ".env:PASS=hidden2"];
    let plan = place.plan(&rewrites, Server::Same).unwrap();
    assert!(!plan.diff().contains("hidden"), "{}", plan.diff());
    plan.apply(&plan.record(at())).unwrap();
    assert_eq!(place.text("c.yml"), yml.replace("jdbc:hidden", "jdbc:postgresql://db/twenty?password=hidden"));
    assert_eq!(place.text(".env"), "JDBC='a b'\nPASS='hidden2'\n");
}

#[test]
fn names_that_yaml_would_take_for_something_else_get_quotes() {
    let place = Place::with(&[(
        "c.yml",
        "services:\n  a:\n    environment:\n      DB_NAME: chronos # c\n  b:\n    environment: [DB_NAME=chronos]\n",
    )]);
    for (to, first, second) in [
        ("no", "'no'", "DB_NAME=no"),
        ("a b", "'a b'", "'DB_NAME=a b'"),
        ("1e3", "'1e3'", "DB_NAME=1e3"),
        ("it's", "\"it's\"", "\"DB_NAME=it's\""),
    ] {
        let change = Change { from: "chronos".into(), to: to.into(), server: Server::Same };
        let rewrite = Rewrite { file: place.path("c.yml"), key: "DB_NAME".into(), literal: None };
        let plan = Plan::read(&[rewrite], &change).unwrap();
        let record = plan.record(at());
        plan.apply(&record).unwrap();
        let expected = format!(
            "services:\n  a:\n    environment:\n      DB_NAME: {first} # c\n  b:\n    environment: [{second}]\n"
        );
        assert_eq!(place.text("c.yml"), expected);
        record.revert().unwrap();
    }
}

#[test]
fn what_is_unsure_leaves_every_file_as_it_was() {
    let place = Place::with(&[(".env", DIRECTUS), ("c.yml", "services: {}\n")]);
    for (rewrites, part) in [
        (&[".env:DB_DATABASE", ".env:DB_DATABASE"][..], "DB_DATABASE is named twice"),
        (&[".env:DB_DATABASE", "c.yml:URL"], "has no URL"),
        (&[".env:DB_DATABASE", "none.env:URL"], "cannot find"),
        (&[".env:SECRET"], "line 9: the value of SECRET cannot be rewritten"),
    ] {
        let error = place.plan(rewrites, Server::Same).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error:?} {:?}", error.hint()).contains("hidden"));
    }
    fs::hard_link(place.path(".env"), place.path("second")).unwrap();
    assert!(matches!(place.plan(&[".env:DB_DATABASE"], Server::Same), Err(SwitchError::HardLinked { .. })));
}

#[test]
fn a_file_that_changed_after_the_plan_is_not_touched_and_the_others_are_put_back() {
    let place = Place::with(&[("a.env", "URL=postgres://u@h:1/chronos\n"), ("b.env", "DB=chronos\n")]);
    let plan = place.plan(&["a.env:URL", "b.env:DB"], Server::Same).unwrap();
    let record = plan.record(at());
    fs::write(place.path("b.env"), "DB=chronos\n# somebody\n").unwrap();
    let error = plan.apply(&record).unwrap_err();
    let SwitchError::NotApplied { path, put_back, left, source } = &error else { panic!("{error:?}") };
    assert_eq!((path, put_back), (&place.path("b.env"), &vec![place.path("a.env")]));
    assert!(left.is_empty() && matches!(**source, SwitchError::Changed { .. }), "{error:?}");
    assert_eq!(place.text("a.env"), "URL=postgres://u@h:1/chronos\n");
    assert_eq!(place.text("b.env"), "DB=chronos\n# somebody\n");
    assert_eq!(place.names(), ["a.env", "b.env"]);
}

#[test]
fn a_switch_that_was_killed_half_way_is_put_back_by_its_record() {
    let place = Place::with(&[("a.env", "DB=chronos\n"), ("b.env", "DB=chronos\n")]);
    let plan = place.plan(&["a.env:DB", "b.env:DB"], Server::Same).unwrap();
    let record = plan.record(at());
    // The first file is switched, of the second only the copy is there.
    fs::copy(place.path("a.env"), &record.files[0].backup).unwrap();
    fs::write(place.path("a.env"), "DB=twenty\n").unwrap();
    fs::copy(place.path("b.env"), &record.files[1].backup).unwrap();
    record.revert().unwrap();
    assert_eq!((place.text("a.env").as_str(), place.text("b.env").as_str()), ("DB=chronos\n", "DB=chronos\n"));
    assert_eq!(place.names(), ["a.env", "b.env"]);
}

#[test]
fn what_somebody_changed_elsewhere_in_the_file_stays_on_the_way_back() {
    let place = Place::with(&[("twenty.yml", TWENTY)]);
    let record = place.switch(&["twenty.yml:PG_DATABASE_URL"]);
    let newer = place.text("twenty.yml").replace("image: redis\n", "image: redis:8 # pinned\n");
    fs::write(place.path("twenty.yml"), format!("# a line above\n{newer}")).unwrap();
    record.revert().unwrap();
    let expected = TWENTY.replace("image: redis\n", "image: redis:8 # pinned\n");
    assert_eq!(place.text("twenty.yml"), format!("# a line above\n{expected}"));
    assert!(record.files[0].backup.exists());
}

#[test]
fn a_value_that_somebody_changed_is_not_overwritten_on_the_way_back() {
    let place = Place::with(&[("a.env", "DB=chronos\n"), (".env", DIRECTUS)]);
    let record = place.switch(&["a.env:DB", ".env:DB_DATABASE"]);
    fs::write(place.path(".env"), place.text(".env").replace("twenty", "third")).unwrap();
    let error = record.revert().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: somebody has changed DB_DATABASE since the switch", place.path(".env").display())
    );
    // No file was written, the first one neither.
    assert_eq!(place.text("a.env"), "DB=twenty\n");
    fs::write(place.path(".env"), place.text(".env").replace("third", "twenty")).unwrap();
    fs::write(&record.files[1].backup, "x").unwrap();
    assert!(matches!(record.revert(), Err(SwitchError::Backup { .. })));
}

#[test]
fn mode_and_link_stay_and_no_copy_is_overwritten() {
    let place = Place::with(&[("real.env", "DB=chronos\n"), ("real.env.pgkeep-20261122T031500Z", "earlier")]);
    fs::set_permissions(place.path("real.env"), Permissions::from_mode(0o640)).unwrap();
    symlink("real.env", place.path(".env")).unwrap();
    // Only root can give files away, and only root meets those of others.
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(place.path("real.env"), Some(12345), Some(23456)).unwrap();
    }
    let record = place.switch(&[".env:DB"]);
    assert_eq!(place.text("real.env"), "DB=twenty\n");
    assert!(place.path(".env").symlink_metadata().unwrap().is_symlink());
    assert_eq!(place.text("real.env.pgkeep-20261122T031500Z"), "earlier");
    assert_eq!(record.files[0].backup, place.path("real.env.pgkeep-20261122T031500Z-2"));
    for name in ["real.env", "real.env.pgkeep-20261122T031500Z-2"] {
        let metadata = fs::metadata(place.path(name)).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o640, "{name}");
        assert!(!is_root || (metadata.uid(), metadata.gid()) == (12345, 23456), "{name}");
    }
}

/// Texts around one value, in the shapes that people write.
fn env_text() -> impl Strategy<Value = (String, String)> {
    let line = prop_oneof![
        Just(String::new()),
        "# [ -~]{0,20}",
        "(export )?[A-J]{1,4}=[a-zA-Z0-9ü:/@.$#-]{0,12}",
        "[A-J]{1,4}=\"[a-z #=]{0,8}\"( # [a-z]{0,5})?",
        "[A-J]{1,4}='[a-z #=\"]{0,8}'",
    ];
    let lines = || prop::collection::vec(line.clone(), 0..6);
    let quote = prop_oneof![Just(""), Just("'"), Just("\"")];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let tail = prop_oneof![Just(""), Just("  # why"), Just("\t")];
    let lead = prop_oneof![Just(""), Just("export "), Just("  ")];
    (lines(), lines(), quote, end, tail, lead, any::<bool>(), any::<bool>()).prop_map(
        |(above, below, quote, end, tail, lead, has_bom, has_end)| {
            let with = |url: &str| {
                let mut lines = above.clone();
                lines.push(format!("{lead}URL={quote}{url}{quote}{tail}"));
                lines.extend(below.clone());
                let bom = if has_bom { "\u{feff}" } else { "" };
                format!("{bom}{}{}", lines.join(end), if has_end { end } else { "" })
            };
            (with("postgres://u:p%20w@h:1/chronos?a=b"), with("postgres://u:p%20w@h:1/twenty?a=b"))
        },
    )
}

fn compose_text() -> impl Strategy<Value = (String, String)> {
    let value =
        prop_oneof!["[a-z][a-z0-9ü./-]{0,10}", "\"[a-z #:]{0,10}\"", "'[a-z #:\"]{0,10}'", Just("${X:-y}".to_owned())];
    let entries = prop::collection::vec(("[A-J]{1,4}", value, "( # [a-z ]{0,8})?"), 0..4);
    let quote = prop_oneof![Just(""), Just("'"), Just("\"")];
    let service = (entries.clone(), entries, quote, any::<bool>(), any::<bool>());
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (prop::collection::vec(service, 1..4), end, any::<bool>(), any::<bool>()).prop_map(
        |(services, end, has_bom, has_end)| {
            let with = |url: &str| {
                let mut lines = vec!["# stack".to_owned(), "services:".to_owned()];
                for (n, (above, below, quote, is_list, has_blank)) in services.iter().enumerate() {
                    lines.extend([format!("  s{n}:"), "    image: \"x:1\" # pinned".into(), "    environment:".into()]);
                    let mut seen = vec!["URL"];
                    let mut entry = |key: &'_ str, value: &str, tail: &str| match is_list {
                        true => lines.push(format!("    - {key}={}{tail}", value.replace([':', '#', ' '], "."))),
                        false => lines.push(format!("      {key}: {value}{tail}")),
                    };
                    for (key, value, tail) in above {
                        if !seen.contains(&key.as_str()) {
                            seen.push(key);
                            entry(key, value, tail);
                        }
                    }
                    match is_list {
                        true => lines.push(format!("    - {quote}URL={url}{quote}")),
                        false => lines.push(format!("      URL: {quote}{url}{quote} # {n}")),
                    }
                    if *has_blank {
                        lines.extend([String::new(), "      # between".to_owned()]);
                    }
                    for (key, value, tail) in below {
                        if !seen.contains(&key.as_str()) && !is_list {
                            seen.push(key);
                            lines.push(format!("      {key}: {value}{tail}"));
                        }
                    }
                }
                let bom = if has_bom { "\u{feff}" } else { "" };
                format!("{bom}{}{}", lines.join(end), if has_end { end } else { "" })
            };
            (with("postgres://u:p%20w@h:1/chronos?a=b"), with("postgres://u:p%20w@h:1/twenty?a=b"))
        },
    )
}

fn is_switched_and_put_back(name: &str, before: &str, after: &str) -> Result<(), TestCaseError> {
    let place = Place::with(&[(name, before)]);
    let record = place.switch(&[&format!("{name}:URL")]);
    prop_assert_eq!(place.text(name), after);
    record.revert().unwrap();
    prop_assert_eq!(place.text(name), before);
    prop_assert_eq!(place.names(), [name]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_planned_or_refused(text in "(services: *\n? *|)[A-C]?[a:*&|!<>'\"#\\[\\]{}ü=\\\\\n -]{0,40}(URL[:=] ?['\"]?chronos)?.{0,9}") {
        for name in [".env", "c.yml"] {
            let place = Place::with(&[(name, &text)]);
            if let Ok(plan) = place.plan(&[&format!("{name}:URL")], Server::Same) {
                let record = plan.record(at());
                plan.apply(&record).unwrap();
                record.revert().unwrap();
                prop_assert_eq!(&place.text(name), &text);
            }
        }
    }

    #[test]
    fn an_env_file_changes_in_the_value_alone_and_comes_back((before, after) in env_text()) {
        is_switched_and_put_back(".env", &before, &after)?;
    }

    #[test]
    fn a_compose_file_changes_in_the_values_alone_and_comes_back((before, after) in compose_text()) {
        is_switched_and_put_back("c.yml", &before, &after)?;
    }
}
