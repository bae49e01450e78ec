//! What a restore that does not reach its end has left, and how to go on.

use super::feed::LARGE_OBJECTS;
use super::maintenance::connect_for_maintenance;
use super::typed::{Typed, drop_database, drop_subscriptions, make_database, remake_database, without_password};
use super::{Creation, Job, Options, half, unreadable};
use crate::command::error::{Error, LeftBehind};
use crate::command::progress::Progress;
use crate::command::typed::{can_be_copied, pattern};
use crate::pg::conninfo::Conninfo;
use crate::pg::target::{Before, comes_with_servers, free_name};
use crate::repo::{Manifest, RepoError, Repository};
use crate::schema::restore::{Class, Object};
use crate::store::StoreError;
use crate::stream::OpenError;

/// Tables that a hint names at most.
const NAMED_MAX: usize = 20;

const IN_ANOTHER: &str = "To start again, restore into a new database with another name.";
const NOT_COPIED: &str = "a name, path or switch in it has control characters";

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Target,
    Definitions,
    Rows,
    Proof,
}

pub struct Aftermath<'a> {
    options: &'a Options,
    progress: &'a Progress,
    manifest: &'a Manifest,
    stage: Stage,
    /// What the target was; none where the restore makes it.
    before: Option<Before>,
    /// The database in which this one can be dropped, once that is known.
    maintenance: Option<String>,
    /// Those that the restore makes.
    subscriptions: Vec<String>,
}

impl<'a> Aftermath<'a> {
    pub fn new(options: &'a Options, progress: &'a Progress, manifest: &'a Manifest, objects: &[Object]) -> Self {
        let subscriptions = objects.iter().filter(|object| object.class == Class::Subscription);
        Self {
            options,
            progress,
            manifest,
            stage: Stage::Target,
            before: None,
            maintenance: None,
            subscriptions: subscriptions.map(|object| object.name.clone()).collect(),
        }
    }

    pub fn began_in(&mut self, before: Before) {
        self.before = Some(before);
    }

    pub fn can_be_dropped_in(&mut self, maintenance: Option<String>) {
        self.maintenance = maintenance;
    }

    pub fn snapshot(&self) -> &str {
        self.manifest.snapshot.short()
    }

    /// From now on an end would leave what this stage leaves.
    pub fn reach(&mut self, stage: Stage) {
        self.stage = stage;
        if let Some(typed) = &self.options.typed {
            self.progress.would_leave(self.left(typed));
        }
    }

    fn left(&self, typed: &Typed) -> String {
        let target = &self.options.loading.target;
        let database = target.database();
        let left = match (self.stage, self.options.creation) {
            (Stage::Target, Creation::Exists) => format!("Nothing was restored into the database {database}."),
            (Stage::Target | Stage::Definitions, Creation::Create) => {
                return "Nothing was restored: a database that was created is dropped again.".into();
            }
            (Stage::Definitions, Creation::Exists) => {
                format!("The database {database} may contain a part of the definitions, but no rows.")
            }
            (Stage::Rows, _) => format!(
                "The database {database} has the definitions and some tables, each with all of its rows or none; indexes and keys are missing."
            ),
            (Stage::Proof, _) => {
                let (verify, note) = match typed.verify(self.snapshot(), target) {
                    Some(verify) => (verify, without_password(target)),
                    None => (format!("pgkeep verify {} --against", self.snapshot()), ""),
                };
                return format!(
                    "The database {database} is complete, but not proven: `{verify}` compares it with the snapshot{note}."
                );
            }
        };
        format!("{left} {}", self.again(typed, &[]))
    }

    /// A restore begins anew: it is not gone on with.
    fn again(&self, typed: &Typed, more: &[String]) -> String {
        let target = &self.options.loading.target;
        match self.commands(typed, more) {
            Some(told) => told + without_password(target),
            None if comes_with_servers(target.database()) => IN_ANOTHER.into(),
            None => format!("{IN_ANOTHER} No command is printed: {NOT_COPIED}."),
        }
    }

    /// None where one of them could not be copied.
    fn commands(&self, typed: &Typed, more: &[String]) -> Option<String> {
        let target = &self.options.loading.target;
        let more = more.iter().map(|switch| format!(" {switch}")).collect::<String>();
        let restore = |target: &Conninfo, creation| Some(typed.restore(self.snapshot(), target, creation)? + &more);
        let fill = |target: &Conninfo| restore(target, Creation::Exists);
        let create = |target: &Conninfo| restore(target, Creation::Create);
        let Some(before) = self.before.as_ref().filter(|_| self.stage > Stage::Target) else {
            return match self.options.creation {
                Creation::Exists => Some(format!("Again: `{}`", fill(target)?)),
                Creation::Create => self.drop_and_make(create(target)?),
            };
        };
        let database = target.database();
        let beside = target.with_database(&before.free_name);
        let others = match before.was_empty {
            _ if comes_with_servers(database) => format!("{database} is one of the server's default databases."),
            true if self.maintenance.is_none() => {
                format!("This role cannot connect to postgres or template1, from which {database} could be dropped.")
            }
            true if self.subscriptions.is_empty() => format!("This role has no permission to drop {database}."),
            true => format!("{database} may have subscriptions, and cannot be dropped as long as it has them."),
            false => format!("{database} was not empty before, and still has its other objects."),
        };
        let is_droppable = before.was_empty && before.may_drop;
        // It is made from there, too.
        Some(match (is_droppable, before.may_create && self.maintenance.is_some()) {
            (true, true) => self.drop_and_make(create(target)?)?,
            (true, false) if self.subscriptions.is_empty() => format!(
                "To start again, ask an administrator to recreate it, because this role cannot: `{}`. Then: `{}`",
                remake_database(target)?,
                fill(target)?
            ),
            (_, true) => format!("{others} To start again in a new database: `{}`", create(&beside)?),
            (_, false) => format!(
                "{others} To start again in a new database, ask an administrator to create one, because this role cannot: `{}`. Then: `{}`",
                make_database(&beside)?,
                fill(&beside)?
            ),
        })
    }

    /// Of a database that holds nothing but what the restore has made.
    fn drop_and_make(&self, create: String) -> Option<String> {
        let target = &self.options.loading.target;
        let drop = drop_database(target, self.maintenance.as_deref()?)?;
        if self.subscriptions.is_empty() {
            return Some(format!("To start again: `{drop} && {create}`"));
        }
        let first = drop_subscriptions(target, &self.subscriptions)?;
        Some(format!(
            "To start again, first drop its subscriptions, with which it cannot be dropped: `{first} && {drop} && {create}`"
        ))
    }

    /// What ended the restore half-way, with what it has left.
    pub fn told(&self, error: Error) -> Error {
        let Some(typed) = self.options.typed.as_ref().filter(|_| self.leaves_something()) else { return error };
        match error {
            Error::Target { .. } | Error::Repository(_) | Error::Internal { .. } => {
                Error::LeftBehind(Box::new(LeftBehind { first: error, left: self.left(typed) }))
            }
            error => error,
        }
    }

    /// What the target refused, with what is there of the rest.
    pub fn with_the_rest(&self, refused: Error) -> Error {
        let Some(typed) = &self.options.typed else { return refused };
        let database = self.options.loading.target.database();
        let left = format!(
            "The database {database} has everything else, and is not dropped: what was refused can be made there by hand once the cause is gone. {}",
            self.again(typed, &[])
        );
        Error::LeftBehind(Box::new(LeftBehind { first: refused, left }))
    }

    fn leaves_something(&self) -> bool {
        match self.options.creation {
            Creation::Create => self.stage >= Stage::Rows,
            Creation::Exists => self.stage >= Stage::Definitions,
        }
    }

    /// Of a database that is there already: the command that makes another one, and whether this one is half of a restore.
    pub async fn with_a_way_beside(&self, error: Error) -> Error {
        let Some(typed) = &self.options.typed else { return error };
        let Error::DatabaseExists { database, .. } = error else { return error };
        let target = &self.options.loading.target;
        let looked = async {
            let session = connect_for_maintenance(target).await.ok()?;
            let half = half::told(&session, target).await.ok().flatten();
            Some((free_name(&session, &database).await.ok(), half))
        };
        let (free, half) = looked.await.unwrap_or_default();
        let beside = free.and_then(|free| typed.restore_beside(self.snapshot(), &target.with_database(&free)));
        Error::DatabaseExists { database, beside, half }
    }

    /// The damage, and which switches let the rest through.
    pub async fn with_a_way_on(&self, repository: &Repository, job: &Job, damage: Error) -> Error {
        let Error::DamagedRows { table, source, .. } = damage else { return self.told(damage) };
        let Some(typed) = &self.options.typed else { return Error::DamagedRows { table, way_on: None, source } };
        if !is_damage(&source) {
            let left = if self.leaves_something() { self.left(typed) } else { self.again(typed, &[]) };
            let way_on = source.hint().into_iter().chain([left]).collect::<Vec<_>>().join(" ");
            return Error::DamagedRows { table, way_on: Some(way_on), source };
        }
        let mut without = Vec::new();
        if table == LARGE_OBJECTS {
            without.push("-n '*'".to_owned());
        }
        // What cannot be looked at now is found by the next restore, or by verify.
        let known = unreadable::tables(repository, self.manifest).await.unwrap_or_default();
        for relation in &job.relations {
            let name = (relation.schema.clone(), relation.name.clone());
            if known.contains(&name) || format!("{}.{}", name.0, name.1) == table {
                without.push(format!("-T {}", pattern(&name.0, &name.1)));
            }
        }
        let all = without.len();
        without.retain(|switch| can_be_copied(switch));
        without.truncate(NAMED_MAX);
        let more = all - without.len();
        let mut switches = without.join(" ");
        if more > 0 {
            let few = if without.is_empty() { "-T for" } else { " and" };
            switches += &format!("{few} {more} more, which `pgkeep verify {}` names", self.snapshot());
        }
        let note = if table == LARGE_OBJECTS { " (-n '*' leaves large objects out)" } else { "" };
        let way_on = format!(
            "To restore the rest: {switches}. Objects that need them are left out too, and named{note}. \
             `pgkeep verify {} --read-data` finds all that is damaged; an earlier snapshot may be whole. {}",
            self.snapshot(),
            self.again(typed, if more > 0 { &[] } else { &without }),
        );
        Error::DamagedRows { table, way_on: Some(way_on), source }
    }
}

/// Whether another attempt would find the same: not a store that is out of reach.
fn is_damage(error: &RepoError) -> bool {
    match error {
        RepoError::Store(error) => matches!(error, StoreError::NoObject { .. } | StoreError::TooLarge { .. }),
        RepoError::Object { source, .. } => !matches!(source, OpenError::WrongKey | OpenError::Identity { .. }),
        RepoError::SliceList { .. } | RepoError::SliceBounds { .. } => true,
        _ => false,
    }
}
