use super::*;
use crate::schema::archive::Section;
use crate::schema::pattern::PatternKind;
use crate::schema::shop;

struct Case {
    archive: Archive,
    facts: Facts,
    selection: Selection,
}

fn patterns(kind: PatternKind, texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text, kind).unwrap()).collect()
}

/// Switches as on the command line: `-n shop -T shop.item`.
pub(crate) fn request(switches: &str) -> Request {
    let mut request = Request::default();
    let words: Vec<&str> = switches.split_whitespace().collect();
    for pair in words.chunks(2) {
        match pair[0] {
            "-n" => request.schemas.extend(patterns(PatternKind::Schema, &pair[1..])),
            "-N" => request.exclude_schemas.extend(patterns(PatternKind::Schema, &pair[1..])),
            "-t" => request.tables.extend(patterns(PatternKind::Relation, &pair[1..])),
            "-T" => request.exclude_tables.extend(patterns(PatternKind::Relation, &pair[1..])),
            other => panic!("{other}"),
        }
    }
    request
}

fn chosen(switches: &str) -> Case {
    let archive = shop::archive();
    let facts = shop::facts(&archive);
    let selection = select(&archive, &facts, &request(switches)).unwrap();
    Case { archive, facts, selection }
}

impl Case {
    fn reason(&self, label: &str) -> Option<Reason> {
        self.selection.entries.get(&shop::id(&self.archive, label)).copied()
    }

    fn id(&self, label: &str) -> DumpId {
        shop::id(&self.archive, label)
    }

    fn left_out(&self) -> Vec<(String, LeftOutReason)> {
        let label = |left_out: &LeftOut| self.archive.entry(left_out.entry).unwrap().label();
        self.selection.left_out.iter().map(|left_out| (label(left_out), left_out.reason)).collect()
    }

    fn rows(&self) -> Vec<String> {
        let name = |oid: &Oid| format!("{}.{}", self.facts.relations[oid].schema, self.facts.relations[oid].name);
        self.selection.relations_with_rows.iter().map(name).collect()
    }

    /// Whatever is taken can be made: all that its SQL needs is taken too.
    fn assert_closed(&self) {
        let graph = Graph::new(&self.archive);
        for (position, entry) in self.archive.entries().iter().enumerate() {
            if self.selection.contains(entry.dump_id) {
                for needed in graph.needs(position) {
                    let needed = &self.archive.entries()[*needed];
                    assert!(self.selection.contains(needed.dump_id), "{} needs {}", entry.label(), needed.label());
                }
            }
        }
    }
}

#[test]
fn no_request_takes_everything() {
    let case = chosen("");
    assert_eq!(case.selection.entries.len(), case.archive.entries().len());
    assert!(case.selection.left_out.is_empty());
    assert_eq!(case.reason("TABLE shop.item"), Some(Reason::Whole));
    assert_eq!(case.rows().len(), 8);
    assert!(!case.rows().contains(&"shop.sale".to_owned()), "a partitioned table has no rows of its own");
    assert_eq!(case.selection.sequences.len(), 3);
}

#[test]
fn a_schema_comes_with_what_it_needs_from_elsewhere() {
    let case = chosen("-n shop");
    case.assert_closed();
    let asked =
        ["SCHEMA shop", "TABLE shop.item", "VIEW shop.grouped", "DEFAULT ACL shop.DEFAULT PRIVILEGES FOR TABLES"];
    for label in asked {
        assert_eq!(case.reason(label), Some(Reason::Asked), "{label}");
    }
    let item = case.id("TABLE shop.item");
    for label in [
        "INDEX shop.item_search",
        "TRIGGER shop.item item_touch",
        "POLICY shop.item item_read",
        "ROW SECURITY shop.item",
        "STATISTICS shop.item_stats",
        "ACL shop.COLUMN item.code",
        "COMMENT shop.COLUMN item.code",
        "DEFAULT shop.item id",
        "SEQUENCE OWNED BY shop.item_id_seq",
    ] {
        assert_eq!(case.reason(label), Some(Reason::PartOf(item)), "{label}");
    }
    assert_eq!(case.reason("ACL SCHEMA shop"), Some(Reason::PartOf(case.id("SCHEMA shop"))));
    assert_eq!(case.reason("TYPE depot.state"), Some(Reason::NeededBy(item)));
    assert_eq!(case.reason("FUNCTION public.plain(text)"), Some(Reason::NeededBy(item)));
    // Only texts name these two.
    let plain = case.id("FUNCTION public.plain(text)");
    assert_eq!(case.reason("EXTENSION unaccent"), Some(Reason::MentionedBy(plain)));
    let touch = case.id("FUNCTION shop.touch()");
    assert_eq!(case.reason("FUNCTION depot.outer_name(text)"), Some(Reason::MentionedBy(touch)));
    let config = case.id("TEXT SEARCH CONFIGURATION shop.conf");
    assert_eq!(case.reason("TEXT SEARCH DICTIONARY depot.dict"), Some(Reason::NeededBy(config)));
    assert_eq!(case.reason("SERVER far"), Some(Reason::NeededBy(case.id("FOREIGN TABLE shop.remote"))));
    assert_eq!(case.reason("USER MAPPING keeper SERVER far"), Some(Reason::PartOf(case.id("SERVER far"))));
    assert_eq!(case.reason("SEQUENCE depot.ticket"), Some(Reason::NeededBy(case.id("TABLE shop.ticket"))));
    assert!(matches!(case.reason("SCHEMA depot"), Some(Reason::NeededBy(_))));
    assert_eq!(case.reason("ENCODING ENCODING"), Some(Reason::Setting));
    for label in ["TABLE depot.bin", "EXTENSION hstore", "EVENT TRIGGER watch", "PUBLICATION pub", "SCHEMA Odd.Name"] {
        assert_eq!(case.reason(label), None, "{label}");
    }
    assert_eq!(case.reason("DATABASE shop"), Some(Reason::Setting));
    // For a database that is made for the part.
    assert_eq!(case.reason("COMMENT DATABASE shop"), Some(Reason::Setting));
    assert_eq!(case.reason("DATABASE PROPERTIES shop"), Some(Reason::Setting));
    assert_eq!(case.selection.sequences.len(), 3);
}

#[test]
fn a_cast_goes_where_both_its_ends_go() {
    let case = chosen("-n depot");
    let state = case.reason("CAST CAST (integer AS depot.state)");
    assert!(matches!(state, Some(Reason::PartOf(_))));
    assert_eq!(chosen("-t shop.pick").reason("CAST CAST (integer AS depot.state)"), None);
}

#[test]
fn what_needs_a_relation_outside_is_left_out_and_reported() {
    let case = chosen("-n shop");
    let relation = case.id("TABLE depot.bin");
    let expected = [
        ("FUNCTION shop.bins()".to_owned(), LeftOutReason::NeedsOutside { relation }),
        ("VIEW shop.located".to_owned(), LeftOutReason::NeedsOutside { relation }),
        ("VIEW shop.located_names".to_owned(), LeftOutReason::NeedsLeftOut { entry: case.id("VIEW shop.located") }),
        ("FK CONSTRAINT shop.pick pick_bin".to_owned(), LeftOutReason::NeedsOutside { relation }),
        (
            "PUBLICATION TABLE shop.pub item".to_owned(),
            LeftOutReason::PublicationNotAsked { publication: case.id("PUBLICATION pub") },
        ),
    ];
    assert_eq!(case.left_out(), expected);
    assert!(!case.left_out().iter().any(|(entry, _)| entry.starts_with("TABLE ")));
}

#[test]
fn a_partition_elsewhere_goes_with_its_parent_unless_excluded() {
    let case = chosen("-n shop");
    assert_eq!(case.reason("TABLE depot.sale_rest"), Some(Reason::Asked));
    assert!(case.reason("INDEX ATTACH depot.sale_rest_day_idx").is_some());
    assert!(case.rows().contains(&"depot.sale_rest".to_owned()));

    let case = chosen("-n shop -T depot.sale_rest");
    case.assert_closed();
    assert_eq!(case.reason("TABLE ATTACH depot.sale_rest"), None);
    let parent = case.id("TABLE shop.sale");
    let reported = ("TABLE depot.sale_rest".to_owned(), LeftOutReason::PartitionNotAsked { parent });
    assert!(case.left_out().contains(&reported));
}

#[test]
fn a_partition_alone_is_a_table_of_its_own() {
    let case = chosen("-t shop.sale_2025");
    case.assert_closed();
    assert_eq!(case.rows(), ["shop.sale_2025"]);
    assert!(case.reason("INDEX shop.sale_2025_day_idx").is_some());
    assert_eq!(case.reason("TABLE ATTACH shop.sale_2025"), None);
    assert_eq!(case.reason("INDEX ATTACH shop.sale_2025_day_idx"), None);
    let relation = case.id("TABLE shop.sale");
    let attach = ("TABLE ATTACH shop.sale_2025".to_owned(), LeftOutReason::NeedsOutside { relation });
    assert!(case.left_out().contains(&attach));
}

#[test]
fn a_partitioned_table_alone_reports_its_partitions() {
    let case = chosen("-t shop.sale");
    case.assert_closed();
    assert_eq!(case.rows(), Vec::<String>::new());
    let parent = case.id("TABLE shop.sale");
    for child in ["TABLE shop.sale_2025", "TABLE depot.sale_rest"] {
        assert!(case.left_out().contains(&(child.to_owned(), LeftOutReason::PartitionNotAsked { parent })));
    }
    assert_eq!(case.left_out().iter().filter(|(entry, _)| entry.starts_with("TABLE ")).count(), 2);
}

#[test]
fn a_table_alone_comes_with_sequence_type_and_schema() {
    let case = chosen("-t shop.item");
    case.assert_closed();
    for label in ["SCHEMA shop", "SCHEMA depot", "TYPE depot.state", "SEQUENCE shop.item_id_seq", "EXTENSION unaccent"]
    {
        assert!(case.reason(label).is_some(), "{label}");
    }
    assert_eq!(case.reason("VIEW shop.cheap"), None);
    assert_eq!(case.rows(), ["shop.item"]);
}

#[test]
fn an_excluded_table_takes_its_dependents_along() {
    let case = chosen("-T shop.item");
    case.assert_closed();
    assert!(!case.rows().contains(&"shop.item".to_owned()));
    let relation = case.id("TABLE shop.item");
    let left_out = case.left_out();
    for label in [
        "VIEW shop.cheap",
        "VIEW shop.located",
        "VIEW shop.grouped",
        "FUNCTION shop.atomic(bigint)",
        "FK CONSTRAINT depot.bin bin_item_fkey",
        "FK CONSTRAINT shop.sale sale_item_fkey",
        "PUBLICATION TABLE shop.pub item",
    ] {
        assert!(left_out.contains(&(label.to_owned(), LeftOutReason::NeedsOutside { relation })), "{label}");
    }
    assert_eq!(case.reason("SEQUENCE shop.item_id_seq"), None, "the sequence is the column's");
    assert_eq!(case.reason("PUBLICATION pub"), Some(Reason::Asked));
    let database = case.id("DATABASE shop");
    assert_eq!(case.reason("DATABASE PROPERTIES shop"), Some(Reason::PartOf(database)));
}

#[test]
fn an_excluded_schema_still_gives_what_others_need() {
    let case = chosen("-N depot");
    case.assert_closed();
    assert!(matches!(case.reason("TYPE depot.state"), Some(Reason::NeededBy(_))));
    assert!(matches!(case.reason("FUNCTION depot.on_ddl()"), Some(Reason::NeededBy(_))));
    assert_eq!(case.reason("TABLE depot.bin"), None);
    assert_eq!(case.reason("TABLE depot.sale_rest"), None);
}

#[test]
fn schemas_and_tables_together_mean_both() {
    let case = chosen("-n depot -t shop.pick");
    assert_eq!(case.reason("TABLE shop.pick"), Some(Reason::Asked));
    assert!(case.reason("FK CONSTRAINT shop.pick pick_bin").is_some(), "both ends are there");
    assert_eq!(case.reason("TABLE depot.bin"), Some(Reason::Asked));
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_on_every_switch() {
    let archive = shop::archive();
    let facts = shop::facts(&archive);
    let error = |switches: &str| select(&archive, &facts, &request(switches)).unwrap_err();
    for switches in ["-n nope", "-N nope", "-n shop -N nope*"] {
        assert!(matches!(error(switches), SelectionError::NoSuchSchema { .. }), "{switches}");
    }
    // An unqualified table is looked for on the search path, which is `public` alone.
    for switches in ["-t shop.nope", "-T shop.nope", "-t item"] {
        assert!(matches!(error(switches), SelectionError::NoSuchTable { .. }), "{switches}");
    }
}

#[test]
fn a_relation_without_an_entry_is_an_error() {
    let archive = shop::archive();
    let mut facts = shop::facts(&archive);
    let mut ghost = facts.relations.values().next().unwrap().clone();
    ghost.name = "ghost".into();
    facts.relations.insert(1, ghost);
    let error = select(&archive, &facts, &Request::default()).unwrap_err();
    assert!(matches!(error, SelectionError::NotInArchive { name, .. } if name == "ghost"));
}

#[test]
fn configuration_tables_go_with_their_extension() {
    let archive = shop::archive();
    let mut facts = shop::facts(&archive);
    let mut rules = facts.relations.values().find(|relation| relation.name == "bin").unwrap().clone();
    rules.name = "rules".into();
    rules.schema = "public".into();
    rules.membership = Membership::Configuration { extension: "unaccent".into() };
    facts.relations.insert(1, rules);
    let takes = |switches: &str| select(&archive, &facts, &request(switches)).unwrap().relations_with_rows.contains(&1);
    assert!(takes("") && takes("-n shop") && takes("-n public"));
    assert!(!takes("-t shop.pick") && !takes("-T public.rules"));
}

#[test]
fn every_selection_is_closed() {
    for switches in ["-n shop", "-n depot", "-n public", "-n Odd* -N shop", "-t *.*", "-t shop.* -T *.item", "-N *"] {
        let switches = switches.replace("Odd*", "\"Odd.Name\"");
        let case = chosen(&switches);
        case.assert_closed();
        let definitions = case.archive.entries().iter().filter(|entry| entry.section == Section::PreData);
        assert!(definitions.filter(|entry| case.selection.contains(entry.dump_id)).count() < 60);
    }
}

/// A part without a whole would go nowhere with a selection of tables, and nobody would be told.
#[test]
fn every_part_belongs_to_something() {
    let of_public = |entry: &Entry| entry.tag == "SCHEMA public";
    assert_eq!(belonging_to_nothing(&shop::archive(), of_public), Vec::<String>::new());
    for bytes in [
        include_bytes!("../../../tests/data/archives/shop-16.dump").as_slice(),
        include_bytes!("../../../tests/data/archives/shop-18.dump").as_slice(),
    ] {
        assert_eq!(belonging_to_nothing(&Archive::parse(bytes).unwrap(), of_public), Vec::<String>::new());
    }
    let lost = shop::archive_with(|entry| {
        if entry.kind == Kind::Trigger {
            entry.dependencies.clear();
        }
    });
    assert_eq!(belonging_to_nothing(&lost, of_public), ["TRIGGER shop.item item_touch"]);
}

/// `CREATE EXTENSION` makes the object, so that its grants belong to no entry.
#[test]
fn grants_on_an_extensions_objects_go_with_the_extension() {
    let archive = shop::archive_with(|entry| {
        if entry.label() == "ACL shop.COLUMN item.code" {
            entry.namespace = Some("public".into());
            entry.tag = "FUNCTION unaccent(text)".into();
            entry.dependencies.clear();
        }
        if entry.label() == "COMMENT shop.COLUMN item.code" {
            entry.namespace = Some("public".into());
            entry.tag = "FUNCTION nobodys(text)".into();
            entry.dependencies.clear();
        }
    });
    let facts = shop::facts(&archive);
    let chosen = |switches: &str| select(&archive, &facts, &request(switches)).unwrap();
    let id = |label: &str| shop::id(&archive, label);
    let (grant, comment) = (id("ACL public.FUNCTION unaccent(text)"), id("COMMENT public.FUNCTION nobodys(text)"));
    let selection = chosen("-n shop");
    assert_eq!(selection.entries.get(&grant), Some(&Reason::PartOf(id("EXTENSION unaccent"))));
    // Of which extension it is nobody knows, and so it is told.
    assert!(selection.left_out.contains(&LeftOut { entry: comment, reason: LeftOutReason::OfNothingKnown }));
    let selection = chosen("-t shop.pick");
    assert!(!selection.contains(grant) && !selection.left_out.iter().any(|left| left.entry == comment));
}

#[test]
fn what_lies_apart_from_its_table_is_reported() {
    let archive = shop::archive_with(|entry| {
        if entry.kind == Kind::Statistics {
            entry.namespace = Some("depot".into());
        }
    });
    let facts = shop::facts(&archive);
    let selection = select(&archive, &facts, &request("-n depot")).unwrap();
    let relation = shop::id(&archive, "TABLE shop.item");
    let entry = shop::id(&archive, "STATISTICS depot.item_stats");
    assert!(selection.left_out.contains(&LeftOut { entry, reason: LeftOutReason::NeedsOutside { relation } }));
}
