//! What a backup knows of the repository when it begins.

use std::collections::HashSet;

use chrono::Utc;

use super::error::RepoError;
use super::index::{Absent, Index};
use super::layout::{self, ChunkId, ChunkKind};
use super::manifest::{Manifest, Request, SliceList};
use super::names::StoredManifest;
use super::record::Stored;
use super::repository::Repository;
use super::snapshot::SnapshotId;
use super::unfinished::Unfinished;
use crate::retention::newest_first;
use crate::store::Listed;

/// Snapshots of the same database and selection that are learned from, at most.
const OWN_MAX: usize = 4;
/// Memory that the index may take before it learns from more than the newest snapshot of the same database and selection.
const INDEX_BYTES_MAX: usize = 16 << 20;
/// Stored bytes of manifests that are read in search of further ones, once the newest is found.
const SEARCH_BYTES_MAX: u64 = 32 << 20;

/// What a repository holds at the start of a backup.
pub struct Known {
    pub index: Index,
    /// The newest snapshot of the database.
    pub parent: Option<SnapshotId>,
    /// Records of runs that did not finish, of any database.
    pub unfinished: Vec<Stored<Unfinished>>,
}

/// The newest snapshots, as far as a backup has to look for its own.
#[derive(Default)]
struct Search {
    own: usize,
    parent: Option<SnapshotId>,
    /// The newest of each other database or selection.
    others: Vec<StoredManifest>,
    seen: HashSet<(String, [Vec<String>; 4])>,
    bytes: u64,
}

impl Search {
    fn is_over(&self, index: &Index) -> bool {
        self.own >= OWN_MAX || (self.own > 0 && (self.bytes > SEARCH_BYTES_MAX || index.bytes() > INDEX_BYTES_MAX))
    }
}

impl Repository {
    /// What deduplication knows: the slices of the newest snapshots of this database and selection, then of the newest of each
    /// other one, as far as memory allows, and of runs that did not finish. What is dated in the future comes last, for its clock
    /// was wrong, and a manifest that nobody trusted has signed counts for nothing. The objects in `absent`, and those that a
    /// check has found to be damaged, count as not stored.
    ///
    /// A manifest that cannot be read is passed over: it costs space, not truth.
    pub async fn index(&self, database: &str, request: &Request, mut absent: Absent) -> Result<Known, RepoError> {
        absent.extend(self.damaged().await?.keys());
        let mut index = Index::new(absent);
        let (mut search, mut pages_read) = (Search::default(), HashSet::new());
        let own = selection(request);
        for stored in newest_first(self.names().await?.manifests, |stored| stored.name.time, Utc::now()) {
            if search.is_over(&index) {
                break;
            }
            let Ok(manifest) = self.manifest(&stored.name).await else { continue };
            search.bytes += stored.bytes;
            if search.parent.is_none() && manifest.database.name == database {
                search.parent = Some(manifest.snapshot.clone());
            }
            let of = (manifest.database.name.clone(), selection(&manifest.request));
            if of.0 == database && of.1 == own {
                search.own += 1;
                self.learn(&mut index, &manifest, &mut pages_read).await;
            } else if search.seen.insert(of) {
                search.others.push(stored);
            }
        }
        for other in &search.others {
            if index.bytes() > INDEX_BYTES_MAX {
                break;
            }
            if let Ok(manifest) = self.manifest(&other.name).await {
                self.learn(&mut index, &manifest, &mut pages_read).await;
            }
        }
        let unfinished = self.learn_unfinished(&mut index).await?;
        self.each_chunk(|id, listed| index.see(&id, listed.bytes)).await?;
        index.forget_unlisted();
        Ok(Known { index, parent: search.parent, unfinished })
    }

    async fn learn(&self, index: &mut Index, manifest: &Manifest, pages_read: &mut HashSet<ChunkId>) {
        let metadata = manifest.archive.iter().chain(&manifest.facts);
        metadata.for_each(|slice| index.learn(ChunkKind::Meta, slice));
        for list in manifest.slice_lists() {
            let pages = match list {
                SliceList::Inline(slices) => {
                    slices.iter().for_each(|slice| index.learn(ChunkKind::Data, slice));
                    continue;
                }
                SliceList::Pages(pages) => pages,
            };
            for page in pages.iter().filter(|page| pages_read.insert(page.object.id(ChunkKind::Meta))) {
                index.learn(ChunkKind::Meta, page);
                match self.page(manifest, page).await {
                    Ok(slices) => {
                        index.note_checked(ChunkKind::Meta, &page.object);
                        slices.iter().for_each(|slice| index.learn(ChunkKind::Data, slice));
                    }
                    // What cannot be read is stored anew.
                    Err(_) => index.forget(ChunkKind::Meta, &page.object),
                }
            }
        }
    }

    /// Whether the first page of what lies in `data/` is not empty.
    pub async fn holds_chunks(&self) -> Result<bool, RepoError> {
        let first = self.store().pages(layout::DATA)?.next().await?;
        Ok(first.is_some_and(|page| !page.is_empty()))
    }

    /// Gives each chunk object that the store lists, in no order: none is held. What is not called as a chunk is passed over.
    pub async fn each_chunk(&self, mut take: impl FnMut(ChunkId, &Listed)) -> Result<(), RepoError> {
        for folder in [layout::DATA, layout::META] {
            let mut pages = self.store().pages(folder)?;
            while let Some(page) = pages.next().await? {
                for listed in &page {
                    if let Some(id) = ChunkId::parse_key(&listed.key) {
                        take(id, listed);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a request asks for, however it is written.
fn selection(request: &Request) -> [Vec<String>; 4] {
    let Request { schemas, exclude_schemas, tables, exclude_tables } = request;
    [schemas, exclude_schemas, tables, exclude_tables].map(|patterns| {
        let mut patterns = patterns.clone();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    })
}
