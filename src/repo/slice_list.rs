//! Slice lists on their way into a manifest.

use super::error::RepoError;
use super::manifest::{Slice, SliceList};
use super::objects::{ChunkWriter, PendingSlice};
use super::slices::encode_page;

/// Lists of more slices are stored apart.
const INLINE_SLICES_MAX: usize = 32;
const SLICES_IN_PAGE: usize = 2048;

/// Long lists go to pages of their own.
pub async fn store_slice_list(writer: &mut ChunkWriter, slices: Vec<Slice>) -> Result<PendingSliceList, RepoError> {
    if slices.len() <= INLINE_SLICES_MAX {
        return Ok(PendingSliceList::Inline(slices));
    }
    let mut pages = Vec::new();
    for page in slices.chunks(SLICES_IN_PAGE) {
        pages.push(writer.add(&encode_page(page), 0).await?);
    }
    Ok(PendingSliceList::Pages(pages))
}

/// A slice list whose pages may not be durable yet.
pub enum PendingSliceList {
    Inline(Vec<Slice>),
    Pages(Vec<PendingSlice>),
}

impl PendingSliceList {
    /// Only after everything is settled.
    pub fn resolve(self, writer: &ChunkWriter) -> SliceList {
        match self {
            PendingSliceList::Inline(slices) => SliceList::Inline(slices),
            PendingSliceList::Pages(pages) => SliceList::Pages(writer.resolve(&pages)),
        }
    }
}
