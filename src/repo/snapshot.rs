//! What a snapshot is called.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};

/// 16 hexadecimal digits, random: what people type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId([u8; 16]);

impl SnapshotId {
    pub fn random() -> Self {
        let mut digits = [0; 16];
        digits.copy_from_slice(format!("{:016x}", OsRng.next_u64()).as_bytes());
        Self(digits)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first eight digits, as tables show it.
    pub fn short(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = <[u8; 16]>::try_from(text.as_bytes()).ok();
        let digits = digits.filter(|digits| digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        digits.map(Self).ok_or("a snapshot's id has 16 hexadecimal digits")
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Time and id: the name of a manifest. Names sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    pub time: DateTime<Utc>,
    pub id: SnapshotId,
}

const TIME_FORMAT: &str = "%Y%m%dT%H%M%S%.3fZ";

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
    fn a_name_reads_back_from_its_text() {
        let name: SnapshotName = "20261122T031500.123Z-0123456789abcdef".parse().unwrap();
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
