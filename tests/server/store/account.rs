//! Who asks an S3 server, and buckets made for it.

use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub access_key: &'static str,
    pub secret_key: &'static str,
}

/// Whether a bucket can keep objects from being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Off,
    On,
}

impl Account {
    /// Lets a command ask as this account, whoever runs the tests.
    pub fn lend(self, command: &mut Command) -> &mut Command {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("AWS_ACCESS_KEY_ID", self.access_key).env("AWS_SECRET_ACCESS_KEY", self.secret_key);
        without_surroundings(command)
    }

    pub fn client(self, endpoint: &str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new(self.access_key, self.secret_key, None, None, "test"))
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    pub fn make_bucket(self, endpoint: &str, name: &str, lock: Lock) {
        let client = self.client(endpoint);
        let made = client.create_bucket().bucket(name).object_lock_enabled_for_bucket(lock == Lock::On).send();
        block_on(made).unwrap();
    }
}

/// No profile and no machine's metadata: an account is what the test says, or none.
pub fn without_surroundings(command: &mut Command) -> &mut Command {
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent/config")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
