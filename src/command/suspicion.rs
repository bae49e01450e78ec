//! Is a backup that went well a good one? A judgement on what it holds, beside what the last good one held. Pure.
//!
//! pg_dump of the wrong database, or of one that somebody has emptied, ends with success. The rule is written down for the
//! operator in `docs/backup.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::pg::fence;
use crate::repo::Manifest;
use crate::repo::manifest::Relation;
use crate::schema::facts::Facts;

/// Totals under one in this many of the last good snapshot's are far below.
const FAR_BELOW: u64 = 2;
/// A table that held one in this many of all rows or bytes, or more, held a large share.
const LARGE_SHARE: u64 = 4;
/// Tables that a reason names at most.
const NAMED_MAX: usize = 10;

/// Whether the operator has said that it is right to hold less than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    Suspect,
    Accept,
}

/// Schema and name.
type Name = (String, String);

/// What a snapshot holds, as far as the judgement looks.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// As people type it.
    snapshot: String,
    tables: BTreeMap<Name, Table>,
    /// Every relation that the database has, partitioned tables among them.
    relations: BTreeSet<Name>,
    large_objects: Size,
}

#[derive(Clone, Debug, Default)]
struct Table {
    size: Size,
    /// The table whose partition this is, the topmost one.
    partition_of: Option<Name>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    rows: u64,
    /// As COPY sent them.
    bytes: u64,
}

impl Size {
    fn plus(self, other: Size) -> Size {
        Size { rows: self.rows + other.rows, bytes: self.bytes + other.bytes }
    }

    fn is_large_share_of(self, all: Size) -> bool {
        self.rows.saturating_mul(LARGE_SHARE) >= all.rows || self.bytes.saturating_mul(LARGE_SHARE) >= all.bytes
    }
}

impl Contents {
    /// `facts` are the catalog's at that moment. Without them a partition passes for a table of its own, which makes the
    /// judgement stricter.
    pub fn of(manifest: &Manifest, facts: &Facts) -> Self {
        let size = |digest: &crate::stream::Digest| Size { rows: digest.rows, bytes: digest.bytes };
        let table = |relation: &Relation| {
            let table = Table { size: size(&relation.digest), partition_of: topmost(relation.oid, facts) };
            ((relation.schema.clone(), relation.name.clone()), table)
        };
        Self {
            snapshot: manifest.snapshot.short().to_owned(),
            tables: manifest.relations.iter().map(table).collect(),
            relations: facts.relations.values().map(|r| (r.schema.clone(), r.name.clone())).collect(),
            large_objects: manifest.large_objects.as_ref().map(|l| size(&l.digest)).unwrap_or_default(),
        }
    }

    /// Of the tables.
    fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.size.rows).sum()
    }

    /// With the pieces of large objects, which are no rows to anybody else.
    fn total(&self) -> Size {
        self.tables.values().fold(self.large_objects, |total, table| total.plus(table.size))
    }

    fn in_words(&self) -> String {
        let rows = self.rows();
        match (rows, self.large_objects.bytes) {
            (_, 0) => rows_of(rows),
            (0, bytes) => format!("large objects of {bytes} bytes"),
            (_, bytes) => format!("{} and large objects of {bytes} bytes", rows_of(rows)),
        }
    }

    fn has(&self, name: &Name) -> bool {
        self.tables.contains_key(name) || self.relations.contains(name)
    }

    /// Whether the table is here under the name that `split finish` gives to its schema, with no less in it. Nobody's word is taken for
    /// that: its rows are in this snapshot.
    fn has_put_aside(&self, (schema, name): &Name, size: Size) -> bool {
        self.tables.iter().any(|((aside, there), table)| {
            let from = put_aside_from(aside)
                .is_some_and(|from| from == schema || (from.len() > 40 && schema.starts_with(from)));
            from && there == name && table.size.rows >= size.rows && table.size.bytes >= size.bytes
        })
    }
}

/// `core` of `core_moved_20261122`, as `split finish` names what it puts aside; of a long name only its beginning.
fn put_aside_from(schema: &str) -> Option<&str> {
    let (from, day) = schema.rsplit_once("_moved_")?;
    (day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit())).then_some(from)
}

fn topmost(oid: u32, facts: &Facts) -> Option<Name> {
    let mut at = facts.relations.get(&oid)?.part_of?;
    // The catalog has no circles, a damaged one might.
    for _ in 0..facts.relations.len() {
        match facts.relations.get(&at)?.part_of {
            Some(above) => at = above,
            None => break,
        }
    }
    facts.relations.get(&at).map(|top| (top.schema.clone(), top.name.clone()))
}

/// The reasons to look at a snapshot before it is relied on, each a clause that can stand alone; none: nothing is
/// suspicious. `last` is the last good snapshot of the same database and the same request.
pub fn judge(found: &Contents, last: Option<&Contents>) -> Vec<String> {
    let total = found.total();
    let Some(last) = last else {
        return match (found.tables.len(), total.rows) {
            (0, 0) => vec!["it is the first snapshot of this database and selection, and has no table".into()],
            (tables, 0) => {
                vec![format!(
                    "it is the first snapshot of this database and selection, and none of its {} has a row",
                    tables_of(tables)
                )]
            }
            _ => Vec::new(),
        };
    };
    let before = last.total();
    let mut reasons = Vec::from_iter(gone_since(found, last));
    if total.rows == 0 && before.rows > 0 {
        let nothing = if last.large_objects.rows > 0 { "no row and no large object" } else { "no row" };
        reasons.push(format!("it has {nothing}, but the snapshot {} had {}", last.snapshot, last.in_words()));
        return reasons;
    }
    let of_tables = Size { rows: last.rows(), ..before };
    let emptied = last.tables.iter().filter(|(name, table)| {
        let is_empty = found.tables.get(*name).is_some_and(|now| now.size.rows == 0);
        is_empty && table.size.rows > 0 && table.size.is_large_share_of(of_tables)
    });
    let mut emptied: Vec<String> = emptied
        .map(|((schema, name), table)| {
            format!("{schema}.{name} (had {} of {})", table.size.rows, rows_of(of_tables.rows))
        })
        .collect();
    // By their bytes alone: a piece is no row.
    let objects = Size { rows: 0, ..last.large_objects };
    if found.large_objects.rows == 0
        && last.large_objects.rows > 0
        && objects.is_large_share_of(Size { rows: 1, ..before })
    {
        emptied.push(format!("the large objects (had {} of {} bytes)", last.large_objects.bytes, before.bytes));
    }
    if !emptied.is_empty() {
        reasons.push(format!("now empty: {}", named(&emptied)));
    }
    let (now, then) = (found.rows(), last.rows());
    if now < then.div_ceil(FAR_BELOW) {
        let now = rows_of(now);
        reasons.push(format!("it has {now}, less than half of the {then} in the snapshot {}", last.snapshot));
    }
    if total.bytes < before.bytes.div_ceil(FAR_BELOW) {
        let (now, then) = (total.bytes, before.bytes);
        let have = if last.large_objects.rows > 0 { "rows and large objects have" } else { "rows have" };
        reasons.push(format!("its {have} {now} bytes, less than half of the {then} in the snapshot {}", last.snapshot));
    }
    reasons
}

/// Tables that the last snapshot has, and this one has no more.
fn gone_since(found: &Contents, last: &Contents) -> Option<String> {
    let gone = last.tables.iter().filter(|(name, table)| {
        // What a split notes there is no part of the database.
        name.0 != fence::SCHEMA
            && !found.has(name)
            && !table.partition_of.as_ref().is_some_and(|parent| found.has(parent))
            && !found.has_put_aside(name, table.size)
    });
    let gone: Vec<(&Name, &Table)> = gone.collect();
    let by_split = gone.iter().filter(|((schema, _), _)| put_aside_from(schema).is_some()).count();
    let gone: Vec<String> =
        gone.iter().map(|((schema, name), table)| format!("{schema}.{name} ({} rows)", table.size.rows)).collect();
    if gone.is_empty() {
        return None;
    }
    let are = if gone.len() == 1 { "is" } else { "are" };
    let (tables, names) = (tables_of(gone.len()), named(&gone));
    let split = match by_split {
        0 => String::new(),
        all if all == gone.len() => "; by the name of their schema, a split put them aside, and `split finish --yes-drop` drops them: if that was done, use --accept-shrink once".into(),
        some => format!("; by the name of their schema, a split put {some} of them aside, and `split finish --yes-drop` drops these"),
    };
    Some(format!("{tables} of the snapshot {} {are} gone: {names}{split}", last.snapshot))
}

fn rows_of(n: u64) -> String {
    if n == 1 { "1 row".into() } else { format!("{n} rows") }
}

fn tables_of(n: usize) -> String {
    if n == 1 { "1 table".into() } else { format!("{n} tables") }
}

fn named(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED_MAX {
        text += &format!(" and {} more", names.len() - NAMED_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(table: &str) -> Name {
        ("shop".into(), table.into())
    }

    /// Tables with their rows of 100 bytes each.
    fn contents(tables: &[(&str, u64)]) -> Contents {
        let table = |(table, rows): &(&str, u64)| {
            (name(table), Table { size: Size { rows: *rows, bytes: rows * 100 }, partition_of: None })
        };
        let tables: BTreeMap<_, _> = tables.iter().map(table).collect();
        Contents {
            snapshot: "1a2b3c4d".into(),
            relations: tables.keys().cloned().collect(),
            tables,
            ..Contents::default()
        }
    }

    fn reasons(now: &[(&str, u64)], before: &[(&str, u64)]) -> Vec<String> {
        judge(&contents(now), Some(&contents(before)))
    }

    #[test]
    fn the_first_snapshot_is_suspicious_when_it_is_empty() {
        assert_eq!(judge(&contents(&[]), None).len(), 1);
        let one = judge(&contents(&[("a", 0), ("b", 0)]), None);
        assert_eq!(
            one,
            ["it is the first snapshot of this database and selection, and none of its 2 tables has a row"]
        );
        assert_eq!(judge(&contents(&[("a", 0), ("b", 1)]), None), [""; 0]);
        let photos = Contents { large_objects: Size { rows: 1, bytes: 5 }, ..contents(&[]) };
        assert_eq!(judge(&photos, None), [""; 0]);
    }

    #[test]
    fn growth_and_small_losses_are_not_suspicious() {
        let before = [("orders", 100), ("log", 20), ("jobs", 10), ("empty", 0)];
        assert_eq!(reasons(&before, &before), [""; 0]);
        assert_eq!(reasons(&[("orders", 500), ("log", 20), ("jobs", 10), ("empty", 0), ("new", 1)], &before), [""; 0]);
        // A queue that is empty tonight held no large share.
        assert_eq!(reasons(&[("orders", 100), ("log", 20), ("jobs", 0), ("empty", 0)], &before), [""; 0]);
        // Half is not under half.
        assert_eq!(reasons(&[("orders", 45), ("log", 10), ("jobs", 10), ("empty", 0)], &before), [""; 0]);
        // What was empty when it was accepted may stay so.
        assert_eq!(reasons(&[("empty", 0)], &[("empty", 0)]), [""; 0]);
        assert_eq!(reasons(&[], &[]), [""; 0]);
    }

    #[test]
    fn each_great_loss_is_named() {
        let before = [("orders", 100), ("log", 20)];
        assert_eq!(
            reasons(&[("orders", 100)], &before),
            ["1 table of the snapshot 1a2b3c4d is gone: shop.log (20 rows)"]
        );
        assert_eq!(
            reasons(&[("orders", 0), ("log", 0)], &before),
            ["it has no row, but the snapshot 1a2b3c4d had 120 rows"]
        );
        assert_eq!(reasons(&[("orders", 0), ("log", 90)], &before), ["now empty: shop.orders (had 100 of 120 rows)"]);
        let half = reasons(&[("orders", 39), ("log", 20)], &before);
        assert_eq!(half.len(), 2, "{half:?}");
        assert_eq!(half[0], "it has 59 rows, less than half of the 120 in the snapshot 1a2b3c4d");
        assert_eq!(half[1], "its rows have 5900 bytes, less than half of the 12000 in the snapshot 1a2b3c4d");
        assert_eq!(reasons(&[], &before).len(), 2);
    }

    /// Each is stored in pieces, of which nobody else knows.
    #[test]
    fn large_objects_are_no_rows() {
        let with = |tables: &[(&str, u64)], pieces: u64| Contents {
            large_objects: Size { rows: pieces, bytes: pieces * 1000 },
            ..contents(tables)
        };
        let before = with(&[("orders", 10)], 90);
        let told = |now: &Contents| judge(now, Some(&before)).join("; ");
        let snapshot = "in the snapshot 1a2b3c4d";
        assert_eq!(
            told(&with(&[("orders", 10)], 20)),
            format!("its rows and large objects have 21000 bytes, less than half of the 91000 {snapshot}")
        );
        assert_eq!(told(&with(&[("orders", 4)], 90)), format!("it has 4 rows, less than half of the 10 {snapshot}"));
        assert_eq!(
            told(&with(&[("orders", 0)], 0)),
            "it has no row and no large object, but the snapshot 1a2b3c4d had 10 rows and large objects of 90000 bytes"
        );
        let all = judge(&with(&[], 0), Some(&with(&[], 90))).join("; ");
        assert!(all.ends_with("had large objects of 90000 bytes"), "{all}");
        // A table is a large share of the rows, whatever else there is.
        assert!(told(&with(&[("orders", 0), ("new", 10)], 90)).contains("now empty: shop.orders (had 10 of 10 rows)"));
    }

    #[test]
    fn what_a_split_put_aside_is_not_gone_and_what_it_dropped_is_said_to_be() {
        let before = contents(&[("orders", 100), ("log", 20)]);
        let aside = |rows: u64| {
            let mut now = contents(&[]);
            for (table, rows) in [("orders", rows), ("log", 20)] {
                let table_now = Table { size: Size { rows, bytes: rows * 100 }, partition_of: None };
                now.tables.insert(("shop_moved_20261122".into(), table.into()), table_now);
            }
            now
        };
        assert_eq!(judge(&aside(100), Some(&before)), [""; 0]);
        let less = judge(&aside(99), Some(&before));
        assert_eq!(
            less,
            ["1 table of the snapshot 1a2b3c4d is gone: shop.orders (100 rows)"],
            "with fewer rows it is another"
        );
        let other = Contents { snapshot: "1a2b3c4d".into(), ..aside(100) };
        let dropped = judge(&contents(&[("rest", 120)]), Some(&other));
        assert!(dropped[0].contains("--accept-shrink once"), "{dropped:?}");
        assert_eq!(put_aside_from("core_moved_2026112"), None);
    }

    #[test]
    fn a_partition_that_was_dropped_is_no_table_that_vanished() {
        let mut before = contents(&[("y2024", 10), ("y2025", 100), ("other", 50)]);
        before.relations.insert(name("sales"));
        for year in ["y2024", "y2025"] {
            before.tables.get_mut(&name(year)).unwrap().partition_of = Some(name("sales"));
        }
        let mut now = contents(&[("y2025", 100), ("other", 50)]);
        now.relations.insert(name("sales"));
        assert_eq!(judge(&now, Some(&before)), [""; 0]);
        now.relations.remove(&name("sales"));
        assert_eq!(judge(&now, Some(&before)).len(), 1, "without its table it is gone");
    }
}
