//! The database that a split moves into, before it knows what it is for.

use chrono::{DateTime, Utc};

use crate::command::Error;
use crate::command::restore;
use crate::command::restore::roles::Provided;
use crate::command::restore::target::{self as destination, Made};
use crate::command::split::abandon::{Abandoning, abandon};
use crate::command::split::capture::Drawn;
use crate::command::split::holding::at_target;
use crate::command::split::host::Folder;
use crate::command::split::losses::Discard;
use crate::command::split::state::{Found, Memory, Phase, State};
use crate::command::split::{Options, SplitError, halfway, whereabouts};
use crate::command::watch::Watch;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::split_state::{self, Record};

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
            let session = enter(options).await?;
            split_state::forget(&session).await.map_err(at_target("forgetting the split"))?;
            session.close().await.map_err(at_target("closing the session"))?;
            (Found::Empty, Vec::new(), None)
        }
        Previous::Split(state) => {
            let session = enter(options).await?;
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

/// A target database with its roles, in which nothing is yet.
pub struct Laid {
    pub session: Session,
    pub found: Found,
    /// By this run.
    pub made: Option<Made>,
    pub begun: Begun,
    pub provided: Provided,
}

/// Makes the database where there is none.
///
/// # Errors
/// One is there that was not there when it was looked for, and it is not empty.
pub async fn lay(options: &Options, found: Found, drawn: &Drawn) -> Result<Laid, Error> {
    let mut laid = match found {
        Found::Missing => lay_new(options, drawn).await?,
        Found::Empty => {
            let session = enter(options).await?;
            let there = split_state::identity(&session).await.map_err(at_target("identifying the database"))?;
            let begun = Begun::of(options, &there);
            Laid { session, found, made: None, begun, provided: Provided::default() }
        }
    };
    // A run of this host was killed before it was done with it.
    if laid.found == Found::Empty && laid.begun.was_before && owned_by_us(&laid.session).await? {
        laid.provided.also(destination::set_up(&options.plan.target, &drawn.job).await?);
    }
    laid.provided.also(restore::roles::provide(&laid.session, &drawn.job).await?);
    Ok(laid)
}

async fn lay_new(options: &Options, drawn: &Drawn) -> Result<Laid, Error> {
    let begun = Begun::of(options, &server_identity(options).await?.unwrap_or_default());
    begun.begin()?;
    match Made::make(&options.plan.target, &drawn.job) {
        // A server goes on with what a killed run has asked it for: the database may be there only now.
        Err(Error::DatabaseExists { .. }) => {
            let session = enter(options).await?;
            let record = split_state::load(&session).await.map_err(at_target("reading the split's record"))?;
            if !matches!(record, Record::Nothing | Record::Unwritten) {
                return Err(Error::DatabaseExists {
                    database: options.plan.target.database().to_owned(),
                    beside: None,
                    half: None,
                });
            }
            is_empty(&session).await?;
            Ok(Laid { session, found: Found::Empty, made: None, begun, provided: Provided::default() })
        }
        made => {
            let (made, with) = made?;
            let mut provided = Provided::default();
            provided.also(with);
            Ok(Laid { session: enter(options).await?, found: Found::Missing, made: Some(made), begun, provided })
        }
    }
}

async fn enter(options: &Options) -> Result<Session, Error> {
    connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))
}

/// A database of this name on this server, which a run of this host makes, or was killed in making: however else it ends, the host forgets it.
pub struct Begun {
    folder: Folder,
    words: String,
    was_before: bool,
}

impl Begun {
    /// `identity` is that of any database of the server.
    fn of(options: &Options, identity: &str) -> Self {
        let system = identity.split('/').next().unwrap_or_default();
        let (folder, words) = (options.state.clone(), format!("{system} {}", options.plan.target.database()));
        Self { was_before: folder.is_making(&words), folder, words }
    }

    fn begin(&self) -> Result<(), Error> {
        Ok(self.folder.note_making(&self.words).map_err(SplitError::from)?)
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
    _making: Begun,
}

impl Beginning {
    pub fn of(made: Option<Made>, begun: Begun) -> Self {
        Self { made, _making: begun }
    }

    /// The record is written.
    pub fn end(self) {
        self.made.into_iter().for_each(Made::keep);
    }
}

async fn owned_by_us(target: &Session) -> Result<bool, Error> {
    let owned = split_state::is_owned_by_us(target).await;
    owned.map_err(at_target("reading the owner of the database"))
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
