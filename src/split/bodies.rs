//! What the body of a function names.
//!
//! PostgreSQL records no dependency for a body that is a string. Here PostgreSQL's own parser (libpg_query) reads it: SQL as it
//! stands, PL/pgSQL statement by statement. Each mention says how sure it is: a name that the parser found, one in a string that is
//! executed dynamically, or one that merely stands in a text that could not be parsed.

mod plpgsql;
mod raising;
mod tree;

use std::collections::BTreeSet;

use pg_query::ParserOptions;
use serde::Serialize;
use serde_json::Value;

use crate::schema::archive::{Entry, Kind};
use crate::schema::lexer::{TokenKind, tokens};
pub use raising::{Raising, raising};
use tree::collect;

/// How sure it is that something refers to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// PostgreSQL's catalog says so.
    Catalog,
    /// The parser found the name where SQL has a name.
    Parsed,
    /// It stands in a string that is put together and executed, or read as a name.
    Dynamic,
    /// It stands in a text that could not be parsed.
    Text,
}

/// What a mentioned name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noun {
    Relation,
    /// A relation that the statement writes; it is mentioned as a relation as well.
    Written,
    Function,
    Type,
    /// It stands in a string or in a text: a relation, or nothing at all.
    Anything,
}

/// A name in a body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mention {
    pub schema: Option<String>,
    pub name: String,
    pub noun: Noun,
    pub certainty: Certainty,
}

/// A function or procedure as far as its text goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    pub language: String,
    pub mentions: BTreeSet<Mention>,
    /// `SET search_path` of the function itself, where it has one.
    pub search_path: Option<Vec<String>>,
    /// Why the parser could not read it; the mentions are then those of the text.
    pub unparsed: Option<String>,
}

/// What the function's body names. `None` for other entries and for compiled functions. Of a body that PostgreSQL parsed itself
/// (`BEGIN ATOMIC`) the catalog has the dependencies, and not which of them it writes.
pub fn body(entry: &Entry) -> Option<Body> {
    if !matches!(entry.kind, Kind::Function | Kind::Procedure) {
        return None;
    }
    let text = entry.defn.to_display();
    let Some(definition) = definition(&text) else { return atomic(&text) };
    let mut body =
        Body { language: definition.language.clone(), search_path: definition.search_path.clone(), ..Body::default() };
    let parsed = match definition.language.as_str() {
        "c" | "internal" => return None,
        "sql" => sql(&definition.text),
        "plpgsql" => plpgsql::mentions(&definition),
        other => Err(format!("it is written in {other}")),
    };
    match parsed {
        Ok(mentions) => body.mentions = mentions,
        Err(why) => {
            body.mentions = words(&definition.text);
            body.unparsed = Some(why);
        }
    }
    Some(body)
}

/// The relations that the body of an event trigger's function writes, each by its schema, where the body names it, and its name. None where a
/// write that is refused would be caught.
pub fn written_by(language: &str, body: &str) -> BTreeSet<(Option<String>, String)> {
    let tokens = tokens(body.as_bytes());
    if language != "plpgsql" || tokens.windows(2).any(|two| two[0].is_word("EXCEPTION") && two[1].is_word("WHEN")) {
        return BTreeSet::new();
    }
    let header = "CREATE FUNCTION f(tg_event text, tg_tag text) RETURNS void LANGUAGE plpgsql".to_owned();
    let definition = Definition { language: language.to_owned(), header, text: body.to_owned(), search_path: None };
    let mentions = plpgsql::mentions(&definition).unwrap_or_default();
    let written = mentions.into_iter().filter(|mention| mention.noun == Noun::Written);
    written.map(|mention| (mention.schema, mention.name)).collect()
}

/// A body that is no string; none where the parser does not read it, and the catalog alone counts.
fn atomic(text: &str) -> Option<Body> {
    let tree = parse(text, ParserOptions::from(0)).ok()?;
    let mut body = Body { language: "sql".into(), ..Body::default() };
    collect(sql_body(&tree)?, Certainty::Parsed, &mut body.mentions);
    Some(body)
}

fn sql_body(tree: &Value) -> Option<&Value> {
    match tree {
        Value::Array(items) => items.iter().find_map(sql_body),
        Value::Object(fields) => {
            let own = fields.get("sql_body").filter(|body| !body.is_null());
            own.or_else(|| fields.values().find_map(sql_body))
        }
        _ => None,
    }
}

/// The parts of `CREATE FUNCTION`.
pub(super) struct Definition {
    pub language: String,
    /// All before the body.
    pub header: String,
    pub text: String,
    pub search_path: Option<Vec<String>>,
}

/// Cuts a definition as pg_dump writes it: `... LANGUAGE name ... AS $$body$$;`.
fn definition(sql: &str) -> Option<Definition> {
    let tokens = tokens(sql.as_bytes());
    // Owners and grants follow in statements of their own.
    let end = tokens.iter().position(|token| token.is_symbol(";")).unwrap_or(tokens.len());
    let tokens = &tokens[..end];
    let language = tokens.windows(2).find(|pair| pair[0].is_word("LANGUAGE")).and_then(|pair| pair[1].name())?;
    let at = tokens.windows(2).rposition(|pair| pair[0].is_word("AS") && pair[1].kind == TokenKind::Literal)?;
    let text = String::from_utf8_lossy(&tokens[at + 1].literal()?).into_owned();
    let path = tokens[..at].windows(2).position(|pair| pair[0].is_word("SET") && pair[1].is_word("search_path"));
    let search_path = path.map(|path| {
        let values = tokens[path + 3..at].iter().take_while(|token| !is_clause(token));
        values.filter_map(|token| token.name().or_else(|| Some(lossy(&token.literal()?)))).collect()
    });
    let header = sql.get(..tokens[at].range.start)?.to_owned();
    Some(Definition { language, header, text, search_path })
}

fn is_clause(token: &crate::schema::lexer::Token<'_>) -> bool {
    ["SET", "AS", "COST", "ROWS", "STABLE", "IMMUTABLE", "VOLATILE"].iter().any(|word| token.is_word(word))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The names in statements of SQL.
fn sql(text: &str) -> Result<BTreeSet<Mention>, String> {
    let mut mentions = BTreeSet::new();
    collect(&parse(text, ParserOptions::from(0))?, Certainty::Parsed, &mut mentions);
    Ok(mentions)
}

/// The parse tree as JSON: its walk then needs no list of node types that could be incomplete.
pub(super) fn parse(text: &str, options: ParserOptions) -> Result<Value, String> {
    let parsed = pg_query::parse(text, options).map_err(|error| error.to_string())?;
    serde_json::to_value(&parsed.protobuf).map_err(|error| error.to_string())
}

/// `schema.name`, wherever it stands in the text, strings included.
fn words(text: &str) -> BTreeSet<Mention> {
    let mut mentions = BTreeSet::new();
    let tokens = tokens(text.as_bytes());
    for window in tokens.windows(3) {
        if let (Some(schema), true, Some(name)) = (window[0].name(), window[1].is_symbol("."), window[2].name()) {
            mentions.insert(Mention { schema: Some(schema), name, noun: Noun::Anything, certainty: Certainty::Text });
        }
    }
    // What other languages put in double quotes is a string. It is shorter than the text around it, so this ends.
    let quoted = |token: &crate::schema::lexer::Token<'_>| token.kind == TokenKind::Quoted && !token.body.is_empty();
    for token in &tokens {
        let inner = token.literal().or_else(|| quoted(token).then_some(std::borrow::Cow::Borrowed(token.body)));
        mentions.extend(inner.into_iter().flat_map(|inner| words(&lossy(&inner))));
    }
    mentions
}

#[cfg(test)]
mod tests;
