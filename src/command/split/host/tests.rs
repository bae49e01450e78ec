#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use super::*;

fn split() -> Split {
    Split::new(vec!["core".into()], Place::default(), Place::default())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_record_is_known_by_its_very_text_and_by_the_key_of_its_split() {
    let (split, other) = (split(), split());
    let mark = split.mark("{\"phase\":\"sealed\"}");
    assert!(split.has_marked("{\"phase\":\"sealed\"}", &mark));
    assert!(!split.has_marked("{\"phase\":\"sealed\" }", &mark));
    assert!(!other.has_marked("{\"phase\":\"sealed\"}", &mark));
    let plain = blake3::hash(b"{\"phase\":\"sealed\"}").to_hex().to_string();
    for wrong in ["", "00", &plain, &mark.to_uppercase()[1..]] {
        assert!(!split.has_marked("{\"phase\":\"sealed\"}", wrong), "{wrong}");
    }
}

#[test]
fn what_is_written_comes_back_and_others_may_not_read_it() {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::at(outer.path().join("a/state"));
    let split = Split { hook: Some("true".into()), ..split() };
    folder.save(&split).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder.path), mode(&folder.splits()), mode(&folder.file(&split.id))), (0o700, 0o700, 0o600));
    let back = folder.load(&split.id).unwrap().unwrap();
    assert_eq!((back.hook.as_deref(), back.mark("x")), (Some("true"), split.mark("x")));
    folder.forget(&split.id);
    assert!(folder.load(&split.id).unwrap().is_none());
}

#[test]
fn an_id_out_of_a_database_is_no_path() {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::at(outer.path().to_owned());
    folder.make().unwrap();
    fs::write(outer.path().join("planted.json"), "{}").unwrap();
    for id in ["../planted", "", "/etc/passwd", "0123456789abcdef0123456789abcdeF", "..\u{0}"] {
        assert!(folder.load(id).unwrap().is_none(), "{id}");
    }
}

#[test]
fn what_others_may_write_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::at(outer.path().join("state"));
    let split = split();
    folder.save(&split).unwrap();
    for (path, open, closed) in
        [(folder.path.clone(), 0o777, 0o700), (folder.splits(), 0o770, 0o700), (folder.file(&split.id), 0o640, 0o600)]
    {
        chmod(&path, open);
        assert!(matches!(folder.load(&split.id), Err(HostError::Strange { .. })), "{}", path.display());
        chmod(&path, closed);
        assert!(folder.load(&split.id).unwrap().is_some(), "{}", path.display());
    }
    fs::rename(folder.file(&split.id), outer.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(outer.path().join("moved"), folder.file(&split.id)).unwrap();
    assert!(folder.load(&split.id).is_err(), "a link");
}

#[test]
fn a_damaged_file_is_no_missing_one() {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::at(outer.path().to_owned());
    let split = split();
    folder.save(&split).unwrap();
    fs::write(folder.file(&split.id), "{").unwrap();
    assert!(matches!(folder.load(&split.id), Err(HostError::Unreadable { .. })));
}
