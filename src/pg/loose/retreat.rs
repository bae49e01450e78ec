//! Taking a loose key away: on the way back, what it has written down is done to the old rows first.

use super::{Happened, Key, Referential, SCHEMA};
use crate::pg::catalog::{quote_identifier, quote_literal};

/// Statements that do to the child *in the parent's own database* what the log says, from its beginning, in its order: the old rows
/// of a child that comes back have seen nothing of it, whether a reaper did it to the new ones or not.
pub fn replay(key: &Key) -> String {
    let gone = |n: usize| format!("e.gone[{}]", n + 1);
    let back = format!("EXISTS (SELECT FROM {} AS p WHERE {})", key.parent.rows(), key.at_parent(gone));
    let body = format!(
        "DECLARE e record; BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '{SCHEMA}' AND c.relname = 'log') THEN RETURN; END IF;
            FOR e IN SELECT happened, gone, become FROM {SCHEMA}.log WHERE key = {number} ORDER BY entry LOOP
                CONTINUE WHEN {back};
                IF e.happened = 'delete' THEN {on_delete}; ELSE {on_update}; END IF;
            END LOOP;
        END",
        number = key.number,
        on_delete = statement(key, Happened::Delete),
        on_update = statement(key, Happened::Update),
    );
    format!("DO {};\n", quote_literal(&body))
}

fn statement(key: &Key, happened: Happened) -> String {
    let rows = key.child.rows();
    let condition = key.at_child(|n| format!("e.gone[{}]", n + 1));
    let all = |value: &str| {
        let columns = key.set(happened).into_iter().map(|column| format!("{} = {value}", quote_identifier(column)));
        columns.collect::<Vec<_>>().join(", ")
    };
    let set = match (key.action(happened), happened) {
        (Referential::NoAction | Referential::Restrict, _) => return "NULL".to_owned(),
        (Referential::Cascade, Happened::Delete) => return format!("DELETE FROM {rows} AS c WHERE {condition}"),
        (Referential::Cascade, Happened::Update) => {
            let one = |(n, pair): (usize, &super::Pair)| {
                format!("{} = (e.become[{}])::{}", quote_identifier(&pair.child), n + 1, pair.kind)
            };
            key.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
        }
        (Referential::SetNull, _) => all("NULL"),
        (Referential::SetDefault, _) => all("DEFAULT"),
    };
    format!("UPDATE {rows} AS c SET {set} WHERE {condition}")
}

/// Statements that take the keys away with their triggers and entries, and the schema with the last of them. Nothing happens where
/// they are gone already.
pub fn forget(keys: &[&Key]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let numbers: Vec<String> = keys.iter().map(|key| key.number.to_string()).collect();
    let functions: Vec<String> =
        keys.iter().map(|key| format!("DROP FUNCTION IF EXISTS {}() CASCADE;", key.function())).collect();
    let body = format!(
        "BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}') THEN RETURN; END IF;
            {functions}
            DELETE FROM {SCHEMA}.log WHERE key IN ({numbers});
            DELETE FROM {SCHEMA}.keys WHERE key IN ({numbers});
            IF NOT EXISTS (SELECT FROM {SCHEMA}.keys) THEN DROP SCHEMA {SCHEMA} CASCADE; END IF;
        END",
        functions = functions.concat(),
        numbers = numbers.join(", "),
    );
    format!("DO {};\n", quote_literal(&body))
}
