//! Lengths of time as operators write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Days, LocalResult, Months, NaiveDateTime, TimeDelta, TimeZone, Utc};

/// `2y5m7d3h`: years, months, days and hours, as restic writes it. `m` is months.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    years: u32,
    months: u32,
    days: u32,
    hours: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a period as 2y5m7d3h: years, months, days and hours, each at most once")]
pub struct BadSpan;

/// No part of a span is larger: a thousand years in hours.
const PART_MAX: u32 = 9_000_000;

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut span, mut rest) = (Span::default(), text);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let n: u32 = rest[..digits].parse().ok().filter(|n| (1..=PART_MAX).contains(n)).ok_or(BadSpan)?;
            let part = match rest.as_bytes().get(digits) {
                Some(b'y') => &mut span.years,
                Some(b'm') => &mut span.months,
                Some(b'd') => &mut span.days,
                Some(b'h') => &mut span.hours,
                _ => return Err(BadSpan),
            };
            if std::mem::replace(part, n) != 0 {
                return Err(BadSpan);
            }
            rest = &rest[digits + 1..];
        }
        if span == Span::default() { Err(BadSpan) } else { Ok(span) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, unit) in [(self.years, 'y'), (self.months, 'm'), (self.days, 'd'), (self.hours, 'h')] {
            if n > 0 {
                write!(f, "{n}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Span {
    /// The instant this long before: years, months and days by the zone's calendar, hours by the clock. Where the calendar has no
    /// such day or hour, rather too early than too late.
    pub fn before<Z: TimeZone>(&self, time: DateTime<Utc>, zone: &Z) -> DateTime<Utc> {
        let wall = time.with_timezone(zone).naive_local();
        let wall = wall.checked_sub_months(Months::new(self.years.saturating_mul(12).saturating_add(self.months)));
        let wall = wall.and_then(|wall| wall.checked_sub_days(Days::new(self.days.into())));
        let instant = wall.and_then(|wall| first_instant(wall, zone));
        let instant = instant.and_then(|instant| instant.checked_sub_signed(TimeDelta::hours(self.hours.into())));
        instant.unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// The first instant at which the wall's clock shows this, or, in a gap of up to a day, the last hour before the gap.
fn first_instant<Z: TimeZone>(wall: NaiveDateTime, zone: &Z) -> Option<DateTime<Utc>> {
    (0..=24).find_map(|hours| {
        let wall = wall.checked_sub_signed(TimeDelta::hours(hours))?;
        match zone.from_local_datetime(&wall) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.with_timezone(&Utc)),
            LocalResult::None => None,
        }
    })
}

/// How long nothing is deleted that a running backup may still count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grace(Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShortGrace {
    #[error("write a grace period in hours or days: 24h, 7d")]
    Malformed,
    #[error(
        "a grace period of less than an hour is not safe: a backup that runs at the same time may need what would be deleted"
    )]
    Short,
}

impl Grace {
    /// Backups rely on it: however a later prune is called, nothing is deleted sooner.
    pub const LEAST: Grace = Grace(Duration::from_secs(3600));

    /// # Errors
    /// Less than [`Grace::LEAST`].
    pub fn new(grace: Duration) -> Result<Self, ShortGrace> {
        if grace < Self::LEAST.0 { Err(ShortGrace::Short) } else { Ok(Self(grace)) }
    }

    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Grace {
    /// A day.
    fn default() -> Self {
        Self(Duration::from_secs(24 * 3600))
    }
}

impl FromStr for Grace {
    type Err = ShortGrace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The two that would be asked for by whoever is in a hurry.
        if ["0", "0h", "0d"].contains(&text) {
            return Err(ShortGrace::Short);
        }
        match Span::from_str(text) {
            Ok(Span { years: 0, months: 0, days, hours }) => {
                Self::new(Duration::from_secs((u64::from(days) * 24 + u64::from(hours)) * 3600))
            }
            _ => Err(ShortGrace::Malformed),
        }
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}h", self.0.as_secs() / 3600)
    }
}
