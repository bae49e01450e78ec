//! What is closed to everybody, closed as soon as it is there. Grants come last in a restore, and until then PostgreSQL lets everybody
//! call a function. Where code of users runs before that, it must find no door open that is shut in the source.

use std::collections::{BTreeMap, HashMap};

use super::{Step, Transaction};
use crate::schema::archive::{DumpId, Entry, Kind, SqlText};
use crate::schema::lexer::tokens;

/// Statements that go with the object of an entry, and those of objects that no entry makes: the server has them, or an extension.
#[derive(Default)]
pub(super) struct Closed {
    with: HashMap<DumpId, Vec<SqlText>>,
    names: BTreeMap<DumpId, (DumpId, String)>,
}

impl Closed {
    /// `step` is that of an entry of privileges.
    pub fn add(&mut self, entry: &Entry, step: &Step) {
        let statements: Vec<SqlText> = step.statements.iter().flat_map(|sql| early(sql.as_bytes())).collect();
        let Some(object) =
            entry.dependencies.first().copied().or(Some(entry.dump_id)).filter(|_| !statements.is_empty())
        else {
            return;
        };
        self.names.insert(object, (entry.dump_id, entry.label()));
        self.with.entry(object).or_default().extend(statements);
    }

    /// To be run directly after the object is made.
    pub fn with(&mut self, object: DumpId) -> Vec<SqlText> {
        self.with.remove(&object).unwrap_or_default()
    }

    /// What is there before anything is made, or with its extension: to be run when all extensions are there.
    pub fn rest(mut self) -> Vec<Step> {
        let names = std::mem::take(&mut self.names);
        let step = |(object, (dump_id, label)): (DumpId, (DumpId, String))| {
            let statements = self.with(object);
            (!statements.is_empty()).then_some(Step {
                dump_id,
                label,
                statements,
                transaction: Transaction::Allowed,
                acts_as: None,
            })
        };
        names.into_iter().filter_map(step).collect()
    }
}

/// Where the rest goes among the definitions.
pub(super) fn after_extensions(steps: &[Step], kind: impl Fn(DumpId) -> Option<Kind>) -> usize {
    steps.iter().rposition(|step| kind(step.dump_id) == Some(Kind::Extension)).map_or(0, |last| last + 1)
}

/// What everybody may not do with functions, and all that is said of schemas, as far as the owner says it. What fails is told when it is said
/// at last.
fn early(sql: &[u8]) -> Vec<SqlText> {
    let tokens = tokens(sql);
    let mut of_owner = true;
    let mut statements = Vec::new();
    for statement in tokens.split(|token| token.is_symbol(";")) {
        let (Some(first), Some(last)) = (statement.first(), statement.last()) else { continue };
        if statement.windows(2).any(|two| two[0].is_word("SESSION") && two[1].is_word("AUTHORIZATION")) {
            of_owner = first.is_word("RESET");
            continue;
        }
        let Some(on) = statement.windows(2).find(|two| two[0].is_word("ON")) else { continue };
        let is_on = |kinds: &[&str]| kinds.iter().any(|kind| on[1].is_word(kind));
        let from_all = first.is_word("REVOKE") && last.is_word("PUBLIC");
        let closes = from_all && is_on(&["FUNCTION", "PROCEDURE", "ROUTINE"]);
        let of_schema = (first.is_word("REVOKE") || first.is_word("GRANT")) && is_on(&["SCHEMA"]);
        if of_owner && (closes || of_schema) {
            statements.push(tried(&sql[first.range.start..last.range.end]));
        }
    }
    statements
}

fn tried(statement: &[u8]) -> SqlText {
    let twice = |text: &[u8]| {
        let mut twice = Vec::with_capacity(text.len() + 8);
        for &byte in text {
            if matches!(byte, b'\'' | b'\\') {
                twice.push(byte);
            }
            twice.push(byte);
        }
        twice
    };
    let body = [b"BEGIN EXECUTE E'", &*twice(statement), b"'; EXCEPTION WHEN OTHERS THEN NULL; END"].concat();
    SqlText::new([b"DO E'", &*twice(&body), b"';"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_closed_and_schemas_are_as_they_were() {
        let texts = |sql: &str| early(sql.as_bytes()).iter().map(|sql| sql.to_display()).collect::<Vec<_>>();
        let function = "REVOKE ALL ON FUNCTION a.f(text) FROM PUBLIC;\nGRANT ALL ON FUNCTION a.f(text) TO bo;\n";
        assert_eq!(
            texts(function),
            [
                r"DO E'BEGIN EXECUTE E''REVOKE ALL ON FUNCTION a.f(text) FROM PUBLIC''; EXCEPTION WHEN OTHERS THEN NULL; END';"
            ]
        );
        assert_eq!(texts("GRANT USAGE ON SCHEMA a TO PUBLIC;\nREVOKE CREATE ON SCHEMA a FROM bo;").len(), 2);
        let of_others = "SET SESSION AUTHORIZATION bo;\nGRANT USAGE ON SCHEMA a TO cy;\nRESET SESSION AUTHORIZATION;\n";
        assert_eq!(texts(of_others), Vec::<String>::new());
        assert_eq!(texts("REVOKE ALL ON TABLE a.t FROM bo;"), Vec::<String>::new());
        let odd = texts(r#"REVOKE ALL ON FUNCTION a."f'\"() FROM PUBLIC;"#);
        assert_eq!(
            odd,
            [
                r#"DO E'BEGIN EXECUTE E''REVOKE ALL ON FUNCTION a."f''''\\\\"() FROM PUBLIC''; EXCEPTION WHEN OTHERS THEN NULL; END';"#
            ]
        );
    }
}
