//! Backups that are killed.

use super::*;

impl Site {
    /// The backup after a kill finds what the killed one has stored and signed for. Returns how many objects of those that were
    /// left it stored again, because nobody had signed for them yet.
    fn assert_next_backup_goes_on(&mut self) -> usize {
        let before = self.data();
        let report = self.backup();
        let after = self.data();
        assert!(before.is_subset(&after), "a backup removes nothing");
        assert_eq!(report["objects_new"].as_u64(), Some((after.len() - before.len()) as u64), "{report}");
        let again = after.difference(&before).filter(|object| object.contains('.')).count();
        // What nobody needs any more: what is stored again, and what small slices shared, for the next run packs them in another order.
        let unreferenced = self.verified(&[])["objects_unreferenced"].as_u64().unwrap();
        let expected = self.unreferenced + 6 + 2 * again as u64;
        assert!(unreferenced <= expected, "{} objects, then {unreferenced}", self.unreferenced);
        self.unreferenced = unreferenced;
        again
    }
}

#[test]
fn a_backup_killed_at_any_moment_leaves_a_sound_repository_and_the_next_one_goes_on() {
    let (mut dice, mut site) = (Dice::new(), Site::start());
    site.change(1);
    let mut whole = undisturbed(&mut site, Verb::Backup);
    let (mut killed, mut left, mut again) = (0, 0, 0);
    for (n, moment) in dice.moments(runs(20)).into_iter().enumerate() {
        site.change(n + 2);
        let before = site.data().len();
        // A bit more than a whole run, so that its last moments are met as well.
        let ended = killed_after(&mut site.command(Verb::Backup, ""), whole.mul_f64(moment * 1.05));
        killed += usize::from(ended == Ended::Killed);
        left += site.data().len() - before;
        site.assert_sound(Verb::Backup, ended);
        let since = Instant::now();
        again += site.assert_next_backup_goes_on();
        whole = whole.mul_f64(0.7) + since.elapsed().mul_f64(0.3);
        if n % 8 == 7 {
            site.read_whole();
        }
    }
    println!("{killed} of {} backups were killed; one takes {whole:?}", runs(20));
    println!("of {left} objects that they had stored, {again} were stored again");
    // What a killed run had not signed for is stored again. These are runs of half a second, the first signature of which comes after
    // 0.2 s, so how much that is depends on the machine.
    assert!(again < left, "of {left} objects that were left, {again} were stored again");
    assert!(killed * 4 > runs(20), "only {killed} were killed before they had finished");
    site.read_whole();
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
    let timed = |repo: &Repo| {
        let since = Instant::now();
        let said = Said::of(&mut backup(repo));
        assert_eq!(said.code, 0, "{said:?}");
        since.elapsed()
    };
    // As many rows as keep this machine busy for long enough, for the first record comes after 2 s; and enough to store beside what
    // reading alone takes, less than which no run can take.
    let (whole, undisturbed) = (1..=8)
        .find_map(|n| {
            let undisturbed = Repo::new();
            let (whole, least) = (timed(&undisturbed), timed(&undisturbed));
            if whole >= Duration::from_millis(4500) && least * 4 < whole {
                return Some((whole, undisturbed));
            }
            let more = format!("SELECT i, sha512(i::text::bytea) FROM generate_series({n}00001, {}00000) i", n + 1);
            server.ask(&format!("INSERT INTO shop.noise {more}"));
            None
        })
        .expect("rows that take longer to store than to read");
    let at_once = objects(undisturbed.root(), "data").len();
    let time = whole.mul_f64(0.6);

    let mut rounds = 1;
    while killed_after(&mut backup(&repo), time) == Ended::Killed {
        rounds += 1;
        assert!(rounds <= 20, "after {rounds} rounds of {time:?} not done; undisturbed it takes {whole:?}");
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
