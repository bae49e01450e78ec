//! Values in definitions that are made again from the catalog. The catalog writes them as text, and whoever makes the definition has the
//! text read: for a domain in an array, a composite type or a range, its checks run there and then, with the rights of that role.

use super::catalog::INNER_TYPES;

/// A condition on an expression for a tree of nodes, as text: a value in it is of such a type, and an ordinary role may say what its checks
/// are. A domain by itself is written as a value of its base type, and nothing is checked. It is true for superusers alone.
pub(super) fn condition(tree: &str) -> String {
    format!(
        "(pg_catalog.current_setting('is_superuser') = 'on' AND EXISTS (WITH RECURSIVE read_again (type) AS (
            SELECT DISTINCT m[1]::pg_catalog.oid FROM pg_catalog.regexp_matches({tree},
                ':consttype (\\d+) (?!:consttypmod -?\\d+ :constcollid \\d+ :constlen -?\\d+ :constbyval \\w+ :constisnull true)', 'g') m
            WHERE m[1]::pg_catalog.oid >= 16384
            UNION SELECT i.type FROM read_again w JOIN pg_catalog.pg_type t ON t.oid = w.type CROSS JOIN LATERAL ({INNER_TYPES}) i (type) WHERE i.type >= 16384)
        SELECT FROM read_again w JOIN pg_catalog.pg_type t ON t.oid = w.type AND t.typtype = 'd' JOIN pg_catalog.pg_roles r ON r.oid = t.typowner
            WHERE NOT r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_constraint k
                JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid
                LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
                JOIN pg_catalog.pg_proc p ON p.oid = CASE WHEN o.oid IS NULL THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END
                    AND (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR o.oid IS NOT NULL)
                JOIN pg_catalog.pg_roles f ON f.oid = p.proowner AND NOT f.rolsuper
                WHERE k.contypid = t.oid)))"
    )
}

/// An expression: the trees of what is made again, of the class and OID that the bridge's functions know a reader by.
pub(super) fn trees(class: &str, object: &str) -> String {
    format!(
        "CASE {class}
            WHEN 'function' THEN (SELECT coalesce(p.prosqlbody::text, '') || coalesce(p.proargdefaults::text, '') FROM pg_catalog.pg_proc p WHERE p.oid = {object})
            WHEN 'policy' THEN (SELECT coalesce(p.polqual::text, '') || coalesce(p.polwithcheck::text, '') FROM pg_catalog.pg_policy p WHERE p.oid = {object})
            WHEN 'rule' THEN (SELECT w.ev_qual::text || w.ev_action::text FROM pg_catalog.pg_rewrite w WHERE w.oid = {object})
            ELSE pg_catalog.concat((SELECT w.ev_action::text FROM pg_catalog.pg_rewrite w WHERE w.ev_class = {object} AND w.rulename = '_RETURN'),
                (SELECT pg_catalog.string_agg(coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, ''), '') FROM pg_catalog.pg_index i WHERE i.indrelid = {object}),
                (SELECT pg_catalog.string_agg(s.stxexprs::text, '') FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = {object}))
        END"
    )
}
