//! Sets of chunk objects that take little memory, for those that a listing or a record names and that may be anybody's.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::layout::{ChunkId, ChunkKind};
use crate::stream::ChunkName;

/// Eight bytes of each object, by a hash that nobody outside this process can aim at. It may say yes for an object that it does not
/// hold, once in 2^64 divided by their number: whoever asks must be on the safe side then.
#[derive(Clone, Default)]
pub struct IdSet {
    state: RandomState,
    seen: HashSet<u64>,
}

impl IdSet {
    pub fn insert(&mut self, object: &ChunkId) -> bool {
        self.seen.insert(self.state.hash_one(object))
    }

    pub fn remove(&mut self, object: &ChunkId) -> bool {
        self.seen.remove(&self.state.hash_one(object))
    }

    pub fn contains(&self, object: &ChunkId) -> bool {
        !self.seen.is_empty() && self.seen.contains(&self.state.hash_one(object))
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

impl<'a> Extend<&'a ChunkId> for IdSet {
    fn extend<I: IntoIterator<Item = &'a ChunkId>>(&mut self, objects: I) {
        for object in objects {
            self.insert(object);
        }
    }
}

/// 4 MiB, however many names there are: of three million, one in a hundred that is free counts as taken.
const FILTER_WORDS: usize = 1 << 19;

/// Names under which a listing shows something (a Bloom filter). It may say yes for a name that is free, never no for one that is taken.
pub struct TakenNames {
    state: RandomState,
    /// None before the first name.
    words: Vec<u64>,
}

impl Default for TakenNames {
    fn default() -> Self {
        Self { state: RandomState::new(), words: Vec::new() }
    }
}

impl TakenNames {
    pub fn insert(&mut self, kind: ChunkKind, name: &ChunkName) {
        self.words.resize(FILTER_WORDS, 0);
        for (word, bit) in self.bits(&(kind, name)) {
            self.words[word] |= bit;
        }
    }

    pub fn contains(&self, kind: ChunkKind, name: &ChunkName) -> bool {
        !self.words.is_empty() && self.bits(&(kind, name)).iter().all(|(word, bit)| self.words[*word] & bit != 0)
    }

    /// Four bits of the filter.
    fn bits(&self, name: &(ChunkKind, &ChunkName)) -> [(usize, u64); 4] {
        let first = self.state.hash_one(name);
        let step = self.state.hash_one(first) | 1;
        [0, 1, 2, 3].map(|n| {
            let bit = first.wrapping_add(step.wrapping_mul(n)) % (64 * FILTER_WORDS as u64);
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> ChunkName {
        ChunkName(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    #[test]
    fn a_taken_name_is_never_free_and_a_free_one_seldom_taken() {
        const TAKEN: u32 = 500_000;
        let mut taken = TakenNames::default();
        assert!(!taken.contains(ChunkKind::Data, &name(0)));
        (0..TAKEN).for_each(|n| taken.insert(ChunkKind::Data, &name(n)));
        assert!((0..TAKEN).all(|n| taken.contains(ChunkKind::Data, &name(n))));
        let wrong = (TAKEN..2 * TAKEN).filter(|n| taken.contains(ChunkKind::Data, &name(*n))).count();
        let of_other_kind = (0..TAKEN).filter(|n| taken.contains(ChunkKind::Meta, &name(*n))).count();
        assert!(wrong < 200 && of_other_kind < 200, "{wrong} {of_other_kind} of {TAKEN}");
        assert_eq!(taken.words.len() * 8, 4 << 20);
    }

    #[test]
    fn a_set_tells_kind_name_and_generation_apart() {
        let id = |kind, n, generation| ChunkId { kind, name: name(n), generation };
        let mut set = IdSet::default();
        set.extend(&[id(ChunkKind::Data, 1, 0), id(ChunkKind::Data, 2, 3)]);
        assert!(set.contains(&id(ChunkKind::Data, 1, 0)) && set.contains(&id(ChunkKind::Data, 2, 3)));
        for other in [id(ChunkKind::Meta, 1, 0), id(ChunkKind::Data, 1, 1), id(ChunkKind::Data, 3, 0)] {
            assert!(!set.contains(&other), "{other:?}");
        }
        assert!(set.remove(&id(ChunkKind::Data, 1, 0)) && !set.contains(&id(ChunkKind::Data, 1, 0)));
    }
}
