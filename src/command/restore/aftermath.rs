//! What a restore that does not reach its end has left, and how to go on.

use super::feed::LARGE_OBJECTS;
use super::{Creation, Job, Options, unreadable};
use crate::command::error::Error;
use crate::command::progress::Progress;
use crate::command::typed::pattern;
use crate::pg::catalog::quote_identifier;
use crate::repo::{RepoError, Repository};
use crate::store::StoreError;
use crate::stream::OpenError;

/// Tables that a hint names at most.
const NAMED_MAX: usize = 20;

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Target,
    Definitions,
    Rows,
    Proof,
}

/// Says what an interruption would leave from now on.
pub fn note(progress: &Progress, options: &Options, snapshot: &str, stage: Stage) {
    let database = options.target.database();
    let left = match (stage, options.creation) {
        (Stage::Target, Creation::Exists) => format!("Nothing was restored into the database {database}."),
        (Stage::Target | Stage::Definitions, Creation::Create) => {
            progress.would_leave("Nothing was restored: a database that was made is taken away again.".into());
            return;
        }
        (Stage::Definitions, Creation::Exists) => {
            format!("The database {database} may hold a part of the definitions, and holds no rows.")
        }
        (Stage::Rows, _) => format!(
            "The database {database} holds the definitions and some tables, each with all of its rows or none; indexes and keys are missing."
        ),
        (Stage::Proof, _) => {
            progress.would_leave(format!(
                "The database {database} holds everything, and is not proven: `pgkeep verify {snapshot} --against DSN` compares it with the snapshot."
            ));
            return;
        }
    };
    progress.would_leave(format!("{left} {}", again(options, stage)));
}

/// A restore begins anew: it is not gone on with.
fn again(options: &Options, stage: Stage) -> String {
    let drop = format!("DROP DATABASE IF EXISTS {}", quote_identifier(options.target.database()));
    match (options.creation, stage) {
        (Creation::Exists, Stage::Target) => "Restore again.".into(),
        (Creation::Create, _) => format!("{drop}; then restore again with --create."),
        (Creation::Exists, _) => {
            format!("Empty it, or make it anew ({drop}; CREATE DATABASE ...); then restore again.")
        }
    }
}

/// The damage, and which switches let the rest through.
pub async fn with_a_way_on(repository: &Repository, job: &Job, options: &Options, damage: Error) -> Error {
    let Error::DamagedRows { table, source, .. } = damage else { return damage };
    if !is_damage(&source) {
        let way_on = source.hint().into_iter().chain([again(options, Stage::Rows)]).collect::<Vec<_>>().join(" ");
        return Error::DamagedRows { table, way_on: Some(way_on), source };
    }
    let mut without = Vec::new();
    if table == LARGE_OBJECTS {
        without.push("-n '*' (which takes no large objects)".to_owned());
    }
    // What cannot be looked at now is found by the next restore, or by verify.
    let known = unreadable::tables(repository, &job.manifest).await.unwrap_or_default();
    for relation in &job.relations {
        let name = (relation.schema.clone(), relation.name.clone());
        if known.contains(&name) || format!("{}.{}", name.0, name.1) == table {
            without.push(format!("-T {}", pattern(&name.0, &name.1)));
        }
    }
    let more = without.len().saturating_sub(NAMED_MAX);
    without.truncate(NAMED_MAX);
    let mut switches = without.join(" ");
    if more > 0 {
        switches += &format!(" and {more} more, which `pgkeep verify {}` names", job.manifest.snapshot.short());
    }
    let way_on = format!(
        "To restore the rest: {switches}. What needs these is left out with them and named. \
         `pgkeep verify {} --read-data` finds all that is damaged; an earlier snapshot may be whole. {}",
        job.manifest.snapshot.short(),
        again(options, Stage::Rows),
    );
    Error::DamagedRows { table, way_on: Some(way_on), source }
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
