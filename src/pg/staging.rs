//! Rows on their way into a table whose code must not run as whoever writes them: COPY cannot be kept in a [`Frame`].
//! They come into a temporary table that checks nothing, and its owner puts them where they belong.

use std::collections::BTreeSet;

use rand_core::{OsRng, RngCore};

use super::error::Error;
use super::frame::{Frame, Lend, Rights};
use super::quoting::{do_block, quote_identifier, quote_literal};
use super::wire::{Wire, protocol};
use crate::stream::RowFormat;

/// Where they wait.
pub const STAGE: &str = "pg_temp.pgkeep_rows";
/// Stands for the table: its owner may write through it without a right on the schema.
const DOOR: &str = "pg_temp.pgkeep_door";

/// How rows of one table get there.
#[derive(Debug)]
pub struct Staging<'a> {
    table: &'a str,
    /// The table's.
    schema: Option<String>,
    owner: &'a str,
    columns: Vec<Column>,
    /// In names of types: code in this session that has made one of a known name would keep rows of others out.
    token: String,
}

#[derive(Debug)]
struct Column {
    /// Quoted.
    name: String,
    /// Its type; and the one in which it waits, where that is one with checks.
    own: String,
    /// The type's.
    schema: Option<String>,
    waits_as: Waiting,
}

#[derive(Debug, PartialEq, Eq)]
enum Waiting {
    Itself,
    /// What a domain is made of, which it is made of again when it is written.
    Base(String),
    /// In binary form: a range over this subtype, which has no checks, or several.
    Range(Range),
    Ranges(Range),
    Text,
}

#[derive(Debug, PartialEq, Eq)]
struct Range {
    subtype: String,
    /// How its bounds are compared: options of CREATE TYPE.
    order: String,
}

impl<'a> Staging<'a> {
    /// `table` is the quoted name of the one that rows are written to; `columns` are those of the rows, in their order.
    pub fn new(
        wire: &mut Wire,
        table: &'a str,
        owner: &'a str,
        columns: &[String],
        format: RowFormat,
    ) -> Result<Self, Error> {
        let context = "the types of a table's columns";
        let rows = wire.query(context, types(table).as_bytes())?;
        let column = |name: &String| {
            let row = rows.iter().find(|row| row[0].as_ref() == Some(name))?;
            let text = |at: usize| row.get(at).cloned().flatten();
            let waits_as = match (text(2).as_deref(), text(3), text(4), format) {
                (Some("f"), ..) => Waiting::Itself,
                (_, Some(base), _, _) => Waiting::Base(base),
                (_, _, Some(subtype), RowFormat::Binary) => {
                    let range = Range { subtype, order: text(6).unwrap_or_default() };
                    if text(5).as_deref() == Some("t") { Waiting::Ranges(range) } else { Waiting::Range(range) }
                }
                _ => Waiting::Text,
            };
            Some(Column { name: quote_identifier(name), own: text(1)?, schema: text(7), waits_as })
        };
        let found: Option<Vec<Column>> = columns.iter().map(column).collect();
        let columns = found.ok_or_else(|| protocol(context, "the table has other columns"))?;
        let schema = wire.query(context, format!("SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {}::pg_catalog.regclass", quote_literal(table)).as_bytes())?;
        let schema = schema.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        Ok(Self { table, schema, owner, columns, token: format!("{:016x}", OsRng.next_u64()) })
    }

    /// Statements that make room. In a transaction, which is the one that rows are written in.
    pub fn make(&self) -> String {
        let (mut sql, token) = (String::new(), &self.token);
        let mut columns = Vec::new();
        for (n, column) in self.columns.iter().enumerate() {
            let kind = match &column.waits_as {
                Waiting::Itself => column.own.clone(),
                Waiting::Base(base) => base.clone(),
                Waiting::Text => "pg_catalog.text".to_owned(),
                Waiting::Range(Range { subtype, order }) | Waiting::Ranges(Range { subtype, order }) => {
                    sql += &format!(
                        "CREATE TYPE pg_temp.pgkeep_range_{token}_{n} AS RANGE (SUBTYPE = {subtype}{order}, MULTIRANGE_TYPE_NAME = pg_temp.pgkeep_ranges_{token}_{n});\n"
                    );
                    let several = if matches!(column.waits_as, Waiting::Ranges(_)) { "s" } else { "" };
                    format!("pg_temp.pgkeep_range{several}_{token}_{n}")
                }
            };
            columns.push(format!("{} {kind}", column.name));
        }
        let names = self.names();
        let owner = quote_identifier(self.owner);
        sql + &format!(
            "CREATE TEMPORARY TABLE pgkeep_rows ({});
            CREATE TEMPORARY VIEW pgkeep_door AS SELECT {names} FROM {};
            GRANT SELECT ON {STAGE} TO {owner};\nGRANT INSERT ON {DOOR} TO {owner};\n",
            columns.join(", "),
            self.table
        )
    }

    /// The message that puts all rows where they belong, in the transaction of [`make`](Self::make). The session needs its settings again
    /// afterwards.
    pub fn put(&self, rights: Rights) -> Vec<u8> {
        let value = |column: &Column| match column.waits_as {
            Waiting::Itself | Waiting::Base(_) => column.name.clone(),
            Waiting::Text => format!("{}::{}", column.name, column.own),
            Waiting::Range(_) | Waiting::Ranges(_) => format!("{}::pg_catalog.text::{}", column.name, column.own),
        };
        let values: Vec<String> = self.columns.iter().map(value).collect();
        let sql = match self.columns.is_empty() {
            false => format!(
                "INSERT INTO {DOOR} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {STAGE}",
                self.names(),
                values.join(", ")
            ),
            // No view can stand for a table without columns that are written.
            true => do_block(&format!(
                "BEGIN FOR i IN 1 .. (SELECT pg_catalog.count(*) FROM {STAGE}) LOOP INSERT INTO {} DEFAULT VALUES; END LOOP; END",
                self.table
            )),
        };
        // Names of types are looked up, and policies thin out what a check reads, as they do for the owner.
        let casts = self.columns.iter().filter(|column| !matches!(column.waits_as, Waiting::Itself | Waiting::Base(_)));
        let of_types = casts.filter_map(|column| column.schema.clone());
        let own = self.schema.iter().filter(|_| self.columns.is_empty()).cloned();
        let lends: BTreeSet<Lend> = of_types.chain(own).map(Lend::Names).collect();
        let lends: Vec<Lend> = lends.into_iter().collect();
        let statements = [&b"SET row_security = on"[..], sql.as_bytes()];
        Frame { role: Some(self.owner), rights, lends: &lends, borrows: &[], statements: &statements, definitions: 0 }
            .sql()
    }

    /// Statements after [`put`](Self::put).
    pub fn unmake(&self) -> Vec<u8> {
        let mut sql = format!("DROP VIEW {DOOR};\nDROP TABLE {STAGE};\n");
        for (n, column) in self.columns.iter().enumerate() {
            if matches!(column.waits_as, Waiting::Range(_) | Waiting::Ranges(_)) {
                sql += &format!("DROP TYPE pg_temp.pgkeep_range_{}_{n};\n", self.token);
            }
        }
        sql.into_bytes()
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.join(", ")
    }
}

/// Of each column: name, type, whether a value of it may be checked or compared by code of users, the type without checks that a domain is made of, the subtype without
/// checks of a range or several, whether it is several, how it compares, the type's schema.
fn types(table: &str) -> String {
    let table = quote_literal(table);
    format!(
        "WITH RECURSIVE inside (top, type) AS (
            SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = {table}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
            UNION SELECT i.top, n.type FROM inside i JOIN pg_catalog.pg_type t ON t.oid = i.type CROSS JOIN LATERAL (
                SELECT t.typbasetype UNION ALL SELECT t.typelem
                UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
                UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) n (type)
                WHERE n.type <> 0),
        base (top, type) AS (
            SELECT DISTINCT top, top FROM inside
            UNION ALL SELECT b.top, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd'),
        plain AS (SELECT b.top, b.type, t.typtype, t.typelem FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype <> 'd')
        SELECT a.attname, pg_catalog.format_type(a.atttypid, -1),
            EXISTS (SELECT FROM inside i JOIN pg_catalog.pg_type t ON t.oid = i.type WHERE i.top = a.atttypid AND (t.typtype = 'd'
                OR EXISTS (SELECT FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid) AND r.rngsubopc >= 16384))),
            CASE WHEN p.typtype IN ('b', 'e') AND p.typelem = 0 OR p.type < 16384 THEN pg_catalog.format_type(p.type, -1) END,
            (SELECT pg_catalog.format_type(s.type, -1) FROM pg_catalog.pg_range r
                CROSS JOIN LATERAL (WITH RECURSIVE sub (type) AS (SELECT r.rngsubtype
                    UNION ALL SELECT t.typbasetype FROM sub JOIN pg_catalog.pg_type t ON t.oid = sub.type WHERE t.typtype = 'd')
                    SELECT sub.type FROM sub JOIN pg_catalog.pg_type t ON t.oid = sub.type WHERE t.typtype <> 'd') s
                WHERE p.type IN (r.rngtypid, r.rngmultitypid)),
            p.typtype = 'm',
            (SELECT pg_catalog.format(', SUBTYPE_OPCLASS = %I.%I', on_.nspname, o.opcname) || CASE WHEN c.oid IS NULL THEN '' ELSE pg_catalog.format(', COLLATION = %I.%I', cn.nspname, c.collname) END
                FROM pg_catalog.pg_range r JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.opcnamespace
                LEFT JOIN pg_catalog.pg_collation c ON c.oid = r.rngcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
                -- Bounds are compared as soon as they are read: by nobody's own function.
                WHERE p.type IN (r.rngtypid, r.rngmultitypid) AND o.oid < 16384),
            (SELECT n.nspname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = a.atttypid)
        FROM pg_catalog.pg_attribute a JOIN plain p ON p.top = a.atttypid
        WHERE a.attrelid = {table}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped"
    )
}
