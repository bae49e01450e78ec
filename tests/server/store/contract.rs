//! What every store promises, as a list of checks: the same for a folder, for S3 servers, and for S3 servers that misbehave
//! within bounds.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use pgkeep::store::{Access, Listed, ObjectKey, Put, Renamed, Sink, Store, StoreError};
use pgkeep::stream::Sealed;
use pgkeep::stream::seal::PublicRecord;

/// What a store is able to. The checks ask for all else from all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Promise {
    /// Of two puts of one name at the same moment, one is told that the name was taken.
    OneWins,
    /// The same, but not of two at the same moment: s3s-fs looks whether the name is free, and then writes.
    OneWinsInTurn,
    /// The one may overwrite the other, and says so when it is opened.
    WarnsThatBothMayWin,
}

#[derive(serde::Serialize)]
struct Text(String);

impl PublicRecord for Text {}

pub fn object(text: impl Into<String>) -> Sealed {
    Sealed::public(&Text(text.into())).unwrap()
}

fn key(name: impl Into<String>) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}

const MAX: u64 = 8 << 20;

/// `one`, `one.1`, `one.2`, ...
pub fn next(name: &ObjectKey) -> Option<ObjectKey> {
    let (stem, n) = name.as_str().split_once('.').unwrap_or((name.as_str(), "0"));
    ObjectKey::new(format!("{stem}.{}", n.parse::<u32>().unwrap() + 1))
}

/// All names below a folder, in their order. No page of them has more than 1,000.
pub async fn sorted(store: &Store, folder: &str) -> Vec<Listed> {
    let (mut all, mut pages) = (Vec::new(), store.pages(folder).unwrap());
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.len() <= 1000, "{}", page.len());
        all.extend(page);
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// Takes so many bytes, or a few more.
#[derive(Clone)]
struct Wanted(usize, Vec<u8>);

impl Sink for Wanted {
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        self.1.extend_from_slice(piece);
        if self.1.len() < self.0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

pub async fn holds(url: &str, promise: Promise) {
    let store = Store::create(url).await.unwrap();
    assert_eq!(store.warning().is_some(), promise == Promise::WarnsThatBothMayWin);
    what_is_put_is_there(&store).await;
    nothing_is_overwritten(&store).await;
    what_is_not_there_is_said_so(&store).await;
    nothing_larger_than_expected_is_read(&store).await;
    of_a_large_object_no_more_is_read_than_is_wanted(&store).await;
    lists_are_whole_sorted_and_of_the_folder_alone(&store).await;
    what_is_handed_over_is_there_when_settled(&store).await;
    what_is_deleted_is_gone_and_its_name_free(&store).await;
    if promise == Promise::OneWins {
        of_two_at_once_one_wins(url).await;
    }
    opened_again_it_holds_the_same(url).await;
}

async fn what_is_put_is_there(store: &Store) {
    let large = object("x".repeat(5 << 20));
    for (name, object) in [("config", &object("")), ("data/ab/large", &large)] {
        assert_eq!(store.put(&key(name), object).await.unwrap(), Put::Stored, "{name}");
        assert_eq!(store.get(&key(name), MAX).await.unwrap(), object.bytes(), "{name}");
    }
}

async fn nothing_is_overwritten(store: &Store) {
    let (first, second) = (object("first"), object("second"));
    assert_eq!(store.put(&key("data/aa/one"), &first).await.unwrap(), Put::Stored);
    assert_eq!(store.put(&key("data/aa/one"), &second).await.unwrap(), Put::Existed);
    // Where the name is taken, and the next one as well, it has the one after that; and nobody has looked at what is there.
    assert_eq!(store.put(&key("data/aa/one.1"), &first).await.unwrap(), Put::Stored);
    store.put_later(key("data/aa/one"), second.clone(), next).await.unwrap();
    let renamed = Renamed { asked: key("data/aa/one"), stored: key("data/aa/one.2") };
    assert_eq!(store.settle().await.unwrap(), [renamed]);
    for (name, object) in [("data/aa/one", &first), ("data/aa/one.1", &first), ("data/aa/one.2", &second)] {
        assert_eq!(store.get(&key(name), MAX).await.unwrap(), object.bytes(), "{name}");
    }
    store.delete(&[key("data/aa/one.1"), key("data/aa/one.2")]).await.unwrap();
    assert_eq!(store.settle().await.unwrap(), [], "told once");
}

async fn what_is_not_there_is_said_so(store: &Store) {
    for name in ["data/aa/none", "none"] {
        let missing = store.get(&key(name), MAX).await;
        assert!(matches!(&missing, Err(StoreError::NoObject { key }) if key.as_str() == name), "{missing:?}");
    }
    assert_eq!(sorted(store, "none/").await, []);
}

async fn nothing_larger_than_expected_is_read(store: &Store) {
    let bytes = object("first").bytes().len() as u64;
    assert!(store.get(&key("data/aa/one"), bytes).await.is_ok());
    let refused = store.get(&key("data/aa/one"), bytes - 1).await;
    assert!(
        matches!(refused, Err(StoreError::TooLarge { bytes: b, bytes_max, .. }) if b == bytes && bytes_max == bytes - 1),
        "{refused:?}"
    );
}

async fn of_a_large_object_no_more_is_read_than_is_wanted(store: &Store) {
    let whole = store.get(&key("data/ab/large"), MAX).await.unwrap();
    for wanted in [1, 1 << 20, MAX as usize] {
        let Wanted(_, read) = store.read(&key("data/ab/large"), MAX, Wanted(wanted, Vec::new())).await.unwrap();
        assert!(whole.starts_with(&read) && read.len() >= wanted.min(whole.len()), "{wanted}: {}", read.len());
        assert!(read.len() < wanted + (1 << 20), "{wanted}: {}", read.len());
    }
    let refused = store.read(&key("data/ab/large"), 1000, Wanted(1, Vec::new())).await;
    assert!(matches!(refused.map(drop), Err(StoreError::TooLarge { bytes_max: 1000, .. })));
    let missing = store.read(&key("data/ab/none"), MAX, Wanted(1, Vec::new())).await;
    assert!(matches!(missing.map(drop), Err(StoreError::NoObject { .. })));
}

async fn lists_are_whole_sorted_and_of_the_folder_alone(store: &Store) {
    // More than one page of an S3 server.
    for n in 0..1100 {
        store.put_later(key(format!("meta/{:02x}/{n:05}", n % 256)), object("x".repeat(n % 7)), next).await.unwrap();
    }
    assert_eq!(store.settle().await.unwrap(), []);
    let now = SystemTime::now();
    let listed = sorted(store, "meta/").await;
    assert_eq!(listed.len(), 1100);
    assert!(listed.is_sorted_by(|a, b| a.key < b.key), "none twice");
    for entry in &listed {
        let n: usize = entry.key.as_str().rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(entry.bytes, object("x".repeat(n % 7)).bytes().len() as u64, "{}", entry.key);
        let apart = now.duration_since(entry.modified).unwrap_or_else(|error| error.duration());
        assert!(apart < Duration::from_secs(600), "{}: {:?}", entry.key, entry.modified);
    }
    let names: Vec<String> = sorted(store, "data/").await.iter().map(|l| l.key.to_string()).collect();
    assert_eq!(names, ["data/aa/one", "data/ab/large"]);
}

async fn what_is_handed_over_is_there_when_settled(store: &Store) {
    let large = || object("y".repeat(3 << 20));
    for n in 0..12 {
        store.put_later(key(format!("data/ac/{n}")), large(), next).await.unwrap();
    }
    assert_eq!(store.settle().await.unwrap(), []);
    for n in 0..12 {
        assert_eq!(store.get(&key(format!("data/ac/{n}")), MAX).await.unwrap(), large().bytes(), "{n}");
    }
}

async fn what_is_deleted_is_gone_and_its_name_free(store: &Store) {
    let listed = sorted(store, "meta/").await;
    let mut keys: Vec<ObjectKey> = listed.into_iter().map(|entry| entry.key).collect();
    keys.push(key("meta/00/never-was"));
    store.delete(&keys).await.unwrap();
    assert_eq!(sorted(store, "meta/").await, []);
    assert!(matches!(store.get(&keys[0], MAX).await, Err(StoreError::NoObject { .. })));
    store.delete(&keys).await.unwrap();
    assert_eq!(store.put(&keys[0], &object("again")).await.unwrap(), Put::Stored);
    store.delete(&[]).await.unwrap();
}

/// From stores of their own, as two hosts would.
async fn of_two_at_once_one_wins(url: &str) {
    let one = Store::open(url, Access::Write).await.unwrap();
    let two = Store::open(url, Access::Write).await.unwrap();
    for n in 0..20 {
        let (name, first, second_object) = (key(format!("data/ad/{n}")), object("one"), object("two"));
        one.put_later(name.clone(), object("one"), next).await.unwrap();
        two.put_later(name.clone(), object("two"), next).await.unwrap();
        let taken = (one.settle().await.unwrap(), two.settle().await.unwrap());
        let there = one.get(&name, MAX).await.unwrap();
        let again = one.get(&next(&name).unwrap(), MAX).await.unwrap();
        let late = Renamed { asked: name.clone(), stored: next(&name).unwrap() };
        match (taken.0.as_slice(), taken.1.as_slice()) {
            ([], [second]) if *second == late => assert_eq!([&there, &again], [first.bytes(), second_object.bytes()]),
            ([first_was], []) if *first_was == late => {
                assert_eq!([&there, &again], [second_object.bytes(), first.bytes()])
            }
            both => panic!("{both:?}"),
        }
    }
}

async fn opened_again_it_holds_the_same(url: &str) {
    let store = Store::open(url, Access::Read).await.unwrap();
    assert_eq!(store.get(&key("config"), MAX).await.unwrap(), object("").bytes());
    assert_eq!(sorted(&store, "data/aa/").await.len(), 1);
}
