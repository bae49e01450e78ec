//! The SQL of one entry.

use super::roles::with_roles_mapped;
use super::there::Left;
use super::{Owners, RestoreOptions, Step, Transaction, database, defaults, tablespaces};
use crate::schema::archive::{Archive, Entry, Kind, SqlText};
use crate::schema::lexer::{quoted, tokens};

/// What `pg_restore` sets on its session before it runs anything, and what the archive says of its own SQL.
///
/// Source: the head of `pg_restore -f -`. Its `transaction_timeout`, which only servers from 17 on know, is left to the session's owner.
pub(super) fn session(archive: &Archive) -> Vec<SqlText> {
    let fixed = [
        "SET statement_timeout = 0;",
        "SET lock_timeout = 0;",
        "SET idle_in_transaction_session_timeout = 0;",
        // Bodies may name what comes later.
        "SET check_function_bodies = false;",
        "SET xmloption = content;",
        "SET client_min_messages = warning;",
        "SET row_security = off;",
        // Steps name another one where they need it.
        "SET default_tablespace = '';",
        "SET default_table_access_method = heap;",
    ];
    // Not the encoding: a session has that of what it is sent.
    let is_ours = |entry: &&Entry| entry.kind.is_session_setting() && entry.kind != Kind::Encoding;
    let own = archive.entries().iter().filter(is_ours);
    fixed.into_iter().map(SqlText::new).chain(own.map(|entry| entry.defn.clone())).collect()
}

/// Writes steps, with the settings that hold for a whole archive.
pub(super) struct Writer<'a> {
    options: &'a RestoreOptions,
    /// Some object lives outside the default tablespace, so every object names its own: sessions are shared by steps.
    names_tablespaces: bool,
    names_access_methods: bool,
}

impl<'a> Writer<'a> {
    pub fn new(archive: &Archive, options: &'a RestoreOptions) -> Writer<'a> {
        let any = |differs: &dyn Fn(&Entry) -> bool| archive.entries().iter().any(differs);
        let place =
            |entry: &Entry| entry.tablespace.as_deref().and_then(|name| options.tablespaces.place(name)).is_some();
        Writer {
            options,
            names_tablespaces: any(&place),
            names_access_methods: any(&|entry| entry.table_am.as_deref().is_some_and(|method| method != "heap")),
        }
    }

    pub fn step(&self, entry: &Entry, left: Left) -> Step {
        Step {
            dump_id: entry.dump_id,
            label: entry.label(),
            statements: if left == Left::Owner {
                self.owner(entry).into_iter().collect()
            } else {
                self.statements(entry)
            },
            transaction: match entry.kind {
                Kind::Database => Transaction::Forbidden,
                _ => Transaction::Allowed,
            },
            acts_as: None,
        }
    }

    fn statements(&self, entry: &Entry) -> Vec<SqlText> {
        let mut statements: Vec<SqlText> = self.options.there.taken_from_public(entry).into_iter().collect();
        // `-- *not* creating schema, since initdb creates it` is all that schema public has.
        let makes_something = !tokens(entry.defn.as_bytes()).is_empty();
        if makes_something {
            statements.extend(self.settings(entry));
            statements.push(self.definition(entry));
            if entry.relkind == Some(PARTITIONED) {
                statements.extend(entry.table_am.as_deref().map(|method| {
                    let method = quoted(method);
                    SqlText::new(format!("ALTER TABLE {} SET ACCESS METHOD {method};", qualified(entry, &entry.tag)))
                }));
            }
        }
        statements.extend(self.owner(entry));
        if makes_something {
            statements.extend(defaults::undone(entry, self.options));
        }
        statements
    }

    fn definition(&self, entry: &Entry) -> SqlText {
        let renamed = self.options.database.as_deref().filter(|_| database::names_its_database(entry));
        let defn = match renamed {
            Some(name) => database::with_name(entry.defn.as_bytes(), name),
            None => entry.defn.clone(),
        };
        let defn =
            if entry.kind == Kind::Database { tablespaces::of_database(defn, &self.options.tablespaces) } else { defn };
        with_roles_mapped(entry.kind, defn, &self.options.roles)
    }

    fn settings(&self, entry: &Entry) -> Vec<SqlText> {
        let mut settings = Vec::new();
        if let (true, Some(tablespace)) = (self.names_tablespaces, &entry.tablespace) {
            let value = self.options.tablespaces.place(tablespace).map_or("''".to_owned(), quoted);
            settings.push(SqlText::new(format!("SET default_tablespace = {value};")));
        }
        if let (true, Some(method)) = (self.names_access_methods && entry.relkind != Some(PARTITIONED), &entry.table_am)
        {
            settings.push(SqlText::new(format!("SET default_table_access_method = {};", quoted(method))));
        }
        settings
    }

    /// What has no DROP statement has no owner of its own: an index, an attachment.
    fn owner(&self, entry: &Entry) -> Option<SqlText> {
        let owner = entry.owner.as_deref().filter(|_| self.options.owners == Owners::Keep)?;
        if entry.drop_stmt.is_empty() {
            return None;
        }
        let object = match ownership(entry.kind) {
            Ownership::None => return None,
            Ownership::ByName => {
                let name = match (&self.options.database, entry.kind) {
                    (Some(name), Kind::Database) => name,
                    _ => &entry.tag,
                };
                format!("{} {}", entry.desc, qualified(entry, name)).into_bytes()
            }
            Ownership::BySignature => signature(entry)?.to_vec(),
        };
        let owner = quoted(self.options.roles.name(owner));
        let mut statement = b"ALTER ".to_vec();
        statement.extend(object);
        statement.extend(format!(" OWNER TO {owner};").into_bytes());
        Some(SqlText::new(statement))
    }
}

/// `pg_class.relkind` of a partitioned table: it has no storage, so no session setting gives it an access method.
const PARTITIONED: char = 'p';

fn qualified(entry: &Entry, name: &str) -> String {
    match &entry.namespace {
        Some(namespace) => format!("{}.{}", quoted(namespace), quoted(name)),
        None => quoted(name),
    }
}

enum Ownership {
    None,
    ByName,
    /// The name needs argument types or the like, which the DROP statement spells out.
    BySignature,
}

fn ownership(kind: Kind) -> Ownership {
    match kind {
        Kind::Collation
        | Kind::Conversion
        | Kind::Domain
        | Kind::ForeignTable
        | Kind::MaterializedView
        | Kind::Sequence
        | Kind::Statistics
        | Kind::Table
        | Kind::TextSearchDictionary
        | Kind::TextSearchConfiguration
        | Kind::Type
        | Kind::View
        | Kind::Database
        | Kind::Language
        | Kind::Schema
        | Kind::EventTrigger
        | Kind::ForeignDataWrapper
        | Kind::Server
        | Kind::Publication
        | Kind::Subscription => Ownership::ByName,
        Kind::Aggregate
        | Kind::Function
        | Kind::Procedure
        | Kind::Operator
        | Kind::OperatorClass
        | Kind::OperatorFamily => Ownership::BySignature,
        _ => Ownership::None,
    }
}

/// `FUNCTION core.f(integer)` out of `DROP FUNCTION core.f(integer);`.
fn signature(entry: &Entry) -> Option<&[u8]> {
    let signature = entry.drop_stmt.as_bytes().strip_prefix(b"DROP ")?.trim_ascii_end();
    Some(signature.strip_suffix(b";").unwrap_or(signature))
}
