//! Commands that a hint prints. Each works as it stands, in the shell that the restore was typed in.

use super::Creation;
use crate::command::typed::word;
use crate::pg::catalog::quote_identifier;
use crate::pg::conninfo::Conninfo;

/// How a restore was asked for, but for its snapshot, its target and `--create`.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// As it was called.
    pub program: String,
    /// Switches that lead to the repository and its keys.
    pub common: Vec<String>,
    /// Those of the verb.
    pub switches: Vec<String>,
}

impl Typed {
    pub fn restore(&self, snapshot: &str, target: &Conninfo, creation: Creation) -> String {
        let mut words = vec![self.program.as_str(), "restore", snapshot];
        if creation == Creation::Create {
            words.push("--create");
        }
        let target = target.written();
        words.extend(["-d", &target]);
        line(words.into_iter().chain(self.switches.iter().chain(&self.common).map(String::as_str)))
    }

    pub fn verify(&self, snapshot: &str, against: &Conninfo) -> String {
        let against = against.written();
        let words = [self.program.as_str(), "verify", snapshot, "--against", &against];
        line(words.into_iter().chain(self.common.iter().map(String::as_str)))
    }
}

/// The server's own client drops the database, whoever is still connected.
pub fn drop_database(target: &Conninfo) -> String {
    let other = if target.database() == "postgres" { "template1" } else { "postgres" };
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(target.database()));
    line(["psql", "-d", &target.with_database(other).written(), "-c", &sql])
}

/// For an administrator, at the prompt of a client: the database as it was given to the role.
pub fn remake_database(target: &Conninfo) -> String {
    let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE);", quote_identifier(target.database()));
    format!("{drop} {}", make_database(target))
}

pub fn make_database(target: &Conninfo) -> String {
    format!("CREATE DATABASE {} OWNER {};", quote_identifier(target.database()), quote_identifier(target.user()))
}

fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}
