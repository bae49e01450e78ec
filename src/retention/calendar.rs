//! Hours, days, weeks, months and years, as the clock on the wall has them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    Hour,
    Day,
    /// ISO 8601: Monday to Sunday, and the year's first week is the one with its first Thursday.
    Week,
    Month,
    Year,
}

impl Period {
    pub fn adverb(self) -> &'static str {
        match self {
            Period::Hour => "hourly",
            Period::Day => "daily",
            Period::Week => "weekly",
            Period::Month => "monthly",
            Period::Year => "yearly",
        }
    }

    /// The period that holds an instant. Equal names, one period: an hour that the clock shows twice is two hours, for its name
    /// has the distance from UTC; a day of 23 or 25 hours is one day.
    pub fn name<Z: TimeZone>(self, time: DateTime<Utc>, zone: &Z) -> String {
        let format = match self {
            Period::Hour => "%Y-%m-%d %H:00 %:z",
            Period::Day => "%Y-%m-%d",
            Period::Week => "%G-W%V",
            Period::Month => "%Y-%m",
            Period::Year => "%Y",
        };
        time.with_timezone(zone).fixed_offset().format(format).to_string()
    }
}

/// Whose calendar counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// The host's.
    #[default]
    Local,
    Named(Tz),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time zone is `local`, `UTC` or a name of the IANA database, as in Europe/Berlin")]
pub struct UnknownZone;

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "local" => Ok(Zone::Local),
            name => Tz::from_str(name).map(Zone::Named).map_err(|_| UnknownZone),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Local => f.write_str("local"),
            Zone::Named(zone) => f.write_str(zone.name()),
        }
    }
}
