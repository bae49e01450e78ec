//! What is known before a private server starts: the operator's ends, as far as they are asked, or the backup.

use std::collections::BTreeSet;

use super::servers::Model;
use super::{Ends, Files, Origin};
use crate::command::Error;
use crate::command::restore::target::connect_for_maintenance;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::plan::{self, Planned};
use crate::command::split::{Options, SplitError, switching};
use crate::command::watch::Watch;
use crate::pg;
use crate::pg::connect::connect;
use crate::pg::likeness::{self, Likeness};
use crate::repo::Manifest;
use crate::schema::archive::{Archive, Kind};
use crate::switch;

pub enum Looked {
    Blocked(Box<plan::Report>),
    Clear(Box<Scene>),
}

/// What is known before a private server starts.
pub struct Scene {
    /// As the operator would run it.
    pub run: Options,
    /// As reports name it.
    pub source: String,
    /// None where the ends were not asked.
    pub planned: Option<Planned>,
    pub manifest: Option<Manifest>,
    pub model: Model,
    pub files: Files,
    /// Extensions of the source, and those that what moves needs.
    pub extensions: Vec<String>,
    pub extensions_needed: Vec<String>,
    /// How many roles own something in the source.
    pub owners: usize,
    /// Both copies, tables and indexes.
    pub bytes_expected: u64,
    pub large_objects: u64,
}

impl Scene {
    pub async fn look(run: &Options, origin: &Origin<'_>, watch: &Watch) -> Result<Looked, Error> {
        let mut run = run.clone();
        let (manifest, archive) = backup_of(origin, watch).await?.unzip();
        let source = source_of(&mut run, origin, manifest.as_ref())?;
        let planned = match origin {
            Origin::Backup { ends: Ends::Unasked, .. } => None,
            _ => Some(plan::make(&run.plan, plan::Timing::Measured, watch).await?),
        };
        let planned = match planned {
            Some(planned) if !planned.plan.is_clear() => {
                return Ok(Looked::Blocked(Box::new(plan::Report::of(planned))));
            }
            planned => planned,
        };
        let (model, mut expected) = match (&planned, &manifest) {
            (None, Some(manifest)) => (Model::Version(manifest.server.version_num / 10_000), Expected::default()),
            _ => real(&run).await?,
        };
        expected.bytes += planned.as_ref().map_or(0, moving_bytes);
        if let Some(manifest) = &manifest {
            // Rows alone are counted there: indexes come on top, and a part of both a second time.
            expected.bytes = expected.bytes.max(2 * manifest.totals.bytes_read);
            expected.large_objects = 0;
        }
        let needs = planned.iter().flat_map(|planned| &planned.plan.needs).filter(|need| need.kind == "EXTENSION");
        let scene = Scene {
            extensions_needed: needs.map(|need| need.name.clone()).collect(),
            extensions: extensions(archive.as_ref(), planned.as_ref()),
            owners: owners(archive.as_ref().or(planned.as_ref().map(|planned| &planned.archive))),
            files: files(&run, &model)?,
            bytes_expected: expected.bytes,
            large_objects: expected.large_objects,
            run,
            source,
            planned,
            manifest,
            model,
        };
        Ok(Looked::Clear(Box::new(scene)))
    }

    pub fn not_rehearsed(&self, differs: Vec<String>) -> Vec<String> {
        let mut list = vec![
            format!(
                "nobody wrote: on the day the fence waits for writers for up to {} s (--fence-wait), and new writers wait with it, 1.5 s at a time",
                self.run.fence_wait.as_secs()
            ),
            "both copies were run as a superuser: the privileges of --from and --to were not tested".to_owned(),
        ];
        if let Some(hook) = &self.run.hook {
            list.push(format!("the hook was not run; on the day, writes are also refused while it runs: {hook}"));
        }
        if !self.files.edits.is_empty() {
            list.push("configuration files were read, but not written".to_owned());
        }
        match &self.model {
            Model::Version(_) => list.push(
                "no server was connected to: their settings, the target's extensions and privileges, and whether it is another cluster are unknown"
                    .to_owned(),
            ),
            Model::Real { source, target } => {
                for (end, which) in [(source, "source"), (target, "target")] {
                    if !end.synchronous_standbys.is_empty() {
                        list.push(format!(
                            "commits at the {which} wait for standbys ({}); there were none here",
                            end.synchronous_standbys
                        ));
                    }
                }
            }
        }
        if self.large_objects > 0 {
            list.push(format!("{} large objects stay where they are and were not copied", self.large_objects));
        }
        list.extend(differs);
        list
    }
}

/// The snapshot and its definitions, where a backup is rehearsed on.
async fn backup_of(origin: &Origin<'_>, watch: &Watch) -> Result<Option<(Manifest, Archive)>, Error> {
    let Origin::Backup { repository, snapshot, .. } = origin else { return Ok(None) };
    watch.set_phase("reading the snapshot");
    let manifest = repository.manifest(&repository.resolve(snapshot).await?).await?;
    if !manifest.request.is_whole_database() {
        return Err(Error::Usage {
            what: format!("the snapshot {} has only a part of its database", manifest.snapshot.short()),
            hint: Some("The plan also needs the schemas that stay: name a snapshot of the whole database.".into()),
        });
    }
    let archive = Archive::parse(&repository.metadata(&manifest, &manifest.archive).await?)?;
    Ok(Some((manifest, archive)))
}

/// As reports name it. Where nobody is asked, the run's source is the backup's database, wherever that is.
///
/// # Errors
/// The backup is of another database than the one that is named, or of that which it would move into.
fn source_of(run: &mut Options, origin: &Origin<'_>, manifest: Option<&Manifest>) -> Result<String, Error> {
    let source = run.plan.source.to_string();
    let Some(manifest) = manifest else { return Ok(source) };
    let name = &manifest.database.name;
    if matches!(origin, Origin::Backup { ends: Ends::Unasked, .. }) {
        run.plan.source = run.plan.target.with_database(name);
        if name == run.plan.target.database() {
            return Err(SplitError::SameDatabase.into());
        }
        return Ok(name.clone());
    }
    if run.plan.source.database() != name {
        return Err(Error::Usage {
            what: format!(
                "the snapshot {} is of the database {name}, but --from names {}",
                manifest.snapshot.short(),
                run.plan.source.database()
            ),
            hint: Some("Leave --from out to connect to no database, or name another snapshot.".into()),
        });
    }
    Ok(source)
}

/// What a copy will take.
#[derive(Default)]
struct Expected {
    bytes: u64,
    large_objects: u64,
}

/// Both servers as they are.
async fn real(run: &Options) -> Result<(Model, Expected), Error> {
    let session = connect(&run.plan.source, "pgkeep rehearsal").await.map_err(at_source("connecting"))?;
    let asked = async {
        let bytes = likeness::database_bytes(&session).await?;
        let large_objects = likeness::large_objects(&session).await?;
        Ok((Likeness::of(&session).await?, Expected { bytes, large_objects }))
    };
    let (source, expected) = asked.await.map_err(at_source("reading the server's settings"))?;
    session.close().await.map_err(at_source("closing the session"))?;
    let target = Box::new(target_likeness(run).await?);
    Ok((Model::Real { source: Box::new(source), target }, expected))
}

/// Of the source.
fn extensions(archive: Option<&Archive>, planned: Option<&Planned>) -> Vec<String> {
    match (archive, planned) {
        (Some(archive), _) => {
            let entries = archive.entries().iter().filter(|entry| entry.kind == Kind::Extension);
            entries.map(|entry| entry.tag.clone()).collect()
        }
        (None, Some(planned)) => planned.source.extensions.keys().cloned().collect(),
        (None, None) => Vec::new(),
    }
}

/// How many roles own something.
fn owners(archive: Option<&Archive>) -> usize {
    let entries = archive.iter().flat_map(|archive| archive.entries());
    entries.map(|entry| entry.owner.as_deref()).collect::<BTreeSet<_>>().len()
}

/// In the target where it exists, otherwise where it would be made.
async fn target_likeness(run: &Options) -> Result<Likeness, Error> {
    let session = match connect(&run.plan.target, "pgkeep rehearsal").await {
        Err(pg::Error::NoSuchDatabase { .. }) => connect_for_maintenance(&run.plan.target).await?,
        connected => connected.map_err(at_target("connecting"))?,
    };
    let likeness = Likeness::of(&session).await.map_err(at_target("reading the server's settings"))?;
    session.close().await.map_err(at_target("closing the session"))?;
    Ok(likeness)
}

/// What the run would write into configuration files.
fn files(run: &Options, model: &Model) -> Result<Files, Error> {
    if run.rewrites.is_empty() {
        return Ok(Files::default());
    }
    let (source, target) = match model {
        Model::Real { source, target } => (source.cluster.as_str(), Some(target.cluster.as_str())),
        Model::Version(_) => ("", None),
    };
    let plan: switch::Plan = switching::plan(run, source, target)?;
    Ok(Files { diff: plan.diff(), edits: plan.edits(), kept: plan.kept().to_vec() })
}

/// What the moving tables and their indexes take in the source.
pub fn moving_bytes(planned: &Planned) -> u64 {
    planned.plan.moves.iter().map(|schema| schema.bytes + schema.index_bytes).sum()
}
