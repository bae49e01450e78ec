//! What a snapshot is called.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};

use super::layout::SNAPSHOTS;
use crate::store::ObjectKey;

/// 16 hexadecimal digits, random: what people type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SnapshotId(String);

impl SnapshotId {
    pub fn random() -> Self {
        Self(format!("{:016x}", OsRng.next_u64()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, as tables show it.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let valid = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text)) } else { Err("a snapshot's id has 16 hexadecimal digits") }
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Time and id: the name of a manifest. Names sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    pub time: DateTime<Utc>,
    pub id: SnapshotId,
}

const TIME_FORMAT: &str = "%Y%m%dT%H%M%S%.3fZ";

impl SnapshotName {
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(format!("{SNAPSHOTS}{self}")).expect("times and ids are made of digits, letters and dashes")
    }

    pub fn parse_key(key: &ObjectKey) -> Option<Self> {
        key.as_str().strip_prefix(SNAPSHOTS)?.parse().ok()
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time.format(TIME_FORMAT), self.id)
    }
}

impl FromStr for SnapshotName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, id) = text.split_once('-').ok_or("a snapshot's name is TIME-ID")?;
        let time =
            NaiveDateTime::parse_from_str(time, TIME_FORMAT).map_err(|_| "a snapshot's name begins with a UTC time")?;
        let name = Self { time: time.and_utc(), id: SnapshotId::try_from(id.to_owned())? };
        // One snapshot has one name.
        if name.to_string() == text { Ok(name) } else { Err("a snapshot's name has its time in milliseconds") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_from_its_key() {
        let name: SnapshotName = "20261122T031500.123Z-0123456789abcdef".parse().unwrap();
        assert_eq!(SnapshotName::parse_key(&name.key()), Some(name.clone()));
        assert_eq!(name.to_string(), "20261122T031500.123Z-0123456789abcdef");
        assert_eq!(name.id.short(), "01234567");
        for bad in [
            "x",
            "20261122T031500.123Z-0123",
            "20261322T031500.123Z-0123456789abcdef",
            "20261122T031500.123Z-0123456789abcdeF",
        ] {
            assert!(bad.parse::<SnapshotName>().is_err(), "{bad}");
        }
    }
}
