//! Prunes that are killed: while they forget snapshots, condemn objects, and delete what an earlier one condemned.

use super::*;
use crate::prune::pass;

/// Tables with objects of their own and such that share them, little enough for many rounds.
const STOCK: &str = "CREATE SCHEMA shop;
    DO $$ BEGIN
        FOR n IN 1..8 LOOP
            EXECUTE format('CREATE TABLE shop.noise_%s (id integer, n bytea)', n);
            EXECUTE format('CREATE TABLE shop.small_%s (id integer, note text)', n);
        END LOOP;
    END $$";

/// More than the grace period.
const LONG_HOURS: u64 = 25;

impl Site {
    /// Nothing of the tables is as it was: the last night's objects are of no use to the next.
    fn another_night(&mut self, n: usize) {
        self.server.ask(&format!(
            "DO $$ BEGIN
                FOR t IN 1..8 LOOP
                    EXECUTE format('TRUNCATE shop.noise_%s; INSERT INTO shop.noise_%s SELECT i, sha512((''{n} '' || i * %s)::bytea) FROM generate_series(1, 3600) i', t, t, t);
                    EXECUTE format('INSERT INTO shop.small_%s VALUES ({n}, ''a note'')', t);
                END LOOP;
            END $$"
        ));
        self.backup();
    }

    /// What was kept is whole, and what is gone was to go: the oldest first.
    fn assert_kept(&self, keep_last: usize, ended: Ended) {
        let report = self.verified(&[]);
        let gone = self.snapshots.len() - report["snapshots_checked"].as_u64().unwrap() as usize;
        assert_eq!(self.listed(), self.snapshots[gone..]);
        let to_go = self.snapshots.len().saturating_sub(keep_last);
        assert!(gone == to_go || (gone < to_go && ended == Ended::Killed), "{gone} of {to_go} are gone");
    }

    fn prune(&mut self, keep_last: usize) {
        let report = self.repo.json(["prune", "--time-zone", "UTC", "--keep-last", &keep_last.to_string()]);
        for troubles in ["refused", "unreadable", "warnings"] {
            assert_eq!(report[troubles], json!([]), "{report}");
        }
        let to_go = self.snapshots.len().saturating_sub(keep_last);
        self.snapshots.drain(..to_go);
        let kept = report["kept"].as_array().unwrap().iter().map(|one| one["snapshot"].as_str().unwrap());
        assert_eq!(kept.collect::<Vec<_>>(), self.snapshots);
    }
}

#[test]
fn a_prune_killed_at_any_moment_loses_nothing_and_the_next_one_finishes_its_work() {
    let (mut dice, mut site) = (Dice::new(), Site::of(STOCK));
    // One that forgets, condemns, deletes what the one before it condemned, and clears away the records of the one before that.
    let mut whole = Duration::ZERO;
    for n in 0..3 {
        site.another_night(n);
        pass(site.repo.root(), LONG_HOURS);
        let since = Instant::now();
        site.prune(1);
        whole = since.elapsed();
    }
    let (mut killed, mut deleted) = (0, 0);
    for (n, moment) in dice.moments(runs(12)).into_iter().enumerate() {
        site.another_night(n + 3);
        pass(site.repo.root(), LONG_HOURS);
        let keep_last = 1 + n % 3;
        let before = site.data().len();
        // A bit more than a whole run: objects are deleted at its end.
        let mut command = site.command(Verb::Prune, &keep_last.to_string());
        let ended = killed_after(&mut command, whole.mul_f64(moment * 1.1));
        killed += usize::from(ended == Ended::Killed);
        deleted += usize::from(site.data().len() < before);
        site.assert_kept(keep_last, ended);
        if n % 6 == 5 {
            site.read_whole();
        }
        let since = Instant::now();
        site.prune(keep_last);
        whole = whole.mul_f64(0.7) + since.elapsed().mul_f64(0.3);
    }
    println!("{killed} of {} prunes were killed, {deleted} of all had deleted objects; one takes {whole:?}", runs(12));
    assert!(killed * 4 > runs(12), "only {killed} were killed before they had finished");
    // A dozen may all be killed too early on a quick machine, where a prune takes 20 ms.
    assert!(deleted > 0 || runs(12) < 100, "no prune came as far as to delete an object");

    // What was begun is finished by two more, and nothing of it is left; what was kept comes back.
    site.another_night(1_000_000);
    for _ in 0..3 {
        pass(site.repo.root(), LONG_HOURS);
        site.prune(1);
    }
    let report = site.verified(&[]);
    assert_eq!((&report["objects_unreferenced"], site.listed().len()), (&json!(0), 1), "{report}");
    let records = objects(site.repo.root(), "records");
    assert!(records.iter().all(|record| record.starts_with("records/read/")), "{records:?}");
    site.read_whole();
    let rows_there = rows(&site.server, "postgres", None);
    site.repo.restored(["latest", "--create", "-d", &site.server.dsn("again")]);
    assert_equal("what the prunes left", &rows_there, &rows(&site.server, "again", None));
}
