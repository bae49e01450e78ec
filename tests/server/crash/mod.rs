//! `kill -9` of the program at any moment: what was whole stays whole, what was not whole does not show, and what was stored is
//! used by the next run.
//!
//! `PGKEEP_CRASH_RUNS` kills of each verb instead of a few, at moments that `PGKEEP_CRASH_SEED` decides.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::{assert_equal, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};
use crate::verify::objects;

mod backup;
mod keys;
mod prune;
mod restore;
mod split;

/// What is killed. Another verb is a line here and one in [`Site::command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Backup,
    Restore,
    Prune,
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
    fn of(tables: &str) -> Self {
        let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
        server.ask(tables);
        Self { server, repo, snapshots: Vec::new(), unreferenced: 0 }
    }

    fn start() -> Self {
        let mut site = Self::of(SHOP);
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

    /// `what`: the copy's database, or how many snapshots to keep.
    fn command(&self, verb: Verb, what: &str) -> Command {
        match verb {
            Verb::Backup => self.repo.command(["backup", "-q", "-d", &self.dsn()]),
            Verb::Restore => self.repo.restore(["latest", "-q", "--create", "-d", &self.server.dsn(what)]),
            Verb::Prune => self.repo.command(["prune", "-q", "--time-zone", "UTC", "--keep-last", what]),
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
        self.server.wait_for(others, "0");
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
