//! The option strings of directives, and what is made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_core::client_auth::{ClientAuth, Method};
use sts_core::endpoint::Endpoint;
use sts_core::options::{Options, Template};
use sts_core::parameters;

fuzz_target!(|text: &str| {
    let _ = Endpoint::parse(text);
    let _ = Template::of_encoded(text.as_bytes());
    // A text without variables comes out as it was.
    assert_eq!(Template::of_literal(text).literal().as_deref(), Some(text));

    let Ok(mut options) = Options::parse(text) else { return };
    let _ = options.take_template("client_id");
    if let Ok(Some(form)) = options.take_form("params") {
        for (name, value) in form {
            let _ = parameters::check_name(&name);
            assert_eq!(value.literal().is_none(), value.has_variables());
        }
    }
    let _ = options.finish(&["auth"]);

    for method in Method::ALL {
        if let Err(error) = ClientAuth::parse(method.name(), Some(text)) {
            let shown = error.to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
    }
});
