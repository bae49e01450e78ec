//! What a target has before a restore, and that is as the restore would make it: an extension that an administrator made, most often,
//! and its schema. An ordinary role could not make it, and need not.

use std::collections::BTreeMap;

use super::{Owners, RestoreOptions};
use crate::schema::archive::{Entry, Kind};
use crate::schema::lexer::{TokenKind, tokens};

/// Objects of a target, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct There {
    pub extensions: BTreeMap<String, ExtensionThere>,
    pub schemas: BTreeMap<String, SchemaThere>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtensionThere {
    pub schema: String,
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaThere {
    pub owner: String,
    pub comment: Option<String>,
}

/// What of an entry is left to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    All,
    /// The object is there; its owner may be another.
    Owner,
    Nothing,
}

impl There {
    pub(super) fn left(&self, entry: &Entry, options: &RestoreOptions) -> Left {
        match entry.kind {
            Kind::Schema => match self.schemas.get(&entry.tag) {
                None => Left::All,
                Some(there) if options.owners == Owners::Restorer || is_owner(entry, &there.owner, options) => {
                    Left::Nothing
                }
                Some(_) => Left::Owner,
            },
            Kind::Extension => match self.extensions.get(&entry.tag) {
                // `CREATE EXTENSION IF NOT EXISTS` would leave it where it is, and say nothing.
                Some(_) => Left::Nothing,
                None => Left::All,
            },
            Kind::Comment => {
                let of = |kind: &str| entry.tag.strip_prefix(kind);
                let extension = of("EXTENSION ").and_then(|name| self.extensions.get(name)).map(|x| &x.comment);
                let schema = of("SCHEMA ").and_then(|name| self.schemas.get(name)).map(|s| &s.comment);
                let there = extension.or(schema).and_then(Option::as_deref);
                if there.is_some() && there == comment(entry).as_deref() { Left::Nothing } else { Left::All }
            }
            _ => Left::All,
        }
    }

    /// What is to be said of an extension that is there.
    pub(super) fn differs(&self, entry: &Entry) -> Option<String> {
        let there = self.extensions.get(&entry.tag).filter(|_| entry.kind == Kind::Extension)?;
        let tokens = tokens(entry.defn.as_bytes());
        let wanted = tokens.windows(3).find(|three| three[0].is_word("WITH") && three[1].is_word("SCHEMA"));
        let wanted = wanted.and_then(|three| three[2].name())?;
        (wanted != there.schema).then(|| {
            format!("the extension {} is there already, in the schema {}, and was in {wanted}", entry.tag, there.schema)
        })
    }
}

fn is_owner(entry: &Entry, owner: &str, options: &RestoreOptions) -> bool {
    entry.owner.as_deref().is_none_or(|wanted| options.roles.name(wanted) == owner)
}

/// `COMMENT ON ... IS 'text';`
fn comment(entry: &Entry) -> Option<String> {
    let tokens = tokens(entry.defn.as_bytes());
    let last = tokens.iter().rev().find(|token| token.kind == TokenKind::Literal)?;
    String::from_utf8(last.literal()?.into_owned()).ok()
}
