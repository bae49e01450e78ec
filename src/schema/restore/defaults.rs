//! Default privileges that stand in the target: PostgreSQL gives them to whatever is made there, in the name of whoever makes it. What a
//! restore makes has the privileges that the archive says, and no others; so each step takes away what they gave, in its own transaction.
//! They themselves stay as they are.

use std::collections::BTreeSet;

use super::{Grants, Owners, RestoreOptions};
use crate::schema::archive::{Entry, Kind, SqlText};
use crate::schema::lexer::quoted;

/// `pg_default_acl.defaclobjtype`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectsOf {
    Tables,
    Sequences,
    Functions,
    Types,
    Schemas,
    LargeObjects,
}

impl ObjectsOf {
    /// None for what a newer server has.
    pub fn of_letter(letter: &str) -> Option<Self> {
        Some(match letter {
            "r" => ObjectsOf::Tables,
            "S" => ObjectsOf::Sequences,
            "f" => ObjectsOf::Functions,
            "T" => ObjectsOf::Types,
            "n" => ObjectsOf::Schemas,
            "L" => ObjectsOf::LargeObjects,
            _ => return None,
        })
    }

    pub fn word(self) -> &'static str {
        match self {
            ObjectsOf::Tables => "TABLES",
            ObjectsOf::Sequences => "SEQUENCES",
            ObjectsOf::Functions => "FUNCTIONS",
            ObjectsOf::Types => "TYPES",
            ObjectsOf::Schemas => "SCHEMAS",
            ObjectsOf::LargeObjects => "LARGE OBJECTS",
        }
    }

    /// The privilege that PostgreSQL gives to everybody.
    fn of_everybody(self) -> Option<&'static str> {
        match self {
            ObjectsOf::Functions => Some("EXECUTE"),
            ObjectsOf::Types => Some("USAGE"),
            _ => None,
        }
    }
}

/// What one role has set for new objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultPrivileges {
    /// Whoever makes the objects.
    pub role: String,
    pub objects: ObjectsOf,
    /// None for all schemas.
    pub schema: Option<String>,
    /// Who gets something; none is `PUBLIC`.
    pub grantees: BTreeSet<Option<String>>,
    /// Its maker, or everybody, gets less than without.
    pub lacks: Lacks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    Nothing,
    Something,
}

/// Statements for the end of the step that makes the entry's object.
pub(super) fn undone(entry: &Entry, options: &RestoreOptions) -> Vec<SqlText> {
    let Some((objects, object)) = named(entry).filter(|_| options.grants == Grants::Keep) else { return Vec::new() };
    let in_schema = |schema: &Option<String>| schema.is_none() || *schema == entry.namespace;
    let standing = options.there.defaults.iter().filter(|set| set.objects == objects && in_schema(&set.schema));
    let standing: Vec<&DefaultPrivileges> = standing.collect();
    let owner = entry.owner.as_deref().filter(|_| options.owners == Owners::Keep);
    let owner = owner.map_or(options.there.user.as_str(), |owner| options.roles.name(owner));
    let grantees: BTreeSet<&Option<String>> = standing.iter().flat_map(|set| &set.grantees).collect();
    let others = grantees.into_iter().filter(|grantee| match grantee {
        Some(role) => role != owner,
        None => objects.of_everybody().is_none(),
    });
    let others: Vec<String> =
        others.map(|grantee| grantee.as_deref().map_or_else(|| "PUBLIC".to_owned(), quoted)).collect();
    let mut statements = Vec::new();
    if !others.is_empty() {
        statements.push(SqlText::new(format!("REVOKE ALL ON {object} FROM {};", others.join(", "))));
    }
    if standing.iter().any(|set| set.lacks == Lacks::Something) {
        statements.push(SqlText::new(format!("GRANT ALL ON {object} TO {};", quoted(owner))));
        let everybodys = objects.of_everybody();
        statements
            .extend(everybodys.map(|privilege| SqlText::new(format!("GRANT {privilege} ON {object} TO PUBLIC;"))));
    }
    statements
}

/// Large objects have no steps.
pub(super) fn of_large_objects(options: &RestoreOptions) -> BTreeSet<Option<String>> {
    let of_them = options.there.defaults.iter().filter(|set| set.objects == ObjectsOf::LargeObjects);
    of_them.flat_map(|set| set.grantees.clone()).filter(|_| options.grants == Grants::Keep).collect()
}

/// As GRANT calls it; none for what has no default privileges.
fn named(entry: &Entry) -> Option<(ObjectsOf, String)> {
    let name = || match &entry.namespace {
        Some(namespace) => format!("{}.{}", quoted(namespace), quoted(&entry.tag)),
        None => quoted(&entry.tag),
    };
    Some(match entry.kind {
        Kind::Table | Kind::View | Kind::MaterializedView | Kind::ForeignTable => {
            (ObjectsOf::Tables, format!("TABLE {}", name()))
        }
        Kind::Sequence => (ObjectsOf::Sequences, format!("SEQUENCE {}", name())),
        Kind::Type | Kind::Domain => (ObjectsOf::Types, format!("TYPE {}", name())),
        Kind::Schema => (ObjectsOf::Schemas, format!("SCHEMA {}", quoted(&entry.tag))),
        Kind::Function | Kind::Procedure | Kind::Aggregate => {
            let text = entry.drop_stmt.to_display();
            let signature = text.trim().trim_end_matches(';').strip_prefix("DROP ")?;
            let (_, signature) = signature.split_once(' ')?;
            // What an aggregate sorts by are arguments as well, to GRANT.
            let signature = signature.replace("(*)", "()").replace(" ORDER BY ", ", ");
            (ObjectsOf::Functions, format!("ROUTINE {signature}"))
        }
        _ => return None,
    })
}

/// What is to be said of default privileges that nothing is done about: the operator wants no privileges of the snapshot's.
pub(super) fn told(options: &RestoreOptions) -> Option<String> {
    let giving = |set: &&DefaultPrivileges| !set.grantees.iter().all(|role| role.as_deref() == Some(&*set.role));
    let told: BTreeSet<String> = options.there.defaults.iter().filter(giving).map(described).collect();
    let told: Vec<String> = told.into_iter().collect();
    (options.grants == Grants::Omit && !told.is_empty()).then(|| {
        format!("with --no-acl, what is restored gets the default privileges of the database: {}", told.join("; "))
    })
}

/// `those of the role app for TABLES in the schema shop, to reader, PUBLIC`
fn described(set: &DefaultPrivileges) -> String {
    let to: Vec<&str> = set.grantees.iter().map(|role| role.as_deref().unwrap_or("PUBLIC")).collect();
    let within = set.schema.as_ref().map(|schema| format!(" in the schema {schema}")).unwrap_or_default();
    format!("those of the role {} for {}{within}, to {}", set.role, set.objects.word(), to.join(", "))
}
