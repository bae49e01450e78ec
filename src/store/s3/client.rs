//! The SDK's client, and the thread on which it lives.

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::place::{Addressing, Place};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A transfer in which nothing moves for so long is given up and tried again.
const STALL_MAX: Duration = Duration::from_secs(30);
/// Together with the waits between them about 15 s at most: a server that restarts is outlived.
const ATTEMPTS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A runtime on a thread of its own. Connections belong to the runtime that opened them, and the callers' runtimes come
/// and go with their threads: so all requests run here, and the callers wait for their end.
pub struct Engine {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("pgkeep s3".into()).spawn(move || {
            // Ends with a message or when the sender is gone: both mean that the store is closed.
            let _ = runtime.block_on(stopped);
            // A name that is being looked up must not hold up the end of the program.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs to its end or until what is returned is dropped.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Running<T> {
        Running(self.handle.spawn(work))
    }

    /// Runs to its end or until the engine stops.
    pub fn spawn_detached(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(work));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Work on the engine's thread. Dropped, it is given up.
pub struct Running<T>(tokio::task::JoinHandle<T>);

impl<T> Running<T> {
    /// None if the work panicked.
    pub async fn end(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A client for the place, with the SDK's usual chain for everything that the URL does not say. On the engine.
pub async fn connect(place: &Place) -> Client {
    let endpoint_elsewhere =
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
    let foreign = place.endpoint.is_some() || endpoint_elsewhere;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
    loader = match (&place.region, foreign) {
        (Some(region), _) => loader.region(Region::new(region.clone())),
        // Not the default chain, which asks the machine's own address for metadata and waits for an answer that never comes.
        (None, true) => loader.region(
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .or_else(Region::from_static("us-east-1")),
        ),
        (None, false) => {
            loader.region(RegionProviderChain::default_provider().or_else(Region::from_static("us-east-1")))
        }
    };
    if let Some(endpoint) = &place.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let addressing = place.addressing.unwrap_or(match shared.endpoint_url() {
        None if !foreign => Addressing::Host,
        // Few servers of one's own have a name for each bucket.
        _ => Addressing::Path,
    });
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(addressing == Addressing::Path)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(FIRST_WAIT)
                .with_max_backoff(WAIT_MAX),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(place.request_timeout)
                .operation_attempt_timeout(place.request_timeout)
                .build(),
        )
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_MAX).build())
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
        // What comes back is checked against names, tags and signatures of our own, which also tell damage at rest.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    Client::from_conf(config)
}

fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    })
}
