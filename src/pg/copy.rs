//! The COPY statements that read rows, and those that write them.

use super::catalog::{TableFacts, large_object_query};
use super::error::Error;
use super::quoting::{quote_identifier, quote_literal, quote_relation};
use super::wire::{RowSink, Wire, protocol};
use crate::repo::manifest::Relation;
use crate::stream::RowFormat;

/// Which rows of a relation, and in which form: as the catalog has it now, or as a manifest recorded it.
#[derive(Clone, Copy, Debug)]
pub struct RowsOf<'a> {
    pub schema: &'a str,
    pub name: &'a str,
    pub columns: &'a [String],
    pub format: RowFormat,
    /// An extension's condition on its configuration table.
    pub configuration: Option<&'a str>,
}

impl<'a> From<&'a TableFacts> for RowsOf<'a> {
    fn from(table: &'a TableFacts) -> Self {
        let TableFacts { schema, name, columns, format, configuration, .. } = table;
        Self { schema, name, columns, format: *format, configuration: configuration.as_deref() }
    }
}

impl<'a> From<&'a Relation> for RowsOf<'a> {
    fn from(relation: &'a Relation) -> Self {
        let Relation { schema, name, columns, format, configuration, .. } = relation;
        Self { schema, name, columns, format: *format, configuration: configuration.as_deref() }
    }
}

/// Which blocks of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartRange {
    Whole,
    Blocks {
        first: u64,
        end: u64,
    },
    /// To the end, however far that is.
    From {
        first: u64,
    },
}

/// Reads the rows of one part. Without inheritance children: those are tables of their own.
pub fn copy_table<S: RowSink>(
    wire: &mut Wire,
    rows: RowsOf<'_>,
    part: PartRange,
    encoding: &str,
    sink: &mut S,
) -> Result<(), S::Error> {
    let RowsOf { schema, name: table, columns: names, format, configuration } = rows;
    let name = quote_relation(schema, table);
    let from = match (configuration, part) {
        (Some(condition), _) => format!("(SELECT {} FROM ONLY {name} {condition})", columns(names)),
        (None, PartRange::Whole) => format!("{name} {}", column_list(names)),
        (None, PartRange::Blocks { first, end }) => format!(
            "(SELECT {} FROM ONLY {name} WHERE ctid >= '({first},0)'::pg_catalog.tid AND ctid < '({end},0)'::pg_catalog.tid)",
            columns(names)
        ),
        (None, PartRange::From { first }) => {
            format!("(SELECT {} FROM ONLY {name} WHERE ctid >= '({first},0)'::pg_catalog.tid)", columns(names))
        }
    };
    let sql = format!("COPY {from} TO STDOUT ({})", options(format, encoding));
    let context = format!("COPY {schema}.{table}");
    wire.copy_out(&context, sql.as_bytes(), format, sink)
}

/// Whether the name still is the table's: a lock on a table keeps nobody from giving its schema another name, or that name to another one.
///
/// # Errors
/// [`Error::Renamed`]; the connection.
pub fn check_name(wire: &mut Wire, oid: u32, schema: &str, name: &str) -> Result<(), Error> {
    let relation = quote_literal(&quote_relation(schema, name));
    let sql = format!("SELECT pg_catalog.to_regclass({relation})::pg_catalog.oid = {oid}::pg_catalog.oid");
    let rows = wire.query("the name of a table", sql.as_bytes())?;
    match rows.first().and_then(|row| row.first()?.as_deref()) {
        Some("t") => Ok(()),
        _ => Err(Error::Renamed { what: format!("the table {schema}.{name}") }),
    }
}

/// Which of the relations have no rows for sure, in one question: those without a block that have all the columns. What is not there
/// is the error that it is for [`copy_table`]. No table is read, because the server runs code of its indexes where it plans to.
pub fn which_are_empty(wire: &mut Wire, relations: &[RowsOf<'_>]) -> Result<Vec<bool>, Error> {
    let is_empty = |rows: &RowsOf<'_>| {
        let names: Vec<String> = rows.columns.iter().map(|name| quote_literal(name)).collect();
        let relation = format!("{}::pg_catalog.regclass", quote_literal(&quote_relation(rows.schema, rows.name)));
        format!(
            "pg_catalog.pg_relation_size({relation}) = 0 AND (SELECT pg_catalog.count(*) = {} FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = {relation} AND a.attname = ANY (ARRAY[{}]::pg_catalog.name[]) AND NOT a.attisdropped)",
            names.len(),
            names.join(", ")
        )
    };
    let sql = format!("SELECT {}", relations.iter().map(is_empty).collect::<Vec<_>>().join(", "));
    let context = "looking for empty tables";
    let rows = wire.query(context, sql.as_bytes())?;
    match &rows[..] {
        [row] if row.len() == relations.len() => Ok(row.iter().map(|empty| empty.as_deref() == Some("t")).collect()),
        _ => Err(protocol(context, "the answer is not one row")),
    }
}

/// Reads large objects with oids in `first..=last` as rows.
pub fn copy_large_objects<S: RowSink>(wire: &mut Wire, first: u32, last: u32, sink: &mut S) -> Result<(), S::Error> {
    let sql = format!("COPY ({}) TO STDOUT (FORMAT binary)", large_object_query(first, last));
    wire.copy_out("reading large objects", sql.as_bytes(), RowFormat::Binary, sink)
}

/// `COPY name (columns) FROM STDIN`.
pub fn copy_in_statement(
    name: &str,
    column_names: &[String],
    format: RowFormat,
    encoding: &str,
    freeze: Freeze,
) -> String {
    let freeze = match freeze {
        Freeze::Yes => ", FREEZE",
        Freeze::No => "",
    };
    format!("COPY {name} {} FROM STDIN ({}{freeze})", column_list(column_names), options(format, encoding))
}

/// Whether rows are written frozen, which takes a table made or truncated in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    Yes,
    No,
}

/// Text keeps the database's own encoding; binary values come in the session's, which is the same for all tables.
fn options(format: RowFormat, encoding: &str) -> String {
    match format {
        RowFormat::Binary => "FORMAT binary".into(),
        RowFormat::Text => format!("FORMAT text, ENCODING '{}'", encoding.replace('\'', "''")),
    }
}

fn columns(names: &[String]) -> String {
    names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ")
}

/// Without columns of its own to name, COPY is given no list: it then takes all but the generated ones, which is none.
fn column_list(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("({})", columns(names)) }
}
