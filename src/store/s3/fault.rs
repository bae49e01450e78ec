//! What a server's refusal, or its silence, means to the operator.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Why a request to an S3 server failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Fault {
    NoBucket,
    NoCredentials,
    UnknownAccessKey,
    WrongSecretKey,
    ExpiredCredentials,
    Denied,
    /// Reading works.
    ReadOnly,
    Full,
    /// Object Lock holds what should be deleted.
    Locked,
    /// Retention was asked for in a bucket without Object Lock.
    BucketHasNoLock,
    OtherRegion {
        region: Option<String>,
    },
    ClockSkew,
    Unreachable,
    TimedOut,
    /// The answer broke off.
    CutShort,
    Other,
}

impl fmt::Display for S3Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            S3Fault::NoBucket => "the bucket does not exist",
            S3Fault::NoCredentials => "no credentials were found",
            S3Fault::UnknownAccessKey => "the server does not know the access key",
            S3Fault::WrongSecretKey => "the secret key is wrong",
            S3Fault::ExpiredCredentials => "the credentials have expired",
            S3Fault::Denied => "the credentials do not allow it",
            S3Fault::ReadOnly => "the credentials allow reading, but not writing",
            S3Fault::Full => "the storage is full, or a quota is reached",
            S3Fault::Locked => "Object Lock protects it",
            S3Fault::BucketHasNoLock => "the bucket was created without Object Lock",
            S3Fault::OtherRegion { region: Some(region) } => return write!(f, "the bucket is in the region {region}"),
            S3Fault::OtherRegion { region: None } => "the bucket is in another region",
            S3Fault::ClockSkew => "the clocks of this machine and the server differ too much",
            S3Fault::Unreachable => "the server cannot be reached",
            S3Fault::TimedOut => "the server did not answer in time",
            S3Fault::CutShort => "the connection was lost in the middle of an answer",
            S3Fault::Other => "the server refused the request",
        })
    }
}

impl S3Fault {
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            S3Fault::NoBucket => {
                "Check the bucket's name in --repo, and `endpoint` if it is not Amazon's; pgkeep does not create buckets."
            }
            S3Fault::NoCredentials => {
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for the user who runs pgkeep; or give the machine a role."
            }
            S3Fault::UnknownAccessKey => {
                "Check AWS_ACCESS_KEY_ID or the profile, and that `endpoint` names the server that they belong to."
            }
            S3Fault::WrongSecretKey => {
                "Check AWS_SECRET_ACCESS_KEY or the profile: the secret key does not match the access key."
            }
            S3Fault::ExpiredCredentials => "Renew them; temporary credentials also need AWS_SESSION_TOKEN.",
            S3Fault::Denied | S3Fault::ReadOnly => {
                "docs/s3.md lists the permissions that a backup, a restore and a prune need."
            }
            S3Fault::Full => {
                "Nothing of this run is visible in the repository; make room or raise the quota, and run it again."
            }
            S3Fault::Locked => "It can be deleted when its retention period has ended. Nothing else is wrong.",
            S3Fault::BucketHasNoLock => "Enable Object Lock on the bucket, or remove `object_lock` from --repo.",
            S3Fault::OtherRegion { region: Some(region) } => {
                return Some(format!("Put region={region} into --repo, or set AWS_REGION."));
            }
            S3Fault::OtherRegion { region: None } => "Put region=NAME into --repo, or set AWS_REGION.",
            S3Fault::ClockSkew => "Correct the clock of this machine: requests are signed with the time.",
            S3Fault::Unreachable => {
                "Check `endpoint` in --repo (or AWS_ENDPOINT_URL), DNS, the firewall and HTTPS_PROXY."
            }
            S3Fault::TimedOut => {
                "The network or the server is too slow: `request_timeout=SECONDS` in --repo allows more time."
            }
            S3Fault::CutShort | S3Fault::Other => return None,
        };
        Some(text.to_owned())
    }
}

/// What the server said, or what befell the connection.
#[derive(Debug, thiserror::Error)]
pub enum S3Cause {
    #[error("{}", said(code.as_deref(), message.as_deref(), *status))]
    Answer { code: Option<String>, message: Option<String>, status: u16 },
    #[error("{}", innermost(cause.as_ref()))]
    Connection { cause: Box<dyn StdError + Send + Sync> },
}

fn said(code: Option<&str>, message: Option<&str>, status: u16) -> String {
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message} (HTTP {status})"),
        (Some(text), None) | (None, Some(text)) => format!("{text} (HTTP {status})"),
        (None, None) => format!("HTTP {status}"),
    }
}

/// The library wraps what happened three and four times, in words that say little: the innermost ones are told.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

fn whole_chain(error: &(dyn StdError + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", whole_chain(source)))
}

impl S3Cause {
    pub fn connection(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Connection { cause: source.into() }
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            S3Cause::Answer { status, .. } => Some(*status),
            S3Cause::Connection { .. } => None,
        }
    }

    pub fn code(&self) -> Option<&str> {
        match self {
            S3Cause::Answer { code, .. } => code.as_deref(),
            S3Cause::Connection { .. } => None,
        }
    }
}

/// A request that failed, before it is known what it was about.
#[derive(Debug)]
pub struct Failed {
    pub fault: S3Fault,
    pub cause: S3Cause,
}

impl Failed {
    /// What an answer says about one of several objects.
    pub fn of_answer(code: Option<String>, message: Option<String>) -> Self {
        let fault = fault_of(code.as_deref().unwrap_or_default(), message.as_deref().unwrap_or_default(), 200, None);
        Self { fault, cause: S3Cause::Answer { code, message, status: 200 } }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failed
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let region = context.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
                let meta = context.err().meta();
                let own = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
                let (code, message) = (own(meta.code()), own(meta.message()));
                let fault = fault_of(
                    code.as_deref().unwrap_or_default(),
                    message.as_deref().unwrap_or_default(),
                    status,
                    region,
                );
                Failed { fault, cause: S3Cause::Answer { code, message, status } }
            }
            other => {
                let connection = match &other {
                    SdkError::TimeoutError(_) => S3Fault::TimedOut,
                    SdkError::DispatchFailure(failure) if failure.is_timeout() => S3Fault::TimedOut,
                    SdkError::DispatchFailure(failure) if failure.is_io() => S3Fault::Unreachable,
                    SdkError::ResponseError(_) => S3Fault::CutShort,
                    _ => S3Fault::Other,
                };
                let source = other.into_source().unwrap_or_else(Into::into);
                // The library has no kind for this one: the request failed before it was sent.
                let unsigned = connection == S3Fault::Other && whole_chain(source.as_ref()).contains("credentials");
                if unsigned {
                    // What it tells is each place where it looked, on a line of its own.
                    let cause = S3Cause::connection(
                        "neither the environment nor profile, web identity, container or machine has credentials",
                    );
                    return Failed { fault: S3Fault::NoCredentials, cause };
                }
                Failed { fault: connection, cause: S3Cause::Connection { cause: source } }
            }
        }
    }
}

/// Amazon S3 API reference, "List of error codes"; and what other servers say instead.
fn fault_of(code: &str, message: &str, status: u16, region: Option<String>) -> S3Fault {
    let speaks_of = |word: &str| message.to_ascii_lowercase().contains(word);
    match (code, status) {
        ("NoSuchBucket", _) => S3Fault::NoBucket,
        ("InvalidAccessKeyId" | "InvalidAccessKey", _) => S3Fault::UnknownAccessKey,
        ("SignatureDoesNotMatch", _) => S3Fault::WrongSecretKey,
        ("ExpiredToken" | "TokenRefreshRequired" | "InvalidToken", _) => S3Fault::ExpiredCredentials,
        ("RequestTimeTooSkewed", _) => S3Fault::ClockSkew,
        ("QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "InsufficientStorage", _)
        | (_, 507) => S3Fault::Full,
        (
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => S3Fault::OtherRegion { region },
        ("ObjectLocked", _) => S3Fault::Locked,
        ("AccessDenied" | "Forbidden" | "InvalidRequest", _) if speaks_of("retention") || speaks_of("worm") => {
            S3Fault::Locked
        }
        ("ObjectLockConfigurationNotFoundError", _) => S3Fault::BucketHasNoLock,
        ("InvalidRequest" | "InvalidArgument" | "InvalidBucketState", _)
            if speaks_of("object lock") || speaks_of("objectlock") =>
        {
            S3Fault::BucketHasNoLock
        }
        ("AccessDenied" | "Forbidden" | "AllAccessDisabled" | "AccountProblem", _) | (_, 401 | 403) => S3Fault::Denied,
        _ => S3Fault::Other,
    }
}
