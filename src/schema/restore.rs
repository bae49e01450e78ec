//! In which order a restore runs the entries, and with which SQL.
//!
//! Three stages: definitions one after the other (`pre_data`), rows in any order, then everything else along a graph
//! (`post_data`). The authority on the SQL around an entry (owner, tablespace, access method) is what `pg_restore -f -` prints.
//! Different on purpose: a materialized view is refreshed before its indexes are built, and what touches a partitioned table as a
//! whole waits for the rows of all its partitions.

mod acting;
mod calls;
mod circles;
mod closed;
mod database;
mod defaults;
mod emptied;
mod grants;
mod makes;
mod older;
mod order;
mod passed_on;
mod roles;
mod statements;
mod tablespaces;
mod there;
mod unmade;
mod withheld;

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Archive, DumpId, Kind, Oid, SqlText};
use super::facts::Facts;
use super::graph::Graph;
use super::selection::Selection;

pub use acting::{ActsAs, CommandKind, EarlyGrant, commands};
pub use circles::{Circles, without_circles};
pub use database::{Closing, closing};
pub use defaults::{DefaultPrivileges, Lacks, ObjectsOf};
pub use grants::{DefaultGrant, Grant};
pub use makes::{Class, Object, objects_made};
pub use older::without_libc_provider;
pub use roles::{RoleMap, roles_named, roles_of_the_database};
pub use tablespaces::{Tablespaces, tablespaces_named};
pub use there::{ExtensionThere, PublicThere, SchemaThere, There};
pub use unmade::{Moved, Needs};
pub use withheld::{SETTINGS, Withheld, roles_set};

/// What of the source a restore keeps.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    pub owners: Owners,
    pub grants: Grants,
    pub tablespaces: Tablespaces,
    /// Roles that get another name in the target: as owners, in grants, policies and settings.
    pub roles: RoleMap,
    /// The target database's name, where it differs from the source's.
    pub database: Option<String>,
    /// The materialized views that held rows in the source (`pg_class.relispopulated`).
    pub populated: BTreeSet<Oid>,
    /// What the target has already.
    pub there: There,
    /// Roles, by their names in the source, in whose place the target's server has one that may do more, and what: nothing is set on it.
    pub more_here: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owners {
    #[default]
    Keep,
    /// Whoever restores owns everything (`--no-owner`).
    Restorer,
}

/// Grants and default privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grants {
    #[default]
    Keep,
    /// `--no-acl`.
    Omit,
}

/// What a restore runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePlan {
    /// Run these on every session before any step.
    pub session: Vec<SqlText>,
    /// The database itself: its creation first, then its settings, grants and comment. The creation runs in another database,
    /// the others in the new one or in another.
    pub database: Vec<Step>,
    /// One after the other, in this order. Several may share a transaction.
    pub pre_data: Vec<Step>,
    /// Relations whose rows are loaded after `pre_data`, in any order but that of `data_after`.
    pub data: Vec<Oid>,
    /// Relations that should be loaded after others, because loading a row calls a function whose text names them: a check that looks
    /// a value up. Known from names alone, so that it may hold a circle.
    pub data_after: BTreeMap<Oid, BTreeSet<Oid>>,
    /// Sequences whose values are set after `pre_data`.
    pub sequences: Vec<Oid>,
    /// Ordered so that a serial run from first to last, after all rows, is right.
    pub post_data: Vec<PostDataStep>,
    /// Tables whose statistics cannot be gathered without code of users: the server runs it as their owner.
    pub gathered_with_code: BTreeSet<Oid>,
    /// What the target has already, and otherwise than the source.
    pub there_otherwise: Vec<String>,
    /// What is set on roles, and is not run.
    pub withheld: Vec<Withheld>,
    /// Who gets something of each large object by the target's default privileges: roles, or `None` for `PUBLIC`.
    pub large_objects_given_to: BTreeSet<Option<String>>,
    /// Materialized views that held rows and cannot be refreshed, since they read one that held none: `MATERIALIZED VIEW shop.sums`.
    pub not_refreshable: Vec<String>,
    /// The owner of the target's database, where it is there already and another's, and the source's.
    pub other_owner: Option<(String, String)>,
    /// What each entry cannot be made without.
    pub needs: Needs,
    /// Entries that name something of an extension which the target has in another schema.
    pub moved: BTreeMap<DumpId, Vec<Moved>>,
}

/// An entry's SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry; for a refresh, the materialized view's.
    pub dump_id: DumpId,
    /// For messages: `INDEX core.user_email_idx`.
    pub label: String,
    /// Each is one simple query and may hold several statements. A later one needs the earlier ones.
    pub statements: Vec<SqlText>,
    pub transaction: Transaction,
    /// Set where the server may call code of users while it runs this: it does so as whoever runs it.
    pub acts_as: Option<ActsAs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// The statements may, and should, run in one transaction.
    Allowed,
    /// PostgreSQL may refuse the statements inside a transaction block.
    Forbidden,
}

/// A step that runs when what it waits for is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostDataStep {
    pub step: Step,
    pub wave: Wave,
    /// Positions in [`RestorePlan::post_data`], all smaller than this step's own.
    pub after: Vec<usize>,
    /// Relations whose rows must be loaded. Only for [`Wave::Main`]: every later wave waits for all rows.
    pub after_rows: Vec<Oid>,
    /// Relations whose rows must have been compared before, if they are at all: this step takes from whoever restores the right to
    /// read them.
    pub after_proof: Vec<Oid>,
    /// Two steps that lock the same object must not run at once, unless both lock it shared.
    pub locks: Vec<Lock>,
    /// Whether it builds a B-tree.
    pub sorts: bool,
    /// How many steps wait for this one directly.
    pub followers: usize,
    /// How many steps the longest chain that waits for this one has: the scheduler's hint for what to start first.
    pub chain: usize,
}

/// Steps of a wave start when every step of the earlier waves is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wave {
    /// Indexes, constraints, triggers, rules, policies, publications, along [`PostDataStep::after`] and
    /// [`PostDataStep::after_rows`].
    Main,
    /// Indexes and the like whose expressions call functions of users, which may look anywhere: at rows of other tables, above all.
    Calls,
    /// Checks of domains that old rows need not meet, and new ones do. One after the other: two of one domain collide in the catalog.
    Domains,
    /// Grants and default privileges. One after the other: two grants on one object collide in the catalog.
    Grants,
    /// Refreshes of materialized views, then their indexes. After the grants, since a refresh runs as the view's owner.
    Refresh,
    /// Event triggers, which would else fire during the restore. One after the other.
    Last,
}

impl Wave {
    /// Whether statistics of a table wait for the steps on it.
    pub fn builds(self) -> bool {
        matches!(self, Wave::Main | Wave::Calls)
    }
}

/// An object that a step locks, by its OID in the source's catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lock {
    pub object: Oid,
    pub mode: LockMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockMode {
    /// CREATE INDEX: several at once on one table are fine.
    Shared,
    /// SHARE ROW EXCLUSIVE and stronger.
    Exclusive,
}

/// Functions that checks, generated columns, indexes and materialized views call, and that find nothing where `search_path` is empty, as
/// it is in a restore. Known from their text: one that puts a name together is not found.
pub fn needing_a_search_path(archive: &Archive, facts: &Facts, selection: &Selection) -> Vec<String> {
    calls::Calls::new(archive, facts, &Graph::new(archive)).needing_a_search_path(selection)
}

impl RestorePlan {
    /// Plans the restore of what the selection holds.
    pub fn new(archive: &Archive, facts: &Facts, selection: &Selection, options: &RestoreOptions) -> RestorePlan {
        let graph = Graph::new(archive);
        let writer = statements::Writer::new(archive, options);
        let mut plan = RestorePlan {
            session: statements::session(archive),
            database: Vec::new(),
            pre_data: Vec::new(),
            data: selection.relations_with_rows.iter().copied().collect(),
            data_after: BTreeMap::new(),
            sequences: selection.sequences.iter().copied().collect(),
            post_data: Vec::new(),
            gathered_with_code: BTreeSet::new(),
            there_otherwise: Vec::new(),
            withheld: Vec::new(),
            large_objects_given_to: defaults::of_large_objects(options),
            not_refreshable: Vec::new(),
            other_owner: options.there.other_owner(archive, options),
            needs: Needs::default(),
            moved: unmade::moved(archive, &graph, &options.there),
        };
        let mut made = BTreeSet::new();
        let calls = calls::Calls::new(archive, facts, &graph);
        let acting = acting::Acting::new(archive, facts, &calls, options);
        plan.data_after = calls.loads_after(selection);
        let mut order = order::Order::new(archive, selection, &graph, &calls);
        let mut closed = closed::Closed::default();
        if acting.has_code && options.grants == Grants::Keep {
            let entries = archive.entries().iter().filter(|entry| selection.contains(entry.dump_id));
            for entry in entries.filter(|entry| entry.kind == Kind::Acl) {
                match options.there.left(entry, options) {
                    there::Left::Nothing => {}
                    left => closed.add(entry, &writer.step(entry, left)),
                }
            }
        }
        for (position, entry) in archive.entries().iter().enumerate() {
            if !selection.contains(entry.dump_id) {
                continue;
            }
            let place = order::place(archive, &graph, position);
            let left = options.there.left(entry, options);
            plan.there_otherwise.extend(options.there.differs(entry));
            if left == there::Left::Nothing {
                continue;
            }
            let mut step = writer.step(entry, left);
            step.acts_as = acting.of(position, &step.statements);
            // An entry without SQL of its own, such as schema public, matters only if there is an owner to set.
            if place == order::Place::Nowhere || step.statements.is_empty() {
                continue;
            }
            if options.grants == Grants::Omit && matches!(entry.kind, Kind::Acl | Kind::DefaultAcl) {
                continue;
            }
            plan.withheld.extend(withheld::taken_out(entry, &mut step, options));
            if step.statements.is_empty() && entry.kind == Kind::DefaultAcl {
                continue;
            }
            passed_on::lend_names(entry, &options.roles, &mut step);
            made.extend(Some(entry.dump_id).filter(|_| unmade::is_made(entry, left, &step)));
            match place {
                order::Place::Nowhere => {}
                order::Place::Database => plan.database.push(step),
                order::Place::PreData => {
                    step.statements.extend(closed.with(step.dump_id));
                    plan.pre_data.push(step);
                }
                // Code that rows run may read a table that is to hide rows from its own role.
                order::Place::PostData(_) if acting.has_code && entry.kind == Kind::RowSecurity => {
                    order.add(position, step, Wave::Grants);
                }
                order::Place::PostData(wave) => order.add(position, step, wave),
            }
        }
        let kind = |dump_id| archive.entry(dump_id).map(|entry| entry.kind);
        let at = closed::after_extensions(&plan.pre_data, kind);
        plan.pre_data.splice(at..at, closed.rest());
        plan.there_otherwise.extend(defaults::told(options));
        plan.there_otherwise.extend(options.there.schemas_otherwise(archive, selection, options));
        // A query is its owner's code, whatever it calls.
        plan.not_refreshable = order.add_refreshes(&options.populated, &ActsAs::default());
        plan.gathered_with_code = acting.gathered_with_code();
        plan.needs = Needs::new(archive, &graph, selection, &made);
        plan.post_data = order.finish();
        plan
    }
}

#[cfg(test)]
mod tests;
