//! Definitions, sequences and large objects' shells: all that must be there before rows come.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use super::framed::{Onward, framed, onward, told_of_all_rights};
use super::refused::{failure, failure_of, is_there, refused};
use super::{Job, Loading, session_settings};
use crate::command::Error;
use crate::command::error::{Failure, Skipped};
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::frame::{Ability, Rights, clear_left_over};
use crate::pg::tables_alone::while_read;
use crate::pg::target;
use crate::repo::manifest::Sequence;
use crate::schema::archive::DumpId;
use crate::schema::restore::{RestorePlan, Step, Transaction};

/// Definitions that share a transaction at most: all of them in most databases.
const STEPS_IN_TRANSACTION: usize = 1500;
/// A definition locks what it makes: a table, its TOAST table and index, a sequence. In a frame, what that takes as well.
const LOCKS_OF_STEP: u64 = 4;
const LOCKS_OF_FRAMED_STEP: u64 = 12;
/// Definitions that go to the server in one message. A message for each would take longer than many of them do.
const STEPS_IN_MESSAGE: usize = 100;
const BYTES_IN_MESSAGE: usize = 256 << 10;

/// What becomes of a step that the server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    /// It is the run's error, and nothing of its transaction stays.
    End,
    /// It is returned with all others, and what does not need it is made.
    Named,
}

/// What came of the definitions.
#[derive(Debug, Default)]
pub struct Defined {
    /// What was refused.
    pub failures: Vec<Failure>,
    /// What was not tried, since it needs something that was.
    pub skipped: Vec<Skipped>,
    /// The entries behind `failures` that others cannot be made without, with their labels.
    pub unmade: BTreeMap<DumpId, String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl Defined {
    /// Labels of what was refused, or not tried.
    pub fn missing(&self) -> BTreeSet<&str> {
        let skipped = self.skipped.iter().map(|skipped| skipped.entry.as_str());
        self.failures.iter().map(|failure| failure.entry.as_str()).chain(skipped).collect()
    }
}

/// Runs all of it. In one transaction where that is possible.
pub async fn make(session: &Session, job: &mut Job, loading: &Loading, refusals: Refusals) -> Result<Defined, Error> {
    job.plan.suit(session.server_version_num());
    let settings = String::from_utf8_lossy(&session_settings(job)).into_owned();
    let ability = ability(session).await.map_err(Error::target_database("preparing the session"))?;
    let (defined, with_all_rights) = (Defined::default(), Vec::new());
    let mut definitions =
        Definitions { session, settings, ability, refusals, plan: &job.plan, defined, with_all_rights };
    let run = definitions.run("session settings", &definitions.settings).await;
    run.map_err(Error::target_database("preparing the session"))?;
    let locks = target::locks_max(session).await.map_err(Error::target_database("preparing the session"))?;
    let framed = job.plan.pre_data.iter().any(|step| step.acts_as.is_some());
    let locks_of_step = if framed { LOCKS_OF_FRAMED_STEP } else { LOCKS_OF_STEP };
    let steps_max = ((locks / locks_of_step) as usize).clamp(1, STEPS_IN_TRANSACTION);
    for batch in job.plan.pre_data.chunk_by(|a, b| a.transaction == b.transaction) {
        let together = batch[0].transaction == Transaction::Allowed;
        for batch in batch.chunks(if together { steps_max } else { 1 }) {
            if together {
                definitions.control("BEGIN").await?;
                for message in messages(batch) {
                    definitions.steps(message).await?;
                }
                definitions.control("COMMIT").await?;
            } else {
                definitions.alone(&batch[0]).await?;
            }
        }
    }
    // Only where there were frames: a role that may not use PL/pgSQL makes none.
    if definitions.ability.temporary && framed {
        let cleared = definitions.run("of clearing what code has left", &clear_left_over()).await;
        cleared.map_err(Error::target_database("restoring definitions"))?;
    }
    let shells = shells(job, loading);
    let mut before: Vec<&Sequence> =
        job.sequences.iter().filter(|s| !job.sequences_of_extensions.contains(&s.oid)).collect();
    definitions.leave_unmade(&mut before);
    let set = |s: &&Sequence| (format!("SEQUENCE SET {}.{}", s.schema, s.name), target::sequence_statement(s));
    let all: Vec<(String, String)> = before.iter().map(set).chain(shells).collect();
    for batch in all.chunks(STEPS_IN_MESSAGE) {
        definitions.statements(batch).await?;
    }
    for sequence in job.sequences.iter().filter(|s| job.sequences_of_extensions.contains(&s.oid)) {
        definitions.sequence_of_an_extension(sequence).await?;
    }
    let notices = session.take_notices().into_lines();
    let told = notices.into_iter().map(|line| format!("while creating definitions: {line}"));
    let warnings = told.chain(told_of_all_rights(definitions.with_all_rights)).collect();
    Ok(Defined { warnings, ..definitions.defined })
}

/// What the session can have of frames.
pub async fn ability(session: &Session) -> Result<Ability, pg::Error> {
    let row = session.row("the session's rights", Ability::QUESTION, &[]).await?;
    Ok(Ability::of(row.get(0), row.get(1)))
}

/// Large objects without their contents.
fn shells<'a>(job: &'a Job, loading: &'a Loading) -> impl Iterator<Item = (String, String)> + 'a {
    job.cargo.large_objects.iter().map(|object| {
        let given_to = &job.plan.large_objects_given_to;
        let sql = target::large_object_statements(object, loading.owners, loading.grants, &job.role_map, given_to);
        (format!("BLOB {}", object.oid), sql)
    })
}

/// Steps of one transaction, cut into messages. All of one are run as the same role.
fn messages(steps: &[Step]) -> Vec<&[Step]> {
    let (mut messages, mut start, mut bytes) = (Vec::new(), 0, 0);
    let role = |step: &Step| step.acts_as.as_ref().map(|acts_as| acts_as.role.clone());
    for (n, step) in steps.iter().enumerate() {
        let more: usize = step.statements.iter().map(|sql| sql.as_bytes().len()).sum();
        let full = n - start == STEPS_IN_MESSAGE || bytes + more > BYTES_IN_MESSAGE;
        if n > start && (full || role(step) != role(&steps[start])) {
            messages.push(&steps[start..n]);
            (start, bytes) = (n, 0);
        }
        bytes += more;
    }
    messages.push(&steps[start..]);
    messages
}

struct Definitions<'a> {
    session: &'a Session,
    /// What the session was set to, for after code of others has run in it.
    settings: String,
    ability: Ability,
    refusals: Refusals,
    plan: &'a RestorePlan,
    defined: Defined,
    /// Labels of steps that their owners' rights did not suffice for.
    with_all_rights: Vec<String>,
}

impl Definitions<'_> {
    async fn run(&self, label: &str, sql: &str) -> Result<(), pg::Error> {
        self.session.run(&format!("the step {label}"), sql).await
    }

    async fn control(&self, sql: &str) -> Result<(), Error> {
        self.run(sql, sql).await.map_err(Error::target_database("restoring definitions"))
    }

    /// One message for all; where the server refuses it, one by one, to learn which step it is.
    async fn steps(&mut self, steps: &[Step]) -> Result<(), Error> {
        let steps: Cow<'_, [Step]> = match self.defined.unmade.is_empty() {
            true => Cow::Borrowed(steps),
            false => steps.iter().filter(|step| !self.skips(step)).cloned().collect(),
        };
        let steps = &*steps;
        if let (2.., Some(sql)) = (steps.len(), self.as_one_text(steps)) {
            // A message of its own: the server parses all of a message before it runs any of it.
            self.control(&format!("SAVEPOINT {SAVEPOINT}")).await?;
            match self.run("definitions", &sql).await {
                Ok(()) => return Ok(()),
                Err(pg::Error::Server { .. }) => self.control(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await?,
                Err(error) => return Err(Error::target_database("restoring definitions")(error)),
            }
        }
        for step in steps {
            if self.refusals == Refusals::End {
                self.step(step).await.map_err(|error| refused(vec![failure_of(step, self.plan, &error)]))?;
                continue;
            }
            if self.skips(step) {
                continue;
            }
            self.control(&format!("SAVEPOINT {SAVEPOINT}")).await?;
            match self.step(step).await {
                Ok(()) => self.control(&format!("RELEASE SAVEPOINT {SAVEPOINT}")).await?,
                Err(error) => {
                    self.note_step(step, error)?;
                    self.control(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await?;
                }
            }
        }
        Ok(())
    }

    /// A step that takes no transaction around it.
    async fn alone(&mut self, step: &Step) -> Result<(), Error> {
        if self.skips(step) {
            return Ok(());
        }
        match self.step(step).await {
            Ok(()) => Ok(()),
            Err(error) => self.note_step(step, error),
        }
    }

    /// Notes the step as skipped where it needs something that could not be made.
    fn skips(&mut self, step: &Step) -> bool {
        let Some(needs) = self.plan.needs.first_of(step.dump_id, &self.defined.unmade) else { return false };
        self.defined.skipped.push(Skipped { entry: step.label.clone(), needs: needs.to_owned() });
        true
    }

    /// Notes the numbers of sequences as skipped that could not be made.
    fn leave_unmade(&mut self, sequences: &mut Vec<&Sequence>) {
        let label = |sequence: &Sequence| format!("SEQUENCE {}.{}", sequence.schema, sequence.name);
        let missing: BTreeSet<String> = self.defined.missing().into_iter().map(str::to_owned).collect();
        for sequence in sequences.extract_if(.., |sequence| missing.contains(&label(sequence))) {
            let entry = format!("SEQUENCE SET {}.{}", sequence.schema, sequence.name);
            self.defined.skipped.push(Skipped { entry, needs: label(sequence) });
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), pg::Error> {
        let protocol =
            |source| pg::Error::Protocol { context: format!("the step {}", step.label), source: Box::new(source) };
        let in_frame = |rights| framed(slice::from_ref(step), self.settings.as_bytes(), self.ability, rights);
        let text = |sql| String::from_utf8(sql).map_err(|error| protocol(error.utf8_error()));
        if let Some(sql) = in_frame(Rights::Own) {
            self.run("a savepoint", "SAVEPOINT pgkeep_as_owner").await?;
            let error = match self.run(&step.label, &text(sql)?).await {
                Err(error) => error,
                made => return made,
            };
            let onward = onward(step, &error, self.ability);
            if onward.is_some() {
                self.run("a savepoint", "ROLLBACK TO SAVEPOINT pgkeep_as_owner").await?;
            }
            match onward.map(|onward| (onward, in_frame(Rights::AllOrdinary))) {
                None => return Err(error),
                Some((Onward::AllOrdinary, Some(sql))) => {
                    self.run(&step.label, &text(sql)?).await?;
                    self.with_all_rights.push(step.label.clone());
                    return Ok(());
                }
                Some(_) => {}
            }
        }
        for sql in &step.statements {
            let text = std::str::from_utf8(sql.as_bytes()).map_err(protocol)?;
            self.run(&step.label, text).await?;
        }
        Ok(())
    }

    /// None where the text is not UTF-8; the step that is to blame says so by itself.
    fn as_one_text(&self, steps: &[Step]) -> Option<String> {
        let mut sql = match framed(steps, self.settings.as_bytes(), self.ability, Rights::Own) {
            Some(framed) => String::from_utf8(framed).ok()?,
            None => {
                let statements = steps.iter().flat_map(|step| &step.statements);
                // Whatever it ends with: a comment ends with the line, and an empty statement is none.
                let texts = statements.map(|sql| Some(std::str::from_utf8(sql.as_bytes()).ok()?.to_owned() + "\n;\n"));
                texts.collect::<Option<String>>()?
            }
        };
        sql += &format!("RELEASE SAVEPOINT {SAVEPOINT}");
        Some(sql)
    }

    /// Labelled statements: a message, which is a transaction and holds a lock for each of them until it ends.
    async fn statements(&mut self, batch: &[(String, String)]) -> Result<(), Error> {
        let all: String = batch.iter().map(|(_, sql)| sql.as_str()).collect();
        match self.run("sequences and large objects", &all).await {
            Err(pg::Error::Server { .. }) => {}
            done => return done.map_err(Error::target_database("restoring sequences and large objects")),
        }
        for (label, sql) in batch {
            if let Err(error) = self.run(label, sql).await {
                self.note(label, error)?;
            }
        }
        Ok(())
    }

    /// It came with its extension, whoever made that, and may be somebody else's; it need not be set where it stands right.
    async fn sequence_of_an_extension(&mut self, sequence: &Sequence) -> Result<(), Error> {
        let name = crate::pg::catalog::quote_relation(&sequence.schema, &sequence.name);
        let sql = format!("SELECT last_value, is_called FROM {name}");
        let stands = while_read(self.session, self.session.row("a sequence", &sql, &[])).await;
        if stands.is_ok_and(|row| (row.get::<_, i64>(0), row.get(1)) == (sequence.last_value, sequence.is_called)) {
            return Ok(());
        }
        let label = format!("SEQUENCE SET {}.{}", sequence.schema, sequence.name);
        match self.run(&label, &target::sequence_statement(sequence)).await {
            Ok(()) => Ok(()),
            Err(error) => self.note(&label, error),
        }
    }

    fn note(&mut self, label: &str, error: pg::Error) -> Result<(), Error> {
        let failure = failure(label, &error);
        self.note_failure(failure, error)
    }

    fn note_step(&mut self, step: &Step, error: pg::Error) -> Result<(), Error> {
        let (failure, there) = (failure_of(step, self.plan, &error), is_there(&error));
        self.note_failure(failure, error)?;
        if !there {
            self.defined.unmade.insert(step.dump_id, step.label.clone());
        }
        Ok(())
    }

    /// What the server refuses is one entry's failure, unless it can do nothing more at all.
    fn note_failure(&mut self, failure: Failure, error: pg::Error) -> Result<(), Error> {
        match error.server_message() {
            Some(_) if self.refusals == Refusals::Named && !is_of_the_server(&error) => {
                self.defined.failures.push(failure);
                Ok(())
            }
            Some(_) => Err(refused(vec![failure])),
            None => Err(Error::target_database(failure.entry)(error)),
        }
    }
}

/// Out of something, being shut down, or broken: whatever comes next would meet the same.
fn is_of_the_server(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|code| ["53", "57", "XX"].iter().any(|class| code.starts_with(class)))
}

const SAVEPOINT: &str = "pgkeep_definitions";
