//! Which tables of a snapshot are hurt by damage that a check has recorded. Reads no row.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::repo::layout::{ChunkId, ChunkKind};
use crate::repo::manifest::{Manifest, Slice, SliceList};
use crate::repo::{RepoError, Repository};

/// Objects that are recorded as damaged, and what of them is known of slice lists.
pub struct Recorded {
    objects: HashSet<ChunkId>,
    /// Whether the slices on a page need a damaged object; many snapshots share a page.
    pages: HashMap<Slice, Need>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Whole,
    Damaged,
}

impl Recorded {
    pub async fn of(repository: &Repository) -> Result<Self, RepoError> {
        Ok(Self { objects: repository.damaged().await?.into_keys().collect(), pages: HashMap::new() })
    }

    /// The tables whose rows the snapshot cannot give back, as far as checks have found; without its schema, that is all of them.
    /// `large objects` are named so.
    pub async fn tables_hurt(&mut self, repository: &Repository, manifest: &Manifest) -> BTreeSet<String> {
        let mut hurt = BTreeSet::new();
        if self.objects.is_empty() {
            return hurt;
        }
        let schema_is_hurt =
            self.need(ChunkKind::Meta, manifest.archive.iter().chain(&manifest.facts)) == Need::Damaged;
        let relations = manifest.relations.iter().map(|r| (format!("{}.{}", r.schema, r.name), &r.slices));
        let large_objects = manifest.large_objects.iter().map(|l| ("large objects".to_owned(), &l.slices));
        for (table, slices) in relations.chain(large_objects) {
            let need = match slices {
                _ if schema_is_hurt => Need::Damaged,
                SliceList::Inline(slices) => self.need(ChunkKind::Data, slices),
                SliceList::Pages(pages) => self.need_of_pages(repository, manifest, pages).await,
            };
            if need == Need::Damaged {
                hurt.insert(table);
            }
        }
        hurt
    }

    fn need<'s>(&self, kind: ChunkKind, slices: impl IntoIterator<Item = &'s Slice>) -> Need {
        let is_damaged = slices.into_iter().any(|slice| self.objects.contains(&slice.object.id(kind)));
        if is_damaged { Need::Damaged } else { Need::Whole }
    }

    async fn need_of_pages(&mut self, repository: &Repository, manifest: &Manifest, pages: &[Slice]) -> Need {
        for page in pages {
            let need = match self.pages.get(page) {
                Some(need) => *need,
                None => {
                    let slices = repository.slices(manifest, &SliceList::Pages(vec![*page])).await;
                    let need = match slices {
                        Ok(slices) => self.need(ChunkKind::Data, &slices),
                        // Without it nobody knows which rows the table had.
                        Err(_) => Need::Damaged,
                    };
                    self.pages.insert(*page, need);
                    need
                }
            };
            if need == Need::Damaged || self.need(ChunkKind::Meta, [page]) == Need::Damaged {
                return Need::Damaged;
            }
        }
        Need::Whole
    }
}
