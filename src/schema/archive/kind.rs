//! What an entry is.

macro_rules! kinds {
    ($($variant:ident = $desc:literal),+ $(,)?) => {
        /// The kinds of entries that selection or restore treats specially, by the name that `pg_dump` gives them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($variant,)+
            /// Anything else: it is restored as it stands, where its section says.
            Other,
        }

        impl Kind {
            pub(super) fn from_desc(desc: &str) -> Kind {
                match desc {
                    $($desc => Kind::$variant,)+
                    _ => Kind::Other,
                }
            }
        }
    };
}

kinds! {
    Encoding = "ENCODING", StdStrings = "STDSTRINGS", SearchPath = "SEARCHPATH",
    Database = "DATABASE", DatabaseProperties = "DATABASE PROPERTIES",
    Schema = "SCHEMA", Extension = "EXTENSION",
    Type = "TYPE", ShellType = "SHELL TYPE", Domain = "DOMAIN", Collation = "COLLATION", Conversion = "CONVERSION",
    Function = "FUNCTION", Procedure = "PROCEDURE", Aggregate = "AGGREGATE",
    Operator = "OPERATOR", OperatorClass = "OPERATOR CLASS", OperatorFamily = "OPERATOR FAMILY",
    Cast = "CAST", Transform = "TRANSFORM", Language = "PROCEDURAL LANGUAGE", AccessMethod = "ACCESS METHOD",
    TextSearchParser = "TEXT SEARCH PARSER", TextSearchTemplate = "TEXT SEARCH TEMPLATE",
    TextSearchDictionary = "TEXT SEARCH DICTIONARY", TextSearchConfiguration = "TEXT SEARCH CONFIGURATION",
    ForeignDataWrapper = "FOREIGN DATA WRAPPER", Server = "SERVER", UserMapping = "USER MAPPING",
    Table = "TABLE", ForeignTable = "FOREIGN TABLE", View = "VIEW", MaterializedView = "MATERIALIZED VIEW",
    Sequence = "SEQUENCE", SequenceOwnedBy = "SEQUENCE OWNED BY",
    TableAttach = "TABLE ATTACH", IndexAttach = "INDEX ATTACH", Default = "DEFAULT",
    Index = "INDEX", Constraint = "CONSTRAINT", FkConstraint = "FK CONSTRAINT", CheckConstraint = "CHECK CONSTRAINT",
    Trigger = "TRIGGER", Rule = "RULE", Policy = "POLICY", RowSecurity = "ROW SECURITY", Statistics = "STATISTICS",
    EventTrigger = "EVENT TRIGGER", Subscription = "SUBSCRIPTION", SubscriptionTable = "SUBSCRIPTION TABLE",
    Publication = "PUBLICATION", PublicationTable = "PUBLICATION TABLE", PublicationSchema = "PUBLICATION TABLES IN SCHEMA",
    Comment = "COMMENT", SecurityLabel = "SECURITY LABEL", Acl = "ACL", DefaultAcl = "DEFAULT ACL",
    TableData = "TABLE DATA", SequenceSet = "SEQUENCE SET", MaterializedViewData = "MATERIALIZED VIEW DATA",
    StatisticsData = "STATISTICS DATA", Blob = "BLOB", Blobs = "BLOBS", BlobMetadata = "BLOB METADATA",
}

impl Kind {
    /// Says of the session that made the archive how it was set: the text's encoding and the like.
    pub fn is_session_setting(self) -> bool {
        matches!(self, Kind::Encoding | Kind::StdStrings | Kind::SearchPath)
    }

    /// A relation that a selection must name before it is taken. Sequences are not among them.
    pub fn is_relation(self) -> bool {
        matches!(self, Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView)
    }

    /// Rows or values, or what stands for them: never part of a restore of definitions.
    pub fn is_data(self) -> bool {
        matches!(
            self,
            Kind::TableData
                | Kind::SequenceSet
                | Kind::MaterializedViewData
                | Kind::StatisticsData
                | Kind::Blob
                | Kind::Blobs
                | Kind::BlobMetadata
        )
    }

    /// Describes another entry, on which it depends: a comment, a grant, a label.
    pub fn is_remark(self) -> bool {
        matches!(self, Kind::Comment | Kind::SecurityLabel | Kind::Acl)
    }

    /// Belongs to one relation and is named in its schema: goes where the relation goes.
    pub fn is_part_of_relation(self) -> bool {
        matches!(
            self,
            Kind::TableAttach
                | Kind::IndexAttach
                | Kind::SequenceOwnedBy
                | Kind::Default
                | Kind::Index
                | Kind::Constraint
                | Kind::FkConstraint
                | Kind::CheckConstraint
                | Kind::Trigger
                | Kind::Rule
                | Kind::Policy
                | Kind::RowSecurity
                | Kind::Statistics
                | Kind::TableData
                | Kind::SequenceSet
                | Kind::MaterializedViewData
                | Kind::StatisticsData
        )
    }
}
