//! s3s-fs, an S3 server in this process: strict about signatures; and the same without conditional puts.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::seaweedfs::OWNER;
use crate::pgkeep::folder;

/// What the server makes of `If-None-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    Heeded,
    /// As by servers that know nothing of it.
    Ignored,
    /// As by servers that know that they cannot.
    Refused,
}

pub struct S3s {
    pub endpoint: String,
    folder: TempDir,
}

impl S3s {
    /// Ends with the process.
    pub fn start(conditions: Conditions) -> Self {
        let folder = folder();
        let files = Arc::new(FileSystem::new(folder.path()).unwrap());
        let mut builder = S3ServiceBuilder::new(Server { files, conditions });
        builder.set_auth(SimpleAuth::from_single(OWNER.access_key, OWNER.secret_key));
        let service = builder.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let Ok((socket, _)) = listener.accept().await else { continue };
                    let service = service.clone();
                    tokio::spawn(async move {
                        let mut connection = http1::Builder::new();
                        connection.timer(TokioTimer::new());
                        let _ = connection.serve_connection(TokioIo::new(socket), service).await;
                    });
                }
            });
        });
        Self { endpoint, folder }
    }

    pub fn make_bucket(&self, name: &str) {
        std::fs::create_dir(self.folder.path().join(name)).unwrap();
    }
}

struct Server {
    files: Arc<FileSystem>,
    conditions: Conditions,
}

#[async_trait::async_trait]
impl S3 for Server {
    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        match (self.conditions, &request.input.if_none_match) {
            (Conditions::Refused, Some(_)) => return Err(s3s::s3_error!(NotImplemented, "no conditional puts here")),
            (Conditions::Ignored, _) => request.input.if_none_match = None,
            _ => {}
        }
        self.files.put_object(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.files.delete_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(request).await
    }
}
