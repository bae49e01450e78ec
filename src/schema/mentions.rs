//! Names in the text of functions.
//!
//! PostgreSQL records no dependency for a body that is a string, so an extension or a function that only such a body names is
//! found by reading it. That is a guess on the safe side: it may find too much, and a name put together at run time it cannot find.

use std::collections::HashMap;

use super::archive::{Archive, Entry, Kind};
use super::facts::Facts;
use super::lexer::{Token, TokenKind, tokens};

/// The names that a body can mention, and the entries that stand behind them.
pub(crate) struct Mentions {
    functions: HashMap<String, Vec<Place>>,
    types: HashMap<String, Vec<Place>>,
    dictionaries: HashMap<String, Vec<Place>>,
    relations: HashMap<String, Vec<Place>>,
}

/// A schema and the position of the entry that puts the name there.
#[derive(Clone)]
struct Place {
    schema: String,
    position: usize,
}

impl Mentions {
    pub fn new(archive: &Archive, facts: &Facts) -> Mentions {
        let mut mentions = Mentions {
            functions: HashMap::new(),
            types: HashMap::new(),
            dictionaries: HashMap::new(),
            relations: HashMap::new(),
        };
        for (position, entry) in archive.entries().iter().enumerate() {
            match (entry.kind, &entry.namespace) {
                (Kind::Extension, _) => mentions.add_extension(position, entry, facts),
                (Kind::Function | Kind::Procedure | Kind::Aggregate, Some(schema)) => {
                    // The tag is `name(types)`.
                    let name = entry.tag.rsplit_once('(').map_or(entry.tag.as_str(), |(name, _)| name);
                    add(&mut mentions.functions, name, schema, position);
                }
                (Kind::Type | Kind::Domain, Some(schema)) => add(&mut mentions.types, &entry.tag, schema, position),
                (Kind::TextSearchDictionary | Kind::TextSearchConfiguration, Some(schema)) => {
                    add(&mut mentions.dictionaries, &entry.tag, schema, position);
                }
                (kind, Some(schema)) if kind.is_relation() => {
                    add(&mut mentions.relations, &entry.tag, schema, position)
                }
                _ => {}
            }
        }
        mentions
    }

    fn add_extension(&mut self, position: usize, entry: &Entry, facts: &Facts) {
        let Some(extension) = facts.extensions.get(&entry.tag) else { return };
        let names = [
            (&mut self.functions, &extension.functions),
            (&mut self.types, &extension.types),
            (&mut self.dictionaries, &extension.dictionaries),
        ];
        for (map, names) in names {
            names.iter().for_each(|name| add(map, name, &extension.schema, position));
        }
    }

    /// The relations that the function's text names, as far as it has names that are theirs: any word may be one.
    pub fn relations_of(&self, entry: &Entry) -> Vec<usize> {
        let Some(namespace) = entry.namespace.as_deref() else { return Vec::new() };
        let Some(body) = body(entry) else { return Vec::new() };
        let tokens = tokens(&body);
        let mut found = Vec::new();
        let mut index = 0;
        while index < tokens.len() {
            let name = qualified_name(&tokens[index..]);
            index += name.len().saturating_mul(2).saturating_sub(1).max(1);
            found.extend(resolve(&self.relations, &name, namespace));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether the function's text has names without a schema, and says nowhere in which to look: those of tables behind FROM and the
    /// like, and those of functions.
    pub fn needs_a_search_path(&self, entry: &Entry) -> bool {
        let Some(namespace) = entry.namespace.as_deref() else { return false };
        let Some(body) = body(entry) else { return false };
        let head = tokens(entry.defn.as_bytes());
        if head.windows(2).any(|pair| pair[0].is_word("SET") && pair[1].is_word("search_path")) {
            return false;
        }
        const BEFORE_A_TABLE: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];
        let tokens = tokens(&body);
        let mut index = 0;
        while index < tokens.len() {
            let before = index.checked_sub(1).map(|before| &tokens[before]);
            let name = qualified_name(&tokens[index..]);
            index += name.len().saturating_mul(2).saturating_sub(1).max(1);
            if name.len() != 1 {
                continue;
            }
            let of_a_table = before.is_some_and(|before| BEFORE_A_TABLE.iter().any(|word| before.is_word(word)));
            let of_a_function = tokens.get(index).is_some_and(|token| token.is_symbol("("));
            let found = |map| !resolve(map, &name, namespace).is_empty();
            if of_a_table && found(&self.relations) || of_a_function && !of_a_table && found(&self.functions) {
                return true;
            }
        }
        false
    }

    /// The entries that the function's text names, without relations. Empty for other entries, for bodies that PostgreSQL parsed itself
    /// (`BEGIN ATOMIC`) and for compiled ones.
    pub fn of(&self, entry: &Entry) -> Vec<usize> {
        let Some(namespace) = entry.namespace.as_deref() else { return Vec::new() };
        let Some(body) = body(entry) else { return Vec::new() };
        let tokens = tokens(&body);
        let mut found = Vec::new();
        let mut index = 0;
        while index < tokens.len() {
            let before = index.checked_sub(1).map(|before| &tokens[before]);
            if let Some(literal) = tokens[index].literal() {
                found.extend(resolve(&self.dictionaries, &name_in(&literal), namespace));
                index += 1;
                continue;
            }
            let name = qualified_name(&tokens[index..]);
            index += name.len().saturating_mul(2).saturating_sub(1).max(1);
            if name.is_empty() {
                continue;
            }
            if tokens.get(index).is_some_and(|token| token.is_symbol("(")) {
                found.extend(resolve(&self.functions, &name, namespace));
            }
            if before.is_some_and(may_precede_a_type) {
                found.extend(resolve(&self.types, &name, namespace));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn add(map: &mut HashMap<String, Vec<Place>>, name: &str, schema: &str, position: usize) {
    map.entry(name.to_owned()).or_default().push(Place { schema: schema.to_owned(), position });
}

/// What a name stands for, seen from a function in `home`: without a schema, what is in `home` or `public`, and what is
/// elsewhere only if there is one such schema.
fn resolve(map: &HashMap<String, Vec<Place>>, name: &[String], home: &str) -> Vec<usize> {
    let (schema, name) = match name {
        [name] => (None, name),
        [.., schema, name] => (Some(schema), name),
        [] => return Vec::new(),
    };
    let places = map.get(name).map(Vec::as_slice).unwrap_or_default();
    let within = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        places.iter().filter(|place| wanted(&place.schema)).map(|place| place.position).collect()
    };
    if let Some(schema) = schema {
        return within(&|place| place == schema);
    }
    let near = within(&|place| place == home || place == "public");
    let one_schema = places.windows(2).all(|pair| pair[0].schema == pair[1].schema);
    if near.is_empty() && one_schema { within(&|_| true) } else { near }
}

/// A function's body if it is a string of a language that names objects.
fn body(entry: &Entry) -> Option<Vec<u8>> {
    if !matches!(entry.kind, Kind::Function | Kind::Procedure) || is_compiled(entry) {
        return None;
    }
    let tokens = tokens(entry.defn.as_bytes());
    let pairs = tokens.windows(2).rev();
    let mut bodies = pairs.filter(|pair| pair[0].is_word("AS")).filter_map(|pair| pair[1].literal());
    bodies.next().map(|body| body.into_owned())
}

/// Whether the function has no text of its own.
pub(crate) fn is_compiled(entry: &Entry) -> bool {
    let tokens = tokens(entry.defn.as_bytes());
    let mut depth = 0usize;
    // Not that of an argument of that name, whose type is in a schema c, nor of a result.
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        let of_name = at > 0 && tokens[at - 1].is_symbol(".");
        if depth == 0 && !of_name && token.is_word("LANGUAGE") {
            let language = tokens.get(at + 1).and_then(Token::name);
            return matches!(language.as_deref(), Some("c" | "internal"));
        }
    }
    false
}

/// The dotted name that the tokens start with.
fn qualified_name(tokens: &[Token<'_>]) -> Vec<String> {
    let mut name = Vec::new();
    for pair in tokens.chunks(2) {
        let Some(part) = pair[0].name() else { break };
        name.push(part);
        if !pair.get(1).is_some_and(|dot| dot.is_symbol(".")) {
            break;
        }
    }
    name
}

/// The dotted name that is all of the text, or nothing.
fn name_in(text: &[u8]) -> Vec<String> {
    let tokens = tokens(text);
    let name = qualified_name(&tokens);
    if name.len() * 2 == tokens.len() + 1 { name } else { Vec::new() }
}

/// A type's name stands behind a cast or behind the name of what has the type. Key words that start an expression tell a
/// column from a type.
fn may_precede_a_type(token: &Token<'_>) -> bool {
    const BEFORE_EXPRESSIONS: [&str; 30] = [
        "select", "distinct", "from", "join", "where", "and", "or", "not", "by", "on", "using", "set", "into",
        "return", "when", "then", "else", "case", "in", "update", "limit", "having", "if", "elsif", "while", "between",
        "like", "values", "perform", "call",
    ];
    match token.kind {
        TokenKind::Symbol => token.is_symbol("::"),
        TokenKind::Word => !BEFORE_EXPRESSIONS.iter().any(|word| token.is_word(word)),
        TokenKind::Quoted => true,
        TokenKind::Literal | TokenKind::Number => false,
    }
}

#[cfg(test)]
mod tests;
