use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn group(database: &str, selection: &str) -> Group {
    Group { database: database.into(), selection: selection.into() }
}

/// A good snapshot of `shop`, called by its time.
fn at(text: &str) -> Snapshot {
    Snapshot {
        id: text.into(),
        group: group("shop", ""),
        time: time(text),
        tags: Vec::new(),
        standing: Standing::Good,
        proof: Proof::None,
    }
}

const NOW: &str = "2099-01-01T00:00:00Z";

fn kept_in(snapshots: &[Snapshot], rules: &Rules, zone: &impl TimeZone) -> Vec<String> {
    let decisions = decide(snapshots, rules, &Scope::All, time(NOW), zone).unwrap();
    decisions.into_iter().filter(Decision::is_kept).map(|decision| decision.id).collect()
}

fn reasons(snapshots: &[Snapshot], rules: &Rules, now: &str) -> Vec<(String, String)> {
    let decisions = decide(snapshots, rules, &Scope::All, time(now), &Utc).unwrap();
    let words = |d: Decision| (d.id, d.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    decisions.into_iter().map(words).collect()
}

fn said(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, words)| (id.to_string(), words.to_string())).collect()
}

#[test]
fn each_period_keeps_its_newest_and_says_why() {
    let times = ["2026-01-30T03:00:00Z", "2026-01-31T03:00:00Z", "2026-02-01T03:00:00Z", "2026-02-01T15:00:00Z"];
    let snapshots = times.map(at);
    let rules = Rules { last: 1, daily: 2, monthly: 12, ..Rules::default() };
    let expected = [
        ("2026-01-30T03:00:00Z", ""),
        ("2026-01-31T03:00:00Z", "daily 2026-01-31 (2 of 2); monthly 2026-01 (2 of 12)"),
        ("2026-02-01T03:00:00Z", ""),
        (
            "2026-02-01T15:00:00Z",
            "the newest of its database and selection; last (1 of 1); daily 2026-02-01 (1 of 2); monthly 2026-02 (1 of 12)",
        ),
    ];
    assert_eq!(reasons(&snapshots, &rules, NOW), said(&expected));
}

#[test]
fn groups_do_not_compete() {
    let mut snapshots = ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"].map(at);
    snapshots[0].group = group("shop", "core");
    snapshots[1].group = group("crm", "");
    let rules = Rules { last: 1, ..Rules::default() };
    assert_eq!(kept_in(&snapshots, &rules, &Utc).len(), 3);
    let only = Scope::Only(group("crm", ""));
    let decisions = decide(&snapshots, &Rules::default(), &only, time(NOW), &Utc).unwrap();
    let elsewhere = [vec![Reason::Elsewhere], vec![Reason::LastOfGroup], vec![Reason::Elsewhere]];
    assert_eq!(decisions.into_iter().map(|d| d.reasons).collect::<Vec<_>>(), elsewhere);
}

#[test]
fn what_is_never_forgotten() {
    let mut snapshots =
        ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"].map(at);
    snapshots[0].proof = Proof::Proven;
    snapshots[1].proof = Proof::Proven;
    let rules = Rules { tags: vec!["none-has-it".parse().unwrap()], ..Rules::default() };
    let expected = [
        ("2026-01-01T00:00:00Z", ""),
        ("2026-01-02T00:00:00Z", "the newest that a restore has proven"),
        ("2026-01-03T00:00:00Z", ""),
        ("2026-01-04T00:00:00Z", "the newest of its database and selection"),
    ];
    assert_eq!(reasons(&snapshots, &rules, NOW), said(&expected));
}

/// A host whose clock ran ahead once must not push everybody else's snapshots out of their places.
#[test]
fn a_snapshot_in_the_future_is_kept_and_takes_no_place() {
    let snapshots = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2027-01-01T00:00:00Z"].map(at);
    let rules = Rules { last: 1, ..Rules::default() };
    let expected = [
        ("2026-01-01T00:00:00Z", ""),
        ("2026-01-02T00:00:00Z", "the newest of its database and selection; last (1 of 1)"),
        ("2027-01-01T00:00:00Z", "its time is in the future"),
    ];
    assert_eq!(reasons(&snapshots, &rules, "2026-01-02T12:00:00Z"), said(&expected));
}

/// Neither hides it that today's backup is suspicious, nor keeps prune from its work until its time has come.
#[test]
fn the_newest_of_a_database_is_none_that_lies_in_the_future() {
    let mut snapshots = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2027-01-01T00:00:00Z"].map(at);
    let rules = Rules { last: 1, ..Rules::default() };
    let decided = |snapshots: &[Snapshot], now: &str| decide(snapshots, &rules, &Scope::All, time(now), &Utc);
    const TODAY: &str = "2026-01-02T12:00:00Z";
    snapshots[1].standing = Standing::Suspicious;
    assert!(decided(&snapshots, TODAY).is_err());
    // Two hosts' clocks may differ a little.
    assert!(decided(&snapshots, "2026-01-01T23:55:00Z").is_err());
    snapshots.swap(0, 2);
    snapshots[0].standing = Standing::Suspicious;
    snapshots[1].standing = Standing::Good;
    let kept: Vec<_> = decided(&snapshots, TODAY).unwrap().into_iter().map(|decision| decision.reasons).collect();
    assert_eq!(kept[0], [Reason::Suspicious, Reason::Future]);
    assert_eq!(kept[2], []);
    assert!(decided(&snapshots, "2027-02-01T00:00:00Z").is_err(), "its time has come");
    assert!(decided(&snapshots[..1], TODAY).is_err(), "it is all there is");
}

#[test]
fn a_suspicious_snapshot_is_kept_and_never_counted() {
    let mut snapshots = ["2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z", "2026-01-02T00:00:00Z"].map(at);
    snapshots[1].standing = Standing::Suspicious;
    let rules = Rules { daily: 2, ..Rules::default() };
    let expected = [
        ("2026-01-01T00:00:00Z", "daily 2026-01-01 (2 of 2)"),
        ("2026-01-01T06:00:00Z", "suspicious: kept, but not counted as good"),
        ("2026-01-02T00:00:00Z", "the newest of its database and selection; daily 2026-01-02 (1 of 2)"),
    ];
    assert_eq!(reasons(&snapshots, &rules, NOW), said(&expected));
}

#[test]
fn nothing_is_decided_while_the_newest_of_a_database_is_suspicious() {
    let mut snapshots = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"].map(at);
    snapshots[0].group = group("crm", "");
    snapshots[0].standing = Standing::Suspicious;
    let rules = Rules { last: 1, ..Rules::default() };
    let decided = |snapshots: &[Snapshot], scope: &Scope| decide(snapshots, &rules, scope, time(NOW), &Utc);
    let refused = decided(&snapshots, &Scope::All).unwrap_err();
    assert_eq!(refused, Suspicion { databases: vec!["crm".into()] });
    // Of any selection of that database; rules for another one forget nothing of it.
    assert_eq!(decided(&snapshots, &Scope::Only(group("crm", "core"))).unwrap_err(), refused);
    assert!(decided(&snapshots, &Scope::Only(group("shop", ""))).is_ok());
    // A good one of any selection came after it.
    snapshots[1].group = group("crm", "core");
    assert!(decided(&snapshots, &Scope::All).is_ok());
    // The order in which they are given does not matter.
    snapshots[1].group = group("shop", "");
    snapshots.reverse();
    assert_eq!(decided(&snapshots, &Scope::All).unwrap_err(), refused);
}

#[test]
fn tags_and_spans_keep_what_they_say() {
    let mut snapshots =
        ["2026-01-01T00:00:00Z", "2026-02-27T12:00:00Z", "2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z"].map(at);
    snapshots[0].tags = vec!["release".into(), "v1".into()];
    let rules =
        Rules { tags: vec!["release".parse().unwrap()], within: Some("1m".parse().unwrap()), ..Rules::default() };
    let expected = [
        ("2026-01-01T00:00:00Z", "tag release"),
        ("2026-02-27T12:00:00Z", ""),
        // February has no 31st.
        ("2026-02-28T12:00:00Z", "within 1m of the newest"),
        ("2026-03-31T12:00:00Z", "the newest of its database and selection; within 1m of the newest"),
    ];
    assert_eq!(reasons(&snapshots, &rules, NOW), said(&expected));
}

/// Clocks go back on 2026-10-25 at 01:00 UTC, from 03:00 to 02:00, and forward on 2026-03-29 (EU directive 2000/84/EC).
#[test]
fn an_hour_that_comes_twice_is_two_hours_and_a_day_of_25_hours_one_day() {
    let snapshots =
        ["2026-10-25T00:10:00Z", "2026-10-25T00:40:00Z", "2026-10-25T01:10:00Z", "2026-10-25T01:40:00Z"].map(at);
    let hourly = Rules { hourly: 9, ..Rules::default() };
    assert_eq!(kept_in(&snapshots, &hourly, &Tz::Europe__Berlin), ["2026-10-25T00:40:00Z", "2026-10-25T01:40:00Z"]);
    // From 22:00 UTC to 23:00 UTC the next day, all is the 25th.
    let day = ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"].map(at);
    let daily = Rules { daily: 9, ..Rules::default() };
    let newest = ["2026-10-24T21:59:59Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"];
    assert_eq!(kept_in(&day, &daily, &Tz::Europe__Berlin), newest);
    // The 29th of March has 23 hours: from 23:00 UTC to 22:00 UTC.
    let day = ["2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"].map(at);
    assert_eq!(kept_in(&day, &daily, &Tz::Europe__Berlin), ["2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"]);
}

/// In Newfoundland clocks went back one minute past midnight until 2011: in 2010 7 November begins for a minute, the 6th comes back for an
/// hour, the 7th goes on.
#[test]
fn a_day_that_is_interrupted_is_still_one_day() {
    let snapshots =
        ["2010-11-07T02:00:00Z", "2010-11-07T02:30:30Z", "2010-11-07T02:45:00Z", "2010-11-07T12:00:00Z"].map(at);
    let walls = snapshots.clone().map(|s| Period::Day.name(s.time, &Tz::America__St_Johns));
    assert_eq!(walls, ["2010-11-06", "2010-11-07", "2010-11-06", "2010-11-07"]);
    let daily = Rules { daily: 9, ..Rules::default() };
    let newest = ["2010-11-07T02:45:00Z", "2010-11-07T12:00:00Z"];
    assert_eq!(kept_in(&snapshots, &daily, &Tz::America__St_Johns), newest);
}

#[test]
fn spans_and_graces_read_as_written() {
    assert_eq!("2y5m7d3h".parse::<Span>().unwrap().to_string(), "2y5m7d3h");
    assert_eq!("3h7d".parse::<Span>().unwrap().to_string(), "7d3h");
    for bad in ["", "7", "d", "0d", "7w", "7d7d", "-7d", "7 d", "99999999d", "1.5d"] {
        assert_eq!(bad.parse::<Span>(), Err(BadSpan), "{bad:?}");
    }
    let berlin = |span: &str, from: &str| span.parse::<Span>().unwrap().before(time(from), &Tz::Europe__Berlin);
    // A day of 25 hours, 25 hours; an hour that does not exist, the one before the gap.
    assert_eq!(berlin("1d", "2026-10-25T11:00:00Z"), time("2026-10-24T10:00:00Z"));
    assert_eq!(berlin("25h", "2026-10-25T11:00:00Z"), time("2026-10-24T10:00:00Z"));
    assert_eq!(berlin("1d", "2026-03-30T00:30:00Z"), time("2026-03-29T00:30:00Z"));
    assert_eq!(berlin("9000000y", "2026-03-30T00:30:00Z"), DateTime::<Utc>::MIN_UTC);
    assert_eq!("2d12h".parse::<Grace>().unwrap().duration(), Duration::from_secs(60 * 3600));
    assert_eq!("1h".parse::<Grace>().unwrap(), Grace::LEAST);
    for (bad, expected) in [
        ("0", ShortGrace::Short),
        ("0h", ShortGrace::Short),
        ("30m", ShortGrace::Malformed),
        ("1m", ShortGrace::Malformed),
        ("x", ShortGrace::Malformed),
    ] {
        assert_eq!(bad.parse::<Grace>(), Err(expected), "{bad}");
    }
    assert_eq!(Grace::new(Duration::from_secs(3599)), Err(ShortGrace::Short));
    assert_eq!("Europe/Berlin".parse::<Zone>().unwrap().to_string(), "Europe/Berlin");
    assert_eq!("Middle/Earth".parse::<Zone>(), Err(UnknownZone));
}

/// A calendar that knows nothing of chrono: days are counted one by one from 1 January 1970, a Thursday.
mod oracle {
    const DAY: i64 = 24 * 3600;

    #[derive(Clone, Copy, Debug)]
    pub enum Place {
        Utc,
        /// Five and a half hours ahead, always.
        Kolkata,
        /// An hour ahead, two from the last Sunday of March to that of October, at 01:00 UTC.
        Berlin,
    }

    #[derive(Clone, Copy)]
    pub struct Day {
        year: i64,
        month: i64,
        /// Counted from the Monday before the first day.
        week: i64,
        number: i64,
    }

    fn days() -> impl Iterator<Item = Day> {
        let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let months = (1970..).flat_map(move |year| {
            let february = if leap(year) { 29 } else { 28 };
            [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
                .into_iter()
                .zip(1..)
                .map(move |(n, month)| (year, month, n))
        });
        let days = months.flat_map(|(year, month, n)| (0..n).map(move |_| (year, month)));
        days.zip(0..).map(|((year, month), number)| Day { year, month, week: (number + 3) / 7, number })
    }

    /// Days from 2024 to 2031.
    pub fn calendar() -> Vec<Day> {
        days().skip_while(|day| day.year < 2024).take_while(|day| day.year < 2032).collect()
    }

    fn is_last_sunday(calendar: &[Day], number: i64, month: i64) -> bool {
        let day = |number: i64| &calendar[(number - calendar[0].number) as usize];
        day(number).month == month && (number + 3) % 7 == 6 && day(number + 7).month != month
    }

    pub fn offset(place: Place, calendar: &[Day], unix: i64) -> i64 {
        match place {
            Place::Utc => 0,
            Place::Kolkata => 5 * 3600 + 1800,
            Place::Berlin => {
                // Back from the instant to the last change of clocks.
                let mut day = unix.div_euclid(DAY);
                loop {
                    let passed = unix >= day * DAY + 3600;
                    if passed && is_last_sunday(calendar, day, 3) {
                        return 7200;
                    }
                    if passed && is_last_sunday(calendar, day, 10) {
                        return 3600;
                    }
                    day -= 1;
                }
            }
        }
    }

    /// Times to be kept: walks the days from the newest to the oldest, takes the last instant of each new period.
    pub fn kept(place: Place, calendar: &[Day], times: &[i64], period: super::Period, n: usize) -> Vec<i64> {
        let mut kept: Vec<(i64, i64)> = Vec::new();
        let walls: Vec<(i64, i64)> = times.iter().map(|time| (*time, time + offset(place, calendar, *time))).collect();
        for day in calendar.iter().rev() {
            let of_day = |(_, wall): &&(i64, i64)| wall.div_euclid(DAY) == day.number;
            let mut today: Vec<i64> = walls.iter().filter(of_day).map(|(time, _)| *time).collect();
            today.sort();
            for time in today.into_iter().rev() {
                let slot = match period {
                    // Hours of real time: the clock changes at whole hours, and all offsets are whole or half hours.
                    super::Period::Hour => {
                        (time + offset(place, calendar, time)).div_euclid(3600) * 100
                            + offset(place, calendar, time) / 1800
                    }
                    super::Period::Day => day.number,
                    super::Period::Week => day.week,
                    super::Period::Month => day.year * 12 + day.month,
                    super::Period::Year => day.year,
                };
                if kept.len() < n && kept.iter().all(|(seen, _)| *seen != slot) {
                    kept.push((slot, time));
                }
            }
        }
        kept.into_iter().map(|(_, time)| time).collect()
    }
}

/// 2025-01-01 to 2030-12-31, many near each other and near the hours at which clocks change.
fn times() -> impl Strategy<Value = BTreeSet<i64>> {
    const FROM: i64 = 1_735_689_600;
    const TO: i64 = 1_924_905_600;
    let near_changes = (0..12i64, -8..8i64, 0..2i64).prop_map(|(n, half_hours, second)| {
        const CHANGES: [i64; 12] = [
            1_743_296_400,
            1_761_440_400,
            1_774_746_000,
            1_792_890_000,
            1_806_195_600,
            1_824_944_400,
            1_837_645_200,
            1_856_394_000,
            1_869_094_800,
            1_887_843_600,
            1_901_149_200,
            1_919_293_200,
        ];
        CHANGES[n as usize] + half_hours * 1800 - second
    });
    let anywhere = FROM..TO;
    let within_days = (0..8i64, 0..86_400i64).prop_map(|(day, second)| 1_792_713_600 + day * 86_400 + second);
    prop::collection::btree_set(prop_oneof![anywhere, within_days, near_changes], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn the_calendar_is_that_of_somebody_who_counts_days(times in times(), n in 1u32..12, place in 0..3usize) {
        let (place, zone) = [
            (oracle::Place::Utc, Tz::UTC), (oracle::Place::Kolkata, Tz::Asia__Kolkata), (oracle::Place::Berlin, Tz::Europe__Berlin),
        ][place];
        let calendar = oracle::calendar();
        let snapshots: Vec<Snapshot> =
            times.iter().map(|t| at(&DateTime::from_timestamp(*t, 0).unwrap().to_rfc3339())).collect();
        let times: Vec<i64> = times.into_iter().collect();
        let rules = |period| match period {
            Period::Hour => Rules { hourly: n, ..Rules::default() },
            Period::Day => Rules { daily: n, ..Rules::default() },
            Period::Week => Rules { weekly: n, ..Rules::default() },
            Period::Month => Rules { monthly: n, ..Rules::default() },
            Period::Year => Rules { yearly: n, ..Rules::default() },
        };
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year] {
            let mut expected = oracle::kept(place, &calendar, &times, period, n as usize);
            expected.sort();
            let kept = kept_in(&snapshots, &rules(period), &zone);
            let kept: Vec<i64> = kept.iter().map(|id| time(id).timestamp()).collect();
            prop_assert_eq!(kept, expected, "{:?} in {:?}", period, place);
        }
    }

    /// What a rule keeps, a second rule beside it keeps as well, and the newest and the last proven are always there.
    #[test]
    fn another_rule_never_forgets_more(times in times(), proven in 0..40usize, last in 0u32..5, daily in 0u32..5, weekly in 0u32..5) {
        let mut snapshots: Vec<Snapshot> =
            times.iter().map(|t| at(&DateTime::from_timestamp(*t, 0).unwrap().to_rfc3339())).collect();
        let newest = snapshots.last().unwrap().id.clone();
        let proven = proven % snapshots.len();
        snapshots[proven].proof = Proof::Proven;
        let proven = snapshots[proven].id.clone();
        let kept = |rules: Rules| kept_in(&snapshots, &rules, &Tz::Europe__Berlin).into_iter().collect::<BTreeSet<_>>();
        let all = kept(Rules { last, daily, weekly, ..Rules::default() });
        prop_assert!(all.contains(&newest) && all.contains(&proven));
        let one_by_one = [Rules { last, ..Rules::default() }, Rules { daily, ..Rules::default() }, Rules { weekly, ..Rules::default() }];
        let union: BTreeSet<String> = one_by_one.into_iter().flat_map(kept).collect();
        prop_assert_eq!(all, union);
    }
}

/// `tags` of each snapshot, and what the rules come to.
fn with_tags(tags: &[&[&str]], rules: &Rules) -> Result<Untaken, Mistyped> {
    let times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"];
    let tagged = |(tags, time): (&&[&str], &str)| Snapshot {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..at(time)
    };
    let snapshots: Vec<Snapshot> = tags.iter().zip(times).map(tagged).collect();
    let decisions = decide(&snapshots, rules, &Scope::All, time(NOW), &Utc).unwrap();
    untaken(&snapshots, rules, &Scope::All, &decisions)
}

#[test]
fn a_tag_that_no_snapshot_has_forgets_nothing_that_may_have_been_meant() {
    let rules = |last, tags: &[&str]| Rules {
        last,
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        ..Rules::default()
    };
    let near = |tag: &str, near: &str| Err(Mistyped::Near { tag: tag.into(), near: near.into() });
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let released: &[&[&str]] = &[&["release"], &[], &[]];
    // Mistyped, and what was meant would go.
    assert_eq!(with_tags(released, &rules(1, &["relaese"])), near("relaese", "release"));
    assert_eq!(with_tags(released, &rules(1, &["Releases"])), near("Releases", "release"));
    // Another rule keeps it, or its own name does: nothing is lost.
    let only = |tag: &str, there: &[&str]| Ok(Untaken { tags: strings(&[tag]), there: strings(there) });
    assert_eq!(with_tags(released, &rules(3, &["relaese"])), only("relaese", &["release"]));
    assert_eq!(with_tags(released, &rules(1, &["release", "relaese"])), only("relaese", &["release"]));
    // A tag for a day that has not come yet, beside other rules.
    assert_eq!(with_tags(&[&["nightly"], &["nightly"], &[]], &rules(1, &["year-end"])), only("year-end", &["nightly"]));
    assert_eq!(with_tags(&[&[], &[], &[]], &rules(1, &["year-end"])), only("year-end", &[]));
    // Nothing else says what is kept.
    let nothing = |there: &[&str]| Err(Mistyped::NothingElse { tags: strings(&["year-end"]), there: strings(there) });
    assert_eq!(with_tags(&[&["nightly"], &[], &[]], &rules(0, &["year-end"])), nothing(&["nightly"]));
    assert_eq!(with_tags(&[&[], &[], &[]], &rules(0, &["year-end"])), nothing(&[]));
    // One that is there counts, and where nothing would be forgotten, nothing is lost.
    assert_eq!(with_tags(released, &rules(0, &["release", "year-end"])), only("year-end", &["release"]));
    assert_eq!(with_tags(&[&[]], &rules(0, &["year-end"])), only("year-end", &[]));
    assert_eq!(
        with_tags(released, &rules(0, &["release"])),
        Ok(Untaken { tags: vec![], there: strings(&["release"]) })
    );
}
