//! Damage that only the restore key sees: the stored bytes are those that a writer signed for, and hold something else than they should.

use std::fs;
use std::sync::Arc;

use pgkeep::repo::index::Index;
use pgkeep::repo::layout::ChunkKind;
use pgkeep::repo::manifest::SliceList;
use pgkeep::repo::{ChunkWriter, Manifest, Objects, ReadingKey, Repository, WriterKey};
use pgkeep::store::Access;
use pgkeep::stream::seal::Checksum;
use pgkeep::stream::{Digest, Sealer};
use serde_json::json;

use crate::interleave::{World, back_up};
use crate::pgkeep::{Repo, Said};

/// As a host leaves it that stored wrong bytes and signed for them.
async fn sign_for_something_else(repo: &Repo) {
    let key = WriterKey::read(&repo.writer_key()).unwrap();
    let url = repo.root().to_str().unwrap();
    let repository = Repository::open(url, ReadingKey::from(&key), Access::Write).await.unwrap();
    let name = repository.snapshots().await.unwrap().pop().unwrap();
    let mut manifest: Manifest = repository.manifest(&name).await.unwrap();
    let objects = Arc::new(Objects::new(&repository, Index::default()));
    let mut writer = ChunkWriter::new(objects.clone(), ChunkKind::Data, &key, 1).unwrap();
    let pending = writer.add(b"what it should hold\n", 1).await.unwrap();
    objects.settle().await.unwrap();
    let mut slices = writer.resolve(&[pending]);
    let object = &mut slices[0].object;
    let wrong = Sealer::new(1, key.recipients.clone()).unwrap().seal(b"what it does hold..\n").unwrap();
    fs::write(repo.root().join(object.id(ChunkKind::Data).key().as_str()), wrong.bytes()).unwrap();
    (object.stored_bytes, object.checksum) = (wrong.bytes().len() as u32, Checksum::of(wrong.bytes()));
    manifest.snapshot = serde_json::from_value(json!("00000000000000aa")).unwrap();
    manifest.relations[0].digest = Digest::default();
    manifest.relations[0].slices = SliceList::Inline(slices);
    repository.write_manifest(&key, &manifest).await.unwrap();
}

#[test]
fn what_one_key_has_found_the_other_tells_and_does_not_take_for_healed() {
    let mut world = World::new();
    back_up(&mut world, [1, 2]);
    let repo = &world.repo;
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(sign_for_something_else(repo));
    let verify = |args: &[&str]| {
        let said = Said::of(repo.command(["verify", "--json"]).args(args));
        let report = said.document();
        let kinds = report["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap().to_owned());
        // The world's manifests have digests of nothing.
        let kinds = kinds.filter(|kind| kind != "digest");
        (said.code, kinds.collect::<Vec<_>>())
    };
    let restore_key = repo.restore_key();
    let deep = ["--read-data", "--restore-key", restore_key.to_str().unwrap()];
    let (nothing, recorded) = ((0, vec![]), (3, vec!["recorded".to_owned()]));
    assert_eq!(verify(&["--read-data"]), nothing, "the writer key sees no more than the bytes that were signed for");
    assert_eq!(verify(&deep), (3, vec!["name".to_owned()]));
    assert_eq!(verify(&[]), recorded);
    assert_eq!(verify(&["--read-data"]), recorded, "it is told, and not taken for healed");
    assert_eq!(verify(&[]), recorded);
    assert_eq!(verify(&deep), (3, vec!["name".to_owned()]));
    let listed = Said::of(repo.command(["list"]).arg("--json")).document();
    let hurt: Vec<_> = listed.as_array().unwrap().iter().map(|line| line["hurt"].clone()).collect();
    assert!(hurt.contains(&json!(["public.t"])) && hurt.contains(&json!([])), "{hurt:?}");
}
