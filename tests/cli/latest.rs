//! `latest` is the newest snapshot of one database, and a restore fills the database that was named: neither is left to chance.

use std::path::PathBuf;
use std::process::Command;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::interleave::{HOUR, Of, World, back_up, back_up_of};
use crate::pgkeep::{Repo, Said, assert_refused};

/// Snapshots of these databases, the oldest first.
fn world(databases: &[&str]) -> World {
    let mut world = World::new();
    for (n, database) in databases.iter().enumerate() {
        world.database = (*database).to_owned();
        back_up(&mut world, [n]);
        world.pass(HOUR);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    world
}

fn at(repo: &Repo, args: &[&str]) -> Command {
    let mut command = repo.command(args);
    command.arg("--restore-key").arg(repo.restore_key());
    command
}

fn manifests(repo: &Repo) -> Vec<PathBuf> {
    let names = std::fs::read_dir(repo.root().join("snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn id(manifest: &std::path::Path) -> String {
    manifest.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap().1.to_owned()
}

/// Every verb that takes a snapshot, with a place for it.
const TAKE_A_SNAPSHOT: &[&[&str]] = &[
    &["show", "?"],
    &["verify", "?"],
    &["verify", "?", "--read-data"],
    &["verify", "?", "--against", "host=/nonexistent user=u dbname=d"],
    &["restore", "?", "-d", "host=/nonexistent user=u dbname=d"],
    &["drill", "?"],
    &["split", "--rehearse", "--schemas", "a", "--to", "host=/nonexistent user=u dbname=d", "--snapshot", "?"],
];

fn naming<'a>(args: &[&'a str], snapshot: &'a str) -> Vec<&'a str> {
    args.iter().map(|arg| if *arg == "?" { snapshot } else { arg }).collect()
}

#[test]
fn latest_is_refused_where_several_databases_have_one() {
    let world = world(&["shop", "crm"]);
    for args in TAKE_A_SNAPSHOT {
        assert_refused(
            &mut at(&world.repo, &naming(args, "latest")),
            2,
            "pgkeep: `latest` is ambiguous: the repository has snapshots of 2 databases: crm, shop\n  hint: Name one of the databases: latest:crm, latest:shop\n",
        );
        assert_refused(
            &mut at(&world.repo, &naming(args, "latest:nope")),
            2,
            "pgkeep: the repository has no snapshot of the database nope\n  hint: It has snapshots of crm, shop.\n",
        );
        assert_refused(
            &mut at(&world.repo, &naming(args, "latest:")),
            2,
            "pgkeep: there is no snapshot `latest:`\n  hint: `pgkeep list` shows their ids.\n",
        );
    }
    // The verb that takes the newest where none is named.
    let said = Said::of(&mut at(&world.repo, &["drill", "-q"]));
    assert!(said.code == 2 && said.stderr.contains("latest:crm"), "{said:?}");
}

#[test]
fn latest_of_a_database_is_its_newest() {
    let world = world(&["shop", "crm", "shop", "crm:eu", "crm"]);
    let manifests = manifests(&world.repo);
    for (asked, n) in [("latest:shop", 2), ("latest:crm", 4), ("latest:crm:eu", 3)] {
        let shown = world.repo.json(["show", asked]);
        assert_eq!(shown["snapshot"], id(&manifests[n]), "{asked}: {shown}");
        assert_eq!(shown["database"], asked.split_once(':').unwrap().1);
    }
    let one = self::world(&["shop", "shop"]);
    assert_eq!(one.repo.json(["show", "latest"])["snapshot"], id(&self::manifests(&one.repo)[1]));
}

/// It may be the one that is asked for: an older one in its place would be a false answer.
#[test]
fn a_newest_snapshot_that_cannot_be_read_is_not_passed_over() {
    let world = world(&["shop", "crm", "shop"]);
    let manifests = manifests(&world.repo);
    let whole = std::fs::read(&manifests[2]).unwrap();
    std::fs::write(&manifests[2], "junk").unwrap();
    for asked in ["latest", "latest:shop", "latest:crm"] {
        let said = Said::of(&mut world.repo.command(["show", asked]));
        assert!(said.code == 5 && said.stderr.contains("is not signed by a writer"), "{asked}: {said:?}");
    }
    std::fs::write(&manifests[2], whole).unwrap();
    std::fs::write(&manifests[1], "junk").unwrap();
    assert_eq!(world.repo.json(["show", "latest:shop"])["snapshot"], id(&manifests[2]));
    assert_eq!(world.repo.json(["show", "latest"])["snapshot"], id(&manifests[2]));
}

fn dated(world: &mut World, time: DateTime<Utc>) -> String {
    let database = world.database.clone();
    std::fs::create_dir_all(world.repo.root().join("snapshots")).unwrap();
    let before = manifests(&world.repo);
    back_up_of(world, Of { time, ..Of::database(&database) }, [1, 2, 3, 4]);
    let made = manifests(&world.repo).into_iter().find(|name| !before.contains(name));
    id(&made.unwrap())
}

/// One night with a wrong clock must not have the say until its date has passed.
#[test]
fn a_snapshot_from_the_future_is_not_the_latest_while_there_is_another_and_is_told() {
    let mut world = World::new();
    let now = Utc::now().trunc_subsecs(3);
    let (before, future) = (dated(&mut world, now - TimeDelta::days(1)), dated(&mut world, now + TimeDelta::days(200)));
    let told = format!("a snapshot lies in the future, so a clock is or was wrong: {} of ", &future[..8]);
    for asked in ["latest", "latest:shop"] {
        assert_eq!(world.repo.json(["show", asked])["snapshot"], before, "{asked}");
    }
    for args in [&["show", "latest"][..], &["show", &future], &["list"], &["verify", "latest"], &["verify"]] {
        let said = Said::of(&mut world.repo.command(args));
        assert!(said.code == 0 && said.stdout.contains(&format!("warning: {told}")), "{args:?}: {said:?}");
        let document = world.repo.json(args);
        if args[0] == "list" {
            assert_eq!((&document[0]["ahead"], &document[1]["ahead"]), (&false.into(), &true.into()), "{document}");
        } else {
            let warning = document["warnings"][0].as_str().unwrap_or_default();
            assert!(warning.starts_with(&told), "{args:?}: {document}");
        }
    }
    // Junk of such a name stands in the way of nobody.
    let junk = "snapshots/20991231T000000.000Z-0123456789abcdef";
    std::fs::write(world.repo.root().join(junk), "nothing that anybody signed".repeat(20)).unwrap();
    assert_eq!(world.repo.json(["show", "latest"])["snapshot"], before);
    std::fs::remove_file(world.repo.root().join(junk)).unwrap();
    // The clocks of two hosts may differ a little.
    let other_host = dated(&mut world, Utc::now().trunc_subsecs(3) + TimeDelta::minutes(5));
    assert_eq!(world.repo.json(["show", "latest"])["snapshot"], other_host);
    // It is all there is.
    manifests(&world.repo)
        .iter()
        .filter(|name| id(name) != future)
        .for_each(|name| std::fs::remove_file(name).unwrap());
    let said = Said::of(&mut world.repo.command(["show", "latest"]));
    assert!(said.stdout.contains(&future) && said.stdout.contains(&told), "{said:?}");
}

/// PGDATABASE, PGSERVICE and the user's name say where somebody works, not what may be filled.
#[test]
fn a_database_that_is_written_into_is_named_in_the_command() {
    let world = world(&["shop"]);
    let services = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(services.path(), "[copy]\nhost=/nonexistent\ndbname=copy\n[bare]\nhost=/nonexistent\n").unwrap();
    let run = |verb: &[&str], dsn: Option<(&str, &str)>, environment: &[(&str, &str)]| {
        let mut command = at(&world.repo, verb);
        command.args(dsn.iter().flat_map(|(switch, dsn)| [*switch, *dsn])).arg("-q");
        command.env("PGSERVICEFILE", services.path()).env("PGUSER", "prod").env("PGHOST", "/nonexistent");
        Said::of(command.envs(environment.iter().copied()))
    };
    let environments = [&[][..], &[("PGDATABASE", "prod")], &[("PGSERVICE", "copy")]];
    let restore = &["restore", "latest"][..];
    let split = &["split", "--schemas", "a", "--from", "dbname=shop"][..];
    for environment in environments {
        for (verb, switch) in [(restore, "-d"), (&["restore", "latest", "--create"], "-d"), (split, "--to")] {
            for dsn in ["host=/nonexistent", "postgresql://u@127.0.0.1:1/", "service=bare", "dbname=''"] {
                let said = run(verb, Some((switch, dsn)), environment);
                assert_eq!(said.code, 2, "{verb:?} {dsn} {environment:?}: {said:?}");
                assert!(
                    said.stderr.contains(&format!("{switch} does not name the database to write into")),
                    "{said:?}"
                );
            }
        }
        let said = run(restore, None, environment);
        assert!(said.code == 2 && said.stderr.contains("-d does not name the database to write into"), "{said:?}");
        // Named, it is tried: nobody answers there.
        for dsn in ["copy", "host=/nonexistent dbname=copy", "service=copy", "postgresql://u@127.0.0.1:1/copy"] {
            let said = run(restore, Some(("-d", dsn)), environment);
            assert_ne!(said.code, 2, "{dsn}: {said:?}");
        }
    }
}

#[test]
fn a_check_of_one_snapshot_says_of_what_it_is() {
    let world = world(&["shop"]);
    let report = world.repo.json(["verify", "latest"]);
    let listed = world.repo.json(["list"]);
    assert_eq!((&report["snapshot_database"], &report["snapshot_time"]), (&"shop".into(), &listed[0]["time"]));
    let said = Said::of(world.repo.command(["verify", "latest", "-q"]).env("TZ", "Europe/Berlin"));
    let time: chrono::DateTime<chrono::Utc> = listed[0]["time"].as_str().unwrap().parse().unwrap();
    let there = time.with_timezone(&chrono_tz::Europe::Berlin).format("%Y-%m-%d %H:%M:%S %Z");
    assert!(said.stdout.contains(&format!(" in the snapshot of shop, {there}: no problems found")), "{said:?}");
}
