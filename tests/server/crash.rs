//! `kill -9` of the program at any moment: what was whole stays whole, what was not whole does not show, and what was stored is
//! used by the next run.
//!
//! `PGKEEP_CRASH_RUNS` kills of each verb instead of a few, at moments that `PGKEEP_CRASH_SEED` decides.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::judge::{assert_equal, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};
use crate::verify::objects;

/// What is killed. Another verb is a line here and one in [`Site::command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Backup,
    Restore,
}

/// Small numbers that nobody foresees, and the same ones for the same seed (splitmix64).
struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    fn new() -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("PGKEEP_CRASH_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
        Self { seed, state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `count` fractions of a run, spread evenly, in no order.
    fn moments(&mut self, count: usize) -> Vec<f64> {
        let mut fraction = |n: usize| (n as f64 + (self.next() >> 11) as f64 / (1u64 << 53) as f64) / count as f64;
        let mut moments: Vec<f64> = (0..count).map(&mut fraction).collect();
        for n in (1..count).rev() {
            moments.swap(n, (self.next() % (n as u64 + 1)) as usize);
        }
        moments
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("to see these moments again: PGKEEP_CRASH_SEED={}", self.seed);
        }
    }
}

fn runs(in_short: usize) -> usize {
    std::env::var("PGKEEP_CRASH_RUNS").map_or(in_short, |runs| runs.parse().unwrap())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Killed,
    Finished,
}

fn killed_after(command: &mut Command, moment: Duration) -> Ended {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    if status.signal() == Some(9) {
        return Ended::Killed;
    }
    assert!(status.success(), "{command:?}: {status}");
    Ended::Finished
}

/// Tables that fill chunks of their own, tables that share objects, large objects.
const SHOP: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.noise (id integer PRIMARY KEY, n bytea);
    SELECT lo_from_bytea(0, decode(repeat(md5(n::text), 20000), 'hex')) FROM generate_series(1, 3) n;
    DO $$ BEGIN
        FOR n IN 1..40 LOOP
            EXECUTE format('CREATE TABLE shop.small_%s AS SELECT i AS id, md5((i * %s)::text) AS note FROM generate_series(1, %s) i', n, n, 20 + n * 7);
        END LOOP;
    END $$";

struct Site {
    server: Server,
    repo: Repo,
    snapshots: Vec<String>,
    unreferenced: u64,
}

impl Site {
    fn start() -> Self {
        let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
        server.ask(SHOP);
        let mut site = Self { server, repo, snapshots: Vec::new(), unreferenced: 0 };
        site.change(0);
        site.backup();
        site
    }

    fn dsn(&self) -> String {
        self.server.dsn("postgres")
    }

    /// Nothing of the largest table is as it was: a backup has 10 MB to write.
    fn change(&self, n: usize) {
        self.server.ask(&format!(
            "TRUNCATE shop.noise; INSERT INTO shop.noise SELECT i, sha512(('{n} ' || i)::bytea) FROM generate_series(1, 110000) i;
             INSERT INTO shop.small_7 VALUES ({n}, 'changed')"
        ));
    }

    fn command(&self, verb: Verb, copy: &str) -> Command {
        match verb {
            Verb::Backup => self.repo.command(["backup", "-q", "-d", &self.dsn()]),
            Verb::Restore => self.repo.restore(["latest", "-q", "--create", "-d", &self.server.dsn(copy)]),
        }
    }

    fn backup(&mut self) -> Value {
        let report = self.repo.json(["backup", "-d", &self.dsn()]);
        self.snapshots.push(report["snapshot"].as_str().unwrap().to_owned());
        report
    }

    fn listed(&self) -> Vec<String> {
        let listed = self.repo.json(["list"]);
        listed.as_array().unwrap().iter().map(|one| one["snapshot"].as_str().unwrap().to_owned()).collect()
    }

    fn data(&self) -> BTreeSet<String> {
        objects(self.repo.root(), "data")
    }

    fn verified(&self, depth: &[&str]) -> Value {
        let report = self.repo.json(["verify"].iter().chain(depth));
        assert_eq!(report["ok"], true, "{report}");
        report
    }

    /// With the key that opens rows, every byte is read.
    fn read_whole(&self) {
        let key = self.repo.restore_key();
        self.verified(&["--read-data", "--restore-key", key.to_str().unwrap()]);
    }

    /// What holds after any kill: nobody is left at the server, nothing is damaged, and no snapshot is gone. A new one may be there, if the
    /// kill came after its manifest, and is whole then, as `verify` says.
    fn assert_sound(&mut self, verb: Verb, ended: Ended) {
        let others =
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.server.wait_until(others, "0", Duration::from_secs(10));
        let report = self.verified(&[]);
        let listed = self.listed();
        assert_eq!(listed.len() as u64, report["snapshots_checked"].as_u64().unwrap(), "{report}");
        let new: Vec<&String> = listed.iter().filter(|id| !self.snapshots.contains(id)).collect();
        assert_eq!(listed.len(), self.snapshots.len() + new.len(), "a snapshot is gone");
        match (verb, ended) {
            (Verb::Backup, Ended::Finished) => assert_eq!(new.len(), 1),
            (Verb::Backup, Ended::Killed) => assert!(new.len() <= 1, "{new:?}"),
            _ => assert!(new.is_empty(), "{new:?}"),
        }
        self.snapshots = listed;
    }

    /// The backup after a kill finds what the killed one has stored.
    fn assert_next_backup_goes_on(&mut self) {
        let before = self.data();
        let report = self.backup();
        let after = self.data();
        assert!(before.is_subset(&after), "a backup removes nothing");
        assert_eq!(report["objects_new"].as_u64(), Some((after.len() - before.len()) as u64), "{report}");
        let again: Vec<_> = after.iter().filter(|object| object.contains('.')).collect();
        assert!(again.is_empty(), "stored a second time: {again:?}");
        // What nobody needs any more: what small slices shared, for the next run packs them in another order, and pg_dump's archive, of which
        // no two are alike. Not one of the chunks, of which each run has a dozen.
        let unreferenced = self.verified(&[])["objects_unreferenced"].as_u64().unwrap();
        assert!(unreferenced <= self.unreferenced + 6, "{} objects, then {unreferenced}", self.unreferenced);
        self.unreferenced = unreferenced;
    }

    /// In a database that a killed restore has left, a table holds all of its rows or none.
    fn assert_no_half_table(&self, copy: &str) {
        let ask = |database: &str, sql: &str| psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap();
        if self.server.ask(&format!("SELECT count(*) FROM pg_database WHERE datname = '{copy}' AND datallowconn"))
            == "0"
        {
            return;
        }
        let counts = "SELECT string_agg(format('SELECT %L, count(*) FROM %s', oid::regclass, oid::regclass), ' UNION ALL ' ORDER BY oid::regclass::text)
            FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('shop')";
        let counts_there = ask(copy, counts);
        if counts_there.is_empty() {
            return;
        }
        let whole = ask("postgres", &ask("postgres", counts));
        let whole: BTreeSet<&str> = whole.lines().collect();
        for line in ask(copy, &counts_there).lines() {
            assert!(whole.contains(line) || line.ends_with("|0"), "{copy}: {line}");
        }
    }
}

/// How long the verb takes when nobody disturbs it.
fn undisturbed(site: &mut Site, verb: Verb) -> Duration {
    let since = Instant::now();
    let said = Said::of(&mut site.command(verb, "whole"));
    assert_eq!(said.code, 0, "{said:?}");
    let took = since.elapsed();
    site.snapshots = site.listed();
    took
}

#[test]
fn a_backup_killed_at_any_moment_leaves_a_sound_repository_and_the_next_one_goes_on() {
    let (mut dice, mut site) = (Dice::new(), Site::start());
    site.change(1);
    let mut whole = undisturbed(&mut site, Verb::Backup);
    let mut killed = 0;
    for (n, moment) in dice.moments(runs(20)).into_iter().enumerate() {
        site.change(n + 2);
        // A bit more than a whole run, so that its last moments are met as well.
        let ended = killed_after(&mut site.command(Verb::Backup, ""), whole.mul_f64(moment * 1.05));
        killed += usize::from(ended == Ended::Killed);
        site.assert_sound(Verb::Backup, ended);
        let since = Instant::now();
        site.assert_next_backup_goes_on();
        whole = whole.mul_f64(0.7) + since.elapsed().mul_f64(0.3);
        if n % 8 == 7 {
            site.read_whole();
        }
    }
    println!("{killed} of {} backups were killed; one takes {whole:?}", runs(20));
    assert!(killed * 2 > runs(20), "only {killed} were killed before they had finished");
    site.read_whole();
}

#[test]
fn a_restore_killed_at_any_moment_leaves_no_half_table_and_no_session() {
    let (mut dice, mut site) = (Dice::new(), Site::start());
    let whole = undisturbed(&mut site, Verb::Restore);
    site.server.ask("DROP DATABASE whole");
    let rows_there = rows(&site.server, "postgres", None);
    let mut killed = 0;
    for (n, moment) in dice.moments(runs(10)).into_iter().enumerate() {
        let ended = killed_after(&mut site.command(Verb::Restore, "copy"), whole.mul_f64(moment));
        killed += usize::from(ended == Ended::Killed);
        site.assert_sound(Verb::Restore, ended);
        site.assert_no_half_table("copy");
        if n % 5 == 4 {
            site.repo.restored(["latest", "--create", "-d", &site.server.dsn("again")]);
            assert_equal("the second attempt", &rows_there, &rows(&site.server, "again", None));
            site.server.ask("DROP DATABASE again");
        }
        site.server.ask("DROP DATABASE IF EXISTS copy WITH (FORCE)");
    }
    println!("{killed} of {} restores were killed; one takes {whole:?}", runs(10));
    assert!(killed * 2 > runs(10), "only {killed} were killed before they had finished");
}

/// A run that is always killed before it could be done gets further each time, because it need not compress and encrypt again
/// what an earlier one has stored.
#[test]
fn a_backup_that_is_killed_again_and_again_is_done_in_the_end() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask(SHOP);
    // Rows that take the slowest level long. Their tables are small, so that all of them share objects.
    server.ask(
        "DO $$ BEGIN
            FOR n IN 1..110 LOOP
                EXECUTE format('CREATE TABLE shop.part_%s AS SELECT i, sha512((%s * 10000 + i)::text::bytea) AS n FROM generate_series(1, 1800) i', n, n);
            END LOOP;
        END $$;
        INSERT INTO shop.noise SELECT i, sha512(i::text::bytea) FROM generate_series(1, 100000) i",
    );
    let dsn = server.dsn("postgres");
    let backup = |repo: &Repo| repo.command(["backup", "-q", "-d", &dsn, "--level", "19"]);
    // As many rows as keep this machine busy for long enough, for the first record comes after 2 s.
    let (whole, undisturbed) = (1..)
        .find_map(|n| {
            let undisturbed = Repo::new();
            let since = Instant::now();
            let said = Said::of(&mut backup(&undisturbed));
            assert_eq!(said.code, 0, "{said:?}");
            let whole = since.elapsed();
            if whole < Duration::from_millis(4500) {
                server.ask(&format!(
                    "INSERT INTO shop.noise SELECT i, sha512(i::text::bytea) FROM generate_series({n}00001, {}00000) i",
                    n + 1
                ));
                return None;
            }
            Some((whole, undisturbed))
        })
        .unwrap();
    let at_once = objects(undisturbed.root(), "data").len();
    // Once more, with nothing to be stored: less than this no run can take.
    let since = Instant::now();
    let said = Said::of(&mut backup(&undisturbed));
    assert_eq!(said.code, 0, "{said:?}");
    let least = since.elapsed();
    let time = whole.mul_f64(0.6);
    assert!(least * 2 < time, "reading alone takes {least:?} of {whole:?}");

    let mut rounds = 1;
    while killed_after(&mut backup(&repo), time) == Ended::Killed {
        rounds += 1;
        assert!(rounds <= 8, "after {rounds} rounds of {time:?} not done; undisturbed it takes {whole:?}");
        assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 0);
    }
    let stored = objects(repo.root(), "data").len();
    println!("done in round {rounds} of {time:?} each; undisturbed {whole:?}; {stored} objects, at once {at_once}");
    assert!(rounds > 1, "no run was killed");
    // What was packed by a run that was killed is used as it is: at most the last packs of each are lost.
    assert!(stored <= at_once + 8 * rounds, "{stored} objects for {at_once}");
    assert_eq!(objects(repo.root(), "records"), BTreeSet::new(), "what was unfinished is finished");
    let report = repo.json(["verify", "--read-data", "--restore-key", repo.restore_key().to_str().unwrap()]);
    assert_eq!(report["ok"], true, "{report}");
    repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_equal(
        "rows",
        &rows(&server, "postgres", Some("nspname = 'shop'")),
        &rows(&server, "copy", Some("nspname = 'shop'")),
    );
}
