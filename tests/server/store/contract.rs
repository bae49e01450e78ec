//! What every store promises, as a list of checks: the same for a folder, for S3 servers, and for S3 servers that misbehave
//! within bounds.

use std::time::{Duration, SystemTime};

use pgkeep::store::{Access, ObjectKey, Put, Store, StoreError};
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

pub async fn holds(url: &str, promise: Promise) {
    let store = Store::create(url).await.unwrap();
    assert_eq!(store.warning().is_some(), promise == Promise::WarnsThatBothMayWin);
    what_is_put_is_there(&store).await;
    nothing_is_overwritten(&store).await;
    what_is_not_there_is_said_so(&store).await;
    nothing_larger_than_expected_is_read(&store).await;
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
    store.put_later(key("data/aa/one"), second).await.unwrap();
    assert_eq!(store.settle().await.unwrap(), [key("data/aa/one")]);
    assert_eq!(store.get(&key("data/aa/one"), MAX).await.unwrap(), first.bytes());
    assert_eq!(store.settle().await.unwrap(), [], "told once");
}

async fn what_is_not_there_is_said_so(store: &Store) {
    for name in ["data/aa/none", "none"] {
        let missing = store.get(&key(name), MAX).await;
        assert!(matches!(&missing, Err(StoreError::NoObject { key }) if key.as_str() == name), "{missing:?}");
    }
    assert_eq!(store.list("none/").await.unwrap(), []);
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

async fn lists_are_whole_sorted_and_of_the_folder_alone(store: &Store) {
    // More than one page of an S3 server.
    for n in 0..1100 {
        store.put_later(key(format!("meta/{:02x}/{n:05}", n % 256)), object("x".repeat(n % 7))).await.unwrap();
    }
    assert_eq!(store.settle().await.unwrap(), []);
    let now = SystemTime::now();
    let listed = store.list("meta/").await.unwrap();
    assert_eq!(listed.len(), 1100);
    assert!(listed.is_sorted_by(|a, b| a.key < b.key));
    for entry in &listed {
        let n: usize = entry.key.as_str().rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(entry.bytes, object("x".repeat(n % 7)).bytes().len() as u64, "{}", entry.key);
        let apart = now.duration_since(entry.modified).unwrap_or_else(|error| error.duration());
        assert!(apart < Duration::from_secs(600), "{}: {:?}", entry.key, entry.modified);
    }
    let names: Vec<String> = store.list("data/").await.unwrap().iter().map(|l| l.key.to_string()).collect();
    assert_eq!(names, ["data/aa/one", "data/ab/large"]);
}

async fn what_is_handed_over_is_there_when_settled(store: &Store) {
    let large = || object("y".repeat(3 << 20));
    for n in 0..12 {
        store.put_later(key(format!("data/ac/{n}")), large()).await.unwrap();
    }
    assert_eq!(store.settle().await.unwrap(), []);
    for n in 0..12 {
        assert_eq!(store.get(&key(format!("data/ac/{n}")), MAX).await.unwrap(), large().bytes(), "{n}");
    }
}

async fn what_is_deleted_is_gone_and_its_name_free(store: &Store) {
    let listed = store.list("meta/").await.unwrap();
    let mut keys: Vec<ObjectKey> = listed.into_iter().map(|entry| entry.key).collect();
    keys.push(key("meta/00/never-was"));
    store.delete(&keys).await.unwrap();
    assert_eq!(store.list("meta/").await.unwrap(), []);
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
        let (name, first, second) = (key(format!("data/ad/{n}")), object("one"), object("two"));
        one.put_later(name.clone(), object("one")).await.unwrap();
        two.put_later(name.clone(), object("two")).await.unwrap();
        let taken = (one.settle().await.unwrap(), two.settle().await.unwrap());
        let there = one.get(&name, MAX).await.unwrap();
        match (taken.0.as_slice(), taken.1.as_slice()) {
            ([], [second_was_late]) => assert_eq!((second_was_late, there.as_slice()), (&name, first.bytes())),
            ([first_was_late], []) => assert_eq!((first_was_late, there.as_slice()), (&name, second.bytes())),
            both => panic!("{both:?}"),
        }
    }
}

async fn opened_again_it_holds_the_same(url: &str) {
    let store = Store::open(url, Access::Read).await.unwrap();
    assert_eq!(store.get(&key("config"), MAX).await.unwrap(), object("").bytes());
    assert_eq!(store.list("data/aa/").await.unwrap().len(), 1);
}
