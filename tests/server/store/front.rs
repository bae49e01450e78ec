//! What stands between pgkeep and an S3 server and misbehaves on purpose. It passes on whatever it does not spoil, with the
//! `Host` that was signed, so that the server behind checks the real signature.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Body = BoxBody<Bytes, std::io::Error>;

/// What is done to requests of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503, and nothing is done.
    Refuses,
    /// The server does it, and 500 is what comes back.
    FailsAfterDoing,
    /// The server does it, and the connection ends without an answer.
    LosesTheAnswer,
    /// Nothing comes back, for ever.
    Holds,
    /// Half of the body, then the connection ends.
    Truncates,
    Delays(Duration),
    /// A list as it was when it was asked for first.
    ListsStale,
    /// 507, and nothing is done.
    IsFull,
    /// A list without the times of its objects.
    ForgetsTimes,
}

/// Which requests: those with this method, whose path and query hold this text; the first `times` of them.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub method: &'static str,
    pub contains: &'static str,
    pub times: u32,
    pub fault: Fault,
}

pub struct Front {
    pub endpoint: String,
    state: Arc<State>,
}

struct State {
    backend: String,
    rule: Mutex<Rule>,
    hits: AtomicU32,
    stale: Mutex<Option<Bytes>>,
}

impl Front {
    /// Ends with the process.
    pub fn start(backend: &str, rule: Rule) -> Self {
        let backend = backend.trim_start_matches("http://").to_owned();
        let state =
            Arc::new(State { backend, rule: Mutex::new(rule), hits: AtomicU32::new(0), stale: Mutex::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = state.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let Ok((socket, _)) = listener.accept().await else { continue };
                    let state = shared.clone();
                    tokio::spawn(async move {
                        let service = service_fn(move |request| answer(state.clone(), request));
                        let connection = hyper::server::conn::http1::Builder::new();
                        let _ = connection.serve_connection(TokioIo::new(socket), service).await;
                    });
                }
            });
        });
        Self { endpoint, state }
    }

    /// How many requests were spoilt.
    pub fn hits(&self) -> u32 {
        let rule = *self.state.rule.lock().unwrap();
        self.state.hits.load(Ordering::SeqCst).min(rule.times)
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let rule = *state.rule.lock().unwrap();
    let concerned = request.method().as_str() == rule.method && request.uri().to_string().contains(rule.contains);
    if !concerned || state.hits.fetch_add(1, Ordering::SeqCst) >= rule.times {
        return pass(&state, request).await;
    }
    match rule.fault {
        Fault::Refuses => Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
        Fault::IsFull => Ok(refusal(StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull")),
        Fault::FailsAfterDoing => {
            pass(&state, request).await?.into_body().collect().await?;
            Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"))
        }
        Fault::LosesTheAnswer => {
            pass(&state, request).await?.into_body().collect().await?;
            Err(std::io::Error::other("the connection is lost on purpose"))
        }
        Fault::Holds => std::future::pending().await,
        Fault::Delays(time) => {
            tokio::time::sleep(time).await;
            pass(&state, request).await
        }
        Fault::ListsStale => {
            let (head, body) = pass(&state, request).await?.into_parts();
            let now = body.collect().await?.to_bytes();
            let first = state.stale.lock().unwrap().get_or_insert(now).clone();
            let mut stale = Response::new(whole(first));
            *stale.status_mut() = head.status;
            Ok(stale)
        }
        Fault::ForgetsTimes => {
            let (head, body) = pass(&state, request).await?.into_parts();
            let mut list =
                String::from_utf8(body.collect().await?.to_bytes().to_vec()).map_err(std::io::Error::other)?;
            while let (Some(from), Some(to)) = (list.find("<LastModified>"), list.find("</LastModified>")) {
                list.replace_range(from..to + "</LastModified>".len(), "");
            }
            let mut timeless = Response::new(whole(Bytes::from(list)));
            *timeless.status_mut() = head.status;
            Ok(timeless)
        }
        Fault::Truncates => {
            let (head, body) = pass(&state, request).await?.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let half = Ok(Frame::data(bytes.slice(..bytes.len() / 2)));
            let pieces = [half, Err(std::io::Error::other("cut on purpose"))];
            Ok(Response::from_parts(head, Pieces(pieces.into()).boxed()))
        }
    }
}

async fn pass(state: &State, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let head_only = request.method() == Method::HEAD;
    let socket = TcpStream::connect(&state.backend).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(std::io::Error::other)?.into_parts();
    let body = if head_only { whole(Bytes::new()) } else { body.map_err(std::io::Error::other).boxed() };
    Ok(Response::from_parts(head, body))
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    let mut refusal = Response::new(whole(Bytes::from(xml)));
    *refusal.status_mut() = status;
    refusal
}

/// The pieces, one a poll.
struct Pieces(std::collections::VecDeque<Result<Frame<Bytes>, std::io::Error>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}
