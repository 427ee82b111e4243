//! A configuration of NGINX, as the command line tool reads it: words, blocks, servers, locations, values.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sts_core::secret::Secret;
use sts_exchange::conf::lexer::{End, Lexer};
use sts_exchange::conf::maps::{Request, Scope};
use sts_exchange::conf::uri::Target;
use sts_exchange::conf::{Configuration, called, locate};
use sts_exchange::show::directives::quoted;
use sts_exchange::values::{Given, Variables};

fuzz_target!(|bytes: &[u8]| {
    words_are_the_same_in_quotes(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What is included is no part of the text, and is left out.
    let Ok(configuration) = Configuration::of_text(text, Path::new("/")) else { return };
    let Ok(servers) = locate::servers(&configuration) else { return };
    let _ = called::servers(&servers, "shop.example.com:8080");
    let Ok(target) = Target::read("/orders/17/../18?kind=oil") else { return };
    let (given, results, token) = (Given::default(), Given::default(), Secret::new("token"));
    for server in &servers {
        let _ = locate::named(server, "@orders");
        let Ok(location) = locate::location(server, &target) else { continue };
        let scope = Scope::new(Request {
            given: &given,
            results: &results,
            configuration: &configuration,
            target: Some(&target),
            host: None,
            server_name: server.plain_name(),
            location: &location,
            token: &token,
        });
        for name in ["a", "1", "arg_kind", "uri", "host", "http_authorization"] {
            let _ = scope.value(name);
        }
    }
});

/// A word in quotes is the same word.
fn words_are_the_same_in_quotes(bytes: &[u8]) {
    let mut lexer = Lexer::new(bytes);
    while let Ok(read) = lexer.read() {
        if read.end == End::Text {
            assert!(read.words.is_empty());
            return;
        }
        for word in &read.words {
            let Ok(word) = std::str::from_utf8(word) else { continue };
            let text = format!("a {};", quoted(word));
            // In quotes it may be longer than a word may be.
            let Ok(again) = Lexer::new(text.as_bytes()).read() else {
                assert!(text.len() > 4096, "{text}");
                continue;
            };
            assert_eq!(again.words.len(), 2, "{text}");
            assert_eq!(again.words[1].as_slice(), word.as_bytes(), "{text}");
        }
    }
}
