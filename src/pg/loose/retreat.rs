//! Taking a loose key away: on the way back, what it has written down is done to the old rows first.

use super::acting::{VIEW, assignments, at_once, defaults};
use super::apply::{SPLICE, spliced};
use super::log::{ESTRANGED, alter_columns, parents};
use super::{Happened, Key, Referential, SCHEMA};
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

/// Statements that do to the child *in the parent's own database* what the log says, from its beginning, in its order: the old rows
/// of a child that comes back have seen nothing of it, whether a reaper did it to the new ones or not.
///
/// The log is read by the session's role, the parent is asked as its owner, and the child is changed as its own. Between them go texts.
pub fn replay(key: &Key) -> String {
    let typed = key.typed();
    let gone: Vec<String> =
        (0..key.columns.len()).map(|n| format!("'k{n}', e.gone OPERATOR(pg_catalog.->) {n}")).collect();
    let ask = format!(
        "DECLARE e record; BEGIN
            FOR e IN SELECT t.value OPERATOR(pg_catalog.->>) 'entry' AS entry, t.value OPERATOR(pg_catalog.->) 'gone' AS gone
                FROM pg_catalog.jsonb_array_elements($1) AS t (value) LOOP
                FOR pgkeep_place IN SELECT (e.entry)::pg_catalog.int8
                    FROM pg_catalog.jsonb_to_record(pg_catalog.jsonb_build_object({gone})) AS g ({typed}) JOIN {VIEW} AS p ON {back} LIMIT 1 LOOP
                    RETURN NEXT;
                END LOOP;
            END LOOP;
            SET CONSTRAINTS ALL IMMEDIATE;
        END",
        gone = gone.join(", "),
        back = key.at_parent(),
    );
    // Operators by their schema: the change's code may set another search path.
    let act = format!(
        "DECLARE e record; BEGIN
            FOR e IN SELECT t.value OPERATOR(pg_catalog.->>) 'happened' AS happened, t.value OPERATOR(pg_catalog.->) 'gone' AS gone,
                    t.value OPERATOR(pg_catalog.->) 'become' AS become
                FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS t (value, n) ORDER BY t.n LOOP
                IF e.happened OPERATOR(pg_catalog.=) 'delete' THEN {on_delete}; ELSE {on_update}; END IF;
            END LOOP;
            SET CONSTRAINTS ALL IMMEDIATE;
        END",
        on_delete = statement(key, Happened::Delete),
        on_update = statement(key, Happened::Update),
    );
    let back = format!(
        "pg_catalog.set_config('{BACK}', coalesce(pg_catalog.array_agg(r.place)::pg_catalog.text, '{{}}'), true)"
    );
    let todo = format!("pg_catalog.current_setting('{TODO}')");
    format!("SELECT pg_catalog.set_config('{BACK}', '{{}}', true);\n")
        + &read_log(key)
        + &at_once(&key.parent, &todo, &ask, &back)
        + &read_log(key)
        + &at_once(&key.child, &todo, &act, "")
}

/// Settings that carry what is still to be done from one statement to the next: entries, and those of them whose key is back.
const TODO: &str = "pgkeep.todo";
const BACK: &str = "pgkeep.back";

/// A statement that reads the log, but for what is back; a log that is gone already has nothing, nor has one whose table is another one.
fn read_log(key: &Key) -> String {
    do_block(&format!(
        "DECLARE todo pg_catalog.jsonb := '[]'; BEGIN
            IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '{SCHEMA}' AND c.relname = 'log') THEN
                SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                    'entry', e.entry, 'happened', e.happened, 'gone', e.gone, 'become', e.become) ORDER BY e.entry), '[]')
                INTO todo FROM {SCHEMA}.log e WHERE e.key = {number} AND e.entry <> ALL (pg_catalog.current_setting('{BACK}')::pg_catalog.int8[])
                    AND NOT EXISTS (SELECT FROM {SCHEMA}.keys k {parents} WHERE k.key = e.key AND {ESTRANGED} IS NOT NULL);
            END IF;
            PERFORM pg_catalog.set_config('{TODO}', todo::pg_catalog.text, true);
        END",
        number = key.number,
        parents = parents(),
    ))
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
        (Referential::SetDefault, _) => {
            let condition = key.at_child(|n| format!("$1 OPERATOR(pg_catalog.->>) {n}"));
            let update = format!("UPDATE {rows} AS c SET {SPLICE} WHERE {condition}");
            let default = defaults(&key.child, &key.set(happened));
            return spliced("EXECUTE", &update, &default, &["e.gone".to_owned()]);
        }
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

/// Statements that keep what the log says of these keys for later, where `replay` could not be done: from its beginning, for a child that
/// is in the parent's database again. Nothing more is written down, for the foreign keys are there again. `now` are the keys as their
/// tables are called at this moment; `was` as they were called, and will be.
pub fn keep(now: &[&Key], was: &[&Key]) -> String {
    let one = |key: &Key| {
        let child = was.iter().find(|was| was.number == key.number).map_or(&key.child, |was| &was.child);
        let oid = key.child.oid.map_or("NULL".to_owned(), |oid| format!("parent_identity || '/{oid}'"));
        format!(
            "DROP FUNCTION IF EXISTS {function}() CASCADE;
            UPDATE {SCHEMA}.log SET reaped = NULL WHERE key = {number};
            UPDATE {SCHEMA}.keys SET child_identity = parent_identity, child_database = pg_catalog.current_database(), child_place = parent_place,
                child_relation = {oid}, child_schema = {}, child_table = {} WHERE key = {number};",
            quote_literal(&child.schema),
            quote_literal(&child.name),
            function = key.function(),
            number = key.number,
        )
    };
    if now.is_empty() {
        return String::new();
    }
    let body = format!(
        "BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '{SCHEMA}' AND c.relname = 'keys') THEN RETURN; END IF;
            {}
            {}
        END",
        alter_columns(),
        now.iter().map(|key| one(key)).collect::<String>()
    );
    do_block(&body)
}
