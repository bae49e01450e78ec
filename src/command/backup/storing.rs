//! What a manifest refers to, on its way into the repository: definitions, facts, and where each table's rows lie.

use std::collections::HashMap;

use super::taking::Read;
use crate::command::error::Error;
use crate::command::rows::{self, ReadTable};
use crate::pg::catalog::TableFacts;
use crate::repo::manifest::{LargeObjects, Relation, Slice, SliceList, Totals};
use crate::repo::objects::PendingSlice;
use crate::repo::slice_list::{PendingSliceList, store_slice_list};
use crate::repo::{ChunkWriter, Objects};
use crate::schema::facts::Facts;

/// What is stored, and where.
pub struct Stored {
    pub archive: Vec<Slice>,
    pub facts: Vec<Slice>,
    pub relations: Vec<Relation>,
    pub large_objects: Option<LargeObjects>,
    pub totals: Totals,
}

/// Everything is durable when this returns. `meta` is a writer for what is no rows.
pub async fn store(
    read: Read,
    facts: &Facts,
    tables: &[TableFacts],
    objects: &Objects,
    mut meta: ChunkWriter,
) -> Result<Stored, Error> {
    objects.settle().await?;
    let Read { archive_bytes, large_objects, plan, unsettled, .. } = read;
    let read = rows::collect(&plan, unsettled);
    let archive_slices = store_metadata(&mut meta, &archive_bytes).await?;
    let facts_json = serde_json::to_vec(facts).map_err(|source| Error::Internal {
        what: "the catalog's facts cannot be encoded".into(),
        source: Some(Box::new(source)),
    })?;
    let facts_slices = store_metadata(&mut meta, &facts_json).await?;
    let mut pending = Vec::new();
    let mut totals = Totals { tables: read.tables.len() as u64, ..Totals::default() };
    for table in &read.tables {
        totals.rows += table.digest.rows;
        totals.bytes_read += table.digest.bytes;
    }
    for table in read.tables.iter().chain(read.large_objects.iter()) {
        pending.push(store_slice_list(&mut meta, table.slices.clone()).await?);
    }
    objects.settle().await?;
    let mut lists: Vec<SliceList> = pending.into_iter().map(|list: PendingSliceList| list.resolve(&meta)).collect();
    let large_objects = read.large_objects.as_ref().map(|table| LargeObjects {
        objects: large_objects,
        digest: table.digest,
        slices: lists.pop().unwrap_or_default(),
    });
    let facts_of: HashMap<u32, &TableFacts> = tables.iter().map(|table| (table.oid, table)).collect();
    let relations = read.tables.iter().zip(lists).map(|(table, slices)| relation(&facts_of, table, slices)).collect();
    totals.bytes_stored = objects.bytes_stored();
    totals.objects_new = objects.data_objects_new();
    totals.objects_reused = objects.data_objects_reused();
    Ok(Stored {
        archive: meta.resolve(&archive_slices),
        facts: meta.resolve(&facts_slices),
        relations,
        large_objects,
        totals,
    })
}

/// Metadata in chunks of at most 1 MiB.
async fn store_metadata(writer: &mut ChunkWriter, bytes: &[u8]) -> Result<Vec<PendingSlice>, Error> {
    let mut slices = Vec::new();
    for piece in bytes.chunks(1 << 20) {
        slices.push(writer.add(piece, 0).await?);
    }
    Ok(slices)
}

fn relation(tables: &HashMap<u32, &TableFacts>, read: &ReadTable, slices: SliceList) -> Relation {
    let facts = tables.get(&read.oid).expect("every table that was read is in the list");
    Relation {
        oid: facts.oid,
        schema: facts.schema.clone(),
        name: facts.name.clone(),
        columns: facts.columns.clone(),
        format: read.format,
        configuration: facts.configuration.clone(),
        digest: read.digest,
        slices,
    }
}
