//! Private keys: JWK or PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_core::client_auth::ClientAuth;
use sts_core::jose::SigningKey;
use sts_core::secret::Secret;

fuzz_target!(|data: &[u8]| {
    let text = Secret::new(data);
    match SigningKey::import(&text) {
        Ok(key) => {
            let Ok(signed) = key.sign_compact("JWT", b"{}") else {
                panic!("a key that was tried signs")
            };
            let parts = signed.expose().split(|byte| *byte == b'.');
            assert_eq!(parts.filter(|part| !part.is_empty()).count(), 3);
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
    // The same in a file, with a certificate, as TLS wants it.
    if let Ok(auth) = ClientAuth::parse("client_cert", Some("cert=a&key=a")) {
        auth.refresh(Ok(text));
    }
});
