//! Names in a parse tree.

use std::collections::BTreeSet;

use pg_query::ParserOptions;
use serde_json::{Map, Value};

use super::{Certainty, Mention, Noun, parse};
use crate::schema::lexer::{TokenKind, tokens};

/// Adds every name in the tree. `certainty` is that of the text which the tree was made of.
pub fn collect(tree: &Value, certainty: Certainty, mentions: &mut BTreeSet<Mention>) {
    let defined = common_tables(tree);
    walk(tree, certainty, &defined, mentions);
}

/// Statements that write, and where each says into what.
const WRITING: [(&str, &str); 6] = [
    ("InsertStmt", "relation"),
    ("UpdateStmt", "relation"),
    ("DeleteStmt", "relation"),
    ("MergeStmt", "relation"),
    ("TruncateStmt", "relations"),
    ("CopyStmt", "relation"),
];

/// What the statement in these fields writes.
fn written(fields: &Map<String, Value>, certainty: Certainty, mentions: &mut BTreeSet<Mention>) {
    for (statement, field) in WRITING {
        let Some(into) = fields.get(statement).and_then(|statement| statement.get(field)) else { continue };
        let mut relations = BTreeSet::new();
        walk(into, certainty, &BTreeSet::new(), &mut relations);
        mentions.extend(relations.into_iter().map(|mention| Mention { noun: Noun::Written, ..mention }));
    }
}

fn walk(tree: &Value, certainty: Certainty, defined: &BTreeSet<String>, mentions: &mut BTreeSet<Mention>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| walk(item, certainty, defined, mentions)),
        Value::Object(fields) => {
            written(fields, certainty, mentions);
            if let Some(name) = fields.get("relname").and_then(Value::as_str) {
                let schema = text(fields, "schemaname");
                // WITH x AS (...) SELECT FROM x: no relation.
                if schema.is_some() || !defined.contains(name) {
                    mentions.insert(Mention { schema, name: name.to_owned(), noun: Noun::Relation, certainty });
                }
            }
            for (field, noun) in [("funcname", Noun::Function), ("names", Noun::Type)] {
                if let Some((schema, name)) = fields.get(field).and_then(qualified) {
                    mentions.insert(Mention { schema, name, noun, certainty });
                }
            }
            if let Some(string) = fields.get("Sval").or_else(|| fields.get("sval")).and_then(string_of) {
                mentions.extend(in_string(string));
            }
            fields.values().for_each(|field| walk(field, certainty, defined, mentions));
        }
        _ => {}
    }
}

fn text(fields: &Map<String, Value>, field: &str) -> Option<String> {
    fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A constant's string: `{"Sval": {"sval": "..."}}`, by whatever spelling of the first key.
fn string_of(value: &Value) -> Option<&str> {
    value.as_object()?.get("sval")?.as_str()
}

/// A list of name parts: `[{"node": {"String": {"sval": "core"}}}, ...]`.
fn qualified(list: &Value) -> Option<(Option<String>, String)> {
    let parts: Option<Vec<String>> = list.as_array()?.iter().map(part).collect();
    let mut parts = parts?;
    let name = parts.pop()?;
    Some((parts.pop(), name))
}

fn part(item: &Value) -> Option<String> {
    let node = item.get("node").unwrap_or(item);
    Some(node.get("String")?.get("sval")?.as_str()?.to_owned())
}

fn common_tables(tree: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut queue = vec![tree];
    while let Some(value) = queue.pop() {
        match value {
            Value::Array(items) => queue.extend(items),
            Value::Object(fields) => {
                names.extend(fields.get("ctename").and_then(Value::as_str).map(str::to_owned));
                queue.extend(fields.values());
            }
            _ => {}
        }
    }
    names
}

const BEFORE_TABLE: [&str; 9] = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "ONLY", "VIEW", "TRUNCATE", "CALL"];

/// What a string constant may be: a name (`'core.seq'::regclass`), or a statement, whole or with the places of `format`.
pub fn in_string(string: &str) -> BTreeSet<Mention> {
    let mut mentions = BTreeSet::new();
    let cut = tokens(string.as_bytes());
    match &cut[..] {
        [] => return mentions,
        [schema, dot, name] if dot.is_symbol(".") => {
            if let (Some(schema), Some(name)) = (schema.name(), name.name()) {
                mentions.insert(Mention {
                    schema: Some(schema),
                    name,
                    noun: Noun::Anything,
                    certainty: Certainty::Dynamic,
                });
            }
            return mentions;
        }
        // One word is a value, not a statement.
        [_] => return mentions,
        [first, ..] if first.kind != TokenKind::Word => return mentions,
        _ => {}
    }
    let filled = string.replace("%I", "pgkeep_place").replace("%s", "pgkeep_place").replace("%L", "'pgkeep place'");
    match parse(&filled, ParserOptions::from(0)) {
        Ok(tree) => collect(&tree, Certainty::Dynamic, &mut mentions),
        // A piece of a statement: what stands where a table does.
        Err(_) => {
            for window in cut.windows(4).filter(|window| BEFORE_TABLE.iter().any(|word| window[0].is_word(word))) {
                if let (Some(schema), true, Some(name)) = (window[1].name(), window[2].is_symbol("."), window[3].name())
                {
                    let certainty = Certainty::Dynamic;
                    mentions.insert(Mention { schema: Some(schema), name, noun: Noun::Anything, certainty });
                }
            }
        }
    }
    mentions.retain(|mention| mention.schema.as_deref() != Some("pgkeep_place") && mention.name != "pgkeep_place");
    mentions.into_iter().map(|mention| Mention { certainty: Certainty::Dynamic, ..mention }).collect()
}
