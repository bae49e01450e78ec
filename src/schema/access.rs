//! Who may do what in a schema, as the catalog has it and not as pg_dump writes it.
//!
//! pg_dump writes privileges as what has changed since a beginning, and a copy begins elsewhere: from 15 on it takes for `public` what 15
//! begins with, whichever server it dumps, and for one that `initdb` made what `initdb` gave, under whatever name it goes by now. So an archive is
//! given statements that depend on no beginning.

use std::collections::BTreeMap;

use super::archive::{Archive, CatalogId, DumpId, Entry, Kind, Section, SqlText};
use super::facts::{Facts, GrantOnSchema, PUBLIC, SchemaFacts};
use super::lexer::quoted;

const USAGE: &str = "USAGE";
const CREATE: &str = "CREATE";

impl Archive {
    /// The archive with what the facts say of privileges on schemas. `public` always has an entry for them; what an earlier program has
    /// written knows nothing of them, and stays as it is.
    pub fn with_access(self, facts: &Facts) -> Archive {
        let Some(schemas) = &facts.schemas else { return self };
        let is_replaced = |entry: &Entry| entry.kind == Kind::Acl && on_schema(entry, schemas).is_some();
        let said: BTreeMap<String, DumpId> = self
            .entries()
            .iter()
            .filter(|entry| is_replaced(entry))
            .filter_map(|entry| Some((entry.remarks_on("SCHEMA")?, entry.dump_id)))
            .collect();
        let made: BTreeMap<&str, DumpId> = self
            .entries()
            .iter()
            .filter(|entry| entry.kind == Kind::Schema)
            .map(|entry| (entry.tag.as_str(), entry.dump_id))
            .collect();
        let mut next = self.entries().iter().map(|entry| entry.dump_id).max().unwrap_or(0);
        let known = schemas.iter().filter(|(name, _)| *name == PUBLIC || made.contains_key(name.as_str()));
        let entries: Vec<Entry> = known
            .filter_map(|(name, schema)| {
                let dump_id = said.get(name).copied().unwrap_or_else(|| {
                    next += 1;
                    next
                });
                entry(name, schema, dump_id, made.get(name.as_str()).copied())
            })
            .collect();
        self.without(is_replaced).with(entries)
    }
}

fn on_schema<'a>(entry: &Entry, schemas: &'a BTreeMap<String, SchemaFacts>) -> Option<&'a SchemaFacts> {
    schemas.get(&entry.remarks_on("SCHEMA").filter(|_| entry.namespace.is_none())?)
}

/// None where the schema is as every new one.
fn entry(name: &str, schema: &SchemaFacts, dump_id: DumpId, made_by: Option<DumpId>) -> Option<Entry> {
    let statements = statements(name, schema);
    let is_plain = name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
    (!statements.is_empty()).then(|| Entry {
        dump_id,
        catalog_id: CatalogId::default(),
        tag: format!("SCHEMA {}", if is_plain { name.to_owned() } else { quoted(name) }),
        desc: "ACL".into(),
        kind: Kind::Acl,
        section: Section::None,
        defn: SqlText::new(statements),
        drop_stmt: SqlText::default(),
        copy_stmt: SqlText::default(),
        namespace: None,
        tablespace: None,
        table_am: None,
        relkind: None,
        owner: Some(schema.owner.clone()),
        dependencies: made_by.into_iter().collect(),
    })
}

/// As pg_dump would write them for a schema that is nobody's but its owner's.
fn statements(name: &str, schema: &SchemaFacts) -> String {
    let object = format!("SCHEMA {}", quoted(name));
    let mut sql = String::new();
    if name == PUBLIC {
        let holds = |privilege| schema.grants.iter().any(|g| g.grantee.is_none() && g.privilege == privilege);
        sql += &match (holds(USAGE), holds(CREATE)) {
            (true, true) => String::new(),
            // What everybody keeps is not taken away for a moment either.
            (true, false) => format!("REVOKE CREATE ON {object} FROM PUBLIC;\n"),
            (false, true) => format!("REVOKE USAGE ON {object} FROM PUBLIC;\n"),
            (false, false) => format!("REVOKE ALL ON {object} FROM PUBLIC;\n"),
        };
    }
    let is_owners = |grant: &&GrantOnSchema| grant.grantee.as_ref() == Some(&schema.owner);
    let owners_is_whole = schema.grants.iter().filter(is_owners).count() == 2;
    if !owners_is_whole {
        sql += &format!("REVOKE ALL ON {object} FROM {};\n", quoted(&schema.owner));
    }
    let told: Vec<&GrantOnSchema> = schema.grants.iter().filter(|g| !(owners_is_whole && is_owners(g))).collect();
    let alike = |a: &&GrantOnSchema, b: &&GrantOnSchema| {
        (&a.grantor, &a.grantee, a.grantable) == (&b.grantor, &b.grantee, b.grantable)
    };
    for grants in told.chunk_by(alike) {
        sql += &given(&object, &schema.owner, grants);
    }
    sql
}

/// Privileges that one role has given to another. One that is not the owner gives what it was given to pass on, and only as itself.
fn given(object: &str, owner: &str, grants: &[&GrantOnSchema]) -> String {
    let Some(first) = grants.first() else { return String::new() };
    let privileges: Vec<&str> = grants.iter().map(|grant| grant.privilege.as_str()).collect();
    let privileges = if privileges.len() == 2 { "ALL".to_owned() } else { privileges.join(",") };
    let to = first.grantee.as_deref().map_or_else(|| "PUBLIC".to_owned(), quoted);
    let option = if first.grantable && first.grantee.as_deref() != Some(owner) { " WITH GRANT OPTION" } else { "" };
    let grant = format!("GRANT {privileges} ON {object} TO {to}{option};\n");
    match first.grantor == owner {
        true => grant,
        false => {
            format!("SET SESSION AUTHORIZATION {};\n{grant}RESET SESSION AUTHORIZATION;\n", quoted(&first.grantor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: &[u8] = include_bytes!("../../tests/data/archives/shop-15.dump");

    fn grant(grantee: Option<&str>, privilege: &str) -> GrantOnSchema {
        GrantOnSchema {
            grantor: "keeper".into(),
            grantee: grantee.map(str::to_owned),
            privilege: privilege.into(),
            grantable: false,
        }
    }

    fn of(name: &str, others: &[GrantOnSchema]) -> String {
        let own = [grant(Some("keeper"), USAGE), grant(Some("keeper"), CREATE)];
        statements(name, &SchemaFacts { owner: "keeper".into(), grants: [&own, others].concat() })
    }

    #[test]
    fn statements_say_all_of_public_and_of_others_what_a_new_schema_has_not() {
        assert_eq!(of("shop", &[]), "");
        assert_eq!(of("public", &[]), "REVOKE ALL ON SCHEMA \"public\" FROM PUBLIC;\n");
        let usage = "REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC;\nGRANT USAGE ON SCHEMA \"public\" TO PUBLIC;\n";
        assert_eq!(of("public", &[grant(None, USAGE)]), usage);
        let both = [grant(None, USAGE), grant(None, CREATE)];
        assert_eq!(of("public", &both), "GRANT ALL ON SCHEMA \"public\" TO PUBLIC;\n");
        assert_eq!(of("shop", &both), "GRANT ALL ON SCHEMA \"shop\" TO PUBLIC;\n");
        let passed_on = [
            GrantOnSchema { grantable: true, ..grant(Some("clerk"), USAGE) },
            GrantOnSchema { grantor: "clerk".into(), ..grant(Some("boy"), USAGE) },
        ];
        let told =
            "GRANT USAGE ON SCHEMA \"shop\" TO \"clerk\" WITH GRANT OPTION;\nSET SESSION AUTHORIZATION \"clerk\";
GRANT USAGE ON SCHEMA \"shop\" TO \"boy\";\nRESET SESSION AUTHORIZATION;\n";
        assert_eq!(of("shop", &passed_on), told);
        let not_the_owners =
            SchemaFacts { owner: "keeper".into(), grants: vec![grant(Some("keeper"), USAGE), grant(None, USAGE)] };
        let told = "REVOKE ALL ON SCHEMA \"shop\" FROM \"keeper\";\nGRANT USAGE ON SCHEMA \"shop\" TO \"keeper\";
GRANT USAGE ON SCHEMA \"shop\" TO PUBLIC;\n";
        assert_eq!(statements("shop", &not_the_owners), told);
    }

    #[test]
    fn each_schema_of_the_archive_has_one_entry_for_it_and_others_have_none() {
        let archive = Archive::parse(ARCHIVE).unwrap();
        let made = |entry: &&Entry| entry.kind == Kind::Schema;
        let mut names: Vec<String> = archive.entries().iter().filter(made).map(|entry| entry.tag.clone()).collect();
        names.extend(["public".to_owned(), "not there".to_owned()]);
        let open = SchemaFacts { owner: "keeper".into(), grants: vec![grant(None, USAGE)] };
        let schemas = names.iter().map(|name| (name.clone(), open.clone())).collect();
        let facts = Facts { schemas: Some(schemas), ..Facts::default() };
        let with = archive.clone().with_access(&facts);
        let mut on: Vec<String> = with
            .entries()
            .iter()
            .filter_map(|entry| entry.remarks_on("SCHEMA").filter(|_| entry.kind == Kind::Acl))
            .collect();
        on.sort();
        names.retain(|name| name != "not there");
        names.sort();
        names.dedup();
        assert_eq!(on, names);
        assert!(with.entries().iter().all(|entry| with.entry(entry.dump_id) == Some(entry)));
        assert_eq!(archive.clone().with_access(&Facts::default()), archive);
    }
}
