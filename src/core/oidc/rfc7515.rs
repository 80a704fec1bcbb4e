//! The RS256 example of RFC 7515, appendix A.2: a known valid signature for testing a verifier.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::oidc::jwks::{Jwk, KeySet};

/// The key of the example, as a key set.
pub const KEY_SET: &str = r#"{"keys":[{"kty":"RSA","kid":"A.2","alg":"RS256","use":"sig","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;

const SIGNING_INPUT: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// The key, the signed message and the signature.
pub fn example() -> Option<(Arc<Jwk>, &'static [u8], Vec<u8>)> {
    let key = KeySet::parse(KEY_SET.as_bytes()).ok()?.find("A.2")?;
    Some((key, SIGNING_INPUT, URL_SAFE_NO_PAD.decode(SIGNATURE).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::jwt::{PortableRs256, VerifyRs256 as _};

    #[test]
    fn the_portable_verifier_agrees_with_the_rfc() {
        let (key, message, mut signature) = example().unwrap();
        assert!(PortableRs256.verify(&key, message, &signature));
        assert!(!PortableRs256.verify(&key, b"another text", &signature));
        signature[0] ^= 1;
        assert!(!PortableRs256.verify(&key, message, &signature));
        assert!(!PortableRs256.verify(&key, message, &[]));
        assert!(!PortableRs256.verify(&key, message, &[0; 256]));
    }
}
