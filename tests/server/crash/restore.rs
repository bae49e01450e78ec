//! Restores that are killed.

use super::*;

impl Site {
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
    assert!(killed * 4 > runs(10), "only {killed} were killed before they had finished");
}
