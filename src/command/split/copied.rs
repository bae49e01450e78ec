//! What a copy came to, and what is told of it.

use std::time::Instant;

use super::state::{State, Told};
use super::{MadeRole, Options, Phases, Report, plan};
use crate::command::mismatch::Mismatch;
use crate::command::moment::millis;
use crate::command::restore::Proof;
use crate::repo::manifest::{LeftOut, Relation};
use crate::schema::compare::EntryMismatch;
use crate::split::{Finding, FindingKind, Severity};
use crate::switch::Plan;

/// What a copy came to.
pub struct Copied {
    pub tables: Vec<Relation>,
    pub mismatches: Vec<Mismatch>,
    pub definitions: Vec<EntryMismatch>,
    pub invalid: Vec<String>,
    pub left_out: Vec<LeftOut>,
    pub warnings: Vec<String>,
    pub keys_not_valid: Vec<String>,
    pub rows_compared: Proof,
}

impl Copied {
    pub fn also(mut self, warnings: impl IntoIterator<Item = String>) -> Copied {
        self.warnings.extend(warnings);
        self
    }

    /// Nothing differs. Without the comparison of rows, which the operator may leave out, that is no proof but is gone on with.
    pub fn is_proven(&self) -> bool {
        self.mismatches.is_empty() && self.definitions.is_empty() && self.invalid.is_empty()
    }

    /// Of the plan's warnings those that bear on what was read, and on what has run.
    pub fn also_warning(mut self, planned: &plan::Planned) -> Copied {
        let bears = |finding: &&Finding| matches!(finding.kind, FindingKind::PgDump | FindingKind::UserCode);
        let told = planned.plan.of(Severity::Warning).filter(bears);
        self.warnings.extend(told.map(|finding| format!("{}: {}; {}", finding.name, finding.reason, finding.action)));
        self
    }

    fn all_warnings(&self, state: &State) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        let not_valid = |key: &String| {
            format!(
                "{key} is NOT VALID in the new database: remove these rows, then ALTER TABLE ... VALIDATE CONSTRAINT"
            )
        };
        warnings.extend(self.keys_not_valid.iter().map(not_valid));
        warnings.extend(state.not_alike.iter().cloned());
        warnings.extend(self.invalid.iter().map(|object| format!("{object} is not valid in the target")));
        warnings
    }

    /// For the run that goes on where this one is killed.
    pub fn told(&self, state: &State, roles_made: &[MadeRole]) -> Told {
        Told {
            left_out: self.left_out.clone(),
            roles_made: roles_made.iter().map(|r| (r.role.clone(), r.login, r.set_password.clone())).collect(),
            rights_made: roles_made.iter().map(|r| (r.role.clone(), r.rights.clone())).collect(),
            warnings: self.all_warnings(state),
            keys_not_valid: self.keys_not_valid.clone(),
            proven: self.rows_compared == Proof::Make,
        }
    }

    pub fn report(self, options: &Options, state: &State, phases: Phases, started: Instant) -> Report {
        let proven = self.is_proven();
        let given_up = if proven { state.ties.kept_by_nothing() } else { Vec::new() };
        let warnings = self.all_warnings(state);
        Report {
            ok: proven,
            proven: proven && self.rows_compared == Proof::Make,
            tables: self.tables.len() as u64,
            rows: self.tables.iter().map(|table| table.digest.rows).sum(),
            bytes: self.tables.iter().map(|table| table.digest.bytes).sum(),
            mismatches: self.mismatches,
            definitions: self.definitions,
            left_out: self.left_out,
            keys_not_valid: self.keys_not_valid,
            given_up,
            ..report(options, state, warnings, phases, started)
        }
    }
}

pub fn with_files(report: Report, files: &Plan) -> Report {
    Report { rewritten: files.edits(), kept: files.kept().to_vec(), ..report }
}

/// What the state says, with what the run that copied had to say.
pub fn report(options: &Options, state: &State, warnings: Vec<String>, phases: Phases, started: Instant) -> Report {
    let told = state.told.as_ref();
    let made = |(role, login, set_password): &(String, bool, Option<String>)| MadeRole {
        role: role.clone(),
        login: *login,
        set_password: set_password.clone(),
        rights: told.and_then(|told| told.rights_made.get(role).cloned()).unwrap_or_default(),
    };
    Report {
        ok: true,
        phase: state.phase,
        schemas: state.schemas.clone(),
        source: state.source_name.clone(),
        target: options.plan.target.to_string(),
        target_dsn: options.plan.target.written_again(),
        tables: state.tables.len() as u64,
        rows: state.tables.iter().map(|table| table.digest.rows).sum(),
        bytes: state.tables.iter().map(|table| table.digest.bytes).sum(),
        // Records of earlier programs do not say otherwise.
        proven: told.is_none_or(|told| told.proven),
        mismatches: Vec::new(),
        definitions: Vec::new(),
        left_out: told.map_or_else(Vec::new, |told| told.left_out.clone()),
        roles_made: told.into_iter().flat_map(|told| &told.roles_made).map(made).collect(),
        warnings,
        rewritten: Vec::new(),
        kept: Vec::new(),
        bridged: state.ties.bridged(),
        keys_not_valid: told.map_or_else(Vec::new, |told| told.keys_not_valid.clone()),
        given_up: state.ties.kept_by_nothing(),
        loose: state.ties.loose.iter().map(|loose| loose.key.name.clone()).collect(),
        downtime_ms: state.downtime_ms,
        phases,
        elapsed_ms: millis(started),
        changed_since: Vec::new(),
        sessions_old: Vec::new(),
        unread: Vec::new(),
        may_connect_old: Vec::new(),
        may_connect_new: Vec::new(),
    }
}
