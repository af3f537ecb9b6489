//! The HTTP server: metrics, health, alerts, page.
//!
//! Built on hyper's own builder, which can bound how long a client may take to send its headers
//! and how many connections there are.

use super::live::SharedStatus;
use super::metrics::Metrics;
use super::page;
use crate::limits::HTTP_CONNECTIONS_MAX;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);

/// A running server; dropping it ends it.
pub struct HttpServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to serve.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(
    listen: SocketAddr,
    metrics: Metrics,
    status: SharedStatus,
) -> std::io::Result<HttpServer> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let task = tokio::spawn(async move {
        loop {
            // The place is taken before the connection: further clients wait in the kernel.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (metrics, status) = (metrics.clone(), status.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let response = answer(&request, &metrics, &status);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
                    tracing::debug!(%error, "a connection ended early");
                }
                drop(place);
            });
        }
    });
    Ok(HttpServer { address, task })
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    status: &SharedStatus,
) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = respond(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            String::from("only GET\n"),
        );
        response
            .headers_mut()
            .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => respond(StatusCode::OK, Metrics::content_type(), metrics.render()),
        "/-/healthy" => respond(StatusCode::OK, TEXT, String::from("healthy\n")),
        "/-/ready" if status.lock().ready => respond(StatusCode::OK, TEXT, String::from("ready\n")),
        "/-/ready" => respond(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            String::from("waiting for partitions to read\n"),
        ),
        "/api/v1/alerts" => {
            let body = {
                let status = status.lock();
                json!({ "active": status.back.active, "recent": status.recent })
            };
            respond(StatusCode::OK, "application/json", body.to_string())
        }
        "/" => {
            let status = status.lock().clone();
            respond(
                StatusCode::OK,
                "text/html; charset=utf-8",
                page::render(&status),
            )
        }
        _ => respond(
            StatusCode::NOT_FOUND,
            TEXT,
            String::from("not found; try /\n"),
        ),
    }
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(media_type),
    );
    response
}
