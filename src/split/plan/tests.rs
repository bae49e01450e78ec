use super::*;
use crate::schema::pattern::PatternKind;
use crate::schema::selection::{self, Request};
use crate::schema::shop;
use crate::split::facts::{Cluster, Existence, ForeignKey, Right, Searching, ServerFacts, Trust};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text, PatternKind::Schema).unwrap()).collect()
}

/// The foreign keys of `tests/data/archives/shop.sql` between its two schemas.
fn keys(archive: &Archive) -> Vec<ForeignKey> {
    let oid = |label: &str| archive.entry(shop::id(archive, label)).unwrap().catalog_id.oid;
    let key = |name: &str, from: (&str, &str), to: (&str, &str)| ForeignKey {
        oid: oid(&format!("FK CONSTRAINT {}.{} {name}", from.0, from.1)),
        name: name.into(),
        schema: from.0.into(),
        table: from.1.into(),
        relation: oid(&format!("TABLE {}.{}", from.0, from.1)),
        referenced_schema: to.0.into(),
        referenced_table: to.1.into(),
        referenced: oid(&format!("TABLE {}.{}", to.0, to.1)),
        orphans: Some(7),
        ..ForeignKey::default()
    };
    vec![
        key("bin_item_fkey", ("depot", "bin"), ("shop", "item")),
        key("pick_bin", ("shop", "pick"), ("depot", "bin")),
        key("Order \"x\"_item_fkey", ("shop", "Order \"x\""), ("shop", "item")),
    ]
}

fn able(database: &str) -> TargetFacts {
    let offered = ["unaccent", "hstore"].map(|name| ((name.to_owned(), "1.1".to_owned()), Trust::Trusted));
    TargetFacts {
        database: database.into(),
        server: ServerFacts { version_num: 150_000, version: "15.0".into() },
        cluster: Cluster::Same,
        available_extensions: offered.into_iter().collect(),
        rights: [Right::Superuser, Right::Write].into(),
        roles: ["keeper", "postgres", "Clerk 1"].map(str::to_owned).into(),
        ..TargetFacts::default()
    }
}

fn try_plan(
    schemas: &[&str],
    target: &TargetFacts,
    boundary: Option<Boundary>,
    file: &str,
) -> Result<SplitPlan, BoundaryFileError> {
    let archive = shop::archive();
    let facts = shop::facts(&archive);
    let schemas = patterns(schemas);
    let names = SchemaNames::resolve(&archive, &facts, &schemas).unwrap();
    let selection = selection::select(&archive, &facts, &Request { schemas, ..Request::default() }).unwrap();
    let version = |name: &str| (name.to_owned(), "1.1".to_owned());
    let source = SourceFacts {
        database: "shop".into(),
        owner: "postgres".into(),
        bootstrap: "postgres".into(),
        server: ServerFacts { version_num: 150_000, version: "15.0".into() },
        foreign_keys: keys(&archive),
        extensions: ["unaccent", "hstore"].map(version).into(),
        ..SourceFacts::default()
    };
    plan(&Inputs {
        archive: &archive,
        facts: &facts,
        selection: &selection,
        names: &names,
        source: &source,
        target,
        boundary,
        choices: &BoundaryFile::parse(file).unwrap(),
        leave: &[],
        traffic: Traffic::Reads,
        searching: Searching::WithoutPath,
    })
}

fn planned(schemas: &[&str], boundary: Boundary) -> SplitPlan {
    try_plan(schemas, &able("new_shop"), Some(boundary), "").unwrap()
}

/// `key -> to: action`.
fn lines(plan: &SplitPlan) -> Vec<String> {
    let mut lines: Vec<String> =
        plan.boundary.iter().map(|c| format!("{} -> {}: {:?}", c.key, c.to, c.action)).collect();
    lines.sort();
    lines
}

#[test]
fn what_crosses_from_shop_to_depot_is_told_both_ways() {
    let expected = [
        "FUNCTION shop.bins() -> depot.bin: LeaveBehind",
        "PUBLICATION pub -> shop.item: Drop",
        "VIEW shop.located -> depot.bin: LeaveBehind",
        "VIEW shop.located_names -> shop.located: LeaveBehind",
        "depot.bin.bin_item_fkey -> shop.item: Drop",
        "shop.pick.pick_bin -> depot.bin: Drop",
    ];
    let plan = planned(&["shop"], Boundary::Drop);
    assert_eq!(lines(&plan), expected);
    assert!(plan.is_clear(), "{:?}", plan.findings);
    // What a run needs: the keys by oid, and what is not restored.
    assert_eq!(plan.constraints.len(), 2);
    let left: Vec<&str> = plan.left_behind.iter().map(|left| left.label.as_str()).collect();
    for label in
        ["VIEW shop.located", "VIEW shop.located_names", "FK CONSTRAINT shop.pick pick_bin", "FUNCTION shop.bins()"]
    {
        assert!(left.contains(&label), "{label}: {left:?}");
    }
    assert!(plan.left_behind.iter().all(|left| !plan.taken.contains(&left.entry)));
    // The partition of another schema goes with its parent, and what only text names is copied.
    assert!(plan.moves.iter().any(|schema| schema.schema == "depot" && schema.relations[0].name == "sale_rest"));
    let needs: Vec<&str> = plan.needs.iter().map(|need| need.name.as_str()).collect();
    for name in
        ["unaccent", "public.plain(text)", "depot.outer_name(text)", "depot.state", "depot.ticket", "depot.dict"]
    {
        assert!(needs.contains(&name), "{name}: {needs:?}");
    }
    assert!(plan.of(Severity::Warning).any(|f| f.kind == FindingKind::SharedSequence && f.name == "depot.ticket"));
}

#[test]
fn refusing_makes_blockers_of_all_that_cannot_go_on() {
    let plan = planned(&["shop"], Boundary::Refuse);
    let blockers: Vec<&str> = plan.blockers().map(|finding| finding.name.as_str()).collect();
    let expected = [
        "FUNCTION shop.bins()",
        "VIEW shop.located",
        "VIEW shop.located_names",
        "depot.bin.bin_item_fkey",
        "shop.pick.pick_bin",
    ];
    assert_eq!(blockers, expected);
}

#[test]
fn a_choice_for_one_key_beats_the_word_for_all() {
    let file =
        "default = \"loose\"\n[constraints]\npick_bin = \"drop\"\n[objects]\n\"VIEW shop.located\" = \"refuse\"\n";
    let plan = try_plan(&["shop"], &able("new_shop"), None, file).unwrap();
    let lines = lines(&plan);
    assert!(lines.contains(&"shop.pick.pick_bin -> depot.bin: Drop".to_owned()), "{lines:?}");
    assert!(lines.contains(&"depot.bin.bin_item_fkey -> shop.item: Loose".to_owned()), "{lines:?}");
    assert!(lines.contains(&"VIEW shop.located -> depot.bin: Refuse".to_owned()), "{lines:?}");
    let unknown =
        try_plan(&["shop"], &able("new_shop"), None, "[constraints]\n\"Order \\\"x\\\"_item_fkey\" = \"drop\"\n");
    assert!(matches!(unknown, Err(BoundaryFileError::UnknownConstraint { line: 2, .. })), "{unknown:?}");
}

#[test]
fn a_target_that_cannot_take_it_blocks() {
    let kinds = |target: &TargetFacts| -> Vec<FindingKind> {
        let plan = try_plan(&["shop"], target, Some(Boundary::Drop), "").unwrap();
        plan.blockers().map(|finding| finding.kind).collect()
    };
    let without = TargetFacts { available_extensions: BTreeMap::new(), ..able("x") };
    assert_eq!(kinds(&without), [FindingKind::Extension]);
    let older = TargetFacts { server: ServerFacts { version_num: 140_000, version: "14.0".into() }, ..able("x") };
    assert_eq!(kinds(&older), [FindingKind::ServerVersion]);
    let full = TargetFacts { existence: Existence::Exists { objects: vec!["public.x".into()] }, ..able("x") };
    assert_eq!(kinds(&full), [FindingKind::TargetNotEmpty]);
    let standby = TargetFacts { rights: [Right::Superuser].into(), ..able("x") };
    assert_eq!(kinds(&standby), [FindingKind::TargetReadOnly]);
    let powerless = TargetFacts { rights: [Right::Write].into(), roles: BTreeSet::new(), ..able("x") };
    assert_eq!(kinds(&powerless), [FindingKind::TargetPrivilege, FindingKind::TargetPrivilege]);
}

#[test]
fn a_schema_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let archive = shop::archive();
    let error = SchemaNames::resolve(&archive, &shop::facts(&archive), &patterns(&["shopp"])).unwrap_err();
    assert_eq!(
        (error.to_string(), error.hint().unwrap()),
        ("no schema matches shopp".into(), "Did you mean shop?".into())
    );
}
