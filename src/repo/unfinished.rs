//! What a backup has stored before it is a snapshot, so that one that is killed does not have to begin again.
//!
//! The name of a stored chunk says nothing of the bytes that are stored under it, and the key that writes rows cannot read
//! them: an object that nobody has signed for is stored again. And the ends of parts share objects in an order that no two runs have in common. So a
//! run that goes on for longer than a moment leaves records of what is durable, as the manifest would name it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::index::Index;
use super::keys::WriterKey;
use super::layout;
use super::manifest::Slice;
use super::objects::Objects;
use super::record::{Record, Stored};
use super::repository::Repository;
use super::slices::{decode_page, encode_page};
use crate::store::ObjectKey;
use crate::stream::seal::PublicRecord;
use crate::stream::{ChunkKey, ChunkName, Sealer};

const PAGE_BYTES_MAX: usize = 1 << 30;

/// Slices whose objects are durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unfinished {
    /// Tells the database's backups from those of others, and nobody its name.
    pub source: String,
    /// A page as long slice lists have them, encrypted like metadata, for it tells the sizes of tables.
    #[serde(with = "hex::serde")]
    pub page: Vec<u8>,
}

impl PublicRecord for Unfinished {}

impl Record for Unfinished {
    const KIND: &'static str = "unfinished";
}

/// Writes the records of one backup, and removes them when it has become a snapshot.
pub struct UnfinishedWriter {
    objects: Arc<Objects>,
    sealer: Sealer,
    source: String,
    /// To be removed in the end: those of earlier runs, which this one goes on from, and its own.
    records: Vec<ObjectKey>,
}

impl UnfinishedWriter {
    /// `earlier` is what [`Repository::index`] found of runs that did not finish.
    pub fn new(
        objects: Arc<Objects>,
        key: &WriterKey,
        database: &str,
        earlier: &[Stored<Unfinished>],
    ) -> Result<Self, RepoError> {
        let source = source(&key.chunk_key, database);
        let records = earlier.iter().filter(|stored| stored.record.source == source);
        let records = records.map(|stored| stored.key.clone()).collect();
        Ok(Self { objects, sealer: Sealer::new(3, vec![key.identity.to_public()])?, source, records })
    }

    /// Waits until what was handed over so far is durable, and records it. Writes nothing where there is nothing new.
    pub async fn record(&mut self, repository: &Repository) -> Result<(), RepoError> {
        let handed_over = self.objects.take_handed_over();
        if handed_over.is_empty() {
            return Ok(());
        }
        self.objects.settle().await?;
        let page = self.sealer.seal(&encode_page(&self.objects.resolve_data(&handed_over)))?;
        let record = Unfinished { source: self.source.clone(), page: page.bytes().to_vec() };
        self.records.push(repository.write_record(&record).await?);
        Ok(())
    }

    /// The manifest says it all now. A record that stays, because this host may not remove anything, does no harm.
    pub async fn forget(self, repository: &Repository) {
        let _ = repository.store().delete(&self.records).await;
    }
}

fn source(chunk_key: &ChunkKey, database: &str) -> String {
    hex::encode(ChunkName::of(chunk_key, format!("unfinished backup of {database}").as_bytes()).short())
}

impl Repository {
    /// Lets the index learn what runs that did not finish had stored, and returns their records.
    ///
    /// A page that this key does not open is passed over: it costs time, not truth.
    pub(super) async fn learn_unfinished(&self, index: &mut Index) -> Result<Vec<Stored<Unfinished>>, RepoError> {
        let records = self.unfinished().await?;
        records.iter().flat_map(|(_, slices)| slices).for_each(|slice| index.learn_unfinished(slice));
        Ok(records.into_iter().map(|(record, _)| record).collect())
    }

    /// The records of runs that did not finish, or are not at their end yet, and what each has stored.
    pub(super) async fn unfinished(&self) -> Result<Vec<(Stored<Unfinished>, Vec<Slice>)>, RepoError> {
        let mut opener = self.opener().map_err(|source| RepoError::Object { key: layout::config(), source })?;
        let slices = |stored: &Stored<Unfinished>| {
            let page = opener.open(&stored.record.page, PAGE_BYTES_MAX).unwrap_or_default();
            decode_page(&page).flatten().collect()
        };
        let records = self.records::<Unfinished>().await?;
        let slices: Vec<Vec<Slice>> = records.iter().map(slices).collect();
        Ok(records.into_iter().zip(slices).collect())
    }
}
