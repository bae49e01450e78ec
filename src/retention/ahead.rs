//! Snapshots whose time has not come: the clock of the host that took them was wrong, or the one that is asked is.

use chrono::{DateTime, TimeDelta, Utc};

/// A host's clock may be so far ahead of another's.
pub const AHEAD_MAX: TimeDelta = TimeDelta::minutes(10);

/// Whether a snapshot of that time lies in the future, whichever of two hosts that keep their clocks took it.
pub fn is_ahead(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    time.signed_duration_since(now) > AHEAD_MAX
}

/// Newest first; those that lie in the future after all others, so that one wrong clock takes nobody's place.
pub fn newest_first<T: Ord>(mut all: Vec<T>, time: impl Fn(&T) -> DateTime<Utc>, now: DateTime<Utc>) -> Vec<T> {
    all.sort_unstable_by(|a, b| {
        let ahead = |one: &T| is_ahead(time(one), now);
        ahead(a).cmp(&ahead(b)).then_with(|| b.cmp(a))
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_future_comes_last_and_clocks_may_differ_a_little() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = time("2026-11-30T12:00:00Z");
        let of = |texts: &[&str]| texts.iter().map(|text| time(text)).collect::<Vec<_>>();
        let all = of(&["2026-11-30T12:10:01Z", "2026-11-29T12:00:00Z", "2099-01-01T00:00:00Z", "2026-11-30T12:10:00Z"]);
        let ordered = ["2026-11-30T12:10:00Z", "2026-11-29T12:00:00Z", "2099-01-01T00:00:00Z", "2026-11-30T12:10:01Z"];
        assert_eq!(newest_first(all.clone(), |time| *time, now), of(&ordered));
        // A host whose own clock stands still sees nothing but the future, in its order.
        let mut backwards = all;
        backwards.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(newest_first(backwards.clone(), |time| *time, DateTime::UNIX_EPOCH), backwards);
        assert!(is_ahead(DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC));
    }
}
