//! What counts as equal, and what is told. How PostgreSQL spells, the tests on a server show.

use super::*;
use crate::schema::archive::SqlText;
use crate::schema::shop;

/// The shop, with another definition of one of its views.
fn with(defn: &str) -> Archive {
    shop::archive_with(|entry| {
        if entry.desc == "VIEW" && entry.tag == "cheap" {
            entry.defn = SqlText::new(defn);
        }
    })
}

fn told(original: &Archive, copy: &Archive, respelled: Option<&Archive>) -> Vec<EntryMismatch> {
    compare(original, |_| true, copy, respelled)
}

const APPLICATIONS: &str =
    "CREATE VIEW v AS\n SELECT a\n   FROM t\n  WHERE (a)::text = ANY ((ARRAY['x'::varchar])::text[]);\n";
const RELOADED: &str =
    "CREATE VIEW v AS\n SELECT a\n   FROM t\n  WHERE (a)::text = ANY (ARRAY[('x'::varchar)::text]);\n";
const ANOTHER: &str =
    "CREATE VIEW v AS\n SELECT a\n   FROM t\n  WHERE (a)::text = ANY (ARRAY[('y'::varchar)::text]);\n";

#[test]
fn the_same_meaning_is_equal_in_either_spelling() {
    let (original, respelled) = (with(APPLICATIONS), with(RELOADED));
    assert_eq!(told(&original, &original, None), []);
    assert_eq!(told(&original, &respelled, None).len(), 1);
    assert_eq!(told(&original, &respelled, Some(&respelled)), []);
    assert_eq!(told(&original, &original, Some(&respelled)), []);
}

#[test]
fn what_is_another_is_shown_as_the_copys_server_spells_it() {
    let (original, respelled) = (with(APPLICATIONS), with(RELOADED));
    let mismatches = told(&original, &with(ANOTHER), Some(&respelled));
    let lines = |text: &str| vec![text.lines().last().unwrap().to_owned()];
    let expected = EntryMismatch {
        entry: "VIEW shop.cheap".into(),
        what: EntryDifference::Different,
        source_lines: lines(RELOADED),
        target_lines: lines(ANOTHER),
    };
    assert_eq!(mismatches, [expected]);
}

#[test]
fn an_owner_is_the_originals_however_the_definition_is_spelled() {
    let (original, respelled) = (with(APPLICATIONS), with(RELOADED));
    let others = |archive: &Archive| {
        let mut archive = archive.clone();
        archive
            .entries_mut()
            .iter_mut()
            .filter(|entry| entry.desc == "VIEW")
            .for_each(|e| e.owner = Some("eve".into()));
        archive
    };
    for copy in [others(&original), others(&respelled)] {
        let mismatches = told(&original, &copy, Some(&respelled));
        assert!(
            mismatches.iter().any(|mismatch| mismatch.target_lines.contains(&"-- owner: eve".to_owned())),
            "{mismatches:?}"
        );
        // Nor does a trial as somebody else make it right.
        assert!(!told(&original, &copy, Some(&others(&respelled))).is_empty());
    }
}

#[test]
fn entries_that_share_a_name_are_equal_together_or_not_at_all() {
    let one = |defn: &str, owner: &str| {
        let archive = shop::archive();
        let mut entry = archive.entries().iter().find(|entry| entry.desc == "VIEW").unwrap().clone();
        (entry.defn, entry.owner) = (SqlText::new(defn), Some(owner.into()));
        entry
    };
    let (a, b, respelled) = (one("a;", "x"), one("b;", "y"), one("a';", "x"));
    let group = |copy: Vec<&Entry>| {
        let (a, b, respelled) = (&a, &b, &respelled);
        let group = Group { original: vec![a, b], respelled: vec![b, respelled], copy: copy.into_iter().collect() };
        group.differences().iter().map(|mismatch| mismatch.what).collect::<Vec<_>>()
    };
    assert_eq!(group(vec![&b, &a]), []);
    assert_eq!(group(vec![&respelled, &b]), []);
    // Twice the first, in both spellings, is not both.
    assert_eq!(group(vec![&a, &respelled]), [EntryDifference::Different]);
    let (a_of_y, b_of_x) = (one("a;", "y"), one("b;", "x"));
    assert_eq!(group(vec![&a_of_y, &b_of_x]), [EntryDifference::Different, EntryDifference::Different]);
    assert_eq!(group(vec![&a]), [EntryDifference::Missing]);
    assert_eq!(group(vec![&a, &b, &b]), [EntryDifference::Unexpected]);
}

#[test]
fn long_and_many_lines_are_cut_where_they_part() {
    let view = |what: &str| format!("{} {what} {}\n", "a".repeat(500), "b".repeat(500));
    let mismatches = told(&with(&view("THIS")), &with(&view("THAT")), None);
    let (ours, theirs) = (&mismatches[0].source_lines[0], &mismatches[0].target_lines[0]);
    assert!(ours.contains("THIS") && theirs.contains("THAT"), "{ours} {theirs}");
    assert!(ours.len() < 210 && ours.starts_with("...") && ours.ends_with("..."), "{ours}");
    let many: String = (0..50).map(|n| format!("line {n}\n")).collect();
    let mismatches = told(&with(&many), &with("CREATE VIEW"), None);
    assert_eq!(mismatches[0].source_lines.last().unwrap(), "... and 42 more lines");
}
