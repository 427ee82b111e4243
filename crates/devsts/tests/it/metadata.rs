//! Where the STS tells its metadata, and what stands in them.

use devsts::{Metadata, Sts};
use serde_json::Value;

use crate::wire::{Request, Wire, address};

const OAUTH: &str = "/.well-known/oauth-authorization-server/realms/x";
const OPENID: &str = "/realms/x/.well-known/openid-configuration";

/// To the host that the STS has in its own URLs.
fn request(sts: &Sts, target: &str) -> Request {
    let host = address(sts).to_string();
    Request::get(target).without_header("Host").header("Host", &host)
}

fn status(sts: &Sts, method: &'static str, target: &str) -> u16 {
    Wire::connect(sts).ask(&request(sts, target).method(method)).status
}

#[test]
fn both_forms_name_issuer_and_endpoint() {
    let metadata = Metadata::of("/realms/x").mtls_token_endpoint("https://mtls.example/token");
    let sts = Sts::builder().path("/t").metadata(metadata).start().unwrap();
    assert_eq!(sts.issuer(), sts.url("/realms/x"));
    for target in [OAUTH, OPENID] {
        let answer = Wire::connect(&sts).ask(&request(&sts, target));
        assert_eq!(answer.status, 200);
        let told: Value = answer.json();
        assert_eq!(told["issuer"], sts.issuer());
        assert_eq!(told["token_endpoint"], sts.endpoint());
        let alias = &told["mtls_endpoint_aliases"]["token_endpoint"];
        assert_eq!(alias, "https://mtls.example/token");
    }
    assert_eq!(status(&sts, "POST", OAUTH), 405);
    assert_eq!(status(&sts, "GET", "/.well-known/oauth-authorization-server"), 404);
}

#[test]
fn one_form_may_be_missing() {
    let sts = Sts::builder().metadata(Metadata::of("/realms/x").only_openid()).start().unwrap();
    assert_eq!((status(&sts, "GET", OAUTH), status(&sts, "GET", OPENID)), (404, 200));
    let sts = Sts::builder().metadata(Metadata::of("/realms/x").only_oauth()).start().unwrap();
    assert_eq!((status(&sts, "GET", OAUTH), status(&sts, "GET", OPENID)), (200, 404));
}
