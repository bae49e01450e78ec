//! Which stored objects somebody has signed for, and with what bytes.
//!
//! The key that writes rows cannot read them, so an object that is only listed says nothing of its bytes: it may be what a killed
//! run left, and have rotted since. A manifest or a record of an unfinished run holds its checksum.

use std::collections::{HashMap, HashSet};

use super::error::RepoError;
use super::layout::{ChunkId, ChunkKind};
use super::manifest::{Slice, SliceList};
use super::repository::Repository;
use crate::stream::seal::Checksum;

/// Checksums of stored objects, from all manifests and from the records of unfinished runs.
#[derive(Default)]
pub(super) struct Vouchers(HashMap<ChunkId, Checksum>);

impl Vouchers {
    pub fn checksum(&self, object: &ChunkId) -> Option<Checksum> {
        self.0.get(object).copied()
    }

    fn add<'s>(&mut self, kind: ChunkKind, slices: impl IntoIterator<Item = &'s Slice>) {
        for slice in slices {
            self.0.entry(slice.object.id(kind)).or_insert(slice.object.checksum);
        }
    }
}

impl Repository {
    /// Reads every manifest and every slice list, newest first. What cannot be read vouches for nothing: it costs space, not truth.
    pub(super) async fn vouchers(&self) -> Result<Vouchers, RepoError> {
        let mut vouchers = Vouchers::default();
        let mut pages_read = HashSet::new();
        for name in self.snapshots().await?.iter().rev() {
            let Ok(manifest) = self.manifest(name).await else { continue };
            vouchers.add(ChunkKind::Meta, manifest.archive.iter().chain(&manifest.facts));
            for list in manifest.slice_lists() {
                match list {
                    SliceList::Inline(slices) => vouchers.add(ChunkKind::Data, slices),
                    SliceList::Pages(pages) => {
                        vouchers.add(ChunkKind::Meta, pages);
                        for page in pages.iter().filter(|page| pages_read.insert(page.object)) {
                            let slices = self.slices(&manifest, &SliceList::Pages(vec![*page])).await;
                            vouchers.add(ChunkKind::Data, &slices.unwrap_or_default());
                        }
                    }
                }
            }
        }
        let unfinished = self.unfinished().await?;
        unfinished.iter().for_each(|(_, slices)| vouchers.add(ChunkKind::Data, slices));
        Ok(vouchers)
    }
}
