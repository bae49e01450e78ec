//! Rows that were made so that a proof takes one for the other.

use std::fmt::Write;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::repo::WriterKey;
use pgkeep::stream::{DigestKey, RowHash, RowHasher};

use crate::pgkeep::{Repo, Said};
use crate::postgres::Server;

/// What COPY sends before the value of the one column: the number of columns and the value's length.
const HEADER_BYTES: usize = 6;
const VALUE_BYTES: usize = 300;

/// A value of which 64 bits are those of the secret of XXH3: its halves in two stripes of 64 bytes, in the second word of each, are then
/// added and not multiplied (`src/stream/row_hash.rs`). Whoever writes rows has to guess them; this test reads them in the key.
fn value(secret: &[u8; 192], upper: [u32; 2]) -> Vec<u8> {
    let mut value = vec![b'x'; VALUE_BYTES];
    for (stripe, upper) in upper.into_iter().enumerate() {
        let (at, word) = (64 * stripe + 8 - HEADER_BYTES, 8 * stripe + 8);
        value[at..at + 4].copy_from_slice(&secret[word..word + 4]);
        value[at + 4..at + 8].copy_from_slice(&upper.to_le_bytes());
    }
    value
}

fn row(value: &[u8]) -> Vec<u8> {
    [&1u16.to_be_bytes()[..], &(value.len() as u32).to_be_bytes(), value].concat()
}

fn literal(value: &[u8]) -> String {
    value.iter().fold("\\x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn rows_that_were_made_to_have_one_hash_do_not_pass_for_each_other() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    let DigestKey(key) = WriterKey::read(&repo.writer_key()).unwrap().digest_key;
    let mut secret = [0; 192];
    blake3::Hasher::new_keyed(&key).update(b"pgkeep row digest 1").finalize_xof().fill(&mut secret);
    let (one, other) = (value(&secret, [10, 20]), value(&secret, [11, 19]));
    let former = RowHasher::new(RowHash::Xxh3, &DigestKey(key));
    assert_eq!(former.hash(&row(&one)), former.hash(&row(&other)), "XXH3 does not tell them apart");

    server.ask(&format!("CREATE TABLE t (v bytea); INSERT INTO t VALUES ('{}')", literal(&one)));
    let dsn = server.dsn("postgres");
    repo.json(["backup", "-d", &dsn]);
    let compared = || Said::of(&mut repo.command(["verify", "latest", "--json", "--against", &dsn]));
    assert_eq!(compared().code, 0);
    server.ask(&format!("UPDATE t SET v = '{}'", literal(&other)));
    let said = compared();
    assert!(said.code == 3 && said.document()["findings"].to_string().contains("public.t"), "{said:?}");
}
