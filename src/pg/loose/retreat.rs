//! Taking a loose key away: on the way back, what it has written down is done to the old rows first.

use super::acting::{VIEW, assignments, at_once};
use super::{Happened, Key, Referential, SCHEMA};
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

/// Statements that do to the child *in the parent's own database* what the log says, from its beginning, in its order: the old rows
/// of a child that comes back have seen nothing of it, whether a reaper did it to the new ones or not.
///
/// The log and the parent are read by the session's role, the child is changed as its owner.
pub fn replay(key: &Key) -> String {
    let number = key.number;
    let gone: Vec<String> = (0..key.columns.len()).map(|n| format!("'k{n}', e.gone[{}]", n + 1)).collect();
    // Which of the log's keys are gone indeed; a log that is gone already has none.
    let find = format!(
        "DECLARE todo pg_catalog.jsonb := '[]'; BEGIN
            IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '{SCHEMA}' AND c.relname = 'log') THEN
                SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('happened', e.happened, 'gone', e.gone, 'become', e.become) ORDER BY e.entry), '[]')
                INTO todo FROM {SCHEMA}.log e WHERE e.key = {number} AND NOT EXISTS (
                    SELECT FROM pg_catalog.jsonb_to_record(pg_catalog.jsonb_build_object({gone})) AS g ({typed})
                    JOIN {parent} AS p ON {back});
            END IF;
            PERFORM pg_catalog.set_config('pgkeep.todo', todo::pg_catalog.text, true);
        END",
        gone = gone.join(", "),
        typed = key.typed(),
        parent = key.parent.rows(),
        back = key.at_parent(),
    );
    // Operators by their schema: the change's code may set another search path.
    let body = format!(
        "DECLARE e record; BEGIN
            FOR e IN SELECT t.value ->> 'happened' AS happened, t.value -> 'gone' AS gone, t.value -> 'become' AS become
                FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS t (value, n) ORDER BY t.n LOOP
                IF e.happened OPERATOR(pg_catalog.=) 'delete' THEN {on_delete}; ELSE {on_update}; END IF;
            END LOOP;
            SET CONSTRAINTS ALL IMMEDIATE;
        END",
        on_delete = statement(key, Happened::Delete),
        on_update = statement(key, Happened::Update),
    );
    do_block(&find) + &at_once(key, "pg_catalog.current_setting('pgkeep.todo')", &body)
}

fn statement(key: &Key, happened: Happened) -> String {
    let rows = VIEW;
    let condition = key.at_child(|n| format!("e.gone OPERATOR(pg_catalog.->>) {n}"));
    let set = match (key.action(happened), happened) {
        (Referential::NoAction | Referential::Restrict, _) => return "NULL".to_owned(),
        (Referential::Cascade, Happened::Delete) => return format!("DELETE FROM {rows} AS c WHERE {condition}"),
        (Referential::Cascade, Happened::Update) => {
            let one = |(n, pair): (usize, &super::Pair)| {
                format!("{} = (e.become OPERATOR(pg_catalog.->>) {n})::{}", quote_identifier(&pair.child), pair.kind)
            };
            key.columns.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
        }
        (Referential::SetNull, _) => assignments(&key.set(happened), "NULL"),
        (Referential::SetDefault, _) => assignments(&key.set(happened), "DEFAULT"),
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
