//! How tokens stand in headers: what is read of anything, and what is written of any token.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_core::encoding::{Encoding, MAX_INFLATED, stands_as_it_is};

fuzz_target!(|data: &[u8]| {
    for encoding in [Encoding::Base64, Encoding::Base64Url, Encoding::Deflate] {
        check_written(encoding, data);
        if let Ok(token) = encoding.decode(data) {
            assert!(token.len() <= MAX_INFLATED.max(data.len()));
            check_written(encoding, token.expose());
        }
    }
    // Most of what is deflated does not look like base64.
    if let Some(text) = Encoding::Base64Url.encode(data)
        && let Ok(token) = Encoding::Deflate.decode(text.expose())
    {
        assert!(token.len() <= MAX_INFLATED);
    }
});

/// What is written can stand anywhere, and is read again.
fn check_written(encoding: Encoding, token: &[u8]) {
    let Some(text) = encoding.encode(token) else { panic!("every token can be encoded") };
    assert!(stands_as_it_is(text.expose()));
    match encoding.decode(text.expose()) {
        Ok(read) => assert!(read.expose() == token, "it is not what it was"),
        Err(problem) => panic!("what was written {problem}"),
    }
}
