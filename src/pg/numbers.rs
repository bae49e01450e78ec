//! Sequences that go on in another database: above every number that was handed out, whoever asks for one meanwhile.
//!
//! `nextval` meets no trigger, so a fence does not stop it. What a sequence stands at is read when its tables are sealed, and a reserve
//! is added for numbers that are taken between that moment and the one at which everybody has gone over.

use super::Error;
use super::catalog::{self, Reading, SequenceFacts};
use super::connect::Session;
use super::quoting::{do_block, quote_literal, quote_relation};
use super::tables_alone;
use crate::repo::manifest::Sequence;

/// So many numbers are passed over; a tenth of those that are left, where there are few.
const RESERVE: u32 = 1000;

/// Whether numbers may still be taken where the values were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    Kept,
    None,
}

/// Statements that set sequences of the session's database to these values, or further with a reserve. A sequence that is further already
/// stays where it is; one that is not there is passed over.
pub fn go_on(sequences: &[Sequence], reserve: Reserve) -> String {
    let reserve = match reserve {
        Reserve::Kept => RESERVE,
        Reserve::None => 0,
    };
    if sequences.is_empty() {
        return String::new();
    }
    let list = |of: &dyn Fn(&Sequence) -> String| sequences.iter().map(of).collect::<Vec<_>>().join(", ");
    // Numeric, because a bigint may overflow.
    let read =
        tables_alone::within("EXECUTE 'SELECT last_value, is_called FROM ' || wanted.name INTO there, there_called;");
    let body = format!(
        "DECLARE wanted record; s pg_catalog.pg_sequence; value numeric; there bigint; there_called boolean; BEGIN
            FOR wanted IN SELECT * FROM ROWS FROM (pg_catalog.unnest(ARRAY[{names}]::text[]), pg_catalog.unnest(ARRAY[{values}]::bigint[]),
                pg_catalog.unnest(ARRAY[{called}]::boolean[])) AS w (name, value, called)
            LOOP
                SELECT * INTO s FROM pg_catalog.pg_sequence WHERE seqrelid = pg_catalog.to_regclass(wanted.name);
                CONTINUE WHEN NOT FOUND;
                {read}
                value := wanted.value + s.seqincrement * least({reserve}, pg_catalog.floor(
                    (CASE WHEN s.seqincrement > 0 THEN s.seqmax - wanted.value::numeric ELSE wanted.value::numeric - s.seqmin END)
                        / pg_catalog.abs(s.seqincrement::numeric) / 10));
                IF (value - there) * pg_catalog.sign(s.seqincrement::numeric) > 0 OR value = there AND wanted.called AND NOT there_called THEN
                    PERFORM pg_catalog.setval(s.seqrelid::pg_catalog.regclass, value::bigint, wanted.called);
                END IF;
            END LOOP;
        END",
        names = list(&|sequence| quote_literal(&quote_relation(&sequence.schema, &sequence.name))),
        values = list(&|sequence| sequence.last_value.to_string()),
        called = list(&|sequence| sequence.is_called.to_string()),
    );
    do_block(&body)
}

/// The values of those of these sequences, by their names, that the database has.
pub async fn values(session: &Session, sequences: &[Sequence]) -> Result<Vec<Sequence>, Error> {
    read(session, |facts| sequences.iter().find(|known| is_called(known, facts))).await
}

/// The same where the OIDs are this database's as well: a sequence that nobody knows by the name which it has now is found by its OID, and
/// told under the name that it had.
pub async fn values_of_known(session: &Session, sequences: &[Sequence]) -> Result<Vec<Sequence>, Error> {
    let known = |facts: &SequenceFacts| {
        let named = sequences.iter().find(|known| is_called(known, facts));
        named.or_else(|| sequences.iter().find(|known| known.oid == facts.oid))
    };
    read(session, known).await
}

/// The sequences under the names that the database, whose OIDs `known` has, calls them by now; under their own where it has none of them.
pub async fn named_now(
    session: &Session,
    sequences: Vec<Sequence>,
    known: &[Sequence],
) -> Result<Vec<Sequence>, Error> {
    let there = catalog::sequences(session).await?;
    let now = |sequence: Sequence| {
        let known = known.iter().find(|known| (&known.schema, &known.name) == (&sequence.schema, &sequence.name));
        match known.and_then(|known| there.iter().find(|facts| facts.oid == known.oid)) {
            Some(facts) => Sequence { schema: facts.schema.clone(), name: facts.name.clone(), ..sequence },
            None => sequence,
        }
    };
    Ok(sequences.into_iter().map(now).collect())
}

fn is_called(sequence: &Sequence, facts: &SequenceFacts) -> bool {
    (&sequence.schema, &sequence.name) == (&facts.schema, &facts.name)
}

async fn read<'a>(
    session: &Session,
    known: impl Fn(&SequenceFacts) -> Option<&'a Sequence>,
) -> Result<Vec<Sequence>, Error> {
    let there = catalog::sequences(session).await?;
    let there = there.iter().filter(|facts| facts.reading == Reading::Complete);
    let (facts, known): (Vec<&SequenceFacts>, Vec<&Sequence>) =
        there.filter_map(|facts| Some((facts, known(facts)?))).unzip();
    let values = catalog::sequence_values(session, &facts).await?;
    let value = |((facts, known), (last_value, is_called)): ((&SequenceFacts, &Sequence), (i64, bool))| Sequence {
        oid: facts.oid,
        schema: known.schema.clone(),
        name: known.name.clone(),
        last_value,
        is_called,
    };
    Ok(facts.into_iter().zip(known).zip(values).map(value).collect())
}
