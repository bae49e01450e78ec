//! Tables whose rows run code when they are written, that may do more or less as one role than as another.

use super::through_root::ThroughRoot;
use super::{Error, Session, query};

/// A table, and whose code its rows run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsCode {
    pub schema: String,
    pub name: String,
    /// Of the table that its rows are written to: no superuser, and not the session's role.
    pub owner: String,
}

/// Functions of the server's own that do the same for everybody, though their results may hang on the time or on settings. Others that are
/// not immutable read or write what the caller may, or run text that they are given; those in SQL may look a cast up.
const HARMLESS: &str = "^(now|(transaction|statement)_timestamp|age|extract|date|date_.*|timestamp.*|time|time_.*|timetz.*|timezone|interval.*|isfinite|to_(char|date|number|timestamp)|concat|concat_ws|array_to_string|format|to_tsvector|money|numeric|overlaps)$";

/// What an expression may be made of so that functions and types say what it runs: others look up casts, or run what is nowhere named.
const PLAIN: &str = "^(FUNCEXPR|OPEXPR|SCALARARRAYOPEXPR|DISTINCTEXPR|NULLIFEXPR|BOOLEXPR|VAR|CONST|RELABELTYPE|COERCEVIAIO|ARRAYCOERCEEXPR|COERCETODOMAIN|COERCETODOMAINVALUE|NULLTEST|BOOLEANTEST|ARRAYEXPR|ARRAY|ROWEXPR|ROW|CASEEXPR|CASE|CASEWHEN|WHEN|CASETESTEXPR|COALESCEEXPR|COALESCE|MINMAXEXPR|MINMAX|COLLATEEXPR|FIELDSELECT|SUBSCRIPTINGREF|SUBSCRIPT|CONVERTROWTYPEEXPR)$";

/// Queries that know of each object (`calling`) whether it calls such code, and what of a relation is such an object (`parts`), for those
/// `of_relation`: rows of a relation, and of an object's catalog and OID. A domain is in a column by itself, or inside of an array, a
/// composite type, a range or another domain. Functions in C, and those of a superuser's extensions, do the same for everybody
/// where their authors call them immutable; others may reach what the caller may (`dblink_exec`, `crosstab`).
fn with_parts(of_relation: &str) -> String {
    format!(
        "code AS MATERIALIZED (
        SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.oid >= 16384
            AND (p.provolatile <> 'i' OR l.lanname NOT IN ('c', 'internal') AND NOT (EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
                AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = p.proowner AND r.rolsuper)))
        UNION ALL SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid < 16384
            AND (p.prolang <> 12 OR p.proname = 'satisfies_hash_partition' OR p.provolatile = 'v' OR p.provolatile = 's' AND p.proname !~ '{HARMLESS}')),
    calling (classid, objid) AS (
        SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
            LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
            JOIN code ON code.oid = CASE WHEN o.oid IS NULL THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END
            WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR o.oid IS NOT NULL
        -- What the server has of its own is in no list of dependencies.
        UNION SELECT t.classid::pg_catalog.oid, t.objid FROM (
            SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, k.conbin::text FROM pg_catalog.pg_constraint k WHERE k.contype = 'c'
            UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, x.oid, x.adbin::text FROM pg_catalog.pg_attrdef x
                JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum AND a.attgenerated <> ''
            UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, '')
                FROM pg_catalog.pg_index i WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
            UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, p.partrelid, p.partexprs::text FROM pg_catalog.pg_partitioned_table p WHERE p.partexprs IS NOT NULL
            UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, s.stxexprs::text FROM pg_catalog.pg_statistic_ext s WHERE s.stxexprs IS NOT NULL
            ) t (classid, objid, tree) WHERE
            EXISTS (SELECT FROM pg_catalog.regexp_matches(t.tree, '\\{{([A-Z]+)', 'g') m WHERE m[1] !~ '{PLAIN}')
            OR EXISTS (SELECT FROM pg_catalog.regexp_matches(t.tree, ':(?:funcid|opfuncid) (\\d+)', 'g') m JOIN code ON code.oid = m[1]::pg_catalog.oid)),
    parts (relation, classid, objid) AS ({of_relation}
        UNION SELECT h.relation, n.classid, n.objid FROM parts h CROSS JOIN LATERAL (
            SELECT h.classid, i.type FROM pg_catalog.pg_type t CROSS JOIN LATERAL ({INNER_TYPES}) i (type)
                WHERE h.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = h.objid AND i.type >= 16384
            UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid FROM pg_catalog.pg_constraint k
                WHERE h.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND k.contypid = h.objid
            UNION ALL SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
                WHERE h.classid <> 'pg_catalog.pg_type'::pg_catalog.regclass AND d.classid = h.classid AND d.objid = h.objid
                AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
            -- Values are compared by what an operator class says, in an index and in a range.
            UNION ALL SELECT m.classid, m.objid FROM (
                SELECT i.indexrelid, k.class FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indclass::pg_catalog.oid[]) k (class)
                    WHERE h.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = h.objid
                UNION ALL SELECT r.rngtypid, r.rngsubopc FROM pg_catalog.pg_range r
                    WHERE h.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND h.objid IN (r.rngtypid, r.rngmultitypid)) of_it (object, class)
                JOIN pg_catalog.pg_opclass c ON c.oid = of_it.class AND c.oid >= 16384
                CROSS JOIN LATERAL (
                    SELECT 'pg_catalog.pg_amproc'::pg_catalog.regclass::pg_catalog.oid, p.oid FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = c.opcfamily
                    UNION ALL SELECT 'pg_catalog.pg_amop'::pg_catalog.regclass::pg_catalog.oid, o.oid FROM pg_catalog.pg_amop o WHERE o.amopfamily = c.opcfamily) m (classid, objid)
            ) n (classid, objid))"
    )
}

/// A condition: code of an ordinary role may run where values of the types `columns`, a query, are compared as values of others. An implicit
/// cast is found behind any number of domains. Of arrays, ranges and composite types each part counts, and so does a function of the
/// server's own: some of them look casts up themselves.
pub(in crate::pg) fn casts_of_users(columns: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_cast x LEFT JOIN pg_catalog.pg_proc p ON p.oid = x.castfunc LEFT JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
            WHERE x.oid >= 16384 AND x.castcontext = 'i' AND x.castmethod <> 'b' AND (p.oid IS NULL OR p.oid < 16384 OR NOT coalesce(r.rolsuper, false))
            AND x.castsource IN (WITH RECURSIVE within_it (type) AS ({columns} UNION SELECT i.type FROM within_it w JOIN pg_catalog.pg_type t ON t.oid = w.type
                CROSS JOIN LATERAL ({INNER_TYPES}) i (type) WHERE i.type <> 0)
                SELECT type FROM within_it))"
    )
}

/// A condition: one of these operators, an array of their OIDs, calls a function that is written in SQL or a procedural language and belongs to
/// an ordinary role. A superuser can make an operator of it, and its owner another function in its place.
pub(in crate::pg) fn operators_of_users(operators: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
            WHERE o.oid = ANY ({operators}) AND p.oid >= 16384 AND NOT r.rolsuper)"
    )
}

/// What a type `t` is made of.
pub(in crate::pg) const INNER_TYPES: &str = "SELECT t.typbasetype UNION ALL SELECT t.typelem
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped";

/// The relations, by their OID, whose indexes, statistics or cut call code that must not run as the session's role, a superuser: the server
/// computes what is constant in them as soon as it plans to read the relation, but not for COPY of the relation itself.
pub async fn planned_with_code(session: &Session) -> Result<Vec<u32>, Error> {
    let context = "the code of indexes";
    // Most databases have none, and a transaction keeps a lock on each catalog that it asks. 12 and 13 are `internal` and `c`.
    let any = "SELECT pg_catalog.current_setting('is_superuser') = 'on' AND (
            EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND p.prolang NOT IN (12, 13))
            OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typtype = 'd' AND t.oid >= 16384))";
    if !query(session, context, any).await?.first().is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let parts = with_parts(
        "SELECT i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, i.indexrelid FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_roles r ON r.oid = t.relowner AND NOT r.rolsuper
            WHERE i.indexrelid >= 16384 AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
                OR EXISTS (SELECT FROM pg_catalog.unnest(i.indclass::pg_catalog.oid[]) k (class) WHERE k.class >= 16384))
        UNION SELECT s.stxrelid, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid FROM pg_catalog.pg_statistic_ext s
            JOIN pg_catalog.pg_class t ON t.oid = s.stxrelid JOIN pg_catalog.pg_roles r ON r.oid = t.relowner AND NOT r.rolsuper
        UNION SELECT a.relid::pg_catalog.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, p.partrelid FROM pg_catalog.pg_partitioned_table p
            JOIN pg_catalog.pg_class t ON t.oid = p.partrelid JOIN pg_catalog.pg_roles r ON r.oid = t.relowner AND NOT r.rolsuper
            CROSS JOIN LATERAL (SELECT l.relid FROM pg_catalog.pg_partition_tree(p.partrelid) l UNION ALL SELECT pg_catalog.pg_partition_root(p.partrelid)) a",
    );
    // What is read with its partitions runs the code of theirs.
    let sql = format!(
        "WITH RECURSIVE {parts}, own AS (SELECT DISTINCT h.relation FROM parts h JOIN calling USING (classid, objid))
        SELECT relation FROM own UNION SELECT a.relid::pg_catalog.oid FROM own CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(own.relation) a (relid)"
    );
    Ok(query(session, context, &sql).await?.iter().map(|row| row.get(0)).collect())
}

/// Asks what is there now. Of the tables that rows are written to, those whose checks, domains, generated columns, cuts, indexes or
/// triggers call functions of users, or of the server's own those that are not harmless.
pub async fn runs_code(session: &Session, which: ThroughRoot) -> Result<Vec<RunsCode>, Error> {
    let through = which.query();
    let parts = with_parts(
        "SELECT a.attrelid, 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, a.atttypid FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
        UNION SELECT k.conrelid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid FROM pg_catalog.pg_constraint k
            WHERE k.contype = 'c' AND k.conrelid <> 0 AND k.oid >= 16384
        UNION SELECT x.adrelid, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, x.oid FROM pg_catalog.pg_attrdef x
            JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum AND a.attgenerated <> ''
        UNION SELECT l.relid::pg_catalog.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, p.partrelid FROM pg_catalog.pg_partitioned_table p
            CROSS JOIN LATERAL pg_catalog.pg_partition_tree(p.partrelid) l WHERE l.isleaf
        UNION SELECT i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid FROM pg_catalog.pg_index i WHERE i.indexrelid >= 16384",
    );
    let sql = format!(
        "WITH RECURSIVE through AS MATERIALIZED ({through}), {parts}, running AS (
        SELECT DISTINCT h.relation FROM parts h JOIN calling USING (classid, objid)
        UNION SELECT g.tgrelid FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid AND c.relkind = 'r' WHERE NOT g.tgisinternal)
    SELECT n.nspname::text, t.relname::text, r.rolname::text FROM running JOIN pg_catalog.pg_class t ON t.oid = running.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace LEFT JOIN through ON through.leaf = t.oid
    LEFT JOIN pg_catalog.pg_class top ON top.oid = through.root JOIN pg_catalog.pg_roles r ON r.oid = coalesce(top.relowner, t.relowner)
    WHERE NOT r.rolsuper AND r.rolname <> current_user AND pg_catalog.pg_has_role(r.oid, 'MEMBER')
    AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ORDER BY 1, 2"
    );
    let rows = query(session, "the code that rows run", &sql).await?;
    Ok(rows.iter().map(|row| RunsCode { schema: row.get(0), name: row.get(1), owner: row.get(2) }).collect())
}
