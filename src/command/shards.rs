//! Which parts of a repository were read when. Pure: records in, an order and an age out.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::repo::layout::ChunkKind;
use crate::repo::records::Begun;
use crate::repo::{ReadDepth, ReadShards, Stored};
use crate::stream::ChunkName;

/// One folder of objects, `data/ab` or `meta/ab`: about as much as any other, because names are hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    kind: ChunkKind,
    first: u8,
}

impl Shard {
    pub fn of(kind: ChunkKind, name: &ChunkName) -> Self {
        Self { kind, first: name.0[0] }
    }

    /// All 512.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |kind| (0..=u8::MAX).map(move |first| Self { kind, first });
        of(ChunkKind::Meta).chain(of(ChunkKind::Data))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02x}", self.kind.folder(), self.first)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "a shard is data/xx or meta/xx";
        let (folder, first) = text.split_at_checked(5).ok_or(SHAPE)?;
        let kind = [ChunkKind::Data, ChunkKind::Meta].into_iter().find(|kind| kind.folder() == folder).ok_or(SHAPE)?;
        let mut byte = [0];
        hex::decode_to_slice(first, &mut byte).map_err(|_| SHAPE)?;
        Ok(Self { kind, first: byte[0] })
    }
}

/// Where a run was when its time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub shard: Shard,
    /// The name of the last object that was read.
    pub after: String,
}

/// When each shard was last read whole, at least this deep.
pub struct History {
    read: HashMap<Shard, SystemTime>,
    resume: Option<(Place, SystemTime)>,
}

impl History {
    /// `records` are oldest first, as the repository gives them. Times are on the store's clock: that of the record, less
    /// what the run had taken by then.
    pub fn of(records: &[Stored<ReadShards>], depth: ReadDepth) -> Self {
        let mut history = Self { read: HashMap::new(), resume: None };
        for Stored { stored, record, .. } in records.iter().filter(|stored| stored.record.depth >= depth) {
            let began = stored.checked_sub(Duration::from_secs(record.seconds)).unwrap_or(SystemTime::UNIX_EPOCH);
            let since = |shard: &str| match &record.begun {
                Some(begun) if begun.shard == shard => SystemTime::from(begun.at).min(began),
                _ => began,
            };
            for text in &record.shards {
                let Ok(shard) = text.parse() else { continue };
                let at = since(text);
                let known = history.read.entry(shard).or_insert(at);
                *known = at.max(*known);
            }
            history.resume = record.place.as_ref().and_then(|place| {
                let shard = place.shard.parse().ok()?;
                Some((Place { shard, after: place.after.clone() }, since(&place.shard)))
            });
        }
        history
    }

    /// In the middle of which shard the last run ended.
    pub fn resume(&self) -> Option<&Place> {
        self.resume.as_ref().map(|(place, _)| place)
    }

    /// That shard, and since when it is being read.
    pub fn begun(&self) -> Option<Begun> {
        self.resume.as_ref().map(|(place, at)| Begun { shard: place.shard.to_string(), at: (*at).into() })
    }

    /// All shards: the one that was begun, those never read, then the least recently read.
    pub fn order(&self) -> Vec<Shard> {
        let mut order: Vec<Shard> = Shard::all().collect();
        order.sort_by_key(|shard| {
            let is_begun = self.resume().is_some_and(|place| place.shard == *shard);
            (!is_begun, self.read.get(shard).copied())
        });
        order
    }

    pub fn is_read(&self, shard: &Shard) -> bool {
        self.read.contains_key(shard)
    }

    /// Since when every shard was read. None while one is unread. Every snapshot that was there at that moment was read whole.
    pub fn all_read_since(&self) -> Option<SystemTime> {
        Shard::all().map(|shard| self.read.get(&shard).copied()).min().flatten()
    }
}

/// Records that later ones have made worthless, so that their number does not grow with the years: each of their shards was
/// read again, as deep, and where a later run goes on is said by another.
pub fn superseded(records: &[Stored<ReadShards>]) -> Vec<&Stored<ReadShards>> {
    let mut read_again: HashMap<&str, ReadDepth> = HashMap::new();
    let mut deepest = None;
    let mut superseded = Vec::new();
    for stored in records.iter().rev() {
        let record = &stored.record;
        let is_again = |shard: &String| read_again.get(shard.as_str()).is_some_and(|depth| *depth >= record.depth);
        if deepest >= Some(record.depth) && record.shards.iter().all(is_again) {
            superseded.push(stored);
            continue;
        }
        deepest = deepest.max(Some(record.depth));
        for shard in &record.shards {
            let depth = read_again.entry(shard).or_insert(record.depth);
            *depth = record.depth.max(*depth);
        }
    }
    superseded
}

/// Whole days, rounded up: "within N days".
pub fn days_between(then: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(then).unwrap_or_default().as_secs().div_ceil(24 * 3600).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::layout;
    use crate::repo::records::ReadPlace;

    fn record(day: u64, shards: &[&str], depth: ReadDepth) -> Stored<ReadShards> {
        let shards = shards.iter().map(|shard| shard.to_string()).collect();
        let time = chrono::DateTime::UNIX_EPOCH;
        Stored {
            key: layout::config(),
            stored: SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + 60),
            record: ReadShards { time, depth, seconds: 60, shards, place: None, begun: None },
        }
    }

    fn day(n: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400)
    }

    #[test]
    fn a_shard_reads_back_and_there_are_512() {
        assert_eq!(Shard::all().count(), 512);
        for shard in Shard::all() {
            assert_eq!(shard.to_string().parse(), Ok(shard));
        }
        for bad in ["", "data/", "data/a", "data/abc", "data/xy", "tmp/ab", "metä/ab"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn never_read_comes_first_then_the_least_recently_read() {
        let records =
            [record(3, &["data/01", "data/02"], ReadDepth::Plaintext), record(5, &["data/02"], ReadDepth::StoredBytes)];
        let order = |depth| History::of(&records, depth).order().iter().map(Shard::to_string).collect::<Vec<_>>();
        assert_eq!(order(ReadDepth::StoredBytes)[510..], ["data/01", "data/02"]);
        assert_eq!(History::of(&records, ReadDepth::StoredBytes).read[&"data/02".parse().unwrap()], day(5));
        assert_eq!(History::of(&records, ReadDepth::Plaintext).read[&"data/02".parse().unwrap()], day(3));
        assert_eq!(order(ReadDepth::Plaintext)[0], "meta/00");
    }

    #[test]
    fn only_when_all_were_read_is_there_an_age() {
        let all: Vec<String> = Shard::all().map(|shard| shard.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let since = |records: &[_]| History::of(records, ReadDepth::StoredBytes).all_read_since();
        assert_eq!(since(&[]), None);
        assert_eq!(since(&[record(3, &all[..511], ReadDepth::Plaintext)]), None);
        assert_eq!(since(&[record(3, &all, ReadDepth::Plaintext)]), Some(day(3)));
        let later = [record(3, &all, ReadDepth::Plaintext), record(9, &all[1..], ReadDepth::Plaintext)];
        assert_eq!(since(&later), Some(day(3)));
        let last = [&later[..], &[record(11, &all[..1], ReadDepth::Plaintext)]].concat();
        assert_eq!(since(&last), Some(day(9)));
        assert_eq!((days_between(day(9), day(9)), days_between(day(9), day(11))), (1, 2));
    }

    #[test]
    fn a_record_goes_when_all_of_it_was_read_again_as_deep() {
        let (deep, shallow) = (ReadDepth::Plaintext, ReadDepth::StoredBytes);
        let days = |records: &[_]| superseded(records).iter().map(|stored| stored.stored).collect::<Vec<_>>();
        let at = |n| record(n, &[], deep).stored;
        let records =
            [record(1, &["data/01"], deep), record(2, &["data/02"], shallow), record(3, &["data/01"], shallow)];
        assert!(days(&records).is_empty());
        let later = [&records[..], &[record(4, &["data/01", "data/02"], shallow)]].concat();
        assert_eq!(days(&later), [at(3), at(2)]);
        let deeper = [&later[..], &[record(5, &["data/01", "data/02"], deep)]].concat();
        assert_eq!(days(&deeper), [at(4), at(3), at(2), at(1)]);
        for records in [&records[..], &later, &deeper] {
            let gone = superseded(records).iter().map(|stored| stored.stored).collect::<Vec<_>>();
            let kept: Vec<_> = records.iter().filter(|stored| !gone.contains(&stored.stored)).cloned().collect();
            for depth in [deep, shallow] {
                let order = |records: &[_]| History::of(records, depth).read;
                assert_eq!(order(&kept), order(records), "what is kept says the same");
            }
        }
    }

    #[test]
    fn a_shard_that_took_several_runs_counts_from_the_first() {
        let begun_at = |n| Some(Begun { shard: "data/07".into(), at: day(n).into() });
        let place = Some(ReadPlace { shard: "data/07".into(), after: "data/07/x".into() });
        let mut first = record(2, &[], ReadDepth::Plaintext);
        first.record.place = place.clone();
        let history = History::of(std::slice::from_ref(&first), ReadDepth::Plaintext);
        assert_eq!((history.order()[0].to_string().as_str(), history.begun()), ("data/07", begun_at(2)));
        assert_eq!(history.resume().unwrap().after, "data/07/x");

        let mut second = record(4, &[], ReadDepth::Plaintext);
        (second.record.place, second.record.begun) = (place, begun_at(2));
        let mut third = record(6, &["data/07", "data/08"], ReadDepth::Plaintext);
        third.record.begun = begun_at(2);
        let history = History::of(&[first.clone(), second.clone()], ReadDepth::Plaintext);
        assert_eq!(history.begun(), begun_at(2));
        let history = History::of(&[first, second, third], ReadDepth::Plaintext);
        assert_eq!(history.resume(), None);
        assert_eq!(history.read[&"data/07".parse().unwrap()], day(2));
        assert_eq!(history.read[&"data/08".parse().unwrap()], day(6));
    }
}
