//! What lies inside schemas: everything that has one of them for its own, and what is a part of that.

/// System catalogs whose rows have a schema, with the column that names it. What is in another schema is never inside.
///
/// A test holds the list against `pg_get_catalog_foreign_keys()` of every server version.
pub const HOMES: &[(&str, &str)] = &[
    ("pg_class", "relnamespace"),
    ("pg_proc", "pronamespace"),
    ("pg_type", "typnamespace"),
    ("pg_constraint", "connamespace"),
    ("pg_operator", "oprnamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_collation", "collnamespace"),
    ("pg_conversion", "connamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_ts_parser", "prsnamespace"),
    ("pg_ts_template", "tmplnamespace"),
    ("pg_statistic_ext", "stxnamespace"),
    ("pg_extension", "extnamespace"),
    ("pg_default_acl", "defaclnamespace"),
    ("pg_publication_namespace", "pnnspid"),
];

/// What has no schema of its own and is a part of something that may have: catalog, column, and the catalog that the column leads to.
const PARTS: &[(&str, &str, &str)] = &[
    ("pg_trigger", "tgrelid", "pg_class"),
    // Of a foreign key, also those on the table that it refers to.
    ("pg_trigger", "tgconstraint", "pg_constraint"),
    ("pg_rewrite", "ev_class", "pg_class"),
    ("pg_attrdef", "adrelid", "pg_class"),
    ("pg_policy", "polrelid", "pg_class"),
    ("pg_publication_rel", "prrelid", "pg_class"),
    ("pg_cast", "castsource", "pg_type"),
    ("pg_cast", "casttarget", "pg_type"),
    ("pg_transform", "trftype", "pg_type"),
    ("pg_amop", "amopfamily", "pg_opfamily"),
    ("pg_amproc", "amprocfamily", "pg_opfamily"),
];

/// Common table expressions for `WITH RECURSIVE`: `inside (classid, objid)`, of the schemas in the parameter `$1`.
pub fn inside(server_version_num: u32) -> String {
    let class = |catalog: &str| format!("'pg_catalog.{catalog}'::pg_catalog.regclass::oid");
    let homes =
        HOMES.iter().filter(|(catalog, _)| server_version_num >= 150_000 || *catalog != "pg_publication_namespace");
    let placed: Vec<String> = homes
        .clone()
        .map(|(catalog, column)| {
            let class = class(catalog);
            format!("SELECT {class}, o.oid FROM pg_catalog.{catalog} o JOIN old ON old.oid = o.{column}")
        })
        .collect();
    let parts: Vec<String> = PARTS
        .iter()
        .map(|(catalog, column, whole)| {
            let (class, whole) = (class(catalog), class(whole));
            format!("SELECT {class}, o.oid FROM pg_catalog.{catalog} o JOIN placed p ON p.classid = {whole} AND p.objid = o.{column}")
        })
        .collect();
    let homes: Vec<String> = homes.map(|(catalog, _)| class(catalog)).collect();
    let (relation, extension) = (class("pg_class"), class("pg_extension"));
    format!(
        "old AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1)),
        placed (classid, objid) AS MATERIALIZED (
            SELECT {namespace}, oid FROM old UNION ALL {placed}),
        toast AS MATERIALIZED (
            SELECT c.reltoastrelid AS oid FROM pg_catalog.pg_class c JOIN old ON old.oid = c.relnamespace WHERE c.reltoastrelid <> 0),
        inside (classid, objid) AS MATERIALIZED (
            SELECT classid, objid FROM placed
            UNION {parts}
            UNION SELECT {relation}, oid FROM toast
            UNION SELECT {relation}, x.indexrelid FROM pg_catalog.pg_index x JOIN toast ON toast.oid = x.indrelid
            UNION SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
                JOIN placed p ON p.classid = {extension} AND d.refclassid = p.classid AND d.refobjid = p.objid
                WHERE d.deptype = 'e' AND d.classid NOT IN ({homes}))",
        namespace = class("pg_namespace"),
        placed = placed.join(" UNION ALL "),
        parts = parts.join(" UNION "),
        homes = homes.join(", "),
    )
}
