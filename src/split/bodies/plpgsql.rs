//! PL/pgSQL, read by PostgreSQL's own parser of it.

use std::collections::BTreeSet;
use std::ops::Range;

use pg_query::ParserOptions;
use serde_json::Value;

use super::tree::collect;
use super::{Certainty, Definition, Mention, Noun, parse};
use crate::schema::lexer::{Token, TokenKind, tokens};

/// The names in all expressions and statements of the body, and in the types of its variables.
///
/// # Errors
/// What the parser says against the text.
pub fn mentions(definition: &Definition) -> Result<BTreeSet<Mention>, String> {
    let mut mentions = BTreeSet::new();
    let header = match trigger_header(&definition.header) {
        Some(header) => header.to_owned(),
        None => without_schemas(&definition.header, &types_in_header(&definition.header), &mut mentions),
    };
    // The types of arguments are dependencies that the catalog has.
    mentions.clear();
    let text = without_schemas(&definition.text, &types_in_declarations(&definition.text), &mut mentions);
    let mut tag = "$pgkeep$".to_owned();
    while text.contains(&tag) {
        tag.insert(1, '_');
    }
    let tree = pg_query::parse_plpgsql(&format!("{header} AS {tag}{text}{tag}")).map_err(|error| error.to_string())?;
    let mut failed = None;
    for (query, mode) in expressions(&tree) {
        match parse(query, ParserOptions::from(mode)) {
            Ok(tree) => collect(&tree, Certainty::Parsed, &mut mentions),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(mentions),
    }
}

/// The parser's output for triggers is not JSON, so they are read as functions whose arguments are what a trigger is given.
fn trigger_header(header: &str) -> Option<&'static str> {
    let tokens = tokens(header.as_bytes());
    let returns = tokens.windows(2).find(|pair| pair[0].is_word("RETURNS")).and_then(|pair| pair[1].name())?;
    match returns.as_str() {
        "trigger" => Some(
            "CREATE FUNCTION f(new pgkeep_row, old pgkeep_row, tg_name text, tg_when text, tg_level text, tg_op text, tg_relid oid, \
             tg_relname text, tg_table_name text, tg_table_schema text, tg_nargs integer, tg_argv text[]) RETURNS pgkeep_row LANGUAGE plpgsql",
        ),
        "event_trigger" => Some("CREATE FUNCTION f(tg_event text, tg_tag text) RETURNS void LANGUAGE plpgsql"),
        _ => None,
    }
}

/// `{"PLpgSQL_expr": {"query": "...", "parseMode": 2}}`, wherever it stands.
fn expressions(tree: &Value) -> Vec<(&str, i32)> {
    let mut found = Vec::new();
    let mut queue = vec![tree];
    while let Some(value) = queue.pop() {
        match value {
            Value::Array(items) => queue.extend(items),
            Value::Object(fields) => {
                if let Some(query) = fields.get("query").and_then(Value::as_str) {
                    let mode = fields.get("parseMode").and_then(Value::as_i64).unwrap_or(0);
                    found.push((query, i32::try_from(mode).unwrap_or(0)));
                }
                queue.extend(fields.values());
            }
            _ => {}
        }
    }
    found
}

/// The parser knows no schemas but `public` and `pg_catalog`, and takes an unknown type without a schema for a record. So the
/// schemas of types are left out of what it reads, and the types are noted here.
fn without_schemas(text: &str, prefixes: &[Range<usize>], mentions: &mut BTreeSet<Mention>) -> String {
    let mut without = String::with_capacity(text.len());
    let mut copied = 0;
    for prefix in prefixes {
        let cut = tokens(&text.as_bytes()[prefix.start..]);
        if let (Some(schema), Some(name)) = (cut.first().and_then(Token::name), cut.get(2).and_then(Token::name)) {
            mentions.insert(Mention { schema: Some(schema), name, noun: Noun::Type, certainty: Certainty::Parsed });
        }
        without.push_str(text.get(copied..prefix.start).unwrap_or_default());
        copied = prefix.end;
    }
    without.push_str(text.get(copied..).unwrap_or_default());
    without
}

/// Where `schema.` stands before a name.
fn prefixes(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let name = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
    let mut found = Vec::new();
    let mut index = 0;
    while index + 2 < tokens.len() {
        if name(&tokens[index]) && tokens[index + 1].is_symbol(".") && name(&tokens[index + 2]) {
            found.push(tokens[index].range.start..tokens[index + 1].range.end);
            index += 3;
        } else {
            index += 1;
        }
    }
    found
}

fn types_in_header(header: &str) -> Vec<Range<usize>> {
    prefixes(&tokens(header.as_bytes()))
}

/// Between `DECLARE` and `BEGIN`, what follows a variable's name: `x core.thing;`, `y core.thing.id%TYPE := ...`.
fn types_in_declarations(text: &str) -> Vec<Range<usize>> {
    let tokens = tokens(text.as_bytes());
    let mut found = Vec::new();
    let mut declaring = false;
    for statement in tokens.split(|token| token.is_symbol(";")) {
        let mut words = statement;
        if let Some(at) = words.iter().position(|token| token.is_word("DECLARE")) {
            (declaring, words) = (true, &words[at + 1..]);
        }
        if words.iter().any(|token| token.is_word("BEGIN")) {
            declaring = false;
        }
        if !declaring {
            continue;
        }
        let after = if words.get(1).is_some_and(|token| token.is_word("CONSTANT")) { 2 } else { 1 };
        let Some(declared) = words.get(after..) else { continue };
        if let Some(first) = prefixes(declared).into_iter().next()
            && declared.first().is_some_and(|token| token.range.start == first.start)
        {
            found.push(first);
        }
    }
    found
}
