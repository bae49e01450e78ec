//! Whether a copy's columns are where they were. Of a table that inherits they need not be: inherited ones come first.

use std::collections::HashMap;

use super::error::Failure;
use super::mismatch::{Difference, Mismatch};
use crate::pg;
use crate::pg::catalog::{self, Inheriting};
use crate::pg::connect::Session;
use crate::repo::manifest::Relation;
use crate::split::facts::Holder;

/// Tables whose columns are in another order than when their rows were read.
#[derive(Default)]
pub struct ColumnOrder {
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Values elsewhere that carry the columns by their places are mixed up.
    pub mismatches: Vec<Mismatch>,
}

impl ColumnOrder {
    /// Gives the reason why a table's rows were refused, where they hold such values.
    pub fn explain(&self, failure: &mut Failure) {
        let Some(table) = failure.entry.strip_prefix("TABLE DATA ") else { return };
        let of_table = |holder: &String| holder.rsplit_once('.').is_some_and(|(name, _)| name == table);
        let explains = |mismatch: &&Mismatch| match &mismatch.what {
            Difference::MixedUpValues { held_by, .. } => held_by.iter().any(of_table),
            _ => false,
        };
        if let Some(mismatch) = self.mismatches.iter().find(explains) {
            failure.hint = Some(mismatch.to_string());
        }
    }
}

/// Compares the database with the manifest's relations. Where a generated column was, the manifest does not say.
pub async fn column_order(session: &Session, relations: &[&Relation]) -> Result<ColumnOrder, pg::Error> {
    let mut order = ColumnOrder::default();
    let by_name: HashMap<(&str, &str), &Relation> =
        relations.iter().map(|relation| ((relation.schema.as_str(), relation.name.as_str()), *relation)).collect();
    for (oid, table) in catalog::inheriting(session).await? {
        if !by_name
            .get(&(table.schema.as_str(), table.name.as_str()))
            .is_some_and(|relation| is_reordered(relation, &table))
        {
            continue;
        }
        let has_rows = |holder: &&Holder| {
            by_name
                .get(&(holder.schema.as_str(), holder.table.as_str()))
                .is_some_and(|relation| relation.digest.rows > 0)
        };
        let holders = catalog::holders(session, oid).await?;
        let held_by = holders.iter().filter(has_rows);
        let held_by: Vec<String> = held_by.map(ToString::to_string).collect();
        let Inheriting { schema, name, columns, .. } = table;
        if held_by.is_empty() {
            let columns = columns.join(", ");
            order.warnings.push(format!(
                "{schema}.{name} has its inherited columns first, as after a restore of pg_dump: {columns}"
            ));
        } else {
            order.mismatches.push(Mismatch::new(&schema, &name, Difference::MixedUpValues { columns, held_by }));
        }
    }
    Ok(order)
}

/// Whether the table has all the columns, and has them elsewhere.
fn is_reordered(relation: &Relation, table: &Inheriting) -> bool {
    let with_rows = table.columns.iter().filter(|column| relation.columns.contains(column));
    with_rows.clone().count() == relation.columns.len() && !with_rows.eq(&relation.columns)
}
