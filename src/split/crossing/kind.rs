//! What refers.

use serde::Serialize;

use super::Sides;
use crate::schema::archive::Kind;

/// Scripts rely on the words: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossingKind {
    ForeignKey,
    Table,
    Partition,
    View,
    MaterializedView,
    ForeignTable,
    Sequence,
    Rule,
    Function,
    Procedure,
    Aggregate,
    Operator,
    Type,
    Trigger,
    Policy,
    Default,
    Constraint,
    Index,
    Statistics,
    Publication,
    Subscription,
    EventTrigger,
    TextSearch,
    Cast,
    Other,
}

impl CrossingKind {
    /// As the plan and a boundary file write it: `VIEW`, `FUNCTION`.
    pub fn label(self) -> &'static str {
        match self {
            CrossingKind::ForeignKey => "FOREIGN KEY",
            CrossingKind::Table => "TABLE",
            CrossingKind::Partition => "PARTITION",
            CrossingKind::View => "VIEW",
            CrossingKind::MaterializedView => "MATERIALIZED VIEW",
            CrossingKind::ForeignTable => "FOREIGN TABLE",
            CrossingKind::Sequence => "SEQUENCE",
            CrossingKind::Rule => "RULE",
            CrossingKind::Function => "FUNCTION",
            CrossingKind::Procedure => "PROCEDURE",
            CrossingKind::Aggregate => "AGGREGATE",
            CrossingKind::Operator => "OPERATOR",
            CrossingKind::Type => "TYPE",
            CrossingKind::Trigger => "TRIGGER",
            CrossingKind::Policy => "POLICY",
            CrossingKind::Default => "DEFAULT",
            CrossingKind::Constraint => "CONSTRAINT",
            CrossingKind::Index => "INDEX",
            CrossingKind::Statistics => "STATISTICS",
            CrossingKind::Publication => "PUBLICATION",
            CrossingKind::Subscription => "SUBSCRIPTION",
            CrossingKind::EventTrigger => "EVENT TRIGGER",
            CrossingKind::TextSearch => "TEXT SEARCH",
            CrossingKind::Cast => "CAST",
            CrossingKind::Other => "OBJECT",
        }
    }

    /// `None` for what only describes something else, holds rows, or is told by its own fact (foreign keys).
    pub(super) fn of(sides: &Sides<'_>, position: usize) -> Option<CrossingKind> {
        let entry = &sides.archive.entries()[position];
        let kind = entry.kind;
        if kind.is_data() || kind.is_remark() || kind.is_session_setting() {
            return None;
        }
        Some(match kind {
            // Comments, grants and labels of schemas and databases go with them.
            Kind::Schema | Kind::Database | Kind::DatabaseProperties | Kind::Extension | Kind::DefaultAcl => {
                return None;
            }
            Kind::FkConstraint | Kind::RowSecurity | Kind::SequenceOwnedBy | Kind::IndexAttach => return None,
            Kind::Table => CrossingKind::Table,
            Kind::TableAttach => CrossingKind::Partition,
            Kind::View => CrossingKind::View,
            Kind::MaterializedView => CrossingKind::MaterializedView,
            Kind::ForeignTable => CrossingKind::ForeignTable,
            Kind::Sequence => CrossingKind::Sequence,
            Kind::Rule => CrossingKind::Rule,
            Kind::Function => CrossingKind::Function,
            Kind::Procedure => CrossingKind::Procedure,
            Kind::Aggregate => CrossingKind::Aggregate,
            Kind::Operator | Kind::OperatorClass | Kind::OperatorFamily => CrossingKind::Operator,
            Kind::Type | Kind::ShellType | Kind::Domain | Kind::Collation | Kind::Conversion => CrossingKind::Type,
            Kind::Trigger => CrossingKind::Trigger,
            Kind::Policy => CrossingKind::Policy,
            Kind::Default => CrossingKind::Default,
            Kind::Constraint | Kind::CheckConstraint => CrossingKind::Constraint,
            Kind::Index => CrossingKind::Index,
            Kind::Statistics => CrossingKind::Statistics,
            Kind::Publication | Kind::PublicationTable | Kind::PublicationSchema => CrossingKind::Publication,
            Kind::Subscription | Kind::SubscriptionTable => CrossingKind::Subscription,
            Kind::EventTrigger => CrossingKind::EventTrigger,
            Kind::TextSearchParser
            | Kind::TextSearchTemplate
            | Kind::TextSearchDictionary
            | Kind::TextSearchConfiguration => CrossingKind::TextSearch,
            Kind::Cast | Kind::Transform => CrossingKind::Cast,
            _ => CrossingKind::Other,
        })
    }
}
