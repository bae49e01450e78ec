//! `pgkeep prune`: forgets old snapshots, and deletes what none needs any more.

use std::collections::{BTreeMap, HashSet};
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Local, Utc};
use serde::{Serialize, Serializer};

use super::error::Error;
use super::finding::with_causes;
use super::moment::millis;
use super::some::some_of;
use super::watch::Watch;
use crate::command::moment::rfc3339;
use crate::repo::manifest::{Manifest, Request};
use crate::repo::names::{Names, TOLD_MAX};
use crate::repo::prune::{Deleted, Pace, Plan, References};
use crate::repo::{Proven, RepoError, Repository, SnapshotId, SnapshotName, Stored, Unfinished};
use crate::retention::{self, Decision, Grace, Group, Proof, Reason, Rules, Scope, Standing, Untaken, Zone};
use crate::stop::Stop;

/// So many tags a warning names.
const TAGS_MAX: usize = 10;

pub struct Options {
    pub rules: Rules,
    pub scope: Scope,
    pub zone: Zone,
    pub grace: Grace,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Prune,
    /// Say what would be done, and write nothing.
    DryRun,
}

/// What `--json` prints. In a dry run, what would be.
#[derive(Debug, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub kept: Vec<Kept>,
    pub forgotten: Vec<Forgotten>,
    /// Objects that no snapshot refers to any more, named now and deleted by a run after the grace period.
    pub objects_condemned: u64,
    pub bytes_condemned: u64,
    /// Objects that were condemned earlier, and whose grace period is not over.
    pub objects_waiting: u64,
    pub bytes_waiting: u64,
    /// Objects that were condemned by an earlier run and are deleted now.
    pub objects_deleted: u64,
    /// Bytes of all that was deleted, manifests included.
    pub bytes_freed: u64,
    pub grace_hours: u64,
    /// What the store would not delete.
    pub refused: Vec<Refused>,
    /// Snapshots whose manifest or slice lists cannot be read. While there is one, no object is condemned or deleted.
    pub unreadable: Vec<Unreadable>,
    pub warnings: Vec<String>,
    pub elapsed_ms: u64,
}

impl Report {
    /// Whether everything could be done that was to be done.
    pub fn is_clean(&self) -> bool {
        self.refused.is_empty() && self.unreadable.is_empty()
    }
}

#[derive(Debug, Serialize)]
pub struct Kept {
    pub snapshot: SnapshotId,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    /// None where the manifest cannot be read.
    pub database: Option<String>,
    #[serde(serialize_with = "words")]
    pub reasons: Vec<Reason>,
}

fn words<S: Serializer>(reasons: &[Reason], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(reasons.iter().map(ToString::to_string))
}

#[derive(Debug, Serialize)]
pub struct Forgotten {
    pub snapshot: SnapshotId,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    pub database: String,
}

#[derive(Debug, Serialize)]
pub struct Refused {
    pub kind: &'static str,
    pub objects: u64,
    pub detail: String,
}

#[derive(Debug, Serialize)]
pub struct Unreadable {
    pub snapshot: SnapshotId,
    pub detail: String,
}

/// The selection of a request, as [`Group`] compares it: the order of patterns does not matter.
pub fn group(database: &str, request: &Request) -> Group {
    let mut selection = String::new();
    let request = request.normal();
    let lists = [
        ("schema", &request.schemas),
        ("no schema", &request.exclude_schemas),
        ("table", &request.tables),
        ("no table", &request.exclude_tables),
    ];
    for (what, patterns) in lists {
        patterns.iter().for_each(|pattern| selection += &format!("{what} {pattern:?} "));
    }
    Group { database: database.to_owned(), selection }
}

/// Two phases: forgets snapshots and condemns objects; deletes what an earlier run condemned.
pub async fn run(repository: &Repository, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let started = Instant::now();
    if options.rules.is_empty() {
        return Err(no_rules());
    }
    watch.set_phase("reading manifests");
    let host = SystemTime::now();
    let census = take_census(repository, &watch.stop).await?;
    // A refusal comes before anything is written.
    let (_, untaken) = decide(&census, options, host.into())?;
    let clock = match options.action {
        Action::Prune => Some(repository.store_time(options.grace).await?),
        Action::DryRun => None,
    };
    let now = clock.as_ref().map_or(host, |(now, _)| *now);
    // Of two clocks the one that makes more snapshots lie in the future, for these are kept.
    let (decisions, _) = decide(&census, options, host.min(now).into())?;
    let mut report = explain(&census, decisions, options);
    report.warnings.extend(not_taken(&untaken));

    let mut deleted = Deleted::default();
    let forgotten: HashSet<&SnapshotId> = report.forgotten.iter().map(|f| &f.snapshot).collect();
    let names: Vec<SnapshotName> = census.names().filter(|name| forgotten.contains(&name.id)).cloned().collect();
    if options.action == Action::Prune {
        watch.set_phase("forgetting snapshots");
        forget(repository, &names, &mut report, &mut deleted).await?;
    }

    watch.set_phase("looking for objects that are still needed");
    let Names { manifests, odd_more } = repository.names().await?;
    let mut remaining: Vec<SnapshotName> = manifests.into_iter().map(|stored| stored.name).collect();
    remaining.retain(|name| options.action == Action::Prune || !forgotten_name(&names, name));
    let mut references = repository.references(&remaining).await?;
    references.unreadable_more += odd_more;
    let mut plan = plan(repository, &references, now, options.grace).await?;
    if remaining.is_empty() && plan.condemned.objects + plan.ripe_total.objects > 0 {
        plan.touch_no_object();
        report.warnings.push(NO_SNAPSHOT.into());
    }
    tell_plan(&mut report, &plan);
    let ripe = plan.ripe_total;
    if watch.is_stopped() {
        return Err(Error::Interrupted);
    }
    if let Some((_, marker)) = clock {
        watch.set_phase("deleting objects");
        repository.condemn(&plan, options.grace).await?;
        plan.finished.push(marker);
        if repository.sweep(&mut plan, &references, &mut deleted).await? == Pace::TooSlow {
            report.warnings.push(
                "half the grace period passed before everything was deleted; the rest is left for the next run".into(),
            );
        }
    }
    let objects = if options.action == Action::DryRun { ripe } else { deleted.objects };
    (report.objects_deleted, report.bytes_freed) = (objects.objects, report.bytes_freed + objects.bytes);
    report_troubles(&mut report, references, deleted);
    report.elapsed_ms = millis(started);
    Ok(report)
}

/// Those of the names that the store has deleted are told as forgotten.
async fn forget(
    repository: &Repository,
    names: &[SnapshotName],
    report: &mut Report,
    deleted: &mut Deleted,
) -> Result<(), Error> {
    let sizes = repository.snapshot_bytes().await?;
    repository.forget(names, deleted).await;
    let gone = || names.iter().filter(|name| deleted.manifests.contains(&name.key()));
    report.bytes_freed += gone().map(|name| sizes.get(name).copied().unwrap_or_default()).sum::<u64>();
    report.forgotten.retain(|forgotten| gone().any(|name| name.id == forgotten.snapshot));
    Ok(())
}

fn tell_plan(report: &mut Report, plan: &Plan) {
    (report.objects_condemned, report.bytes_condemned) = (plan.condemned.objects, plan.condemned.bytes);
    (report.objects_waiting, report.bytes_waiting) = (plan.waiting.objects, plan.waiting.bytes);
    if plan.condemned_later > 0 {
        report.warnings.push(format!(
            "one run condemns at most {} objects: {} more are left for the next runs",
            plan.condemned.objects, plan.condemned_later
        ));
    }
}

/// A folder that was copied by half looks like a repository that is new.
const NO_SNAPSHOT: &str = "rows are stored, and there is no snapshot at all: either no backup has finished yet, or this is half of a copy, \
    without snapshots/. No object was condemned or deleted; after the next backup prune goes on";

fn forgotten_name(names: &[SnapshotName], name: &SnapshotName) -> bool {
    names.binary_search(name).is_ok()
}

/// That nothing is worth keeping is never meant.
pub fn no_rules() -> Error {
    Error::Usage {
        what: "no rule says what to keep".into(),
        hint: Some("For example: pgkeep prune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run".into()),
    }
}

/// All snapshots, oldest first, and what is known of them.
struct Census {
    snapshots: Vec<(SnapshotName, Option<Box<retention::Snapshot>>)>,
}

impl Census {
    fn names(&self) -> impl Iterator<Item = &SnapshotName> {
        self.snapshots.iter().map(|(name, _)| name)
    }
}

async fn take_census(repository: &Repository, stop: &Stop) -> Result<Census, Error> {
    let proofs = repository.records::<Proven>().await?;
    let proven: HashSet<SnapshotId> = proofs.into_iter().map(|proof| proof.record.snapshot).collect();
    let mut snapshots = Vec::new();
    for name in repository.snapshots().await? {
        if stop.is_set() {
            return Err(Error::Interrupted);
        }
        match repository.manifest_if_there(&name).await {
            Ok(Some(manifest)) => snapshots.push((name, Some(Box::new(facts(&manifest, &proven))))),
            // Another prune was first.
            Ok(None) => {}
            // Not a fault of the repository.
            Err(error @ RepoError::Key(_)) => return Err(error.into()),
            Err(_) => snapshots.push((name, None)),
        }
    }
    Ok(Census { snapshots })
}

fn facts(manifest: &Manifest, proven: &HashSet<SnapshotId>) -> retention::Snapshot {
    retention::Snapshot {
        id: manifest.snapshot.to_string(),
        group: group(&manifest.database.name, &manifest.request),
        time: manifest.time,
        tags: manifest.tags.clone(),
        standing: if manifest.is_suspicious() { Standing::Suspicious } else { Standing::Good },
        proof: if proven.contains(&manifest.snapshot) { Proof::Proven } else { Proof::None },
    }
}

fn decide(census: &Census, options: &Options, now: DateTime<Utc>) -> Result<(Vec<Decision>, Untaken), Error> {
    let Options { rules, scope, zone, .. } = options;
    let known: Vec<_> = census.snapshots.iter().filter_map(|(_, facts)| facts.as_deref().cloned()).collect();
    let decisions = match zone {
        Zone::Local => retention::decide(&known, rules, scope, now, &Local),
        Zone::Named(zone) => retention::decide(&known, rules, scope, now, zone),
    };
    let decisions = decisions?;
    let untaken = retention::untaken(&known, rules, scope, &decisions)?;
    Ok((decisions, untaken))
}

/// Tags that keep nothing are told: one may be mistyped.
fn not_taken(untaken: &Untaken) -> Option<String> {
    let tags = some_of(&untaken.tags, TAGS_MAX)?;
    let there = some_of(&untaken.there, TAGS_MAX)
        .map_or("no snapshot has a tag".into(), |there| format!("existing tags: {there}"));
    Some(format!("no snapshot has the tag {tags} of a keep rule; {there}"))
}

fn explain(census: &Census, decisions: Vec<Decision>, options: &Options) -> Report {
    let mut decisions: BTreeMap<String, Decision> = decisions.into_iter().map(|d| (d.id.clone(), d)).collect();
    let (mut kept, mut forgotten, mut warnings, mut unreadable) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (name, facts) in &census.snapshots {
        let (snapshot, time) = (name.id.clone(), name.time);
        let database = facts.as_ref().map(|facts| facts.group.database.clone());
        let reasons = match decisions.remove(name.id.as_str()) {
            Some(decision) => decision.reasons,
            None => {
                unreadable += 1;
                if unreadable > TOLD_MAX {
                    continue;
                }
                vec![Reason::Unreadable]
            }
        };
        if reasons.contains(&Reason::Future) {
            warnings.push(format!(
                "the snapshot {snapshot} has the time {}, which is in the future: a clock is wrong",
                time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            ));
        }
        match (reasons.is_empty(), database) {
            (true, Some(database)) => forgotten.push(Forgotten { snapshot, time, database }),
            (_, database) => kept.push(Kept { snapshot, time, database, reasons }),
        }
    }
    Report {
        dry_run: options.action == Action::DryRun,
        kept,
        forgotten,
        objects_condemned: 0,
        bytes_condemned: 0,
        objects_waiting: 0,
        bytes_waiting: 0,
        objects_deleted: 0,
        bytes_freed: 0,
        grace_hours: options.grace.duration().as_secs() / 3600,
        refused: Vec::new(),
        unreadable: Vec::new(),
        warnings,
        elapsed_ms: 0,
    }
}

async fn plan(repository: &Repository, references: &References, now: SystemTime, grace: Grace) -> Result<Plan, Error> {
    let mut plan = repository.plan_prune(references, now, grace).await?;
    // Of a backup that nobody went on with: what it stored is condemned by now.
    let is_old = |record: &Stored<Unfinished>| now.duration_since(record.stored).unwrap_or_default() > grace.duration();
    let of_unfinished = |record: Stored<Unfinished>| plan.finished.extend(is_old(&record).then_some(record.key));
    repository.each_record(of_unfinished).await?;
    if !references.are_whole() {
        plan.touch_no_object();
    }
    Ok(plan)
}

fn report_troubles(report: &mut Report, references: References, deleted: Deleted) {
    for (name, error) in references.unreadable {
        let detail = with_causes(&error);
        report.warnings.push(format!(
            "the snapshot {} cannot be read, so it is not known which objects it needs: it is kept, and no object was condemned or deleted",
            name.id
        ));
        report.unreadable.push(Unreadable { snapshot: name.id, detail });
    }
    if references.unreadable_more > 0 {
        report.warnings.push(format!(
            "{} more objects in snapshots/ cannot be read as manifests: no object is condemned or deleted until they are gone",
            references.unreadable_more
        ));
    }
    for (what, refusal) in deleted.refusals {
        let detail = with_causes(&refusal.error);
        report.refused.push(Refused { kind: what.noun(), objects: refusal.objects, detail });
    }
}
