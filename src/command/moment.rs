//! Times and spans in JSON.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// RFC 3339 in UTC to the second, `2026-11-22T02:15:00Z`, or null: what every program that reads JSON knows.
pub fn rfc3339<T, S>(time: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<DateTime<Utc>>>,
    S: Serializer,
{
    let time: Option<DateTime<Utc>> = (*time).into();
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).serialize(serializer)
}

/// Milliseconds.
pub fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
