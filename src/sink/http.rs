//! The HTTP server: metrics, health, alerts, page, reload.
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

const TEXT: &str = "text/plain; charset=utf-8";
const RELOAD: &str = "/-/reload";
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);

/// Reads the configuration again: what changed, or why it is refused. May take its time.
pub type ReloadHook = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

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

/// Starts to serve; without `reload` a POST to `/-/reload` is refused.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(
    listen: SocketAddr,
    metrics: Metrics,
    status: SharedStatus,
    reload: Option<ReloadHook>,
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
            let (metrics, status, reload) = (metrics.clone(), status.clone(), reload.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let reload = reload.clone();
                    let answered = if request.uri().path() == RELOAD {
                        None
                    } else {
                        Some(answer(&request, &metrics, &status))
                    };
                    async move {
                        Ok::<_, Infallible>(match answered {
                            Some(response) => response,
                            None => answer_reload(request.method(), reload).await,
                        })
                    }
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

/// Only a POST changes anything: a page that somebody looks at cannot, by a link.
async fn answer_reload(method: &Method, reload: Option<ReloadHook>) -> Response<Full<Bytes>> {
    if method != Method::POST {
        return not_allowed("only POST\n", "POST");
    }
    let Some(reload) = reload else {
        let text = "reloading by HTTP is switched off: set http.reload, or send SIGHUP\n";
        return respond(StatusCode::FORBIDDEN, TEXT, String::from(text));
    };
    // It reads files.
    match tokio::task::spawn_blocking(move || reload()).await {
        Ok(Ok(text)) => respond(StatusCode::OK, TEXT, text),
        Ok(Err(text)) => respond(StatusCode::BAD_REQUEST, TEXT, text),
        Err(error) => respond(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            format!("{error}\n"),
        ),
    }
}

fn not_allowed(text: &str, allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, text.to_owned());
    let allowed = hyper::header::HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    status: &SharedStatus,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed("only GET\n", "GET, HEAD");
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
