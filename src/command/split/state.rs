//! What a split remembers in its target database, so that it can be gone on with, looked at and taken back. No command and no path is
//! in it: those are on the operator's host alone ([`super::host`]), which knows its own record by a keyed check.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SplitError;
use super::ends::End;
use super::holding::at_target;
use super::host::{Folder, Split};
pub use super::phase::Phase;
use super::strangers::refuse;
use super::ties::Ties;
use crate::command::Error;
use crate::pg::as_found::AsFound;
use crate::pg::besides::Known;
use crate::pg::catalog::Scope;
use crate::pg::closing::MayCreate;
use crate::pg::connect::Session;
use crate::pg::inventory::Inventory;
use crate::pg::losses::SealedTable;
use crate::pg::ours;
use crate::pg::place::Place;
use crate::pg::split_state::{self, Record, Saved};
use crate::repo::manifest::{LeftOut, Relation, Sequence};
use crate::schema::compare::EntryMismatch;
use crate::stream::RowHash;
use crate::switch::Applied;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// The split made the database, and may drop it.
    Missing,
    #[default]
    Empty,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub format: u32,
    /// Of this split, at random; both databases and the host have it. Empty in a record of format 1.
    #[serde(default)]
    pub id: String,
    pub phase: Phase,
    /// Names, not patterns.
    pub schemas: Vec<String>,
    /// System identifier and oid of the source database.
    pub source: String,
    /// As a person writes it, without secrets.
    pub source_name: String,
    pub source_database: String,
    /// As the fence of the source names it; empty in a record of format 1.
    #[serde(default)]
    pub target_database: String,
    pub found: Found,
    pub began: DateTime<Utc>,
    /// Each phase's beginning, again for each attempt.
    pub history: Vec<(Phase, DateTime<Utc>)>,
    #[serde(with = "hex::serde")]
    pub digest_key: [u8; 32],
    /// Of the tables' rows; records before format 3 do not say.
    #[serde(default)]
    pub row_hash: RowHash,
    pub encoding: String,
    /// What the target held when it was proven, without slices.
    pub tables: Vec<Relation>,
    /// What the target's sequences were set to when the source was sealed; before that, what they stood at.
    #[serde(default)]
    pub sequences: Vec<Sequence>,
    /// The source's, with the OIDs that they have there; empty in a record of an earlier program.
    #[serde(default)]
    pub source_sequences: Vec<Sequence>,
    /// What is done with what crosses the line, when the source is sealed and on the way back.
    #[serde(flatten)]
    pub ties: Ties,
    /// Configuration files that were switched, or were about to be; from the host.
    #[serde(skip)]
    pub files: Option<Applied>,
    /// From the host.
    #[serde(skip)]
    pub hook: Option<String>,
    /// When the hook of the switch was started last.
    #[serde(default)]
    pub hook_started: Option<DateTime<Utc>>,
    /// What the host remembers beside it; none where it was only looked at.
    #[serde(skip)]
    pub memory: Option<Memory>,
    #[serde(default)]
    pub downtime_ms: u64,
    /// New names of the old schemas after `finish`.
    #[serde(default)]
    pub quarantined: Vec<(String, String)>,
    /// OIDs of the old schemas, in the order of `quarantined`: a name alone may be somebody else's by then.
    #[serde(default)]
    pub old_oids: Vec<u32>,
    /// How often the old tables had been read by an index when they were quarantined.
    #[serde(default)]
    pub index_reads: Vec<(String, i64)>,
    /// What the moving schemas held when they were copied, at the source, and all that the target held then.
    #[serde(default)]
    pub source_inventory: Option<Inventory>,
    #[serde(default)]
    pub target_inventory: Option<Inventory>,
    /// Of the definitions that were sealed.
    #[serde(default)]
    pub sealed: Option<Scope>,
    /// Tables and partitioned tables of the old place as they were sealed; records of earlier programs have only those with rows, in `tables`.
    #[serde(default)]
    pub sealed_tables: Vec<SealedTable>,
    /// The same of the new place, as it was proven; records of earlier programs do not have it.
    #[serde(default)]
    pub new_tables: Option<NewTables>,
    /// The old place's fence has triggers for rows; those of earlier programs do not.
    #[serde(default)]
    pub fence_of_rows: bool,
    /// Of the new place's definitions, as they were proven.
    #[serde(default)]
    pub proven: Option<Scope>,
    /// Who could make something in the old schemas before they were sealed.
    #[serde(default)]
    pub closed: Vec<MayCreate>,
    /// In what the new database is not as closed as the old one.
    #[serde(default)]
    pub not_alike: Vec<String>,
    /// What the run that began it makes in the target; records of earlier programs do not say.
    #[serde(default)]
    pub making: Option<Making>,
    /// A target that was there before; records of earlier programs do not say.
    #[serde(default)]
    pub as_found: Option<AsFound>,
    /// For the report of a run that goes on with a sealed source; records of earlier programs do not say.
    #[serde(default)]
    pub told: Option<Told>,
}

/// By which what others make in the target before the seal is told from what the split makes: written down before anything is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Making {
    /// What was there already, and all that is going to be.
    pub objects: Vec<Known>,
    /// Tables that get rows, with digests of nothing.
    pub tables: Vec<Relation>,
}

/// Tables with the OIDs that they have in the new place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewTables {
    /// The OID of the record's own table: where it has another one, so has everything.
    pub record: u32,
    pub tables: Vec<SealedTable>,
}

/// What the run that copied had to say beside what is told of the state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub left_out: Vec<LeftOut>,
    /// Name, whether it can log in, and the statement that gives it a password.
    pub roles_made: Vec<(String, bool, Option<String>)>,
    pub warnings: Vec<String>,
    pub keys_not_valid: Vec<String>,
    pub proven: bool,
}

pub const FORMAT: u32 = 3;
/// Without an id, and with commands and paths that are not believed.
const FORMER_FORMAT: u32 = 1;

/// Where the host's part is kept, and what it is.
#[derive(Clone, Debug)]
pub struct Memory {
    pub folder: Folder,
    pub split: Split,
}

/// What there is to be said for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// This host wrote it.
    Checked,
    /// An earlier program wrote it, whose records no host knows; nobody else could change it.
    Former,
    /// Another host wrote it, if anybody did.
    Unchecked,
}

/// As much as tells how to read the rest.
#[derive(Deserialize)]
struct Head {
    format: u32,
    #[serde(default)]
    id: String,
}

/// What a record of format 1 held beside the rest.
#[derive(Default, Deserialize)]
struct Former {
    #[serde(default)]
    files: Option<Applied>,
    #[serde(default)]
    hook: Option<String>,
}

impl State {
    /// The tables that were sealed; a record of an earlier program only has those that were copied.
    pub fn all_sealed(&self) -> Vec<SealedTable> {
        if !self.sealed_tables.is_empty() {
            return self.sealed_tables.clone();
        }
        // Configuration tables of extensions elsewhere were copied, and not sealed.
        let sealed = self.tables.iter().filter(|t| t.configuration.is_none() || self.schemas.contains(&t.schema));
        let table =
            |table: &Relation| SealedTable { oid: table.oid, schema: table.schema.clone(), name: table.name.clone() };
        sealed.map(table).collect()
    }

    /// Whether it is only that a target which was there has its `public`, and none of the schemas that move, set up as its administrator has it.
    pub fn is_as_found(&self, differs: &EntryMismatch) -> bool {
        let of_public = ["SCHEMA public", "ACL SCHEMA public", "COMMENT SCHEMA public"];
        self.found == Found::Empty
            && of_public.contains(&differs.entry.as_str())
            && !self.schemas.iter().any(|schema| schema == "public")
    }

    pub fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.history.push((phase, Utc::now()));
    }

    /// The host's part first: without it the record could not be known again.
    ///
    /// # Errors
    /// Something under our names in the target is not ours; the folder for state cannot be written.
    pub async fn save(&self, target: &Session) -> Result<(), Error> {
        let Some(Memory { folder, split }) = &self.memory else {
            return Err(Error::Internal { what: "a record that was only read cannot be written".into(), source: None });
        };
        let mut split = split.clone();
        (split.files, split.hook, split.phase) = (self.files.clone(), self.hook.clone(), Some(self.phase));
        split.target_database.clone_from(&self.target_database);
        folder.save(&split).map_err(SplitError::from)?;
        let document = serde_json::to_string(self).map_err(|source| Error::Internal {
            what: "the split's record cannot be encoded".into(),
            source: Some(Box::new(source)),
        })?;
        let saved = split_state::save(target, &self.id, &document, &split.mark(&document)).await;
        match saved.map_err(at_target("recording how far the split is"))? {
            Saved::Written => Ok(()),
            Saved::Strangers(strangers) => refuse(strangers, target),
            Saved::OfAnother => {
                let database = target.conninfo().database().to_owned();
                Err(SplitError::TakenMeanwhile { database }.into())
            }
        }
    }

    /// None where the database is no split's target, or nothing was written down yet.
    ///
    /// # Errors
    /// This host did not write it; somebody else may have changed it.
    pub async fn load(target: &Session, folder: &Folder) -> Result<Option<Self>, Error> {
        match Self::look(target, folder).await? {
            Some((state, Trust::Unchecked)) => {
                let (database, folder) = (target.conninfo().database().to_owned(), folder.path().to_owned());
                Err(SplitError::NotOfThisHost { database, id: state.id, folder }.into())
            }
            looked => Ok(looked.map(|(state, _)| state)),
        }
    }

    /// The same for a verb that cannot do without.
    pub async fn required(target: &Session, folder: &Folder) -> Result<Self, Error> {
        match Self::load(target, folder).await? {
            Some(state) => Ok(state),
            None => Err(absent(target).await?),
        }
    }

    /// A record that another host wrote is read as well, with nothing of what hosts remember.
    pub async fn look(target: &Session, folder: &Folder) -> Result<Option<(Self, Trust)>, Error> {
        let strangers = ours::strangers(target).await.map_err(at_target("looking for objects of other roles"))?;
        refuse(strangers, target)?;
        let database = || target.conninfo().database().to_owned();
        let not_ours = |why| SplitError::NotOurRecord { database: database(), why };
        let record = split_state::load(target).await.map_err(at_target("reading the split's record"))?;
        let (document, mark) = match record {
            Record::Nothing | Record::Unwritten => return Ok(None),
            Record::TooLarge => return Err(not_ours("it is too large for a record").into()),
            Record::Written { document, mark } => (document, mark),
        };
        let head: Head = parse(&document)?;
        if head.format == FORMER_FORMAT && head.id.is_empty() {
            return Ok(Some((Self::of_former(&document, target, folder).await?, Trust::Former)));
        }
        let split = folder.load(&head.id).map_err(SplitError::from)?;
        let Some(split) = split else { return Ok(Some((parse(&document)?, Trust::Unchecked))) };
        if !mark.is_some_and(|mark| split.has_marked(&document, &mark)) {
            return Err(not_ours("its checksum is wrong").into());
        }
        if head.format > FORMAT {
            return Err(unreadable(None));
        }
        let mut state: State = parse(&document)?;
        (state.files, state.hook) = (split.files.clone(), split.hook.clone());
        state.memory = Some(Memory { folder: folder.clone(), split });
        Ok(Some((state, Trust::Checked)))
    }

    /// From now on as today's program writes it. Files and a command that a database names are only told.
    async fn of_former(document: &str, target: &Session, folder: &Folder) -> Result<Self, Error> {
        let mut state: State = parse(document)?;
        let Former { files, hook } = parse(document)?;
        let place = Place::of(target).await.map_err(at_target("identifying the database"))?;
        let mut split = Split::new(state.schemas.clone(), Place::default(), place);
        for file in files.iter().flat_map(|files| &files.files) {
            let (path, backup) = (file.path.display(), file.backup.display());
            split.by_hand.push(format!("the record names the file {path} and its backup copy {backup}"));
        }
        split.by_hand.extend(hook.map(|hook| format!("the record names the hook {hook:?}")));
        (state.format, state.id) = (FORMAT, split.id.clone());
        state.target_database = target.conninfo().database().to_owned();
        state.memory = Some(Memory { folder: folder.clone(), split });
        Ok(state)
    }

    /// That an end has another name than the record says.
    pub fn renamed(&self, end: End, session: &Session) -> Option<String> {
        let (which, was) = match end {
            End::Source => ("old", &self.source_database),
            End::Target => ("new", &self.target_database),
        };
        let now = session.conninfo().database();
        (!was.is_empty() && was != now).then(|| format!("the {which} database {was} is now called {now}"))
    }

    /// What an earlier program's record asks to be done.
    pub fn by_hand(&self) -> Vec<String> {
        self.memory.as_ref().map_or_else(Vec::new, |memory| memory.split.by_hand.clone())
    }
}

/// Why there is no record in this database.
pub async fn absent(target: &Session) -> Result<Error, Error> {
    let database = target.conninfo().database().to_owned();
    let record = split_state::load(target).await.map_err(at_target("reading the split's record"))?;
    Ok(match record {
        Record::Unwritten => SplitError::Unwritten { database }.into(),
        _ => SplitError::NoSplit { database }.into(),
    })
}

fn parse<'a, T: Deserialize<'a>>(document: &'a str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|source| unreadable(Some(source)))
}

fn unreadable(source: Option<serde_json::Error>) -> Error {
    Error::Internal {
        what: "the split's record in the target database cannot be read; a newer pgkeep may have written it".into(),
        source: source.map(|source| Box::new(source) as Box<_>),
    }
}
