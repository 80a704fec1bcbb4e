//! Reads requests, records them and answers.

use std::io;
use std::net;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{
    Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SET_COOKIE, VARY},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Record, lock, page, request::Request};

/// A long demo must not fill the memory.
const KEPT: usize = 20_000;

pub async fn serve(listener: net::TcpListener, record: Record) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Probably out of file descriptors: wait for other connections to finish.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let record = record.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| respond(request, &record));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(request: hyper::Request<Incoming>, record: &Record) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, mut body) = request.into_parts();
    let mut request = Request::new(&head);
    while let Some(frame) = body.frame().await {
        request.body_bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    let answer = answer(&request);
    let mut record = lock(record);
    if record.len() == KEPT {
        record.remove(0);
    }
    record.push(request);
    Ok(answer)
}

fn answer(request: &Request) -> Response<Full<Bytes>> {
    let (content_type, body) = if request.wants_page() {
        ("text/html; charset=utf-8", page::of(request))
    } else {
        ("application/json", format!("{:#}\n", request.to_json()))
    };
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    for cookie in request.headers("x-sample-set-cookie") {
        headers.extend(HeaderValue::from_bytes(cookie).map(|cookie| (SET_COOKIE, cookie)));
    }
    let status = request.header("x-sample-status").and_then(|value| StatusCode::from_bytes(value).ok());
    *response.status_mut() = status.filter(|status| !status.is_informational()).unwrap_or(StatusCode::OK);
    response
}
