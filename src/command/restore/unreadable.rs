//! Which tables a restore could not bring back now: by what checks have recorded, and by what the store lists.

use std::collections::HashMap;

use crate::command::Error;
use crate::repo::layout::{ChunkId, ChunkKind};
use crate::repo::manifest::{Manifest, Slice, SliceList};
use crate::repo::{RepoError, Repository};
use crate::store::StoreError;

/// The snapshot's tables (schema and name) that hold an object which is damaged or gone.
pub async fn tables(repository: &Repository, manifest: &Manifest) -> Result<Vec<(String, String)>, Error> {
    let damaged = repository.damaged().await?;
    // What each table needs, with the size of each object; none where that cannot be read.
    let mut needs: Vec<Option<Vec<(ChunkId, u64)>>> = Vec::new();
    let need = |kind: ChunkKind, slice: &Slice| (slice.object.id(kind), u64::from(slice.object.stored_bytes));
    for relation in &manifest.relations {
        let pages: &[Slice] = match &relation.slices {
            SliceList::Pages(pages) => pages,
            SliceList::Inline(_) => &[],
        };
        let of_pages = pages.iter().map(|page| need(ChunkKind::Meta, page));
        needs.push(match repository.slices(manifest, &relation.slices).await {
            Ok(slices) => Some(of_pages.chain(slices.iter().map(|slice| need(ChunkKind::Data, slice))).collect()),
            Err(RepoError::Store(error)) if !matches!(error, StoreError::NoObject { .. }) => {
                return Err(RepoError::Store(error).into());
            }
            Err(_) => None,
        });
    }
    let mut missing: HashMap<ChunkId, u64> = needs.iter().flatten().flatten().copied().collect();
    let whole = repository.each_chunk(|id, listed| {
        if missing.get(&id) == Some(&listed.bytes) {
            missing.remove(&id);
        }
    });
    whole.await?;
    let is_hurt = |(id, _): &(ChunkId, u64)| damaged.contains_key(id) || missing.contains_key(id);
    let hurt = manifest.relations.iter().zip(&needs).filter(|(_, needs)| match needs {
        Some(needs) => needs.iter().any(is_hurt),
        None => true,
    });
    Ok(hurt.map(|(relation, _)| (relation.schema.clone(), relation.name.clone())).collect())
}
