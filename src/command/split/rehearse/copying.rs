//! The copy that a rehearsal plays on: the whole database, because what stays decides what crosses.

use crate::command::Error;
use crate::command::error::FirstFailure;
use crate::command::restore::feed::Rows;
use crate::command::restore::{self, Loading, Proof, target as destination, work};
use crate::command::split::capture::{self, capture};
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::{Options, plan};
use crate::command::watch::Watch;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::repo::{Repository, SnapshotId};
use crate::rows::loading::SearchPath;
use crate::schema::archive::Archive;

/// What was copied.
pub struct Extent {
    pub tables: u64,
    pub rows: u64,
    /// The definitions of a live source, as they were at that instant.
    pub archive: Option<Archive>,
}

/// The copy is to be what the source is, whether or not the run that is rehearsed could be one.
fn in_a_copy(asked: &SearchPath) -> SearchPath {
    match asked {
        SearchPath::Empty => SearchPath::Fix,
        asked => asked.clone(),
    }
}

/// Straight from the source, under one snapshot of it, in transactions that cannot write.
pub async fn live(options: &Options, copy: &Conninfo, watch: &Watch) -> Result<Extent, Error> {
    let plan = plan::Options {
        target: copy.clone(),
        search_path: in_a_copy(&options.plan.search_path),
        ..options.plan.clone()
    };
    let options = Options { plan, proof: Proof::Leave, ..options.clone() };
    watch.set_phase("reading the schema");
    // No schema is all of them.
    let mut capture = capture(&options, &[], &watch.stop).await?;
    let loading = capture::loading(&options);
    watch.set_phase("copying definitions");
    destination::create_database(copy, &capture.drawn.job).await?;
    let session = connect(copy, "pgkeep rehearsal").await.map_err(at_target("connecting"))?;
    destination::run_pre_data(&session, &mut capture.drawn.job, &loading).await?;
    capture.drawn.job.surround(&session, loading.through_root).await?;
    session.close().await.map_err(at_target("closing the session"))?;
    watch.set_phase("copying rows");
    let done = work::run(&Rows::Live(&capture.source), &loading, &capture.drawn.job, watch)?;
    capture.snapshot.session.close().await.map_err(at_source("closing the session"))?;
    if !done.failures.is_empty() {
        let first = FirstFailure(done.failures.iter().take(5).cloned().collect());
        return Err(Error::Entries { failures: done.failures, skipped: done.skipped, warnings: done.warnings, first });
    }
    Ok(Extent {
        tables: done.digests.len() as u64,
        rows: done.digests.iter().map(|digest| digest.rows).sum(),
        archive: Some(capture.drawn.archive),
    })
}

/// From a snapshot of the whole database.
pub async fn backup(
    repository: &Repository,
    snapshot: &SnapshotId,
    jobs: usize,
    copy: &Conninfo,
    watch: &Watch,
) -> Result<Extent, Error> {
    let loading =
        Loading { proof: Proof::Leave, search_path: SearchPath::Fix, ..Loading::of_a_copy(copy.clone(), jobs) };
    let options = restore::Options::of_all(snapshot, loading);
    let report = restore::run(repository, &options, watch).await?;
    Ok(Extent { tables: report.tables, rows: report.rows, archive: None })
}
