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
        let (manifest, archive) = match origin {
            Origin::Live => (None, None),
            Origin::Backup { repository, snapshot, .. } => {
                watch.set_phase("reading the snapshot");
                let manifest = repository.manifest(&repository.resolve(snapshot).await?).await?;
                if !manifest.request.is_whole_database() {
                    return Err(Error::Usage {
                        what: format!("the snapshot {} has only a part of its database", manifest.snapshot.short()),
                        hint: Some(
                            "The plan also needs the schemas that stay: name a snapshot of the whole database.".into(),
                        ),
                    });
                }
                let archive = Archive::parse(&repository.metadata(&manifest, &manifest.archive).await?)?;
                (Some(manifest), Some(archive))
            }
        };
        let asked = !matches!(origin, Origin::Backup { ends: Ends::Unasked, .. });
        let mut source = run.plan.source.to_string();
        if let Some(manifest) = &manifest {
            let name = &manifest.database.name;
            if !asked {
                run.plan.source = run.plan.target.with_database(name);
                source = name.clone();
            } else if run.plan.source.database() != name {
                return Err(Error::Usage {
                    what: format!(
                        "the snapshot {} is of the database {name}, but --from names {}",
                        manifest.snapshot.short(),
                        run.plan.source.database()
                    ),
                    hint: Some("Leave --from out to connect to no database, or name another snapshot.".into()),
                });
            }
        }
        if !asked && run.plan.source.database() == run.plan.target.database() {
            return Err(SplitError::SameDatabase.into());
        }
        let planned = if asked { Some(plan::make(&run.plan, plan::Timing::Measured, watch).await?) } else { None };
        let planned = match planned {
            Some(planned) if !planned.plan.is_clear() => {
                return Ok(Looked::Blocked(Box::new(plan::Report::of(planned))));
            }
            planned => planned,
        };
        let (mut bytes_expected, mut large_objects) = (0, 0);
        let model = match (&planned, &manifest) {
            (None, Some(manifest)) => Model::Version(manifest.server.version_num / 10_000),
            _ => {
                let session = connect(&run.plan.source, "pgkeep rehearsal").await.map_err(at_source("connecting"))?;
                let asked = async {
                    bytes_expected = likeness::database_bytes(&session).await?;
                    large_objects = likeness::large_objects(&session).await?;
                    Likeness::of(&session).await
                };
                let source = Box::new(asked.await.map_err(at_source("reading the server's settings"))?);
                session.close().await.map_err(at_source("closing the session"))?;
                Model::Real { source, target: Box::new(target_likeness(&run).await?) }
            }
        };
        let files = files(&run, &model)?;
        let installed = |archive: &Archive| {
            let entries = archive.entries().iter().filter(|entry| entry.kind == Kind::Extension);
            entries.map(|entry| entry.tag.clone()).collect::<Vec<_>>()
        };
        let extensions = match (&archive, &planned) {
            (Some(archive), _) => installed(archive),
            (None, Some(planned)) => planned.source.extensions.keys().cloned().collect(),
            (None, None) => Vec::new(),
        };
        let owned = archive.as_ref().or(planned.as_ref().map(|planned| &planned.archive));
        let owned = owned.iter().flat_map(|archive| archive.entries());
        let owners = owned.map(|entry| entry.owner.as_deref()).collect::<BTreeSet<_>>().len();
        let needs = planned.iter().flat_map(|planned| &planned.plan.needs).filter(|need| need.kind == "EXTENSION");
        let extensions_needed = needs.map(|need| need.name.clone()).collect();
        bytes_expected += planned.as_ref().map_or(0, moving_bytes);
        if let Some(manifest) = &manifest {
            // Rows alone are counted there: indexes come on top, and a part of both a second time.
            bytes_expected = bytes_expected.max(2 * manifest.totals.bytes_read);
            large_objects = 0;
        }
        let scene = Scene {
            run,
            source,
            planned,
            manifest,
            model,
            files,
            extensions,
            extensions_needed,
            owners,
            bytes_expected,
            large_objects,
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
