//! The operator's definitions as they are. A copy's are spelled as they are after a reload, and prove nothing of how the original's would fare.

use std::collections::BTreeMap;

use crate::command::Error;
use crate::command::selecting;
use crate::command::split::plan::Planned;
use crate::command::split::trial::{Definitions, respell_aside};
use crate::command::split::{Options, capture, proof};
use crate::command::watch::Watch;
use crate::repo::{Manifest, Repository};
use crate::schema::archive::Archive;
use crate::schema::compare::{EntryMismatch, compare};
use crate::schema::facts::Facts;

/// What the original's definitions came to.
#[derive(Default)]
pub struct Judged {
    /// Those that the run on the copies has made otherwise than a run from the original would.
    pub definitions: Vec<EntryMismatch>,
    /// What changed at the source while it was copied, and was not judged for that.
    pub changed: Vec<EntryMismatch>,
}

/// Of a live source. `copied` is what its copy was made from, which came a little later than the plan.
pub async fn live(
    here: &Options,
    original: &Planned,
    copied: &Archive,
    copy: &Planned,
    watch: &Watch,
) -> Result<Judged, Error> {
    let schemas: Vec<String> = original.names.moving.iter().cloned().collect();
    let changed = proof::changed_since(&original.archive, copied, &schemas);
    if !changed.is_empty() {
        return Ok(Judged { changed, ..Judged::default() });
    }
    let definitions = judge(here, original.into(), copy, watch).await?;
    Ok(Judged { definitions, ..Judged::default() })
}

/// Of a backup.
pub async fn backup(
    here: &Options,
    repository: &Repository,
    manifest: &Manifest,
    copy: &Planned,
    watch: &Watch,
) -> Result<Judged, Error> {
    let archive = repository.metadata(manifest, &manifest.archive).await?;
    let facts = repository.metadata(manifest, &manifest.facts).await?;
    let facts: Facts = serde_json::from_slice(&facts).map_err(|source| Error::Internal {
        what: "the snapshot's facts cannot be read".into(),
        source: Some(Box::new(source)),
    })?;
    let archive = Archive::parse(&archive)?.without(capture::is_ours).with_access(&facts);
    let schemas: Vec<String> = copy.names.moving.iter().cloned().collect();
    let selection = selecting::select(&archive, &facts, &capture::patterns(&schemas).parse()?)?;
    // The private servers' roles are copies.
    let more_there = BTreeMap::new();
    let original = Definitions { archive: &archive, facts: &facts, selection: &selection, more_there: &more_there };
    let definitions = judge(here, original, copy, watch).await?;
    Ok(Judged { definitions, ..Judged::default() })
}

/// The run has proven that its target holds what the copy's definitions mean there; so must the original's mean the same.
async fn judge(
    here: &Options,
    original: Definitions<'_>,
    copy: &Planned,
    watch: &Watch,
) -> Result<Vec<EntryMismatch>, Error> {
    watch.set_phase("trying the source's own definitions");
    let from_original = respell_aside(&here.plan, original, &watch.stop).await?;
    let from_copy = respell_aside(&here.plan, copy.into(), &watch.stop).await?;
    let made = original.entries();
    Ok(compare(original.archive, |id| made.contains(&id), &from_copy, Some(&from_original)))
}
