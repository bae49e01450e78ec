//! What pg_dump says of a database, entry by entry, and which of it is about what somebody took. pgkeep's own graph has no say here: whose
//! part an entry is follows from its tag, its dependencies and its SQL.

use std::collections::{BTreeMap, BTreeSet};

use pgkeep::schema::archive::{Archive, Entry};
use pgkeep::schema::selection::belonging_to_nothing;

use crate::judge::with_sorted_roles;
use crate::postgres::{Server, server};

/// In which PostgreSQL's newest pg_dump is.
const NEWEST: u32 = 18;

/// A database's entries.
pub struct Said {
    archive: Archive,
    database: String,
    /// Label and what is said, the database's own name left out.
    texts: BTreeMap<String, String>,
}

impl Said {
    /// By the newest pg_dump, as a superuser, with the database's properties.
    pub fn of(place: &Server, database: &str) -> Said {
        let mut pg_dump = server(NEWEST).command("pg_dump");
        let dump = pg_dump.args(["--schema-only", "-Fc", "--compress=0", "-d", &place.dsn(database)]).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let archive = Archive::parse(&dump.stdout).unwrap();
        let mut said = Said { archive, database: database.to_owned(), texts: BTreeMap::new() };
        for entry in said.archive.entries() {
            let text = said.text(entry);
            said.texts.insert(said.label(entry), text);
        }
        said
    }

    pub fn entries(&self) -> &[Entry] {
        self.archive.entries()
    }

    pub fn holds(&self, label: &str) -> bool {
        self.texts.contains_key(label)
    }

    /// What is said under the label.
    pub fn says(&self, label: &str) -> Option<&str> {
        self.texts.get(label).map(String::as_str)
    }

    /// How a report names the entry. The database has no name here, as its copy has another.
    pub fn label(&self, entry: &Entry) -> String {
        let label = entry.label();
        if !is_of_the_database(entry) {
            return label;
        }
        let name = label.strip_suffix(&self.database).unwrap_or_else(|| panic!("{label} is not of {}", self.database));
        format!("{name}*")
    }

    fn text(&self, entry: &Entry) -> String {
        let mut lines: Vec<String> = entry.defn.to_display().lines().map(with_sorted_roles).collect();
        if is_of_the_database(entry) {
            let (name, quoted) = (format!("DATABASE {}", self.database), format!("DATABASE \"{}\"", self.database));
            lines.iter_mut().for_each(|line| *line = line.replace(&quoted, "DATABASE *").replace(&name, "DATABASE *"));
        }
        if matches!(entry.desc.as_str(), "DATABASE PROPERTIES" | "ACL" | "DEFAULT ACL") {
            // As they lie in the catalog.
            lines.sort_unstable();
        }
        let Entry { owner, tablespace, table_am, .. } = entry;
        format!("{}\nowner {owner:?} tablespace {tablespace:?} method {table_am:?}", lines.join("\n"))
    }

    fn needs<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        entry.dependencies.iter().filter_map(|id| self.archive.entry(*id))
    }

    /// The object that the entry says something of, without being one itself. None for an object, and for what is the database's.
    pub fn subject<'a>(&'a self, entry: &'a Entry) -> Option<&'a Entry> {
        let relation = |wanted: &dyn Fn(&Entry) -> bool| {
            let all = self.needs(entry).filter(|need| is_relation(need)).filter(|need| wanted(need));
            all.max_by_key(|need| need.tag.len())
        };
        let of_kind = |desc: &str| self.needs(entry).find(|need| need.desc == desc);
        let named_first = |need: &Entry| {
            let rest = entry.tag.strip_prefix(&need.tag);
            need.namespace == entry.namespace && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        match entry.desc.as_str() {
            "COMMENT" | "ACL" | "SECURITY LABEL" | "TABLE ATTACH" | "INDEX ATTACH" => self.needs(entry).next(),
            // An owned one is its column's.
            "SEQUENCE" | "STATISTICS" | "PUBLICATION TABLE" => relation(&|_| true),
            "SEQUENCE OWNED BY" => of_kind("SEQUENCE"),
            "PUBLICATION TABLES IN SCHEMA" => of_kind("SCHEMA"),
            "INDEX" => {
                let sql = entry.defn.to_display();
                relation(&|need| {
                    spellings(need)
                        .iter()
                        .any(|name| sql.contains(&format!(" ON {name} ")) || sql.contains(&format!(" ON ONLY {name} ")))
                })
            }
            "CHECK CONSTRAINT" if entry.defn.to_display().contains("ALTER DOMAIN") => of_kind("DOMAIN"),
            "DEFAULT" | "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" | "TRIGGER" | "RULE" | "POLICY"
            | "ROW SECURITY" => relation(&named_first),
            "USER MAPPING" => self
                .entries()
                .iter()
                .find(|server| server.desc == "SERVER" && entry.tag.ends_with(&format!(" SERVER {}", server.tag))),
            _ => None,
        }
    }

    /// For what joins several types, those of them that are the user's.
    pub fn joined<'a>(&'a self, entry: &'a Entry) -> Vec<&'a Entry> {
        let types = ["TYPE", "DOMAIN", "TABLE", "VIEW", "EXTENSION", "SHELL TYPE"];
        match entry.desc.as_str() {
            "CAST" | "TRANSFORM" => self.needs(entry).filter(|need| types.contains(&need.desc.as_str())).collect(),
            _ => Vec::new(),
        }
    }

    /// Entries that belong to something, and nobody knows to what.
    pub fn without_a_whole(&self) -> Vec<String> {
        belonging_to_nothing(&self.archive, |entry| is_existing(entry).is_some())
    }

    /// `schema.name` of each relation, and of each schema.
    pub fn relations(&self) -> BTreeSet<(String, String)> {
        let relations = self.entries().iter().filter(|entry| is_relation(entry));
        relations.map(|entry| (entry.namespace.clone().unwrap(), entry.tag.clone())).collect()
    }

    pub fn schemas(&self) -> BTreeSet<String> {
        self.entries().iter().filter(|entry| entry.desc == "SCHEMA").map(|entry| entry.tag.clone()).collect()
    }
}

pub fn is_relation(entry: &Entry) -> bool {
    matches!(entry.desc.as_str(), "TABLE" | "FOREIGN TABLE" | "VIEW" | "MATERIALIZED VIEW")
}

pub fn is_of_the_database(entry: &Entry) -> bool {
    entry.namespace.is_none() && (entry.desc.starts_with("DATABASE") || entry.tag.starts_with("DATABASE "))
}

/// How pg_dump may write a relation's name.
fn spellings(relation: &Entry) -> Vec<String> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (schema, name) = (relation.namespace.as_deref().unwrap_or_default(), relation.tag.as_str());
    let pairs = [
        (schema.to_owned(), name.to_owned()),
        (quoted(schema), name.to_owned()),
        (schema.to_owned(), quoted(name)),
        (quoted(schema), quoted(name)),
    ];
    pairs.map(|(schema, name)| format!("{schema}.{name}")).to_vec()
}

/// For what is said of an object that has no entry, since an extension or initdb makes it: SQL that says whether it is there.
pub fn is_existing(remark: &Entry) -> Option<String> {
    let schema = remark.namespace.as_ref();
    let (kind, name) = remark.tag.split_once(' ')?;
    let function = match kind {
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" => "to_regprocedure",
        "TYPE" | "DOMAIN" => "to_regtype",
        "TABLE" | "SEQUENCE" | "VIEW" => "to_regclass",
        "LANGUAGE" | "SCHEMA" if schema.is_none() => return Some("false".into()),
        _ => return None,
    };
    let name = format!("\"{}\".{name}", schema?.replace('"', "\"\""));
    Some(format!("{function}('{}') IS NOT NULL", name.replace('\'', "''")))
}
