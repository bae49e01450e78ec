//! What a target has before a restore, and that is as the restore would make it: an extension that an administrator made, most often,
//! and its schema. An ordinary role could not make it, and need not. A schema may be somebody's who has other things in it: it stays as it
//! is, whatever it is in the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults::DefaultPrivileges;
use super::grants::{DefaultGrant, Grant, defaults_described, described};
use super::{Grants, Owners, RestoreOptions, RoleMap};
use crate::schema::archive::{Archive, Entry, Kind, SqlText};
use crate::schema::facts::{Facts, PUBLIC};
use crate::schema::lexer::{quoted, tokens};
use crate::schema::selection::{Reason, Selection};

/// Objects of a target, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct There {
    pub extensions: BTreeMap<String, ExtensionThere>,
    pub schemas: BTreeMap<String, SchemaThere>,
    /// `public` becomes as it is in the snapshot: all of a whole one comes into a database that holds nothing else.
    pub takes_public: bool,
    /// What is to be done about its privileges before those of the snapshot are given.
    pub public: PublicThere,
    /// What whoever makes something there gives away with it.
    pub defaults: Vec<DefaultPrivileges>,
    /// Whoever restores.
    pub user: String,
    /// Whose the database is.
    pub database_owner: Option<String>,
}

/// Privileges on a `public` that becomes the snapshot's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PublicThere {
    /// Nothing is known of it, or nobody but its owner and everybody has any.
    #[default]
    Plain,
    /// They are the snapshot's already: whoever restores need not be able to give them.
    Alike,
    /// These roles have some that the snapshot does not say.
    Given(BTreeSet<String>),
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
    pub grants: BTreeSet<Grant>,
    /// What new objects in it are granted.
    pub defaults: BTreeSet<DefaultGrant>,
    /// By provider.
    pub labels: BTreeMap<String, String>,
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
                Some(there) if self.takes(&entry.tag) && is_other_owner(entry, there, options) => Left::Owner,
                Some(_) => Left::Nothing,
            },
            Kind::Extension => match self.extensions.get(&entry.tag) {
                // `CREATE EXTENSION IF NOT EXISTS` would leave it where it is, and say nothing.
                Some(_) => Left::Nothing,
                None => Left::All,
            },
            Kind::Acl if self.public == PublicThere::Alike && is_of_public(entry) => Left::Nothing,
            // It says what becomes of the objects of others, too.
            Kind::DefaultAcl if self.stays(entry.namespace.as_deref()) => Left::Nothing,
            kind if kind.is_remark() => {
                let schema = entry.remarks_on("SCHEMA").filter(|schema| self.schemas.contains_key(schema));
                let stays = schema.as_ref().is_some_and(|schema| !self.takes(schema));
                let of_extension = entry.remarks_on("EXTENSION").and_then(|name| self.extensions.get(&name));
                let of_schema = schema.and_then(|name| self.schemas.get(&name)).map(|schema| &schema.comment);
                let there = of_extension.map(|x| &x.comment).or(of_schema).and_then(Option::as_deref);
                let is_equal = kind == Kind::Comment && there.is_some() && there == entry.remark().as_deref();
                if stays || is_equal { Left::Nothing } else { Left::All }
            }
            _ => Left::All,
        }
    }

    /// Whether it is a schema that is there and stays as it is.
    fn stays(&self, schema: Option<&str>) -> bool {
        schema.is_some_and(|schema| self.schemas.contains_key(schema) && !self.takes(schema))
    }

    fn takes(&self, schema: &str) -> bool {
        self.takes_public && schema == PUBLIC
    }

    /// Compares the privileges on `public` with the snapshot's, where it becomes the snapshot's.
    pub fn compare_public(&mut self, facts: &Facts, owners: Owners, roles: &RoleMap) {
        let wanted = facts.schemas.as_ref().and_then(|schemas| schemas.get(PUBLIC));
        let (Some(wanted), Some(there)) = (wanted, self.schemas.get(PUBLIC).filter(|_| self.takes_public)) else {
            return;
        };
        let owner = roles.name(&wanted.owner);
        let grants = wanted.grants.iter().map(|grant| Grant {
            role: grant.grantee.as_deref().map(|role| roles.name(role).to_owned()),
            privilege: grant.privilege.clone(),
            grantable: grant.grantable,
        });
        // An owner who is another and stays has other rights of its own.
        let is_owners = |grant: &&Grant| grant.role.as_deref().is_some_and(|role| role == owner || role == there.owner);
        let same_owner = owner == there.owner;
        let counts = |grant: &&Grant| same_owner || !is_owners(grant);
        let grants: BTreeSet<Grant> = grants.collect();
        let alike = grants.iter().filter(counts).eq(there.grants.iter().filter(counts));
        let others = there.grants.iter().filter(|grant| !is_owners(grant)).filter_map(|grant| grant.role.clone());
        let others: BTreeSet<String> = others.collect();
        self.public = match alike && (same_owner || owners == Owners::Restorer) {
            true => PublicThere::Alike,
            false if others.is_empty() => PublicThere::Plain,
            false => PublicThere::Given(others),
        };
    }

    /// What others than the snapshot have given, before what the snapshot says is given.
    pub(super) fn taken_from_public(&self, entry: &Entry) -> Option<SqlText> {
        let PublicThere::Given(roles) = &self.public else { return None };
        let roles: Vec<String> = roles.iter().map(|role| quoted(role)).collect();
        (entry.kind == Kind::Acl && is_of_public(entry))
            .then(|| SqlText::new(format!("REVOKE ALL ON SCHEMA public FROM {} CASCADE;", roles.join(", "))))
    }

    /// What is to be said of the schemas that are there, that the selection has to do with, and that are otherwise than in the snapshot.
    pub(super) fn schemas_otherwise(
        &self,
        archive: &Archive,
        selection: &Selection,
        options: &RestoreOptions,
    ) -> Vec<String> {
        let selected = archive.entries().iter().filter(|entry| selection.contains(entry.dump_id));
        let named: BTreeSet<String> = selected.filter_map(schema_of).filter(|name| !self.takes(name)).collect();
        let differences = named.iter().filter_map(|name| {
            let differences = differences(name, self.schemas.get(name)?, archive, selection, options);
            (!differences.is_empty())
                .then(|| format!("schema {name} already exists and is not changed: {}", differences.join("; ")))
        });
        differences.collect()
    }

    /// Whose the target's database is, and whose the source's, where these differ.
    pub(super) fn other_owner(&self, archive: &Archive, options: &RestoreOptions) -> Option<(String, String)> {
        let database = archive.entries().iter().find(|entry| entry.kind == Kind::Database)?;
        let wanted = database.owner.as_deref().filter(|_| options.owners == Owners::Keep)?;
        let (is, was) = (self.database_owner.as_deref()?, options.roles.name(wanted));
        (is != was).then(|| (is.to_owned(), was.to_owned()))
    }

    /// What is to be said of an extension that is there.
    pub(super) fn differs(&self, entry: &Entry) -> Option<String> {
        let (is_in, was_in) = self.elsewhere(entry)?;
        Some(format!("the extension {} already exists in the schema {is_in}, but was in {was_in}", entry.tag))
    }

    /// Of an extension that is there in another schema than the source's: in which, and in which the source has it.
    pub(super) fn elsewhere(&self, entry: &Entry) -> Option<(String, String)> {
        let there = self.extensions.get(&entry.tag).filter(|_| entry.kind == Kind::Extension)?;
        let tokens = tokens(entry.defn.as_bytes());
        let wanted = tokens.windows(3).find(|three| three[0].is_word("WITH") && three[1].is_word("SCHEMA"));
        let wanted = wanted.and_then(|three| three[2].name())?;
        (wanted != there.schema).then(|| (there.schema.clone(), wanted))
    }
}

fn is_of_public(entry: &Entry) -> bool {
    entry.remarks_on("SCHEMA").as_deref() == Some(PUBLIC)
}

/// What initdb says of it, and the archive therefore does not.
const COMMENT_OF_PUBLIC: &str = "standard public schema";

/// The schema that the entry makes or says something of.
fn schema_of(entry: &Entry) -> Option<String> {
    match entry.kind {
        Kind::Schema => Some(entry.tag.clone()),
        Kind::DefaultAcl => entry.namespace.clone(),
        _ => entry.remarks_on("SCHEMA"),
    }
}

/// Whether all of a schema was asked for, and not only something that is in it.
fn is_asked(entries: &[&Entry], selection: &Selection) -> bool {
    let mut reasons = entries.iter().filter_map(|entry| selection.entries.get(&entry.dump_id));
    reasons.any(|reason| matches!(reason, Reason::Whole | Reason::Asked))
}

fn is_other_owner(entry: &Entry, there: &SchemaThere, options: &RestoreOptions) -> bool {
    let wanted = entry.owner.as_deref().filter(|_| options.owners == Owners::Keep);
    wanted.is_some_and(|wanted| options.roles.name(wanted) != there.owner)
}

fn differences(
    name: &str,
    there: &SchemaThere,
    archive: &Archive,
    selection: &Selection,
    options: &RestoreOptions,
) -> Vec<String> {
    let entries: Vec<&Entry> =
        archive.entries().iter().filter(|entry| schema_of(entry).as_deref() == Some(name)).collect();
    let of_kind = |kind: Kind| entries.iter().copied().filter(move |entry| entry.kind == kind);
    let mut differences = Vec::new();
    let made = of_kind(Kind::Schema).next();
    let owner = made.and_then(|entry| entry.owner.as_deref()).map(|owner| options.roles.name(owner));
    if made.is_some_and(|entry| is_other_owner(entry, there, options)) {
        differences.push(format!("its owner is {} instead of {}", there.owner, owner.unwrap_or_default()));
    }
    let unsaid = (name == PUBLIC).then(|| COMMENT_OF_PUBLIC.to_owned());
    let comment = of_kind(Kind::Comment).next().map_or(unsaid, Entry::remark).filter(|comment| !comment.is_empty());
    if comment != there.comment {
        differences.push("its comment differs".into());
    }
    if options.grants == Grants::Keep {
        let wanted = Grant::of_schema(archive, name == PUBLIC, of_kind(Kind::Acl), &options.roles);
        // An owner's rights are not granted.
        let is_owners = |grant: &&Grant| {
            let role = grant.role.as_deref();
            role.is_some() && (role == owner || role == Some(there.owner.as_str()))
        };
        let only = |of: &BTreeSet<Grant>, not: &BTreeSet<Grant>| {
            described(of.difference(not).filter(|grant| !is_owners(grant)))
        };
        let told = |what: &str, grants: String| (!grants.is_empty()).then(|| format!("{what} {grants}"));
        differences.extend(told("grants are missing:", only(&wanted, &there.grants)));
        differences.extend(told("it has additional grants", only(&there.grants, &wanted)));
        if is_asked(&entries, selection) {
            let wanted = DefaultGrant::of_schema(of_kind(Kind::DefaultAcl), &options.roles);
            let lacks = defaults_described(wanted.difference(&there.defaults));
            differences.extend(told("default privileges are missing:", lacks));
            let beyond = defaults_described(there.defaults.difference(&wanted));
            differences.extend(told("it has additional default privileges", beyond));
        }
    }
    let labels = of_kind(Kind::SecurityLabel).filter_map(|entry| Some((entry.provider()?, entry.remark()?)));
    if labels.collect::<BTreeMap<_, _>>() != there.labels {
        differences.push("its security labels differ".into());
    }
    differences
}
