//! Clusters that tests copy: `initdb` and the loading of a sample take longer than most tests, and give the same each time.
//!
//! One for each major version, superuser, locale and set of samples, made when a test first asks for it, and kept for as long as
//! this process lives. A copy is a server of its own: what a test does to it no other test sees.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use pgkeep::pg::binaries::ServerBinaries;
use pgkeep::pg::cluster::{ClusterOptions, Listen, PrivateCluster};
use rustix::process::{Pid, Signal, kill_process};

use crate::judge::load_sample;
use crate::pgkeep::base;
use crate::postgres::Server;

/// A sample of the project and its scale.
pub type Sample = (&'static str, &'static str);

static TEMPLATES: Mutex<BTreeMap<String, Arc<OnceLock<PrivateCluster>>>> = Mutex::new(BTreeMap::new());

/// A private cluster that is as one of `initdb` with these options, and holds the samples.
pub fn start(binaries: &ServerBinaries, samples: &[Sample], options: ClusterOptions) -> PrivateCluster {
    let options = ClusterOptions { temp_dir: options.temp_dir.or_else(|| Some(base().to_owned())), ..options };
    // A password is set by initdb.
    if samples.is_empty() && !matches!(options.listen, Listen::UnixSocket) {
        return PrivateCluster::start(binaries, options).unwrap();
    }
    assert!(
        matches!(options.listen, Listen::UnixSocket),
        "samples on a cluster with a password are loaded by the test"
    );
    let key = format!("{} {:?} {:?} {samples:?}", binaries.bin_dir.display(), options.superuser, options.locale);
    let template = Arc::clone(TEMPLATES.lock().unwrap().entry(key).or_default());
    let template = template.get_or_init(|| {
        let plain = ClusterOptions {
            superuser: options.superuser.clone(),
            locale: options.locale.clone(),
            temp_dir: Some(base().to_owned()),
            ..ClusterOptions::default()
        };
        made(binaries, samples, plain)
    });
    let options = ClusterOptions { copy_of: Some(template.data_dir()), ..options };
    PrivateCluster::start(binaries, options).unwrap()
}

fn made(binaries: &ServerBinaries, samples: &[Sample], options: ClusterOptions) -> PrivateCluster {
    if samples.is_empty() {
        let cluster = PrivateCluster::start(binaries, options).unwrap();
        shut_down(&cluster);
        return cluster;
    }
    let loaded = Server { binaries: binaries.clone(), cluster: start(binaries, &[], options) };
    for (sample, scale) in samples {
        load_sample(&loaded, sample, scale);
    }
    shut_down(&loaded.cluster);
    loaded.cluster
}

/// Ends the server in order; its files stay until the cluster is dropped, and its keeper removes them with this process.
pub fn shut_down(cluster: &PrivateCluster) {
    let pid_file = cluster.data_dir().join("postmaster.pid");
    let pid = fs::read_to_string(&pid_file).unwrap().lines().next().unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // The last that a server does.
    while pid_file.exists() {
        assert!(Instant::now() < deadline, "the server has not ended after 60 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
