//! Serves Prometheus metrics over HTTP in the text format 0.0.4. The metrics server runs only if the configuration
//! contains the key `metrics`.
//!
//! Each HTTP connection gets one answer, which is generated when the connection is accepted. A client must read the
//! answer within a few seconds. The number of simultaneous connections is limited, so that clients can never delay a
//! change of an output.

mod text;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::reporting::status::Status;
use crate::reporting::telemetry::Telemetry;

const PATH: &str = "/metrics";
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The maximum number of simultaneous clients. Further clients wait in the kernel's accept queue.
const MAX_CLIENTS: usize = 4;
/// The maximum time from the start of a client's connection to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The maximum size of a request that hyper buffers, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// The pause after `accept` has failed, for example because no file descriptors are left.
const PAUSE: Duration = Duration::from_secs(1);

pub struct Metrics(TcpListener);

impl Metrics {
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(TcpListener::bind(address).await?))
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers the requests of metrics clients. This function never returns.
    pub async fn serve(&self, status: impl Fn() -> Status, telemetry: &Telemetry) {
        let places = Arc::new(Semaphore::new(MAX_CLIENTS));
        while let Ok(place) = places.clone().acquire_owned().await {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    let document = Bytes::from(text::of(&status(), telemetry));
                    tokio::spawn(async move {
                        // If the client exceeds the time limit, the connection is closed.
                        let _ = timeout(PATIENCE, answer(stream, document)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "the connection of a metrics client could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn answer(stream: TcpStream, document: Bytes) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = respond(&request, document.clone());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a metrics client disconnected");
    }
}

fn respond(request: &Request<Incoming>, document: Bytes) -> Response<Full<Bytes>> {
    let known = request.uri().path() == PATH;
    let fits = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, body, allow) = match (known, fits) {
        (true, true) => (StatusCode::OK, document, None),
        (true, false) => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new(), Some("GET, HEAD")),
        (false, _) => {
            (StatusCode::NOT_FOUND, Bytes::from_static(b"not found: the metrics are at /metrics\n"), None)
        }
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(methods) = allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    }
    response
}
