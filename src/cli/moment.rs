//! Times as the operator reads them: in this host's zone, with its name.

use std::path::Path;
use std::sync::OnceLock;

use chrono::{DateTime, FixedOffset, Local, Offset, TimeZone, Utc};
use chrono_tz::{OffsetName, Tz};

use crate::retention::Zone;

/// `2026-11-22 03:15:00 CET`, or with the distance from UTC where the zone has no name here.
pub fn local(time: DateTime<Utc>) -> String {
    spelled(&time.with_timezone(&Local), host_zone())
}

/// The same in the zone whose calendar a rule counts by.
pub fn in_zone(time: DateTime<Utc>, zone: Zone) -> String {
    match zone {
        Zone::Local => local(time),
        Zone::Named(zone) => spelled(&time.with_timezone(&zone), Some(zone)),
    }
}

/// Its day in this host's zone.
pub fn day(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%Y-%m-%d").to_string()
}

/// Now, at the beginning of each line.
pub fn dated(text: &str) -> String {
    let now = local(Utc::now());
    text.lines().map(|line| format!("{now} {line}\n")).collect()
}

fn spelled<Z: TimeZone>(time: &DateTime<Z>, zone: Option<Tz>) -> String {
    let clock = time.naive_local().format("%Y-%m-%d %H:%M:%S");
    format!("{clock} {}", zone_name(time.naive_utc().and_utc(), time.offset().fix(), zone))
}

fn zone_name(time: DateTime<Utc>, offset: FixedOffset, zone: Option<Tz>) -> String {
    if let Some(there) = zone.map(|zone| *time.with_timezone(&zone).offset())
        // What the file of the zone says counts, whatever it is called.
        && there.fix() == offset
        && let Some(name) = there.abbreviation()
    {
        return name.to_owned();
    }
    if offset.local_minus_utc() == 0 { "UTC".to_owned() } else { offset.to_string() }
}

/// What TZ names, otherwise /etc/localtime. None: it has no name of the IANA database, as TZ=CET-1 has not.
fn host_zone() -> Option<Tz> {
    static ZONE: OnceLock<Option<Tz>> = OnceLock::new();
    *ZONE.get_or_init(|| match std::env::var("TZ") {
        Ok(name) => zone_in(name.trim_start_matches(':')),
        Err(_) => zone_in(std::fs::read_link(Path::new("/etc/localtime")).ok()?.to_str()?),
    })
}

/// `Europe/Berlin`, or the path of that file.
fn zone_in(text: &str) -> Option<Tz> {
    text.rsplit_once("zoneinfo/").map_or(text, |(_, name)| name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_name_that_its_zone_has_then() {
        let at = |text: &str, zone: &str| in_zone(text.parse().unwrap(), Zone::Named(zone.parse().unwrap()));
        assert_eq!(at("2026-11-22T02:15:00.9Z", "Europe/Berlin"), "2026-11-22 03:15:00 CET");
        assert_eq!(at("2026-07-22T02:15:00Z", "Europe/Berlin"), "2026-07-22 04:15:00 CEST");
        assert_eq!(at("2026-07-22T02:15:00Z", "UTC"), "2026-07-22 02:15:00 UTC");
        assert_eq!(at("2026-07-22T02:15:00Z", "Asia/Dubai"), "2026-07-22 06:15:00 +04:00");
    }

    #[test]
    fn a_zone_without_a_name_shows_its_distance_from_utc() {
        let east = FixedOffset::east_opt(5 * 3600 + 1800).unwrap();
        let time: DateTime<Utc> = "2026-07-22T02:15:00Z".parse().unwrap();
        assert_eq!(spelled(&time.with_timezone(&east), None), "2026-07-22 07:45:00 +05:30");
        // A name that says something else than the clock is not used.
        assert_eq!(spelled(&time.with_timezone(&east), "Europe/Berlin".parse().ok()), "2026-07-22 07:45:00 +05:30");
        assert_eq!(zone_in("/usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin".parse().ok());
        assert_eq!(zone_in("CET-1CEST"), None);
    }
}
