//! What a backup asks the source's catalog, beside the rows.

use std::collections::BTreeSet;

use crate::command::error::Error;
use crate::command::selecting::with_roles_above;
use crate::pg::catalog::{self, Passwords, Reading, RoleFacts, TableFacts};
use crate::pg::connect::Session;
use crate::pg::dump;
use crate::pg::snapshot::{SourceSnapshot, Unreadable};
use crate::repo::manifest::{LeftOut, Sequence};
use crate::schema::archive::Archive;
use crate::schema::facts::Facts;
use crate::schema::restore::{roles_named, roles_of_the_database};
use crate::schema::selection::{self, Selection};

/// The catalog's facts, and the tables that pg_dump must leave alone because this role cannot lock them.
///
/// # Errors
/// A partitioned table that is asked for, by its schema and name, is one of them.
pub async fn read_facts(
    snapshot: &SourceSnapshot,
    is_asked: impl Fn(&str, &str) -> bool,
) -> Result<(Facts, dump::Untouched), Error> {
    let session = &snapshot.session;
    let failed = || Error::source_database("reading the catalog");
    let facts = catalog::facts(session).await.map_err(failed())?;
    let parents = catalog::parents_denied(session).await.map_err(failed())?;
    let asked = parents.iter().filter(|(schema, name)| is_asked(schema, name));
    let unreadable: Vec<Unreadable> = asked
        .map(|(schema, name)| Unreadable { table: format!("{schema}.{name}"), reading: Reading::Denied })
        .collect();
    if !unreadable.is_empty() {
        return Err(Error::Unreadable { role: session.conninfo().user().to_owned(), unreadable });
    }
    let denied = snapshot.tables.iter().filter(|table| table.reading == Reading::Denied);
    let denied = denied.map(|table| (table.schema.clone(), table.name.clone()));
    Ok((facts, denied.chain(parents).collect()))
}

pub async fn read_sequences(snapshot: &SourceSnapshot, selection: &Selection) -> Result<Vec<Sequence>, Error> {
    let session = &snapshot.session;
    let failed = || Error::source_database("reading sequences");
    let mut facts = catalog::sequences(session).await.map_err(failed())?;
    facts.retain(|sequence| selection.sequences.contains(&sequence.oid));
    let denied = facts.iter().filter(|sequence| sequence.reading == Reading::Denied);
    let unreadable: Vec<_> =
        denied.map(|s| Unreadable { table: format!("{}.{}", s.schema, s.name), reading: Reading::Denied }).collect();
    if !unreadable.is_empty() {
        return Err(Error::Unreadable { role: session.conninfo().user().to_owned(), unreadable });
    }
    facts.retain(|sequence| sequence.reading == Reading::Complete);
    sequence_values(session, facts).await
}

pub fn has_rows_here(table: &&TableFacts) -> bool {
    table.reading != Reading::Elsewhere
}

/// Unlogged relations of the selection, of which a standby has nothing.
pub async fn elsewhere(snapshot: &SourceSnapshot, selection: &Selection) -> Result<Vec<LeftOut>, Error> {
    let sequences = catalog::sequences(&snapshot.session).await.map_err(Error::source_database("reading sequences"))?;
    let sequences = sequences
        .iter()
        .filter(|sequence| sequence.reading == Reading::Elsewhere && selection.sequences.contains(&sequence.oid));
    let tables = snapshot.tables.iter();
    let tables = tables.filter(|table| !has_rows_here(table) && selection.relations_with_rows.contains(&table.oid));
    let reason = "it is unlogged, and the server is a standby, which has no rows of it: only the primary has them";
    let left_out = |entry: String| LeftOut { entry, reason: reason.to_owned() };
    let tables = tables.map(|table| left_out(format!("TABLE DATA {}.{}", table.schema, table.name)));
    Ok(tables.chain(sequences.map(|s| left_out(format!("SEQUENCE SET {}.{}", s.schema, s.name)))).collect())
}

/// What the sequences stand at now, for they heed no snapshot.
pub async fn sequences_now(session: &Session, sequences: &[Sequence]) -> Result<Vec<Sequence>, Error> {
    let mut facts = catalog::sequences(session).await.map_err(Error::source_database("reading sequences"))?;
    let wanted: BTreeSet<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
    facts.retain(|facts| facts.reading != Reading::Elsewhere && wanted.contains(&facts.oid));
    sequence_values(session, facts).await
}

async fn sequence_values(session: &Session, facts: Vec<catalog::SequenceFacts>) -> Result<Vec<Sequence>, Error> {
    let values = catalog::sequence_values(session, &facts.iter().collect::<Vec<_>>()).await;
    let values = values.map_err(Error::source_database("reading sequences"))?;
    let sequence = |(facts, (last_value, is_called)): (catalog::SequenceFacts, (i64, bool))| Sequence {
        oid: facts.oid,
        schema: facts.schema,
        name: facts.name,
        last_value,
        is_called,
    };
    Ok(facts.into_iter().zip(values).map(sequence).collect())
}

/// The roles that what is selected refers to, with those above them.
pub async fn read_roles(
    session: &Session,
    request: &selection::Request,
    archive: &Archive,
    selection: &Selection,
    passwords: Passwords,
) -> Result<RoleFacts, Error> {
    let mut roles = catalog::roles(session, passwords).await.map_err(Error::source_database("reading roles"))?;
    if !request.is_everything() {
        let mut names = roles_named(archive, selection);
        names.extend(roles_of_the_database(archive, selection));
        let names = with_roles_above(names, &roles.memberships);
        roles.roles.retain(|role| names.contains(&role.name));
        roles.memberships.retain(|membership| names.contains(&membership.member));
        roles.settings.retain(|setting| names.contains(&setting.role));
    }
    Ok(roles)
}
