//! What `split --plan` prints.

use serde::Serialize;

use super::{Estimate, Planned};
use crate::command::split::switching::Files;
use crate::split::facts::{Cluster, Existence, SessionGroup};
use crate::split::{Crossing, Finding, MovingSchema, Need, Severity, SplitPlan};

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// No blockers: a run may begin.
    pub ok: bool,
    pub source: Side,
    pub target: Side,
    pub moves: Vec<MovingSchema>,
    /// What lives elsewhere and is copied, because what moves cannot be made without it.
    pub needs: Vec<Need>,
    pub boundary: Vec<Crossing>,
    pub blockers: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub notes: Vec<Finding>,
    /// Clients of the source's database now.
    pub sessions: Vec<SessionGroup>,
    /// Whom what moves belongs to, or who may use it.
    pub roles: Vec<String>,
    /// Entries of the moving side that the new database does not get.
    pub left_behind: Vec<String>,
    pub estimate: Estimate,
    /// What `--rewrite` would write.
    pub files: Files,
    #[serde(skip)]
    pub plan: SplitPlan,
}

/// A database and its server.
#[derive(Debug, Serialize)]
pub struct Side {
    pub database: String,
    pub server_version: String,
    /// For the target: whether it exists (empty or not), and whether it is in the source's cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_cluster: Option<bool>,
}

impl Report {
    pub fn of(planned: Planned) -> Report {
        let Planned { plan, source, target, estimate, .. } = planned;
        let of = |severity| plan.of(severity).cloned().collect();
        Report {
            ok: plan.is_clear(),
            source: Side {
                database: source.database,
                server_version: source.server.version,
                exists: None,
                same_cluster: None,
            },
            target: Side {
                exists: Some(target.existence != Existence::Absent),
                same_cluster: Some(target.cluster == Cluster::Same),
                database: target.database,
                server_version: target.server.version,
            },
            moves: plan.moves.clone(),
            needs: plan.needs.clone(),
            boundary: plan.boundary.clone(),
            blockers: of(Severity::Blocker),
            warnings: of(Severity::Warning),
            notes: of(Severity::Note),
            sessions: source.sessions,
            roles: plan.roles.clone(),
            left_behind: plan.left_behind.iter().map(|left| left.label.clone()).collect(),
            estimate,
            files: Files::default(),
            plan,
        }
    }
}
