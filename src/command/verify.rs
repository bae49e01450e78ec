//! `pgkeep verify`: is the repository whole, and does a live database hold what a snapshot says?

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use chrono::Utc;
use serde::Serialize;

use super::ahead;
use super::error::Error;
use super::finding::{Finding, Kind};
use super::inventory::{Findings, Inventory, Reached, Reading};
use super::proof::{self, Scope, Side};
use super::shards::{History, Shard, days_between, superseded};
use super::taken::Taken;
use super::watch::Watch;
use crate::pg::catalog;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::repo::layout::ChunkId;
use crate::repo::names::TOLD_MAX;
use crate::repo::records::ReadPlace;
use crate::repo::replaced::Replacement;
use crate::repo::{
    Damaged, KnownDamage, Manifest, ReadDepth, ReadShards, RepoError, Repository, SnapshotId, SnapshotName, Sound,
};
use crate::store::StoreError;

pub struct Options {
    /// As a repository resolves it; none: all snapshots.
    pub snapshot: Option<String>,
    pub depth: Depth,
    /// A live database to compare with the snapshot, which must be named then.
    pub against: Option<Conninfo>,
    pub jobs: usize,
}

/// How closely objects are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether each is there with its size, from listings.
    Listing,
    /// Every byte, as deep as the key sees.
    Data,
    /// As many bytes as there is time for, those that were read longest ago first.
    Budget(Duration),
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing is wrong: there are no findings.
    pub ok: bool,
    /// `listing`, or how deep the bytes that were read were looked at: `stored bytes`, `plaintext`.
    pub depth: &'static str,
    /// Snapshots whose manifest is genuine.
    pub snapshots_checked: u64,
    pub objects_checked: u64,
    /// Bytes of these objects as stored.
    pub bytes_checked: u64,
    /// Of these objects, those whose bytes were read by this run.
    pub objects_read: u64,
    pub bytes_read: u64,
    /// Objects that no snapshot refers to, where all snapshots were checked. A backup that was stopped leaves such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects_unreferenced: Option<u64>,
    /// How much was read and when, by all checks of the repository; where bytes of all snapshots were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Of the one snapshot that was asked for.
    #[serde(flatten)]
    pub taken: Option<Taken>,
    /// The snapshot that a live database was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<SnapshotId>,
    pub findings: Vec<Finding>,
    pub warnings: Vec<String>,
}

/// What all checks together have read, at least as deep as this one.
#[derive(Debug, Serialize)]
pub struct Coverage {
    /// Shards (`data/xx`, `meta/xx`) that this run has read whole.
    pub shards_read: u64,
    pub shards_total: u64,
    /// Every byte that was there then was read within so many days; none while some were never read.
    pub within_days: Option<u64>,
    /// Bytes of the shards that no check has read whole.
    pub bytes_never_read: u64,
}

/// Checks and reports. What is wrong with the repository or the live database is a finding; an error is what kept the check from
/// being made.
pub async fn run(repository: &Repository, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let started = Instant::now();
    let against = match (&options.against, &options.snapshot) {
        (Some(_), None) => return Err(unnamed()),
        (against, _) => against.as_ref(),
    };
    if let (Depth::Budget(_), Some(_)) = (options.depth, &options.snapshot) {
        return Err(budget_for_one());
    }

    watch.set_phase("reading manifests");
    let mut findings = Vec::new();
    let mut inventory = Inventory::new(repository);
    let genuine = taken_in(repository, options, &mut inventory, &mut findings).await?;
    inventory.look_up().await?;
    let mut warnings: Vec<String> = ahead::warning(repository).await?.into_iter().collect();
    warnings.extend(advice_on_keys(repository, &findings).await?);
    let history = History::of(&repository.records::<ReadShards>().await?, inventory.depth());

    let mut reached = Reached::default();
    let mut coverage = None;
    if options.depth != Depth::Listing {
        watch.set_phase("reading objects");
        reached = read(&mut inventory, options, &history, started, watch)?;
    }
    let recorded = repository.damaged().await?;
    let healed = inventory.recall(&recorded);
    inventory.forgive_what_was_stored_again();
    if options.depth != Depth::Listing {
        let written = record_damage(repository, &inventory, &recorded, healed).await;
        let lost = "the damage could not be recorded, so backups may still use the damaged objects";
        warnings.extend(written.err().map(|error| format!("{lost}: {error}")));
        if options.snapshot.is_none() {
            let written = record_reading(repository, &reached, &inventory, &history, options.depth, started).await;
            warnings.extend(written.err().map(|error| format!("could not record what was read: {error}")));
            coverage = Some(cover(repository, &inventory, &reached).await?);
        }
    }
    if options.depth == Depth::Data || !inventory.is_whole() {
        watch.set_phase("comparing digests");
        findings.extend(attributed(repository, &inventory, &genuine).await?);
    }

    let one = genuine.first().filter(|_| options.snapshot.is_some());
    let taken = match one {
        Some(name) => repository.manifest_if_there(name).await?.as_ref().map(Taken::from),
        None => None,
    };
    let mut compared = None;
    if let (Some(conninfo), Some(name)) = (against, genuine.first()) {
        watch.set_phase("comparing rows");
        let manifest = repository.manifest(name).await?;
        findings.extend(differing(conninfo, &manifest, options.jobs, watch)?);
        warnings.extend(detaching(conninfo, &manifest).await?);
        compared = Some(manifest.snapshot);
    }

    Ok(Report {
        taken,
        compared,
        coverage,
        objects_read: reached.objects,
        bytes_read: reached.bytes,
        ..report(&inventory, options, &genuine, findings, warnings)
    })
}

/// Without what was read of the objects.
fn report(
    inventory: &Inventory<'_>,
    options: &Options,
    genuine: &[SnapshotName],
    findings: Vec<Finding>,
    warnings: Vec<String>,
) -> Report {
    Report {
        ok: findings.is_empty(),
        depth: if options.depth == Depth::Listing { "listing" } else { inventory.depth().noun() },
        snapshots_checked: genuine.len() as u64,
        objects_checked: inventory.objects(),
        bytes_checked: inventory.bytes(),
        objects_read: 0,
        bytes_read: 0,
        objects_unreferenced: options.snapshot.is_none().then(|| inventory.unreferenced()),
        coverage: None,
        taken: None,
        compared: None,
        findings,
        warnings,
    }
}

/// The snapshots that are to be checked, in the inventory. What is no snapshot or no record is a finding.
async fn taken_in(
    repository: &Repository,
    options: &Options,
    inventory: &mut Inventory<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<SnapshotName>, Error> {
    let (mut asked, mut odd_more) = (Vec::new(), 0);
    match &options.snapshot {
        Some(snapshot) => asked.push(repository.resolve(snapshot).await?),
        None => {
            let names = repository.names().await?;
            odd_more = names.odd_more;
            asked.extend(names.manifests.into_iter().map(|stored| stored.name));
            let refused = repository.refused_records().await?;
            let told = refused.told.into_iter();
            findings.extend(told.map(|(key, reason)| Finding::new(Kind::Record, Some(key.to_string()), reason.into())));
            findings.extend(more(Kind::Record, refused.more, "records/", "are not records signed by a trusted writer"));
        }
    }
    if asked.is_empty() && findings.is_empty() {
        return Err(RepoError::Empty { database: None }.into());
    }
    take_in(repository, asked, odd_more, inventory, findings).await
}

/// What damaged objects mean for the snapshots.
async fn attributed(
    repository: &Repository,
    inventory: &Inventory<'_>,
    genuine: &[SnapshotName],
) -> Result<Vec<Finding>, Error> {
    let mut hurt = Findings::default();
    for name in genuine {
        if let Some(manifest) = repository.manifest_if_there(name).await? {
            inventory.attribute(&manifest, &mut hurt).await?;
        }
    }
    Ok(hurt.into_vec())
}

/// In what the live database is not as the snapshot.
fn differing(conninfo: &Conninfo, manifest: &Manifest, jobs: usize, watch: &Watch) -> Result<Vec<Finding>, Error> {
    let mismatches = proof::prove(conninfo, manifest, Scope::whole(manifest), jobs, watch, Side::Source)?;
    Ok(mismatches.into_iter().map(|mismatch| Finding::of_mismatch(mismatch, &manifest.snapshot)).collect())
}

/// What to do about what the key knows nobody for: where it is the key that is old, nothing is wrong with the repository.
async fn advice_on_keys(repository: &Repository, findings: &[Finding]) -> Result<Option<String>, Error> {
    let Replacement { signed, claimed } = repository.replacement().await?;
    if let Some(replaced) = signed {
        return Ok(Some(format!(
            "the restore key that this key is of or obeys was replaced (keyring {} of {} names another one): what was signed since is \
             refused. Use the newest restore key, or rotate this writer key with it",
            replaced.number,
            replaced.time.format("%Y-%m-%d %H:%M:%S UTC"),
        )));
    }
    if let Some(claimed) = claimed {
        return Ok(Some(claimed.unproven()));
    }
    let is_a_record = findings.iter().any(|finding| finding.kind == Kind::Record);
    Ok(is_a_record.then(|| {
        "records that no trusted key signed count for nothing. If this is the newest restore key, or a writer key that was rotated \
         with it, delete these objects from the repository's storage; the next verify is then without these findings"
            .into()
    }))
}

/// Of the snapshot's tables those that the database is about to detach. Each has its rows, and the table above them reads them no longer.
async fn detaching(conninfo: &Conninfo, manifest: &Manifest) -> Result<Vec<String>, Error> {
    let failed = |what: &'static str| Error::source_database(what);
    let session = connect(conninfo, "pgkeep verify").await.map_err(failed("connecting"))?;
    let found = catalog::detaching(&session).await.map_err(failed("reading the catalog"))?;
    session.close().await.map_err(failed("closing the session"))?;
    let is_held = |(schema, name): &(String, String)| {
        manifest.relations.iter().any(|relation| (&relation.schema, &relation.name) == (schema, name))
    };
    let held = found.into_iter().filter(|(_, tables)| tables.iter().any(is_held));
    Ok(held.map(|(pending, _)| format!("{}; to finish it: {}", pending.what(), pending.finalize())).collect())
}

/// Fills the inventory with what the manifests refer to; those that are refused are findings. Returns the genuine ones.
async fn take_in(
    repository: &Repository,
    asked: Vec<SnapshotName>,
    odd_more: u64,
    inventory: &mut Inventory<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<SnapshotName>, Error> {
    let (mut genuine, mut refused, mut untold) = (Vec::new(), 0, odd_more);
    let several = asked.len() > 1;
    for name in asked {
        match repository.manifest(&name).await {
            Ok(manifest) => {
                inventory.add(&manifest).await?;
                genuine.push(name);
            }
            // A prune has forgotten it since the listing.
            Err(RepoError::Store(StoreError::NoObject { .. })) if several => {}
            // Not a fault of the repository.
            Err(error @ RepoError::Key(_)) => return Err(error.into()),
            Err(error) => {
                refused += 1;
                if refused > TOLD_MAX {
                    untold += 1;
                    continue;
                }
                let mut finding = Finding::of_manifest(name.key().to_string(), &error);
                finding.snapshots.insert(name.id);
                findings.push(finding);
            }
        }
    }
    findings.extend(more(Kind::Signature, untold, "snapshots/", "are not manifests signed by a trusted writer"));
    Ok(genuine)
}

/// What is not told one by one.
fn more(kind: Kind, count: u64, folder: &str, what: &str) -> Option<Finding> {
    (count > 0).then(|| Finding::new(kind, None, format!("{count} more objects in {folder} {what}")))
}

fn read(
    inventory: &mut Inventory<'_>,
    options: &Options,
    history: &History,
    started: Instant,
    watch: &Watch,
) -> Result<Reached, Error> {
    let order = history.order();
    let reading = match options.depth {
        Depth::Budget(budget) => Reading { order: &order, resume: history.resume(), until: Some(started + budget) },
        Depth::Listing | Depth::Data => Reading { order: &order, resume: None, until: None },
    };
    inventory.read(&reading, options.jobs, watch)
}

/// So that the next backup stores anew what is damaged, and everybody is told of it until it is healed. Names what is not recorded.
async fn record_damage(
    repository: &Repository,
    inventory: &Inventory<'_>,
    recorded: &HashMap<ChunkId, KnownDamage>,
    healed: Vec<String>,
) -> Result<(), RepoError> {
    let (mut objects, mut content) = (Vec::new(), Vec::new());
    for (id, damage) in inventory.damaged() {
        let deep = damage.is_of_the_content();
        let is_known = |known: &KnownDamage| !deep || known.seen_by == ReadDepth::Plaintext;
        if !recorded.get(&id).is_some_and(is_known) {
            objects.push(id.key().to_string());
            content.extend(deep.then(|| id.key().to_string()));
        }
    }
    if !objects.is_empty() {
        repository.write_record(&Damaged { time: Utc::now(), objects, content }).await?;
    }
    if !healed.is_empty() {
        repository.write_record(&Sound { time: Utc::now(), objects: healed }).await?;
    }
    Ok(())
}

async fn record_reading(
    repository: &Repository,
    reached: &Reached,
    inventory: &Inventory<'_>,
    history: &History,
    depth: Depth,
    started: Instant,
) -> Result<(), RepoError> {
    let place = |place: &super::shards::Place| ReadPlace { shard: place.shard.to_string(), after: place.after.clone() };
    let record = ReadShards {
        time: Utc::now(),
        depth: inventory.depth(),
        // Rounded up: what came later than the first look is not among what was read.
        seconds: started.elapsed().as_secs() + 1,
        shards: reached.shards.iter().map(Shard::to_string).collect(),
        place: reached.place.as_ref().map(place),
        begun: history.begun().filter(|_| matches!(depth, Depth::Budget(_))),
    };
    repository.write_record(&record).await?;
    Ok(())
}

async fn cover(repository: &Repository, inventory: &Inventory<'_>, reached: &Reached) -> Result<Coverage, RepoError> {
    let records = repository.records::<ReadShards>().await?;
    // Whoever may not remove them leaves them: they are only more to read.
    let _ = repository.remove_records(&superseded(&records)).await;
    let history = History::of(&records, inventory.depth());
    let never = inventory.bytes_by_shard().into_iter().filter(|(shard, _)| !history.is_read(shard));
    Ok(Coverage {
        shards_read: reached.shards.len() as u64,
        shards_total: Shard::all().count() as u64,
        within_days: history.all_read_since().map(|since| days_between(since, SystemTime::now())),
        bytes_never_read: never.map(|(_, bytes)| bytes).sum(),
    })
}

fn budget_for_one() -> Error {
    Error::Usage {
        what: "--budget checks the whole repository".into(),
        hint: Some("Leave the snapshot out, or read all of it: pgkeep verify SNAPSHOT --read-data".into()),
    }
}

fn unnamed() -> Error {
    Error::Usage {
        what: "--against needs the name of a snapshot".into(),
        hint: Some("pgkeep verify latest:NAME --against DSN compares with the newest one of the database.".into()),
    }
}
