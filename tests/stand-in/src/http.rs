//! The two listeners: reads a request, lets an origin answer it, applies faults and keeps the record.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};

use crate::{Call, Endpoint, Fault, cognito::Cognito};

pub mod answer;
mod payload;
pub mod request;

use answer::Answer;
use payload::Payload;
use request::Request;

/// One of the two hosts.
#[derive(Clone, Copy)]
pub struct Origin {
    /// The endpoint at a path, and who calls it: a client, or a pool for its key set.
    pub endpoint: fn(&Cognito, &Request) -> Option<(Endpoint, String)>,
    /// The fault, if any, is one of the contents.
    pub answer: fn(&mut Cognito, &Request, Option<&Fault>) -> Answer,
}

pub type Shared = Arc<Mutex<Cognito>>;

/// A panic in one answer must not make each later one panic too.
pub fn lock(cognito: &Shared) -> MutexGuard<'_, Cognito> {
    cognito.lock().unwrap_or_else(PoisonError::into_inner)
}

pub async fn serve(listener: TcpListener, origin: Origin, cognito: Shared) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, origin, cognito.clone()))),
            // Probably out of file descriptors: wait for other connections to finish.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One connection. Its errors are ignored: a fault caused them, or the client notices them itself.
async fn converse(stream: TcpStream, origin: Origin, cognito: Shared) {
    let _ = stream.set_nodelay(true);
    let Ok(socket) = SockRef::from(&stream).try_clone() else { return };
    let service = service_fn(|request| respond(request, origin, &cognito, &socket));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    origin: Origin,
    cognito: &Shared,
    socket: &Socket,
) -> io::Result<Response<Payload>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::new(&head, body);

    let (answer, delay) = handle(&mut lock(cognito), origin, &request);
    match delay {
        Delay::None => {}
        Delay::For(time) => tokio::time::sleep(time).await,
        Delay::UntilCleared { who, before } => {
            while lock(cognito).faults.cleared(&who) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    if answer.is_reset() {
        // Closing a socket that must not linger sends a reset.
        socket.set_linger(Some(Duration::ZERO))?;
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(answer.into_response())
}

/// When an answer is sent.
enum Delay {
    None,
    For(Duration),
    UntilCleared { who: String, before: u64 },
}

fn handle(cognito: &mut Cognito, origin: Origin, request: &Request) -> (Answer, Delay) {
    let Some((endpoint, who)) = (origin.endpoint)(cognito, request) else {
        return ((origin.answer)(cognito, request, None), Delay::None);
    };
    let fault = cognito.faults.strike(endpoint, &who);
    let instead = fault.as_ref().and_then(Answer::of_fault);
    let mut answer = instead.unwrap_or_else(|| (origin.answer)(cognito, request, fault.as_ref()));
    if let Some(Fault::Members(members)) = &fault {
        answer = answer.with_members(members);
    }

    let call = Call {
        method: request.method.clone(),
        form: request.parameters(),
        authorization: request.header("authorization").map(String::from),
        status: if answer.is_reset() { 0 } else { answer.status },
        answer: if endpoint == Endpoint::Token { answer.parsed() } else { serde_json::Value::Null },
    };
    crate::record::note(&call);
    let delay = match fault {
        Some(Fault::Slow(time)) => Delay::For(time),
        Some(Fault::Held) => Delay::UntilCleared { before: cognito.faults.cleared(&who), who: who.clone() },
        _ => Delay::None,
    };
    cognito.journal.record(endpoint, who, call);
    (answer, delay)
}
