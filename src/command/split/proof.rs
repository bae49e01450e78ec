//! Whether the target holds what the source holds, while the fence is up and nobody has been sent to the target.

use std::collections::{BTreeSet, HashMap};

use super::Options;
use super::capture::{Drawn, copied_archive, of_concern};
use super::state::State;
use crate::command::Error;
use crate::command::mismatch::{Difference, Mismatch, SequenceValue};
use crate::command::proof::{Measure, ReadUnder, Side, prove};
use crate::command::watch::Watch;
use crate::pg::catalog;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::{split_state, target};
use crate::repo::manifest::{Relation, Sequence};
use crate::schema::archive::Archive;
use crate::schema::compare::{EntryMismatch, compare};
use crate::stop::Stop;
use crate::stream::{DigestKey, RowHasher};

/// Also what pg_dump had to say of the target. Entry by entry, as the target's server spells the source's definitions: `expected` as the source does, `respelled` as that server.
pub async fn definitions(
    options: &Options,
    drawn: &Drawn,
    expected: &Archive,
    respelled: &Archive,
    target: &Session,
    stop: &Stop,
) -> Result<(Vec<EntryMismatch>, Vec<String>), Error> {
    let (copy, said) = copied_archive(options, target, stop).await?;
    let plan = &drawn.job.plan;
    let steps = plan.pre_data.iter().map(|step| step.dump_id);
    let steps = steps.chain(plan.post_data.iter().map(|step| step.step.dump_id));
    let copied: BTreeSet<_> = steps.collect();
    Ok((compare(expected, |id| copied.contains(&id), &copy, Some(respelled)), said))
}

/// What of the moving schemas, and of what depends on them, is not what was planned. Elsewhere things may come and go.
pub fn changed_since(planned: &Archive, now: &Archive, schemas: &[String]) -> Vec<EntryMismatch> {
    let (before, after) = (of_concern(planned, schemas), of_concern(now, schemas));
    let now = now.clone().without(|entry| !after.contains(&entry.dump_id));
    compare(planned, |id| before.contains(&id), &now, None)
}

/// Those of the target's tables whose rows are no longer those that were copied.
pub fn written_since(
    target: &Conninfo,
    state: &State,
    tables: &[Relation],
    jobs: usize,
    watch: &Watch,
) -> Result<Vec<Mismatch>, Error> {
    let hasher = RowHasher::new(state.row_hash, &DigestKey(state.digest_key));
    let measure = Measure { hasher, encoding: &state.encoding, under: ReadUnder::Known(Vec::new()) };
    let relations: Vec<&Relation> = tables.iter().collect();
    prove(target, measure, relations.as_slice(), jobs, watch, Side::Target)
}

/// Indexes and constraints that are invalid in the target and were valid in the source.
pub async fn invalid(source: &Session, target: &Session, schemas: &[String]) -> Result<Vec<String>, Error> {
    let there =
        split_state::invalid(source, schemas).await.map_err(Error::source_database("looking for invalid objects"))?;
    let here =
        split_state::invalid(target, schemas).await.map_err(Error::target_database("looking for invalid objects"))?;
    Ok(here.into_iter().filter(|object| !there.contains(object)).collect())
}

const SEQUENCES_IN_TRANSACTION: usize = 100;

/// Sequences go on without writes (`nextval` meets no trigger): what they have come to is set at the end, and read back.
pub async fn sequences(now: &[Sequence], target: &Session) -> Result<Vec<Mismatch>, Error> {
    let failed = |what: &str| Error::target_database(what.to_owned());
    // A transaction holds a lock on each of them until it ends.
    for batch in now.chunks(SEQUENCES_IN_TRANSACTION) {
        let sql: String = batch.iter().map(target::sequence_statement).collect();
        let set = target.run("sequences", &sql).await;
        set.map_err(failed("setting sequences"))?;
    }
    let facts = catalog::sequences(target).await.map_err(failed("reading sequences"))?;
    let facts: HashMap<_, _> = facts.iter().map(|s| ((s.schema.as_str(), s.name.as_str()), s)).collect();
    let mut mismatches = Vec::new();
    let mut there = Vec::new();
    for sequence in now {
        match facts.get(&(sequence.schema.as_str(), sequence.name.as_str())) {
            Some(facts) => there.push((sequence, *facts)),
            None => mismatches.push(Mismatch::new(&sequence.schema, &sequence.name, Difference::MissingSequence)),
        }
    }
    let facts: Vec<_> = there.iter().map(|(_, facts)| *facts).collect();
    let values = catalog::sequence_values(target, &facts).await.map_err(failed("reading sequences"))?;
    for ((sequence, _), (last_value, is_called)) in there.iter().zip(values) {
        let expected = SequenceValue { last_value: sequence.last_value, is_called: sequence.is_called };
        let found = SequenceValue { last_value, is_called };
        if expected != found {
            mismatches.push(Mismatch::new(
                &sequence.schema,
                &sequence.name,
                Difference::SequenceValue { expected, found },
            ));
        }
    }
    Ok(mismatches)
}
