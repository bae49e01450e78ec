//! Which tables of a snapshot are known to be damaged, before anybody reads them.

use super::error::Error;
use crate::repo::layout::ChunkKind;
use crate::repo::manifest::{Manifest, Slice, SliceList};
use crate::repo::{RepoError, Repository};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What checks have recorded.
    Records,
    /// That, and whether each object is there with its size.
    Listing,
}

/// The snapshot's tables (schema and name) that hold an object which is damaged or gone.
pub async fn tables(repository: &Repository, manifest: &Manifest, look: Look) -> Result<Vec<(String, String)>, Error> {
    let damaged = repository.damaged().await?;
    let listing = match look {
        Look::Records if damaged.is_empty() => return Ok(Vec::new()),
        Look::Records => None,
        Look::Listing => Some(repository.listing().await?),
    };
    let is_hurt = |kind: ChunkKind, slice: &Slice| {
        let stored = u64::from(slice.object.stored_bytes);
        damaged.contains(&slice.object.id(kind))
            || listing.as_ref().is_some_and(|listing| listing.bytes(kind, &slice.object) != Some(stored))
    };
    let mut hurt = Vec::new();
    for relation in &manifest.relations {
        let pages: &[Slice] = match &relation.slices {
            SliceList::Pages(pages) => pages,
            SliceList::Inline(_) => &[],
        };
        let is_whole = !pages.iter().any(|page| is_hurt(ChunkKind::Meta, page))
            && match repository.slices(manifest, &relation.slices).await {
                Ok(slices) => !slices.iter().any(|slice| is_hurt(ChunkKind::Data, slice)),
                Err(RepoError::Store(error)) if !matches!(error, crate::store::StoreError::NoObject { .. }) => {
                    return Err(RepoError::Store(error).into());
                }
                Err(_) => false,
            };
        if !is_whole {
            hurt.push((relation.schema.clone(), relation.name.clone()));
        }
    }
    Ok(hurt)
}
