//! What a file system can do to a folder of objects: refuse, fill up, lose or cut a file after it was listed, fail to read it. The
//! error is the file system's own, with the path, and nothing is half there.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use pgkeep::store::{Access, ObjectKey, Put, Store, StoreError};

use super::account::block_on;
use super::contract::object;
use crate::disk_full::{SmallDisk, files_below};
use crate::pgkeep::folder;

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
    let folder = folder();
    let root = folder.path().join("store");
    let store = open(&root);
    fs::create_dir(root.join("data")).unwrap();
    fs::write(root.join("data/aa"), "where a folder should be").unwrap();
    let start = Barrier::new(4);
    let put = |writer: usize| {
        start.wait();
        let put = |n: usize| block_on(store.put_later(key(format!("data/aa/{writer}-{n}")), object("rows")));
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
        let folder = folder();
        let Some(disk) = SmallDisk::mount(folder.path(), full) else { return };
        let root = folder.path().join("store");
        let store = open(&root);
        let large = object("x".repeat(400_000));
        let put = |n: usize| block_on(store.put_later(key(format!("data/{n:02x}/object")), large.clone()));
        let error = (0..200).find_map(|n| put(n).err()).or_else(|| block_on(store.settle()).err()).unwrap();
        assert_eq!(cause(&error).2, ENOSPC, "{full}");
        assert!(error.hint().unwrap().starts_with("The file system is full."), "{:?}", error.hint());
        drop(store);
        assert_eq!(files_below(&root.join("tmp")).len(), 0, "{full}");
        disk.remount(room);
        let store = block_on(Store::open(root.to_str().unwrap(), Access::Write)).unwrap();
        let listed = block_on(store.list("data/")).unwrap();
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
    let folder = folder();
    let root = folder.path().join("store");
    let store = open(&root);
    for name in ["data/aa/gone", "data/aa/cut", "data/aa/unreadable", "data/aa/folder"] {
        block_on(store.put(&key(name), &object("rows"))).unwrap();
    }
    let listed = block_on(store.list("data/")).unwrap();
    assert_eq!(listed.len(), 4);
    let file = |name: &str| root.join("data/aa").join(name);
    fs::remove_file(file("gone")).unwrap();
    fs::write(file("cut"), "r").unwrap();
    // A file whose pages cannot be read, on any Linux: address 0 of a process.
    fs::remove_file(file("unreadable")).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", file("unreadable")).unwrap();
    fs::remove_file(file("folder")).unwrap();
    fs::create_dir(file("folder")).unwrap();

    let get = |name: &str| block_on(store.get(&key(format!("data/aa/{name}")), MAX));
    assert!(matches!(get("gone"), Err(StoreError::NoObject { .. })));
    assert_eq!(get("cut").unwrap(), b"r", "what it lacks shows in its length and its checksum");
    let error = get("unreadable").unwrap_err();
    assert_eq!(cause(&error), ("read", file("unreadable").as_path(), EIO));
    assert_eq!(cause(&get("folder").unwrap_err()).0, "read");
    // Deleting what is gone is no error; what cannot be deleted is one.
    block_on(store.delete(&[key("data/aa/gone"), key("data/aa/cut")])).unwrap();
    assert_eq!(cause(&block_on(store.delete(&[key("data/aa/folder")])).unwrap_err()).0, "remove");
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(block_on(store.list("data/")).unwrap(), [], "a disk that was taken away lists nothing");
    assert!(block_on(store.put(&key("data/aa/new"), &object("rows"))).is_err(), "and takes nothing");
    assert!(matches!(block_on(Store::open(root.to_str().unwrap(), Access::Read)), Err(StoreError::Missing { .. })));
}
