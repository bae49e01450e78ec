//! Loose foreign keys: what a key across two databases would have done, done later. The idea is GitLab's.
//!
//! In the database of the *parent* (the referenced table) a generated trigger writes keys that are gone into a log; a reaper reads it
//! and does at the *child* what the key would have done. Everything of it lives in one schema at the parent, [`SCHEMA`]: the list of
//! keys, the log, a function for each key. At the child there is nothing.

mod acting;
mod apply;
mod itself;
mod log;
mod reading;
mod retreat;
mod trigger;

use serde::{Deserialize, Serialize};

pub use acting::{Acting, Child, child};
pub use apply::{Changed, Effect, Within, apply, check, lock, rows_left};
pub use itself::{is_another, named};
pub use log::{
    Entry, Settled, Stored, Waiting, begin, commit, entries, existing, holders, keep_places, keys, purge, roll_back,
    settle, take, waiting,
};
pub use reading::{Unfit, describe, last_number, named_now, watched};
pub use retreat::{forget, keep, replay};
pub use trigger::{install, renew};

use super::quoting::{quote_identifier, quote_literal, quote_relation};

/// Not the fence's schema, which goes with the fence.
pub const SCHEMA: &str = "pgkeep_loose";
/// What the names of the triggers begin with.
pub const TRIGGER: &str = "pgkeep_loose_";

/// What a key does to the rows that refer to a row that goes, or whose key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Referential {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Referential {
    const ALL: [Referential; 5] = [
        Referential::NoAction,
        Referential::Restrict,
        Referential::Cascade,
        Referential::SetNull,
        Referential::SetDefault,
    ];

    /// As SQL spells it.
    pub fn word(self) -> &'static str {
        match self {
            Referential::NoAction => "NO ACTION",
            Referential::Restrict => "RESTRICT",
            Referential::Cascade => "CASCADE",
            Referential::SetNull => "SET NULL",
            Referential::SetDefault => "SET DEFAULT",
        }
    }

    fn of_word(word: &str) -> Self {
        Referential::ALL.into_iter().find(|action| action.word() == word).unwrap_or(Referential::NoAction)
    }
}

/// Which rows a name means: a key binds a table without its children by inheritance, and a partitioned table with its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    Only,
    Partitions,
}

/// A table as a key sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub schema: String,
    pub name: String,
    pub reach: Reach,
    /// `pg_class.oid`, where it is known: in the database that was split, and of a key's child where that is. Names change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oid: Option<u32>,
}

impl Table {
    fn quoted(&self) -> String {
        quote_relation(&self.schema, &self.name)
    }

    /// Its OID, as SQL writes it.
    fn relation(&self) -> String {
        match self.oid {
            Some(oid) => format!("{oid}::pg_catalog.oid"),
            None => format!("{}::pg_catalog.regclass::pg_catalog.oid", quote_literal(&self.quoted())),
        }
    }

    /// For FROM and UPDATE.
    fn rows(&self) -> String {
        match self.reach {
            Reach::Only => format!("ONLY {}", self.quoted()),
            Reach::Partitions => self.quoted(),
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A column of the parent and the one of the child that refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub parent: String,
    pub child: String,
    /// The type in which values are compared, as SQL writes it.
    pub kind: String,
    /// `OPERATOR(schema.=)` between two values of the parent.
    pub own: String,
    /// The same from a value of the parent to one of the child.
    pub across: String,
}

impl Pair {
    /// JSON in JSON would be a string.
    fn is_json(&self) -> bool {
        self.kind == "jsonb"
    }

    fn value(&self, n: usize) -> String {
        if self.is_json() { format!("(g.k{n})::pg_catalog.jsonb") } else { format!("g.k{n}") }
    }
}

/// A foreign key that has become loose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// By which its log entries, its function and its triggers are called.
    pub number: i32,
    /// `schema.table.constraint`, as it was.
    pub name: String,
    pub parent: Table,
    pub child: Table,
    pub columns: Vec<Pair>,
    pub on_delete: Referential,
    pub on_update: Referential,
    /// The columns that SET NULL or SET DEFAULT of a deletion sets; none: all of them.
    pub set_columns: Vec<String>,
}

impl Key {
    fn function(&self) -> String {
        format!("{SCHEMA}.note_{}", self.number)
    }

    fn trigger(&self, event: &str) -> String {
        format!("{TRIGGER}{}_{event}", self.number)
    }

    /// The columns that the action sets, of the child.
    fn set(&self, happened: Happened) -> Vec<&str> {
        match happened {
            Happened::Delete if !self.set_columns.is_empty() => self.set_columns.iter().map(String::as_str).collect(),
            _ => self.columns.iter().map(|pair| pair.child.as_str()).collect(),
        }
    }

    pub fn action(&self, happened: Happened) -> Referential {
        match happened {
            Happened::Delete => self.on_delete,
            Happened::Update => self.on_update,
        }
    }

    /// The statement that checks the rows of the foreign key that has its name again; none where the name is of an earlier program.
    pub fn validation(&self) -> Option<String> {
        let name = self.name.strip_prefix(&format!("{}.", self.child))?;
        Some(format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", self.child.quoted(), quote_identifier(name)))
    }

    /// `value(n)` is the text of the n-th column's value; each is compared with the child's row `c`.
    fn at_child(&self, value: impl Fn(usize) -> String) -> String {
        let one = |(n, pair): (usize, &Pair)| {
            format!("({})::{} {} c.{}", value(n), pair.kind, pair.across, quote_identifier(&pair.child))
        };
        self.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(" AND ")
    }

    /// Values `g.k0`, `g.k1`, ... of [`Self::typed`] compared with the parent's row `p`. Here the session's own role asks, so both
    /// sides have the very type of the operator: no operator that somebody made for a domain fits better.
    fn at_parent(&self) -> String {
        let one = |(n, pair): (usize, &Pair)| {
            format!("{} {} (p.{})::{}", pair.value(n), pair.own, quote_identifier(&pair.parent), pair.kind)
        };
        self.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(" AND ")
    }

    /// `k0 type, k1 type, ...`: the columns of a record made of JSON. Its values come from their text by the types' input functions, and
    /// not by a cast, which whoever owns a type may have made.
    fn typed(&self) -> String {
        let one =
            |(n, pair): (usize, &Pair)| format!("k{n} {}", if pair.is_json() { "pg_catalog.text" } else { &pair.kind });
        self.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// What happened to a row of the parent. TRUNCATE is written down as deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Delete,
    Update,
}

/// Values of a key's columns, row by row, turned into an array for each column.
fn by_column<'a>(rows: impl Iterator<Item = &'a [Option<String>]> + Clone, columns: usize) -> Vec<Vec<Option<String>>> {
    (0..columns).map(|n| rows.clone().map(|row| row.get(n).cloned().flatten()).collect()).collect()
}

/// `ROWS FROM (unnest($1), unnest($2), ...) AS g (n, k0, k1, ...)`; `$1` numbers the rows.
fn given(columns: usize) -> String {
    let arrays: Vec<String> = (0..columns).map(|n| format!(", pg_catalog.unnest(${}::text[])", n + 2)).collect();
    let names: Vec<String> = (0..columns).map(|n| format!(", k{n}")).collect();
    format!("ROWS FROM (pg_catalog.unnest($1::bigint[]){}) AS g (n{})", arrays.concat(), names.concat())
}
