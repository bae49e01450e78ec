//! What is granted on a schema, as an archive says it.

use std::collections::BTreeSet;

use super::RoleMap;
use crate::schema::archive::{Archive, Entry};
use crate::schema::lexer::{Token, tokens};

/// One privilege on a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `None` is `PUBLIC`.
    pub role: Option<String>,
    pub privilege: String,
    pub grantable: bool,
}

const PRIVILEGES: [&str; 2] = ["CREATE", "USAGE"];
/// From this version on, what pg_dump writes of `public` begins with a schema in which not everybody may make something.
const PUBLIC_IS_CLOSED: u32 = 15;

impl Grant {
    /// What a schema's entries grant, with the roles' names in the target.
    pub(super) fn of_schema<'a>(
        archive: &Archive,
        is_public: bool,
        entries: impl Iterator<Item = &'a Entry>,
        roles: &RoleMap,
    ) -> BTreeSet<Grant> {
        let mut grants = BTreeSet::new();
        if is_public {
            let version =
                archive.header().dump_version.as_deref().and_then(|text| text.split('.').next()?.parse().ok());
            let closed = version.is_none_or(|major: u32| major >= PUBLIC_IS_CLOSED);
            let everybodys = PRIVILEGES.iter().filter(|privilege| !closed || **privilege == "USAGE");
            grants.extend(everybodys.map(|privilege| Grant {
                role: None,
                privilege: (*privilege).to_owned(),
                grantable: false,
            }));
        }
        for entry in entries {
            for statement in tokens(entry.defn.as_bytes()).split(|token| token.is_symbol(";")) {
                apply(statement, &mut grants, roles);
            }
        }
        grants
    }
}

/// `GRANT USAGE ON SCHEMA shop TO readers WITH GRANT OPTION`, `REVOKE ALL ON SCHEMA shop FROM PUBLIC`
fn apply(statement: &[Token<'_>], grants: &mut BTreeSet<Grant>, roles: &RoleMap) {
    let Some(first) = statement.first().filter(|first| first.is_word("GRANT") || first.is_word("REVOKE")) else {
        return;
    };
    let (gives, preposition) = if first.is_word("GRANT") { (true, "TO") } else { (false, "FROM") };
    let Some(on) = statement.iter().position(|token| token.is_word("ON")) else { return };
    let role = statement[on..].windows(2).find(|two| two[0].is_word(preposition));
    let Some((token, name)) = role.and_then(|two| Some((&two[1], two[1].name()?))) else { return };
    let role = (!token.is_word("PUBLIC")).then(|| roles.name(&name).to_owned());
    let grantable = statement[on..].windows(2).any(|two| two[0].is_word("WITH") && two[1].is_word("GRANT"));
    let names = |privilege: &str| statement[1..on].iter().any(|token| token.is_word("ALL") || token.is_word(privilege));
    for privilege in PRIVILEGES.into_iter().filter(|privilege| names(privilege)) {
        grants.retain(|grant| grant.role != role || grant.privilege != privilege);
        if gives {
            grants.insert(Grant { role: role.clone(), privilege: privilege.to_owned(), grantable });
        }
    }
}

/// What somebody's new objects of one kind are granted in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefaultGrant {
    /// Whose objects.
    pub owner: String,
    /// As SQL has it: `TABLES`.
    pub objects: String,
    /// The privilege is `ALL` where it is all that there are.
    pub grant: Grant,
}

impl DefaultGrant {
    /// What the entries of a schema grant, with the roles' names in the target.
    pub(super) fn of_schema<'a>(entries: impl Iterator<Item = &'a Entry>, roles: &RoleMap) -> BTreeSet<DefaultGrant> {
        let mut grants = BTreeSet::new();
        for entry in entries {
            for statement in tokens(entry.defn.as_bytes()).split(|token| token.is_symbol(";")) {
                grants.extend(given(statement, roles));
            }
        }
        grants
    }
}

/// `ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA shop GRANT SELECT,INSERT ON TABLES TO clerk WITH GRANT OPTION`. In a schema they
/// only add to what holds everywhere: what is revoked there was granted there before.
fn given(statement: &[Token<'_>], roles: &RoleMap) -> Vec<DefaultGrant> {
    let at = |word: &str| statement.iter().position(|token| token.is_word(word));
    let (Some(gives), Some(on)) = (at("GRANT"), at("ON")) else { return Vec::new() };
    let role_after = |from: usize, words: &[&str]| {
        let follows = |tokens: &[Token<'_>]| tokens.iter().zip(words).all(|(token, word)| token.is_word(word));
        let place = statement[from..].windows(words.len() + 1).find(|tokens| follows(tokens))?;
        let token = &place[words.len()];
        Some((!token.is_word("PUBLIC")).then(|| token.name()).flatten().map(|name| roles.name(&name).to_owned()))
    };
    let (Some(Some(owner)), Some(role)) = (role_after(0, &["FOR", "ROLE"]), role_after(on, &["TO"])) else {
        return Vec::new();
    };
    let Some(objects) = statement.get(on + 1).and_then(Token::name) else { return Vec::new() };
    let grantable = statement[on..].windows(2).any(|two| two[0].is_word("WITH") && two[1].is_word("GRANT"));
    let named = statement[gives + 1..on].iter().filter_map(Token::name);
    let privileges = named.map(|name| name.to_uppercase()).filter(|name| name != "PRIVILEGES");
    let default = |privilege| DefaultGrant {
        owner: owner.clone(),
        objects: objects.to_uppercase(),
        grant: Grant { role: role.clone(), privilege, grantable },
    };
    privileges.map(default).collect()
}

/// `SELECT to clerk on TABLES of keeper`
pub(super) fn defaults_described<'a>(grants: impl Iterator<Item = &'a DefaultGrant>) -> String {
    let described = grants.map(|default| {
        format!("{} on {} of {}", described([&default.grant].into_iter()), default.objects, default.owner)
    });
    described.collect::<Vec<_>>().join(", ")
}

/// `CREATE to alice, USAGE to PUBLIC`
pub(super) fn described<'a>(grants: impl Iterator<Item = &'a Grant>) -> String {
    let described = grants.map(|grant| {
        let option = if grant.grantable { " with grant option" } else { "" };
        format!("{} to {}{option}", grant.privilege, grant.role.as_deref().unwrap_or("PUBLIC"))
    });
    described.collect::<Vec<_>>().join(", ")
}
