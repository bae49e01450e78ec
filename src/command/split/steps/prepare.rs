//! Before anybody is refused a write: what moves, and a target that knows what it is for.

use std::collections::BTreeSet;

use chrono::Utc;

use super::target::{Beginning, Ground, Laid, lay};
use crate::command::Error;
use crate::command::restore::roles::MadeRole;
use crate::command::restore::{Creation, roles_before};
use crate::command::split::capture::{Drawn, capture};
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::host::Split;
use crate::command::split::state::{FORMAT, Found, Making, Memory, Phase, State};
use crate::command::split::ties::{Ties, given_up};
use crate::command::split::{Options, SplitError, bridge, loose, plan, proof, settings, whereabouts, wishes};
use crate::command::watch::Watch;
use crate::pg::close_like::close_like;
use crate::pg::connect::Session;
use crate::pg::{as_found, fence, loaded, split_state};
use crate::schema::archive::Kind;
use crate::schema::pattern::{Pattern, PatternKind};
use crate::schema::restore::SETTINGS;
use crate::split::matching;

/// Names of the schemas that the patterns mean, sorted.
pub async fn resolve(source: &Session, patterns: &[String]) -> Result<Vec<String>, Error> {
    let there = fence::schemas(source).await.map_err(at_source("the list of schemas"))?;
    let patterns = patterns.iter().map(|text| Pattern::parse(text, PatternKind::Schema));
    let patterns: Vec<Pattern> = patterns.collect::<Result<_, _>>()?;
    // As the plan tells it.
    let names = matching(&BTreeSet::from_iter(there), &patterns)
        .map_err(|error| Error::Usage { what: error.to_string(), hint: error.hint() })?;
    Ok(names.into_iter().collect())
}

/// What an interruption leaves once something may have been made in the target.
pub const TAKES_WRITES: &str = "The source takes writes, as before. `pgkeep split` with the same arguments starts again, `pgkeep split rollback` removes what was created.";

/// What was made ready before the fence goes up.
pub struct Prepared {
    pub state: State,
    /// What is to be made in the target.
    pub drawn: Drawn,
    /// What pg_dump had to say of the source, and settings of the old database that the new one's server did not take.
    pub not_carried: Vec<String>,
    /// Roles that the target's server did not have.
    pub roles_made: Vec<MadeRole>,
    pub beginning: Option<Beginning>,
}

/// A target database that is empty and knows what it is for. The source is known by its identity, and by the names of what moves.
pub async fn prepare(
    options: &Options,
    ground: Ground,
    planned: &plan::Planned,
    source: &Session,
    (identity, schemas): (String, &[String]),
    watch: &Watch,
) -> Result<Prepared, Error> {
    let ties = Ties {
        given_up: given_up(planned),
        bridge: bridge::decide(planned, &options.plan),
        loose: loose::describe(source, planned).await?,
    };
    watch.set_phase("reading the schema");
    let mut draft = capture(options, schemas, &watch.stop).await?;
    let changed = proof::changed_since(&planned.archive, &draft.drawn.archive, schemas);
    if !changed.is_empty() {
        return Err(SplitError::Stale { changed: changed.iter().map(ToString::to_string).collect() }.into());
    }
    watch.set_phase("preparing the target");
    let mut not_carried = not_carried(options, ground.found, planned, &mut draft.drawn).await?;
    watch.would_leave(TAKES_WRITES.into());
    let Laid { session, found, made, begun, mut provided } = lay(options, ground.found, &draft.drawn).await?;
    not_carried.append(&mut provided.left);
    let as_found = as_found::look(&session).await.map_err(at_target("looking for existing objects"))?;
    let making = Making {
        objects: as_found.objects.iter().chain(&draft.drawn.makes).cloned().collect(),
        tables: draft.drawn.job.relations.clone(),
    };
    let memory = remembered(options, ground.memory, schemas, source, &session).await?;
    session.close().await.map_err(at_target("closing the session"))?;
    let mut state = State {
        format: FORMAT,
        id: memory.split.id.clone(),
        schemas: schemas.to_vec(),
        source: identity,
        source_name: options.plan.source.to_string(),
        source_database: source.conninfo().database().to_owned(),
        target_database: options.plan.target.database().to_owned(),
        found,
        began: Utc::now(),
        history: ground.history,
        digest_key: draft.drawn.job.cargo.digest_key.0,
        row_hash: draft.drawn.job.cargo.row_hash,
        encoding: draft.source.encoding.clone(),
        ties,
        hook: options.hook.clone(),
        memory: Some(memory),
        fence_of_rows: true,
        making: Some(making),
        as_found: (found == Found::Empty).then_some(as_found),
        ..State::default()
    };
    state.enter(Phase::Created);
    draft.snapshot.session.close().await.map_err(at_source("closing the session"))?;
    let beginning = Some(Beginning::of(made, begun));
    Ok(Prepared { state, drawn: draft.drawn, not_carried, roles_made: provided.made, beginning })
}

/// What pg_dump has said, and what of the source the target does not get as it is, before anything is made there.
async fn not_carried(
    options: &Options,
    found: Found,
    planned: &plan::Planned,
    drawn: &mut Drawn,
) -> Result<Vec<String>, Error> {
    let mut told = std::mem::take(&mut drawn.said);
    told.extend(drawn.job.plan.withheld.iter().filter(|one| one.what != SETTINGS).map(ToString::to_string));
    told.extend(settings::leave_out(&options.plan.target, &mut drawn.job).await?);
    let creation = if found == Found::Missing { Creation::Create } else { Creation::Exists };
    if creation == Creation::Create {
        drawn.job.plan.leave_public_out(&planned.facts);
    }
    told.extend(roles_before::otherwise(&options.plan.target, creation, &drawn.job).await?);
    Ok(told)
}

/// What the host is to remember of the split: it goes on with what it knew, of places that may be others by now.
async fn remembered(
    options: &Options,
    memory: Option<Memory>,
    schemas: &[String],
    source: &Session,
    target: &Session,
) -> Result<Memory, Error> {
    let (source, target) = (whereabouts::place(source, at_source).await?, whereabouts::place(target, at_target).await?);
    let mut memory = memory.unwrap_or_else(|| Memory {
        folder: options.state.clone(),
        split: Split::new(schemas.to_vec(), source.clone(), target.clone()),
    });
    memory.split.wanted = wishes::wanted(options);
    (memory.split.source, memory.split.target) = (source, target);
    Ok(memory)
}

/// What the new database gets from the old one besides the schemas. The record is written: a kill leaves nothing that is not put back.
pub async fn furnish(
    state: &mut State,
    drawn: &Drawn,
    source: &Session,
    target: &Session,
) -> Result<Vec<String>, Error> {
    loaded::begin(target).await.map_err(at_target("recording how far the split is"))?;
    if state.found == Found::Empty && state.schemas.iter().any(|schema| schema == "public") {
        as_found::as_new(target, "public").await.map_err(at_target("setting up the schema public"))?;
    }
    let not_carried = settings::equip(target, &drawn.job).await?;
    let database = &drawn.job.cargo.database;
    state.not_alike = close_like(target, database).await.map_err(at_target("closing the database"))?;
    // Whoever may at the source as the owner of the database, or as a superuser, has no grant that the new one could have got.
    let makers = split_state::may_make_schemas(source, &owners(drawn, &state.schemas)).await;
    let makers = makers.map_err(at_source("reading privileges of the database"))?;
    split_state::let_make_schemas(target, &makers).await.map_err(at_target("setting up the database"))?;
    Ok(not_carried)
}

/// The roles that own the moving schemas.
fn owners(draft: &Drawn, schemas: &[String]) -> BTreeSet<String> {
    let entries = draft.archive.entries().iter();
    let moving = entries.filter(|e| e.namespace.is_none() && e.kind == Kind::Schema && schemas.contains(&e.tag));
    moving.filter_map(|entry| entry.owner.clone()).collect()
}
