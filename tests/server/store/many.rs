//! How long a check of a large repository takes. Not run with the others: it takes minutes, and its result is a figure.
//!
//! ```sh
//! cargo test --release --test server -- --ignored --exact --nocapture store::many::verify_of_a_hundred_thousand_objects
//! ```

use std::process::Command;
use std::time::Instant;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::store::{Access, ObjectKey, Store};

use super::account::block_on;
use super::seaweedfs::OWNER;
use super::{Lock, URL, seaweed_bucket, seaweedfs, url};
use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::Server;
use crate::store::contract::object;

const OBJECTS: u64 = 100_000;

/// Not a test by itself: the process that puts the objects, with the credentials in its environment.
#[test]
#[ignore = "started by the measurement"]
fn objects_are_put_here() {
    let Ok(url) = std::env::var(URL) else { return };
    block_on(async {
        let store = Store::open(&url, Access::Write).await.unwrap();
        for n in 0..OBJECTS {
            let name = blake3::hash(&n.to_le_bytes()).to_hex();
            let key = ObjectKey::new(format!("data/{}/{name}", &name[..2])).unwrap();
            store.put_later(key, object("a small one"), |_| None).await.unwrap();
        }
        assert_eq!(store.settle().await.unwrap(), []);
    });
}

#[test]
#[ignore = "takes minutes, and measures"]
fn verify_of_a_hundred_thousand_objects() {
    let (server, folder) = (Server::start(15, ClusterOptions::default()), folder());
    server.ask("CREATE TABLE public.t AS SELECT generate_series(1, 1000) AS i");
    let on_disk = format!("file://{}", folder.path().join("store").display());
    let on_s3 = url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint);
    for (n, url) in [on_disk, on_s3].iter().enumerate() {
        let keys = folder.path().join(n.to_string());
        let pgkeep = |args: &[&str]| {
            let mut command = pgkeep();
            OWNER.lend(&mut command).args(["--repo", url, "--json"]).args(args);
            let said = Said::of(command.env("PGKEEP_WRITER_KEY", keys.join("writer.key")));
            assert_eq!(said.code, 0, "{said:?}");
            said.document()
        };
        pgkeep(&["init", "--keys", keys.to_str().unwrap()]);
        pgkeep(&["backup", "-d", &server.dsn("postgres")]);
        let mut put = Command::new(std::env::current_exe().unwrap());
        put.args(["--ignored", "--exact", "store::many::objects_are_put_here"]);
        let since = Instant::now();
        assert!(OWNER.lend(&mut put).env(URL, url).output().unwrap().status.success());
        println!("{url}: {OBJECTS} objects put in {:.1} s", since.elapsed().as_secs_f64());
        for _ in 0..3 {
            let since = Instant::now();
            let verified = pgkeep(&["verify"]);
            println!("{url}: verify in {:.2} s", since.elapsed().as_secs_f64());
            assert_eq!(verified["objects_unreferenced"], OBJECTS, "{verified}");
        }
    }
}
