//! What a restore makes, as the target's catalog would call it: what is there already is in its way.

use crate::schema::archive::{Archive, Entry, Kind};
use crate::schema::lexer::{TokenKind, tokens};
use crate::schema::selection::Selection;

/// Objects of one class must have different names, within a schema where they have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// All that `pg_class` knows: an index and a table cannot share a name.
    Relation,
    Type,
    /// With the types of its arguments: `slug(text)`.
    Routine,
    /// With the types of its operands: `=== (integer, NONE)`.
    Operator,
    /// With its access method: `ops USING btree`.
    OperatorClass,
    OperatorFamily,
    Collation,
    Conversion,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    Statistics,
    /// `CAST (core.state AS integer)`
    Cast,
    /// `TRANSFORM FOR integer LANGUAGE plx`
    Transform,
    Language,
    AccessMethod,
    ForeignDataWrapper,
    Server,
    EventTrigger,
    Publication,
    Subscription,
}

impl Class {
    /// The kind that `pg_dump` gives such objects; relations and routines have several.
    pub fn word(self) -> &'static str {
        match self {
            Class::Relation => "RELATION",
            Class::Type => "TYPE",
            Class::Routine => "ROUTINE",
            Class::Operator => "OPERATOR",
            Class::OperatorClass => "OPERATOR CLASS",
            Class::OperatorFamily => "OPERATOR FAMILY",
            Class::Collation => "COLLATION",
            Class::Conversion => "CONVERSION",
            Class::TextSearchParser => "TEXT SEARCH PARSER",
            Class::TextSearchTemplate => "TEXT SEARCH TEMPLATE",
            Class::TextSearchDictionary => "TEXT SEARCH DICTIONARY",
            Class::TextSearchConfiguration => "TEXT SEARCH CONFIGURATION",
            Class::Statistics => "STATISTICS",
            Class::Cast => "CAST",
            Class::Transform => "TRANSFORM",
            Class::Language => "PROCEDURAL LANGUAGE",
            Class::AccessMethod => "ACCESS METHOD",
            Class::ForeignDataWrapper => "FOREIGN DATA WRAPPER",
            Class::Server => "SERVER",
            Class::EventTrigger => "EVENT TRIGGER",
            Class::Publication => "PUBLICATION",
            Class::Subscription => "SUBSCRIPTION",
        }
    }
}

/// An object that an entry makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub class: Class,
    /// Empty for what lives in no schema.
    pub schema: String,
    pub name: String,
    /// The entry's.
    pub kind: Kind,
    /// The entry, for messages: `core.users`, `FUNCTION core.slug(text)`.
    pub label: String,
}

/// All that the selection makes, but schemas and extensions, which may be there. Parts of a table (columns' defaults, triggers, policies)
/// are not named: their table is. A user mapping is in the way only where its server is.
pub fn objects_made(archive: &Archive, selection: &Selection) -> Vec<Object> {
    archive.entries().iter().filter(|entry| selection.contains(entry.dump_id)).flat_map(objects_of).collect()
}

fn objects_of(entry: &Entry) -> Vec<Object> {
    let label = match entry.kind {
        Kind::Table | Kind::Sequence => entry.label().replacen(&format!("{} ", entry.desc), "", 1),
        // Their tag begins with their kind.
        Kind::Cast | Kind::Transform => entry.tag.clone(),
        _ => entry.label(),
    };
    let object = |class, name: String| {
        let schema = entry.namespace.clone().unwrap_or_default();
        Object { class, schema, name, kind: entry.kind, label: label.clone() }
    };
    let named = |class| vec![object(class, entry.tag.clone())];
    match entry.kind {
        // A relation's rows are of a type of its name.
        Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView => {
            vec![object(Class::Relation, entry.tag.clone()), object(Class::Type, entry.tag.clone())]
        }
        Kind::Sequence | Kind::Index => named(Class::Relation),
        Kind::Constraint => index_of(entry).map(|name| object(Class::Relation, name)).into_iter().collect(),
        Kind::Type if is_composite(entry) => {
            vec![object(Class::Type, entry.tag.clone()), object(Class::Relation, entry.tag.clone())]
        }
        Kind::Type | Kind::ShellType | Kind::Domain => named(Class::Type),
        Kind::Function | Kind::Procedure => named(Class::Routine),
        Kind::Aggregate => vec![object(Class::Routine, entry.tag.replace("(*)", "()"))],
        Kind::Operator => operands(entry).map(|name| object(Class::Operator, name)).into_iter().collect(),
        Kind::OperatorClass => by_method(entry).map(|name| object(Class::OperatorClass, name)).into_iter().collect(),
        Kind::OperatorFamily => by_method(entry).map(|name| object(Class::OperatorFamily, name)).into_iter().collect(),
        kind => alone(kind).map(named).unwrap_or_default(),
    }
}

/// Those whose name is their tag.
fn alone(kind: Kind) -> Option<Class> {
    Some(match kind {
        Kind::Collation => Class::Collation,
        Kind::Conversion => Class::Conversion,
        Kind::TextSearchParser => Class::TextSearchParser,
        Kind::TextSearchTemplate => Class::TextSearchTemplate,
        Kind::TextSearchDictionary => Class::TextSearchDictionary,
        Kind::TextSearchConfiguration => Class::TextSearchConfiguration,
        Kind::Statistics => Class::Statistics,
        Kind::Cast => Class::Cast,
        Kind::Transform => Class::Transform,
        Kind::Language => Class::Language,
        Kind::AccessMethod => Class::AccessMethod,
        Kind::ForeignDataWrapper => Class::ForeignDataWrapper,
        Kind::Server => Class::Server,
        Kind::EventTrigger => Class::EventTrigger,
        Kind::Publication => Class::Publication,
        Kind::Subscription => Class::Subscription,
        _ => return None,
    })
}

/// The index behind `ALTER TABLE ... ADD CONSTRAINT name PRIMARY KEY ...`; checks have none.
fn index_of(entry: &Entry) -> Option<String> {
    let tokens = tokens(entry.defn.as_bytes());
    let three = tokens.windows(3).find(|three| three[0].is_word("CONSTRAINT"))?;
    let has_index = ["PRIMARY", "UNIQUE", "EXCLUDE"].iter().any(|word| three[2].is_word(word));
    three[1].name().filter(|_| has_index)
}

/// `CREATE TYPE core.pair AS (...)`
fn is_composite(entry: &Entry) -> bool {
    let tokens = tokens(entry.defn.as_bytes());
    tokens.windows(2).find(|two| two[0].is_word("AS")).is_some_and(|two| two[1].is_symbol("("))
}

/// `=== (integer, integer)` of `DROP OPERATOR core.=== (integer, integer);`
fn operands(entry: &Entry) -> Option<String> {
    let text = entry.drop_stmt.to_display();
    let at = text.rfind(&format!("{} (", entry.tag))?;
    Some(text[at..].trim_end().trim_end_matches(';').to_owned())
}

/// `ops USING btree` of `DROP OPERATOR CLASS core.ops USING btree;`
fn by_method(entry: &Entry) -> Option<String> {
    let tokens = tokens(entry.drop_stmt.as_bytes());
    let method = tokens.iter().rev().find(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))?.name()?;
    Some(format!("{} USING {method}", entry.tag))
}
