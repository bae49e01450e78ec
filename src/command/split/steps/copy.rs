//! From the fence to the seal: rows, the proof, and the seal itself. Undone by taking the fence down, which also goes with the session: a kill
//! leaves a source that takes writes, and a copy that the next run makes anew.

use std::time::Instant;

use secrecy::SecretString;

use super::seal::Seal;
use crate::command::error::FirstFailure;
use crate::command::moment::millis;
use crate::command::restore::feed::Rows;
use crate::command::restore::work;
use crate::command::split::capture::{self, Capture, Drawn, capture_again};
use crate::command::split::copied::Copied;
use crate::command::split::holding::{Owner, Trying, at_source, hold_definitions};
use crate::command::split::state::{Phase, State};
use crate::command::split::unchecked::Unchecked;
use crate::command::split::{MadeRole, Options, Phases, aftermath, bridge, lookout, loose, plan, proof, switching};
use crate::command::watch::Watch;
use crate::command::{Error, source_facts};
use crate::pg::closing;
use crate::pg::connect::Session;
use crate::pg::fence;
use crate::pg::losses::SealedTable;
use crate::repo::manifest::Relation;
use crate::rows::loading::{Loading, Loads};
use crate::schema::archive::Archive;

/// What was found and done before anybody was refused a write.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    pub planned: &'a plan::Planned,
    pub not_carried: &'a [String],
    pub roles_made: &'a [MadeRole],
}

/// What is done while the source's writers are refused by a fence that goes with this program.
pub struct Fenced<'a> {
    pub options: &'a Options,
    pub fenced: &'a [(String, String)],
    /// The source's definitions as the target's server spells them.
    pub respelled: &'a Archive,
    pub passwords: &'a [SecretString],
    pub before: Before<'a>,
    pub watch: &'a Watch,
}

impl Fenced<'_> {
    /// From the fence to the seal. Where this fails, or what it returns is not proven, the source is not sealed.
    pub async fn move_over(
        &self,
        drawn: Drawn,
        state: &mut State,
        source: &Owner,
        target: &Session,
        since: Instant,
        phases: &mut Phases,
    ) -> Result<Copied, Error> {
        let Fenced { options, fenced, watch, .. } = *self;
        let trying = |phase| Trying { wait: options.fence_wait, watch, phase };
        bridge::rehearse(state, source, &trying("trying the bridge's tables")).await?;
        watch.set_phase("reading the schema");
        let capture = capture_again(options, &state.schemas, drawn, &watch.stop).await?;
        let stamp = fence::stamp(&capture.snapshot.session, fenced).await.map_err(at_source("looking at the fence"))?;
        hold_definitions(source, fenced, &trying("keeping the tables' definitions as they are")).await?;
        phases.fence_ms = millis(since);
        state.enter(Phase::Copying);
        state.save(target).await?;
        let (copied, drawn) = self.copy(capture, state, source, target, phases).await?;
        let copied = copied.also_warning(self.before.planned);
        if !copied.is_proven() {
            return Ok(copied);
        }
        let copied = copied.also(self.before.not_carried.iter().cloned());
        state.told = Some(copied.told(state, self.before.roles_made));
        watch.set_phase("sealing the source");
        let since = Instant::now();
        state.tables = copied.tables.clone();
        state.sequences = drawn.job.sequences.clone();
        state.source_sequences = drawn.job.sequences.clone();
        state.sealed = Some(drawn.scope().clone());
        let sealed = stamp.tables().map(|(oid, (schema, name))| (oid, schema.clone(), name.clone()));
        state.sealed_tables = sealed.map(|(oid, schema, name)| SealedTable { oid, schema, name }).collect();
        // Whatever is made after this is found by the seal, or by those who take stock again.
        aftermath::take_stock(state, source, target).await?;
        let closed = closing::may_create(source, &state.schemas).await;
        state.closed = closed.map_err(at_source("reading who may create objects in the schemas"))?;
        state.enter(Phase::Proven);
        state.save(target).await?;
        loose::make_ready(state, source, target).await?;
        let also = state.ties.at_seal() + &loose::at_seal(state, target).await?;
        let also = also + &bridge::at_seal(state, source, self.passwords).await? + &closing::close(&state.closed);
        watch.would_leave(switching::would_leave_unsure());
        let sealed = Seal { options, state, drawn: &drawn, stamp: &stamp, fenced, also: &also }
            .put(source, &trying("sealing the source"))
            .await;
        sealed.map_err(|error| bridge::cannot_be_built(state, error))?;
        phases.switch_ms = millis(since);
        watch.would_leave(switching::would_leave(state));
        Ok(copied)
    }

    async fn copy(
        &self,
        capture: Capture,
        state: &State,
        source: &Session,
        target: &Session,
        phases: &mut Phases,
    ) -> Result<(Copied, Drawn), Error> {
        let Fenced { options, watch, .. } = *self;
        let Capture { snapshot, source: rows, drawn } = capture;
        let loading = Loading { loads: Loads::Noted, ..capture::loading(options) };
        let done = lookout::over(&options.plan.target, options.fence_wait, "copying rows", watch, |watch| {
            work::run(&Rows::Live(&rows), &loading, &drawn.job, watch)
        })?;
        (phases.data_ms, phases.post_data_ms, phases.proof_ms) = (done.data_ms, done.post_data_ms, done.proof_ms);
        if !done.failures.is_empty() {
            let first = FirstFailure(done.failures.iter().take(5).cloned().collect());
            return Err(Error::Entries {
                failures: done.failures,
                skipped: done.skipped,
                warnings: done.warnings,
                first,
            });
        }
        watch.set_phase("proving definitions and sequences");
        let since = Instant::now();
        let unchecked = Unchecked::confirm(&snapshot.session, &drawn, &done.not_valid).await?;
        let expected = unchecked.expected(drawn.archive.clone());
        let (mut definitions, said) =
            proof::definitions(options, &drawn, &expected, self.respelled, target, &watch.stop).await?;
        definitions.retain(|differs| !state.is_as_found(differs));
        let invalid = unchecked.besides(proof::invalid(source, target, &state.schemas).await?, target).await?;
        let mut mismatches = done.mismatches;
        let now = source_facts::sequences_now(&snapshot.session, &drawn.job.sequences).await?;
        mismatches.extend(proof::sequences(&now, target).await?);
        snapshot.session.close().await.map_err(at_source("closing the session"))?;
        phases.proof_ms += millis(since);
        bridge::grant(state, target).await?;
        let read = drawn.job.relations.iter().zip(done.digests);
        let tables = read.map(|(relation, digest)| Relation { digest, ..relation.clone() });
        let copied = Copied {
            tables: tables.collect(),
            mismatches,
            definitions,
            invalid,
            left_out: drawn.left_out.clone(),
            warnings: done
                .warnings
                .into_iter()
                .chain(said.iter().map(|said| format!("of the new database, {said}")))
                .collect(),
            keys_not_valid: unchecked.told,
            rows_compared: options.proof,
        };
        Ok((copied, drawn))
    }
}
