//! What a file system can do to a folder of objects: refuse, fill up, lose or cut a file after it was listed, fail to read it. The
//! error is the file system's own, with the path, and nothing is half there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Barrier;

use pgkeep::store::{Access, ObjectKey, Put, Renamed, Store, StoreError};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::account::block_on;
use super::contract::{next, object, sorted};
use crate::disk_full::{SmallDisk, files_below};
use crate::pgkeep::folder_on_disk;

const MAX: u64 = 8 << 20;

fn key(name: impl Into<String>) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

fn open(root: &Path) -> Store {
    block_on(Store::create(root.to_str().unwrap())).unwrap()
}

/// What the error comes from: the path that it names, and the file system's word.
#[track_caller]
fn cause(error: &StoreError) -> (&'static str, &Path, i32) {
    match error {
        StoreError::Io { action, path, source } => (action, path, source.raw_os_error().unwrap()),
        StoreError::Earlier(error) => cause(error),
        other => panic!("{other:?}"),
    }
}

const EIO: i32 = 5;
const ENOTDIR: i32 = 20;
const ENOSPC: i32 = 28;

/// Four writers, as a backup has them: whoever comes first is told why, and so is everyone after.
#[test]
fn every_writer_is_told_why_an_object_could_not_be_stored() {
    let folder = folder_on_disk();
    let root = folder.path().join("store");
    let store = open(&root);
    fs::create_dir(root.join("data")).unwrap();
    fs::write(root.join("data/aa"), "where a folder should be").unwrap();
    let start = Barrier::new(4);
    let put = |writer: usize| {
        start.wait();
        let put = |n: usize| block_on(store.put_later(key(format!("data/aa/{writer}-{n}")), object("rows"), next));
        (0..1000).find_map(|n| put(n).err())
    };
    let (store_ref, put) = (&store, &put);
    let errors: Vec<StoreError> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || put(writer))).collect();
        let settled = block_on(store_ref.settle()).err();
        writers.into_iter().filter_map(|writer| writer.join().unwrap()).chain(settled).collect()
    });
    assert!(errors.len() >= 4, "a writer went on to its end: {errors:?}");
    for error in &errors {
        let (action, path, code) = cause(error);
        assert_eq!((action, code), ("write", ENOTDIR));
        assert!(path.starts_with(root.join("data/aa")), "{}", path.display());
    }
    assert_eq!(cause(&block_on(store.settle()).unwrap_err()).2, ENOTDIR, "and whoever comes later");
    drop(store);
    assert_eq!(files_below(&root.join("tmp")).len(), 0);
}

/// Of bytes, and of files: the second is met where an object gets its name, after its bytes were taken.
#[test]
fn a_full_disk_keeps_what_is_whole_and_takes_more_when_there_is_room() {
    for (full, room) in [("size=3m", "size=64m"), ("nr_inodes=60", "nr_inodes=1000")] {
        let folder = folder_on_disk();
        let Some(disk) = SmallDisk::mount(folder.path(), full) else { return };
        let root = folder.path().join("store");
        let store = open(&root);
        let large = object("x".repeat(400_000));
        let put = |n: usize| block_on(store.put_later(key(format!("data/{n:02x}/object")), large.clone(), next));
        let error = (0..200).find_map(|n| put(n).err()).or_else(|| block_on(store.settle()).err()).unwrap();
        assert_eq!(cause(&error).2, ENOSPC, "{full}");
        assert!(error.hint().unwrap().starts_with("The file system is full."), "{:?}", error.hint());
        drop(store);
        assert_eq!(files_below(&root.join("tmp")).len(), 0, "{full}");
        disk.remount(room);
        let store = block_on(Store::open(root.to_str().unwrap(), Access::Write)).unwrap();
        let listed = block_on(sorted(&store, "data/"));
        assert!(!listed.is_empty(), "{full}");
        for whole in &listed {
            assert_eq!(block_on(store.get(&whole.key, MAX)).unwrap(), large.bytes(), "{full}: {}", whole.key);
        }
        assert_eq!(block_on(store.put(&key("data/ff/object"), &large)).unwrap(), Put::Stored);
        drop(store);
    }
}

#[test]
fn an_object_that_goes_or_shrinks_after_it_was_listed_is_told_from_one_that_is_there() {
    let folder = folder_on_disk();
    let root = folder.path().join("store");
    let store = open(&root);
    for name in ["data/aa/gone", "data/aa/cut", "data/aa/folder"] {
        block_on(store.put(&key(name), &object("rows"))).unwrap();
    }
    assert_eq!(block_on(sorted(&store, "data/")).len(), 3);
    let file = |name: &str| root.join("data/aa").join(name);
    fs::remove_file(file("gone")).unwrap();
    fs::write(file("cut"), "r").unwrap();
    fs::remove_file(file("folder")).unwrap();
    fs::create_dir(file("folder")).unwrap();

    let get = |name: &str| block_on(store.get(&key(format!("data/aa/{name}")), MAX));
    assert!(matches!(get("gone"), Err(StoreError::NoObject { .. })));
    assert_eq!(get("cut").unwrap(), b"r", "what it lacks shows in its length and its checksum");
    assert!(matches!(get("folder"), Err(StoreError::NotAFile { what: "a folder", .. })));
    // A file whose pages cannot be read, on any Linux: address 0 of a process.
    let this_process = block_on(Store::open("/proc/self", Access::Read)).unwrap();
    let error = block_on(this_process.get(&key("mem"), MAX)).unwrap_err();
    assert_eq!(cause(&error), ("read", Path::new("/proc/self/mem"), EIO));
    // Deleting what is gone is no error; what cannot be deleted is one.
    block_on(store.delete(&[key("data/aa/gone"), key("data/aa/cut")])).unwrap();
    assert_eq!(cause(&block_on(store.delete(&[key("data/aa/folder")])).unwrap_err()).0, "remove");
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(block_on(sorted(&store, "data/")), [], "a disk that was taken away lists nothing");
    assert!(block_on(store.put(&key("data/aa/new"), &object("rows"))).is_err(), "and takes nothing");
    assert!(matches!(block_on(Store::open(root.to_str().unwrap(), Access::Read)), Err(StoreError::Missing { .. })));
}

/// Whatever somebody leaves where an object or a folder of objects should be: no verb of the store waits for it, opens it, follows it, or
/// touches what it leads to.
#[test]
fn nothing_but_a_file_in_a_folder_is_opened_and_no_link_is_followed() {
    let outer = folder_on_disk();
    let (root, outside) = (outer.path().join("store"), outer.path().join("outside"));
    let store = open(&root);
    block_on(store.put(&key("data/aa/whole"), &object("rows"))).unwrap();
    fs::create_dir_all(outside.join("aa")).unwrap();
    fs::write(outside.join("aa/secret"), "not ours").unwrap();
    let at = |name: &str| root.join("data/aa").join(name);
    let mknod = |name: &str, kind: FileType, device| mknodat(CWD, at(name), kind, Mode::from(0o666), device);
    mknod("pipe", FileType::Fifo, 0).unwrap();
    mknod("socket", FileType::Socket, 0).unwrap();
    symlink(outside.join("aa/secret"), at("link")).unwrap();
    symlink(at("whole"), at("inner")).unwrap();
    symlink("/nowhere", at("dangling")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    let mut odd = vec![
        ("pipe", "a named pipe"),
        ("socket", "a socket"),
        ("link", "a link"),
        ("inner", "a link"),
        ("dangling", "a link"),
        ("folder", "a folder"),
    ];
    // /dev/zero, which never ends.
    match mknod("device", FileType::CharacterDevice, makedev(1, 5)) {
        Ok(()) => odd.push(("device", "a device")),
        Err(error) => println!("left out: a device cannot be made here: {error}"),
    }
    for (name, kind) in odd {
        let name = key(format!("data/aa/{name}"));
        let is_refused = |error: StoreError| match error {
            StoreError::NotAFile { path, what } => assert_eq!((path, what), (root.join(name.as_str()), kind)),
            other => panic!("{name}: {other:?}"),
        };
        is_refused(block_on(store.get(&name, MAX)).unwrap_err());
        assert_eq!(block_on(store.put(&name, &object("new"))).unwrap(), Put::Existed, "{name}");
        block_on(store.put_later(name.clone(), object("new"), next)).unwrap();
        let renamed = block_on(store.settle()).unwrap();
        assert_eq!(renamed, [Renamed { stored: next(&name).unwrap(), asked: name.clone() }]);
        assert_eq!(block_on(store.get(&renamed[0].stored, MAX)).unwrap(), object("new").bytes());
        block_on(store.delete(&[renamed[0].stored.clone()])).unwrap();
    }
    let listed = block_on(sorted(&store, "data/"));
    let listed: Vec<(&str, bool)> = listed.iter().map(|l| (l.key.as_str(), l.bytes > 0)).collect();
    assert!(listed.contains(&("data/aa/whole", true)) && listed.contains(&("data/aa/pipe", false)), "{listed:?}");
    assert!(listed.iter().all(|(name, has_bytes)| *has_bytes == (*name == "data/aa/whole")), "{listed:?}");

    // A folder of objects that leads elsewhere: nothing is read, listed, written or deleted there.
    symlink(outside.join("aa"), root.join("data/bb")).unwrap();
    symlink("..", root.join("data/loop")).unwrap();
    let secret = key("data/bb/secret");
    let refused =
        |error: StoreError| assert!(matches!(error, StoreError::NotAFile { what: "a link", .. }), "{error:?}");
    refused(block_on(store.get(&secret, MAX)).unwrap_err());
    refused(block_on(store.put(&key("data/bb/new"), &object("new"))).unwrap_err());
    refused(block_on(store.delete(std::slice::from_ref(&secret))).unwrap_err());
    let names = block_on(sorted(&store, "data/"));
    assert!(
        names.iter().all(|l| !l.key.as_str().contains("secret") && l.key.as_str().starts_with("data/")),
        "{names:?}"
    );
    assert_eq!(files_below(&outside).len(), 1, "as it was");
    drop(store);

    // Old files in `tmp` are removed, so that it must be the repository's own.
    fs::remove_dir(root.join("tmp")).unwrap();
    symlink(&outside, root.join("tmp")).unwrap();
    refused(block_on(Store::open(root.to_str().unwrap(), Access::Write)).err().unwrap());
    fs::remove_file(root.join("tmp")).unwrap();
    // The way to the repository is the operator's own: it may be a link.
    symlink(&root, outer.path().join("by-another-name")).unwrap();
    let store = block_on(Store::open(outer.path().join("by-another-name").to_str().unwrap(), Access::Write)).unwrap();
    assert_eq!(block_on(store.get(&key("data/aa/whole"), MAX)).unwrap(), object("rows").bytes());
}
