use super::*;
use proptest::prelude::*;

const ARCHIVES: [(&str, &[u8], &str); 3] = [
    (
        "15",
        include_bytes!("../../../tests/data/archives/shop-15.dump"),
        include_str!("../../../tests/data/archives/shop-15.list"),
    ),
    (
        "16",
        include_bytes!("../../../tests/data/archives/shop-16.dump"),
        include_str!("../../../tests/data/archives/shop-16.list"),
    ),
    (
        "18",
        include_bytes!("../../../tests/data/archives/shop-18.dump"),
        include_str!("../../../tests/data/archives/shop-18.list"),
    ),
];

/// The entry as `pg_restore --list --verbose` prints it.
fn listed(entry: &Entry) -> String {
    let Entry { dump_id, catalog_id, desc, tag, .. } = entry;
    let namespace = entry.namespace.as_deref().unwrap_or("-");
    let owner = entry.owner.as_deref().unwrap_or("");
    let mut line = format!("{dump_id}; {} {} {desc} {namespace} {tag} {owner}\n", catalog_id.tableoid, catalog_id.oid);
    if !entry.dependencies.is_empty() {
        line.push_str(";\tdepends on:");
        entry.dependencies.iter().for_each(|dependency| line.push_str(&format!(" {dependency}")));
        line.push('\n');
    }
    line
}

#[test]
fn the_list_is_what_pg_restore_lists() {
    for (version, bytes, expected) in ARCHIVES {
        let archive = Archive::parse(bytes).unwrap();
        let list: String = archive.entries().iter().map(listed).collect();
        assert_eq!(list, expected, "archive of pg_dump {version}");
        assert_eq!(archive.encoding().as_deref(), Some("UTF8"));
        assert!(archive.header().dump_version.as_deref().unwrap().starts_with(version));
        assert_eq!(archive.header().database.as_deref(), Some("shop"));
    }
}

/// Seven integers of a sign and four bytes, before the database's name.
#[test]
fn the_time_of_creation_is_forgotten_and_nothing_else() {
    for (version, bytes, _) in ARCHIVES {
        let mut timeless = bytes.to_vec();
        forget_creation_time(&mut timeless).unwrap();
        assert_eq!(Archive::parse(&timeless), Archive::parse(bytes));
        let name = bytes.windows(9).position(|window| window == b"\0\x04\0\0\0shop").unwrap();
        assert_eq!((&timeless[..name - 35], &timeless[name..]), (&bytes[..name - 35], &bytes[name..]), "{version}");
        let expected = [0, 0, 0, 1, 0, 100, 0].map(|value| [0, value, 0, 0, 0]);
        assert_eq!(timeless[name - 35..name], *expected.as_flattened());
    }
    assert_eq!(forget_creation_time(&mut b"-- plain SQL".to_vec()), Err(ArchiveError::NotAnArchive));
    assert!(forget_creation_time(&mut ARCHIVES[0].1[..40].to_vec()).is_err());
}

#[test]
fn relkind_comes_with_version_1_16() {
    let kind_of = |bytes: &[u8]| {
        let archive = Archive::parse(bytes).unwrap();
        archive.entries().iter().find(|entry| entry.tag == "sale" && entry.kind == Kind::Table).unwrap().relkind
    };
    assert_eq!(kind_of(ARCHIVES[0].1), None);
    assert_eq!(kind_of(ARCHIVES[2].1), Some('p'));
}

#[test]
fn what_is_no_archive_is_refused_by_name() {
    assert_eq!(Archive::parse(b"").unwrap_err(), ArchiveError::NotAnArchive);
    assert_eq!(Archive::parse(b"-- plain SQL").unwrap_err(), ArchiveError::NotAnArchive);
    let with = |position: usize, value: u8| {
        let mut bytes = ARCHIVES[0].1.to_vec();
        bytes[position] = value;
        Archive::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(6, 13), ArchiveError::UnsupportedVersion { major: 1, minor: 13, revision: 0 });
    assert_eq!(with(6, 17), ArchiveError::UnsupportedVersion { major: 1, minor: 17, revision: 0 });
    assert_eq!(with(8, 16), ArchiveError::IntegerSize { bytes: 16 });
    assert_eq!(with(10, 3), ArchiveError::NotCustomFormat { format: 3 });
}

#[test]
fn a_hostile_count_asks_for_no_memory() {
    let bytes = ARCHIVES[0].1;
    let archive = Archive::parse(bytes).unwrap();
    let count = u32::try_from(archive.entries().len()).unwrap().to_le_bytes();
    let position = bytes.windows(5).position(|window| window[0] == 0 && window[1..] == count).unwrap();
    let mut hostile = bytes.to_vec();
    hostile[position + 1..position + 5].copy_from_slice(&i32::MAX.to_le_bytes());
    assert!(Archive::parse(&hostile).is_err());
}

proptest! {
    /// A cut archive is an error: no table of contents is ever shorter than what was written.
    #[test]
    fn a_truncated_archive_is_an_error(which in 0usize..3, cut in any::<prop::sample::Index>()) {
        let bytes = ARCHIVES[which].1;
        let end_of_contents = bytes.len() - trailing(which);
        let cut = cut.index(end_of_contents);
        prop_assert!(Archive::parse(&bytes[..cut]).is_err());
    }

    /// Whatever the bytes, the reader returns.
    #[test]
    fn flipped_bits_never_panic(which in 0usize..3, flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..20)) {
        let mut bytes = ARCHIVES[which].1.to_vec();
        for (position, bit) in flips {
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
        }
        let _ = Archive::parse(&bytes);
    }
}

/// Bytes behind the table of contents: the smallest cut that still parses says where it ends.
fn trailing(which: usize) -> usize {
    let bytes = ARCHIVES[which].1;
    (0..bytes.len()).find(|spare| Archive::parse(&bytes[..bytes.len() - spare - 1]).is_err()).unwrap()
}
