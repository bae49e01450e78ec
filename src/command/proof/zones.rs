//! Rows of text whose time zone nobody recorded: they are read again under others, until they are what they were or none is left to try.

use super::{Comparable, Found, Proof, Scope, Settings, differ};
use crate::command::error::Error;
use crate::repo::manifest::Relation;
use crate::stream::{Digest, RowFormat};

/// A table that is read under every zone that the server knows is no larger than this.
const PROBE_BYTES_MAX: u64 = 256 << 10;

/// Whether the text of values may be another under other settings: that of COPY's text format may.
pub(super) fn depend_on_settings(relation: &Relation) -> bool {
    relation.format == RowFormat::Text
}

impl Proof<'_> {
    /// Digests that differ under the first of the candidates become those of the zone under which they do not. Returns what was tried, in words.
    pub(super) fn read_again(
        &self,
        comparable: &[Comparable<'_>],
        found: &Found,
        jobs: usize,
        candidates: &[Settings],
        every_zone: impl FnOnce() -> Result<Vec<String>, Error>,
        digests: &mut [Digest],
    ) -> Result<String, Error> {
        let again = Again { proof: Proof { scope: &Scope::default(), ..*self }, comparable, found, jobs };
        for under in &candidates[1..] {
            again.read(&again.differing(digests), under, digests)?;
        }
        let names = candidates.iter().flatten().filter(|(name, _)| name == "TimeZone").map(|(_, zone)| zone.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        if again.probe(digests).is_none() {
            return Ok(names);
        }
        for zone in every_zone()? {
            // One small table says whether the others are worth it.
            let Some(probe) = again.probe(digests) else { return Ok(names) };
            let mut under = candidates[0].clone();
            under.iter_mut().filter(|(name, _)| name == "TimeZone").for_each(|(_, value)| value.clone_from(&zone));
            again.read(&[probe], &under, digests)?;
            if !again.differs(probe, digests) {
                again.read(&again.differing(digests), &under, digests)?;
            }
        }
        Ok("any zone of the server, with its currency".to_owned())
    }
}

struct Again<'a> {
    proof: Proof<'a>,
    comparable: &'a [Comparable<'a>],
    found: &'a Found,
    jobs: usize,
}

impl Again<'_> {
    fn differs(&self, n: usize, digests: &[Digest]) -> bool {
        let relation = self.comparable[n].relation;
        // Another zone makes no row.
        depend_on_settings(relation) && differ(&relation.digest, &digests[n]) && relation.digest.rows == digests[n].rows
    }

    fn differing(&self, digests: &[Digest]) -> Vec<usize> {
        (0..self.comparable.len()).filter(|n| self.differs(*n, digests)).collect()
    }

    /// The smallest of those that differ, where it is small.
    fn probe(&self, digests: &[Digest]) -> Option<usize> {
        let bytes = |n: &usize| self.comparable[*n].relation.digest.bytes;
        self.differing(digests).into_iter().min_by_key(bytes).filter(|n| bytes(n) <= PROBE_BYTES_MAX)
    }

    /// Takes over the digests that are as they should be under these settings.
    fn read(&self, chosen: &[usize], under: &Settings, digests: &mut [Digest]) -> Result<(), Error> {
        if chosen.is_empty() {
            return Ok(());
        }
        let comparable: Vec<Comparable<'_>> = chosen.iter().map(|n| self.comparable[*n].clone()).collect();
        let read = self.proof.read(&comparable, self.found, self.jobs, under)?;
        for (n, digest) in chosen.iter().zip(read.relations) {
            if !differ(&self.comparable[*n].relation.digest, &digest) {
                digests[*n] = digest;
            }
        }
        Ok(())
    }
}
