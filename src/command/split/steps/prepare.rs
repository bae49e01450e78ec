//! Before anybody is refused a write: what there is of a target, and the target that a split begins with.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::command::Error;
use crate::command::restore::roles::{MadeRole, Provided};
use crate::command::restore::target::{self as destination, Made};
use crate::command::restore::{self, Creation, roles_there};
use crate::command::split::capture::{Drawn, capture};
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::host::{Folder, Split};
use crate::command::split::losses::Discard;
use crate::command::split::rollback::{Abandoning, abandon};
use crate::command::split::state::{FORMAT, Found, Making, Memory, Phase, State};
use crate::command::split::ties::{Ties, given_up};
use crate::command::split::{Options, SplitError, bridge, halfway, loose, plan, proof, settings, whereabouts, wishes};
use crate::command::watch::Watch;
use crate::pg::close_like::close_like;
use crate::pg::connect::{Session, connect};
use crate::pg::split_state::{self, Record};
use crate::pg::{self, as_found, fence, loaded};
use crate::schema::archive::Kind;
use crate::schema::pattern::{Pattern, PatternKind};
use crate::split::matching;

/// What there was of a target before this run.
pub enum Previous {
    Nothing,
    Empty,
    Split(Box<State>),
}

impl Previous {
    pub fn state(&self) -> Option<&State> {
        match self {
            Previous::Split(state) => Some(state),
            Previous::Nothing | Previous::Empty => None,
        }
    }
}

pub async fn previous(
    options: &Options,
    source: &Session,
    identity: &str,
    schemas: &[String],
) -> Result<(Previous, Option<String>), Error> {
    let session = match halfway::enter(&options.plan.target, source, &options.state).await? {
        Err(pg::Error::NoSuchDatabase { .. }) => return Ok((Previous::Nothing, server_identity(options).await?)),
        connected => connected.map_err(at_target("connecting"))?,
    };
    let there = split_state::identity(&session).await.map_err(at_target("identifying the database"))?;
    if there == identity {
        return Err(SplitError::SameDatabase.into());
    }
    let found = match State::load(&session, &options.state).await? {
        Some(state) if state.schemas != schemas => return Err(whereabouts::another(&state, &session)),
        Some(mut state) => {
            whereabouts::check(&mut state, source, &session, options.moved).await?;
            Previous::Split(Box::new(state))
        }
        None => {
            is_empty(&session).await?;
            Previous::Empty
        }
    };
    session.close().await.map_err(at_target("closing the session"))?;
    Ok((found, Some(there)))
}

/// # Errors
/// Something of a user's is there.
async fn is_empty(target: &Session) -> Result<(), Error> {
    let contents = split_state::contents(target).await.map_err(at_target("looking for existing objects"))?;
    match contents.is_empty() {
        true => Ok(()),
        false => Err(SplitError::NotEmpty { database: target.conninfo().database().to_owned(), contents }.into()),
    }
}

/// Which server a database would be made on.
async fn server_identity(options: &Options) -> Result<Option<String>, Error> {
    let session = destination::connect_for_maintenance(&options.plan.target).await?;
    let identity = split_state::identity(&session).await.map_err(at_target("identifying the server"))?;
    session.close().await.map_err(at_target("closing the session"))?;
    Ok(Some(identity))
}

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

/// Where a split begins.
pub struct Ground {
    pub found: Found,
    /// Of earlier attempts.
    pub history: Vec<(Phase, DateTime<Utc>)>,
    /// What the host remembers of them: they are one split.
    pub memory: Option<Memory>,
}

/// What an earlier attempt made in the target goes: the source has taken writes since, and what crosses may be something else.
///
/// # Errors
/// Somebody else has made something there: see [`abandon`].
pub async fn ground(options: &Options, source: &Session, previous: Previous, watch: &Watch) -> Result<Ground, Error> {
    let (found, history, memory) = match previous {
        Previous::Nothing => (Found::Missing, Vec::new(), None),
        Previous::Empty => {
            // A schema without a record, where a kill came before it was written.
            let session = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
            split_state::forget(&session).await.map_err(at_target("forgetting the split"))?;
            session.close().await.map_err(at_target("closing the session"))?;
            (Found::Empty, Vec::new(), None)
        }
        Previous::Split(state) => {
            let session = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
            let abandoning = Abandoning { discard: Discard::Refuse, jobs: options.jobs, watch };
            let found = abandon(&state, session, &options.plan.target, &abandoning).await?.found;
            // Written down again where it begins again.
            whereabouts::leave(&state, source).await?;
            whereabouts::forget(&state);
            (found, state.history, state.memory)
        }
    };
    Ok(Ground { found, history, memory })
}

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
    let mut not_carried = std::mem::take(&mut draft.drawn.said);
    not_carried.extend(settings::leave_out(&options.plan.target, &mut draft.drawn.job).await?);
    let creation = if ground.found == Found::Missing { Creation::Create } else { Creation::Exists };
    not_carried.extend(roles_there::differing(&options.plan.target, creation, &draft.drawn.job).await?);
    let mut provided = Provided::default();
    let mut found = ground.found;
    let mut made = None;
    let (mut begun, mut was_begun) = (None, false);
    if found == Found::Missing {
        let server = server_identity(options).await?.unwrap_or_default();
        let of_it = begun.insert(Begun::of(options, &server));
        was_begun = of_it.was_begun();
        of_it.begin()?;
        match Made::make(&options.plan.target, &draft.drawn.job) {
            // A server goes on with what a killed run has asked it for: the database may be there only now.
            Err(Error::DatabaseExists { .. }) => found = Found::Empty,
            created => {
                let (database, with) = created?;
                made = Some(database);
                provided.also(with);
            }
        }
    }
    let session = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
    if found != ground.found {
        let record = split_state::load(&session).await.map_err(at_target("reading the split's record"))?;
        if !matches!(record, Record::Nothing | Record::Unwritten) {
            return Err(Error::DatabaseExists {
                database: options.plan.target.database().to_owned(),
                beside: None,
                half: None,
            });
        }
        is_empty(&session).await?;
    }
    if begun.is_none() {
        let there = split_state::identity(&session).await.map_err(at_target("identifying the database"))?;
        was_begun = begun.insert(Begun::of(options, &there)).was_begun();
    }
    if found == Found::Empty && was_begun && owned_by_us(&session).await? {
        provided.also(destination::set_up(&options.plan.target, &draft.drawn.job).await?);
    }
    provided.also(restore::roles::provide(&session, &draft.drawn.job).await?);
    not_carried.append(&mut provided.left);
    let as_found = as_found::look(&session).await.map_err(at_target("looking for existing objects"))?;
    let making = Making {
        objects: as_found.objects.iter().chain(&draft.drawn.makes).cloned().collect(),
        tables: draft.drawn.job.relations.clone(),
    };
    let (at_source_now, at_target_now) =
        (whereabouts::place(source, at_source).await?, whereabouts::place(&session, at_target).await?);
    let mut memory = ground.memory.unwrap_or_else(|| Memory {
        folder: options.state.clone(),
        split: Split::new(schemas.to_vec(), at_source_now.clone(), at_target_now.clone()),
    });
    memory.split.wanted = wishes::wanted(options);
    // The target may have been made anew.
    (memory.split.source, memory.split.target) = (at_source_now, at_target_now);
    session.close().await.map_err(at_target("closing the session"))?;
    let mut state = State {
        format: FORMAT,
        id: memory.split.id.clone(),
        phase: Phase::Created,
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
        tables: Vec::new(),
        sequences: Vec::new(),
        source_sequences: Vec::new(),
        ties,
        files: None,
        hook: options.hook.clone(),
        memory: Some(memory),
        downtime_ms: 0,
        quarantined: Vec::new(),
        old_oids: Vec::new(),
        index_reads: Vec::new(),
        source_inventory: None,
        target_inventory: None,
        sealed: None,
        sealed_tables: Vec::new(),
        new_tables: None,
        hook_started: None,
        proven: None,
        closed: Vec::new(),
        not_alike: Vec::new(),
        making: Some(making),
        as_found: (found == Found::Empty).then_some(as_found),
        told: None,
    };
    state.enter(Phase::Created);
    draft.snapshot.session.close().await.map_err(at_source("closing the session"))?;
    let beginning = Some(Beginning { made, _making: begun });
    Ok(Prepared { state, drawn: draft.drawn, not_carried, roles_made: provided.made, beginning })
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

/// A database of this name on this server, which a run of this host makes, or was killed in making: however else it ends, the host forgets it.
struct Begun {
    folder: Folder,
    words: String,
}

impl Begun {
    /// `identity` is that of any database of the server.
    fn of(options: &Options, identity: &str) -> Self {
        let system = identity.split('/').next().unwrap_or_default();
        Self { folder: options.state.clone(), words: format!("{system} {}", options.plan.target.database()) }
    }

    fn begin(&self) -> Result<(), Error> {
        Ok(self.folder.note_making(&self.words).map_err(SplitError::from)?)
    }

    fn was_begun(&self) -> bool {
        self.folder.is_making(&self.words)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.folder.forget_making(&self.words);
    }
}

/// A target that does not know yet what it is for. Where this is dropped, a database that was made goes.
pub struct Beginning {
    made: Option<Made>,
    _making: Option<Begun>,
}

impl Beginning {
    /// The record is written.
    pub fn end(self) {
        self.made.into_iter().for_each(Made::keep);
    }
}

async fn owned_by_us(target: &Session) -> Result<bool, Error> {
    let owned = split_state::is_owned_by_us(target).await;
    owned.map_err(at_target("reading the owner of the database"))
}

/// The roles that own the moving schemas.
fn owners(draft: &Drawn, schemas: &[String]) -> BTreeSet<String> {
    let entries = draft.archive.entries().iter();
    let moving = entries.filter(|e| e.namespace.is_none() && e.kind == Kind::Schema && schemas.contains(&e.tag));
    moving.filter_map(|entry| entry.owner.clone()).collect()
}
