//! Whom the damage hurts, and whether the stored rows are those that were backed up.

use std::collections::BTreeMap;

use super::{ChunkKind, Digest, Inventory, Manifest, RowFormat, RowSplitter, Rows, Slice, SliceList};
use super::{State, Stored, layout, stored};
use crate::command::error::Error;
use crate::command::finding::{Finding, Kind, with_causes};

impl Inventory<'_> {
    /// Says which tables of the manifest the damage hurts, and, where the objects were read, which relation's rows are not those
    /// that were backed up.
    pub async fn attribute(&self, manifest: &Manifest, findings: &mut Findings) -> Result<(), Error> {
        let stored = stored(manifest);
        for slice in manifest.archive.iter().chain(&manifest.facts) {
            // Without its schema no table can be restored.
            if let Some(finding) = self.finding(ChunkKind::Meta, slice, findings) {
                finding.snapshots.insert(manifest.snapshot.clone());
                stored.iter().for_each(|stored| finding.hurts(&manifest.snapshot, stored.table.clone()));
            }
        }
        for stored in &stored {
            let mut is_whole = true;
            let pages: &[Slice] = match stored.slices {
                SliceList::Pages(pages) => pages,
                SliceList::Inline(_) => &[],
            };
            for page in pages {
                if let Some(finding) = self.finding(ChunkKind::Meta, page, findings) {
                    finding.hurts(&manifest.snapshot, stored.table.clone());
                    is_whole = false;
                }
            }
            if !is_whole {
                continue;
            }
            let slices = match self.repository.slices(manifest, stored.slices).await {
                Ok(slices) => slices,
                Err(error) => {
                    findings.about(manifest, stored, Kind::Slices, with_causes(&error));
                    continue;
                }
            };
            for slice in &slices {
                if let Some(finding) = self.finding(ChunkKind::Data, slice, findings) {
                    finding.hurts(&manifest.snapshot, stored.table.clone());
                    is_whole = false;
                }
            }
            if is_whole {
                self.compare(manifest, stored, &slices, findings).await?;
            }
        }
        Ok(())
    }

    /// The finding of a damaged object; none if it is whole.
    fn finding<'f>(&self, kind: ChunkKind, slice: &Slice, findings: &'f mut Findings) -> Option<&'f mut Finding> {
        let at = self.position(kind, &slice.object)?;
        let State::Damaged(damage) = &self.objects[at].state else { return None };
        let name = || layout::chunk(kind, &slice.object.object, slice.object.generation).to_string();
        Some(findings.objects.entry(at).or_insert_with(|| Finding::of_object(name(), damage)))
    }

    async fn compare(
        &self,
        manifest: &Manifest,
        stored: &Stored<'_>,
        slices: &[Slice],
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let outside =
            |slice: &&Slice| slice.offset.checked_add(slice.bytes).is_none_or(|end| end > slice.object.plain_bytes);
        if let Some(slice) = slices.iter().find(outside) {
            let detail = format!("a slice goes past the end of {}", slice.object.object);
            findings.about(manifest, stored, Kind::Slices, detail);
            return Ok(());
        }
        match self.digest(manifest, stored.format, slices).await? {
            Recomputed::NotRead => {}
            Recomputed::Rows(found) if found == stored.digest => {}
            Recomputed::Rows(found) => {
                let detail = format!("the stored rows are {found}, but the manifest says {}", stored.digest);
                findings.about(manifest, stored, Kind::Digest, detail);
            }
            Recomputed::NoRows(detail) => findings.about(manifest, stored, Kind::Digest, detail),
        }
        Ok(())
    }

    /// The digest of a relation, from those of its slices. Rows that are continued from slice to slice are read once more, in
    /// their order.
    async fn digest(&self, manifest: &Manifest, format: RowFormat, slices: &[Slice]) -> Result<Recomputed, Error> {
        let hasher = manifest.row_hasher();
        let Some(keys) = self.known_keys(manifest) else { return Ok(Recomputed::NotRead) };
        let mut reader = self.repository.reader(ChunkKind::Data, manifest.chunk_key())?;
        let mut digest = Digest::default();
        let mut open: Option<RowSplitter<'_>> = None;
        for slice in slices {
            let object = self.position(ChunkKind::Data, &slice.object).map(|at| &self.objects[at]);
            let rows = object.and_then(|object| object.slice(slice, format, keys)).map_or(Rows::NotRead, |s| s.rows);
            match (&open, rows) {
                (_, Rows::NotRead) => return Ok(Recomputed::NotRead),
                (None, Rows::Whole(rows)) => {
                    digest.merge(&rows);
                    continue;
                }
                (None, Rows::Part) | (Some(_), _) => {}
            }
            let mut rows = open.take().unwrap_or_else(|| RowSplitter::new(&hasher, format));
            if let Err(malformed) = rows.feed(reader.slice(slice).await?) {
                return Ok(Recomputed::NoRows(format!("the stored bytes are not valid rows: {malformed}")));
            }
            if rows.is_at_row_end() {
                digest.merge(&rows.digest());
            } else {
                open = Some(rows);
            }
        }
        match open {
            None => Ok(Recomputed::Rows(digest)),
            Some(_) => Ok(Recomputed::NoRows("the stored bytes end in the middle of a row".into())),
        }
    }
}

enum Recomputed {
    /// The data was not asked to be read.
    NotRead,
    Rows(Digest),
    NoRows(String),
}

/// What is wrong, each damaged object once.
#[derive(Default)]
pub struct Findings {
    objects: BTreeMap<usize, Finding>,
    tables: Vec<Finding>,
}

impl Findings {
    fn about(&mut self, manifest: &Manifest, stored: &Stored<'_>, kind: Kind, detail: String) {
        let mut finding = Finding::new(kind, None, detail);
        finding.hurts(&manifest.snapshot, stored.table.clone());
        self.tables.push(finding);
    }

    pub fn into_vec(self) -> Vec<Finding> {
        self.objects.into_values().chain(self.tables).collect()
    }
}
