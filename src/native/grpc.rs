//! Responses to gRPC clients. Envoy makes a response to one of them into `200` with trailers, and takes `grpc-status: 0`
//! (OK) unless the module names another one.

/// Whether a request is gRPC's, by its `content-type`, as Envoy decides.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    let Some(rest) = content_type.strip_prefix(b"application/grpc") else { return false };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// The gRPC status for an HTTP status
/// ([mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md)), as Envoy maps it for the
/// proxy-wasm filter.
pub(crate) const fn status_of(http: u16) -> &'static str {
    match http {
        // INTERNAL, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE, UNKNOWN.
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502 | 503 | 504 => "14",
        _ => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_known_by_its_content_type() {
        for yes in [&b"application/grpc"[..], b"application/grpc+proto", b"application/grpc;x=y"] {
            assert!(is_grpc(yes));
        }
        for no in [&b""[..], b"application/json", b"application/grpc-web", b"application/grpcx"] {
            assert!(!is_grpc(no));
        }
    }

    #[test]
    fn no_refusal_is_ok_to_grpc() {
        assert!((300..600).all(|status| status_of(status) != "0"));
        assert_eq!((status_of(401), status_of(403), status_of(503)), ("16", "7", "14"));
    }
}
