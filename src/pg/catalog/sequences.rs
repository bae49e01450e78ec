//! Sequences and where they stand.

use super::super::tables_alone;
use super::{Error, Reading, Session, query, quote_relation};

#[derive(Clone, Debug)]
pub struct SequenceFacts {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// Complete, denied or elsewhere.
    pub reading: Reading,
}

/// All sequences of the database, but temporary ones and those of extensions that do not mark them as configuration.
pub async fn sequences(session: &Session) -> Result<Vec<SequenceFacts>, Error> {
    // NULL where another session has dropped the sequence meanwhile: nobody refused to have it read.
    let sql = "SELECT c.oid, n.nspname::text, c.relname::text,
            coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), true),
            c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_temp\\_%'
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
              AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
              AND NOT coalesce(c.oid = ANY (x.extconfig), false))
        ORDER BY c.oid";
    let facts = |row: tokio_postgres::Row| SequenceFacts {
        oid: row.get(0),
        schema: row.get(1),
        name: row.get(2),
        reading: match (row.get(4), row.get(3)) {
            (true, _) => Reading::Elsewhere,
            (_, true) => Reading::Complete,
            _ => Reading::Denied,
        },
    };
    Ok(query(session, "the list of sequences", sql).await?.into_iter().map(facts).collect())
}

/// `last_value` and `is_called` of each, in the order given.
///
/// # Errors
/// The server; a sequence whose name is another's by now.
pub async fn sequence_values(session: &Session, sequences: &[&SequenceFacts]) -> Result<Vec<(i64, bool)>, Error> {
    tables_alone::while_read(session, values_by_name(session, sequences)).await
}

async fn values_by_name(session: &Session, sequences: &[&SequenceFacts]) -> Result<Vec<(i64, bool)>, Error> {
    let mut values = Vec::with_capacity(sequences.len());
    for batch in sequences.chunks(100) {
        let select = |(n, s): (usize, &&SequenceFacts)| {
            format!("SELECT {n}, last_value, is_called, tableoid FROM {}", quote_relation(&s.schema, &s.name))
        };
        let sql = batch.iter().enumerate().map(select).collect::<Vec<_>>().join(" UNION ALL ") + " ORDER BY 1";
        let rows = query(session, "reading sequences", &sql).await?;
        // Its schema may have got another name since it was listed.
        let another = batch.iter().zip(&rows).find(|(sequence, row)| row.get::<_, u32>(3) != sequence.oid);
        if let Some((sequence, _)) = another {
            return Err(Error::Renamed { what: format!("the sequence {}.{}", sequence.schema, sequence.name) });
        }
        values.extend(rows.iter().map(|row| (row.get::<_, i64>(1), row.get::<_, bool>(2))));
    }
    Ok(values)
}
