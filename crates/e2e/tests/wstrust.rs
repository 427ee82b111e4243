//! WS-Trust: the first users' own configuration, and what an STS of that kind may answer.
//!
//! The STS here answers from a script; that messages are what the standards want is tested with the
//! protocol itself.

use std::time::Duration;

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Script, Sts, Tls, When};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};

/// Nothing changed but host names, ports and a missing brace.
const SEED: &str = "
       location /sts/wstrust {
            STSType wstrust;
            STSSSLValidateServer Off;
            STSWSTrustEndpoint https://127.0.0.1:%%STS_PORT%%/pf/sts.wst;
            STSWSTrustEndpointAuth basic username=wstrust&password=2Federate;
            STSWSTrustAppliesTo urn:pingfed;
            STSWSTrustTokenType urn:bogus:token;

            STSVariables $source_token $wst_target_token;
            proxy_set_header Cookie STS_COOKIE=$wst_target_token;
            proxy_pass http://127.0.0.1:%%BACKEND_PORT%%/headers$is_args$args;
       }
";

/// The recipe for a source token in a cookie, under the name that the location has for it.
const FROM_COOKIE: &str = r#"
	map $http_cookie $source_token {
		default "";
		"~*MyCookieName=(?<token>[^;]+)" "$token";
	}
"#;

const ASSERTION: &str = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
                         ID=\"a\" Version=\"2.0\"><saml:Issuer>idp</saml:Issuer></saml:Assertion>";

fn pingfed() -> Scene {
    let identity = Identity::self_signed(&Leaf::server().dns("pingfed"));
    Scene::with(Sts::builder().tls(Tls::new(identity)).path("/pf/sts.wst"))
}

fn nginx(scene: &Scene, location: &str) -> Builder {
    Nginx::builder()
        .http(FROM_COOKIE)
        .server(location)
        .set("STS_PORT", scene.sts.port())
        .set("BACKEND_PORT", scene.backend.port())
        .forbid_in_log("2Federate")
}

fn soap(body: &str) -> Answer {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>{body}</s:Body>\
         </s:Envelope>"
    );
    Answer::new(200).header("Content-Type", "application/soap+xml").body(envelope)
}

/// An answer of WS-Trust 1.3 with a binary token, base64 of `token-of-the-target`.
fn issued(lifetime: &str) -> Answer {
    soap(&format!(
        "<t:RequestSecurityTokenResponseCollection \
         xmlns:t=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512\">\
         <t:RequestSecurityTokenResponse><t:TokenType>urn:bogus:token</t:TokenType>{lifetime}\
         <t:RequestedSecurityToken><w:BinarySecurityToken ValueType=\"urn:bogus:token\" xmlns:w=\
         \"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
         dG9rZW4tb2YtdGhlLXRhcmdldA==</w:BinarySecurityToken></t:RequestedSecurityToken>\
         </t:RequestSecurityTokenResponse></t:RequestSecurityTokenResponseCollection>"
    ))
}

fn fault(code: &str) -> Answer {
    soap(&format!(
        "<s:Fault xmlns:t=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512\"><s:Code>\
         <s:Value>s:Sender</s:Value><s:Subcode><s:Value>{code}</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text xml:lang=\"en\">no</s:Text></s:Reason></s:Fault>"
    ))
}

fn answer(scene: &Scene, answer: Answer) {
    scene.sts.script(When::any(), Script::new().answer(answer));
}

#[test]
fn an_assertion_from_a_cookie_is_exchanged_by_the_location_as_it_stands() {
    let scene = pingfed();
    answer(&scene, issued(""));
    let nginx = nginx(&scene, SEED).start();

    let cookie = format!("a=1; MyCookieName={ASSERTION}; b=2");
    let response = nginx.get("/sts/wstrust?colour=blue").header("Cookie", &cookie).send();

    let seen = Seen::by_backend(response);
    assert_eq!(seen.uri(), "/headers?colour=blue");
    assert_eq!(seen.header("Cookie").as_deref(), Some("STS_COOKIE=token-of-the-target"));
    let call = scene.only_call();
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/pf/sts.wst"));
    let basic = "Basic d3N0cnVzdDoyRmVkZXJhdGU=";
    assert_eq!(call.header("Authorization").as_deref(), Some(basic));
    let message = String::from_utf8(call.body.clone()).unwrap();
    assert!(message.contains(ASSERTION), "{message}");
    assert!(message.contains("urn:pingfed") && message.contains("urn:bogus:token"), "{message}");
    nginx.forbid_in_log("token-of-the-target");
}

#[test]
fn a_bearer_token_needs_a_value_type() {
    let scene = pingfed();
    answer(&scene, issued(""));
    let location = SEED.replace(
        "STSWSTrustTokenType",
        "STSWSTrustValueType urn:ietf:params:oauth:token-type:jwt; STSWSTrustTokenType",
    );
    let nginx_without = nginx(&scene, SEED).start();
    let refused = nginx_without.get("/sts/wstrust").header("Cookie", "MyCookieName=a.b.c").send();
    refused.expect_status(401);
    assert_eq!(scene.sts.call_count(), 0, "what is no XML is not sent as XML");

    let nginx = nginx(&scene, &location).start();
    let response = nginx.get("/sts/wstrust").header("Cookie", "MyCookieName=a.b.c").send();
    assert_eq!(
        Seen::by_backend(response).header("Cookie").as_deref(),
        Some("STS_COOKIE=token-of-the-target")
    );
    let message = String::from_utf8(scene.only_call().body.clone()).unwrap();
    assert!(message.contains("YS5iLmM="), "the token is in base64: {message}");
}

#[test]
fn a_fault_has_the_status_of_whose_fault_it_is() {
    for (code, status) in
        [("t:FailedAuthentication", 401), ("t:InvalidSecurityToken", 401), ("t:BadRequest", 502)]
    {
        let scene = pingfed();
        // With HTTP 200, as some servers do.
        answer(&scene, fault(code));
        let nginx = nginx(&scene, SEED).start();
        let cookie = format!("MyCookieName={ASSERTION}");
        let response = nginx.get("/sts/wstrust").header("Cookie", &cookie).send();
        response.expect_status(status);
        nginx.wait_for_log(code.trim_start_matches("t:"));
        assert!(scene.backend.requests().is_empty());
    }
}

#[test]
fn a_token_is_kept_for_as_long_as_its_lifetime_says() {
    let scene = pingfed();
    let expires = "<t:Lifetime><u:Expires xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/\
                   oasis-200401-wss-wssecurity-utility-1.0.xsd\">2000-01-01T00:00:00Z</u:Expires>\
                   </t:Lifetime>";
    scene.sts.script(When::call(1), Script::new().answer(issued(expires)));
    scene.sts.script(When::any(), Script::new().answer(issued("")));
    let nginx = nginx(&scene, SEED).start();
    let cookie = format!("MyCookieName={ASSERTION}");
    let get = || nginx.get("/sts/wstrust").header("Cookie", &cookie).send().expect_status(200);

    get();
    get();
    assert_eq!(scene.sts.call_count(), 2, "the first was past its life when it came");
    get();
    assert_eq!(scene.sts.call_count(), 2, "the second is kept");
}

#[test]
fn hostile_answers_are_refused_in_time() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;\">]>\
                <x>&b;</x>";
    let deep = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
    let wide: String = (0..20_000).map(|number| format!(" a{number}='1'")).collect();
    let wide = format!("<a{wide}/>");
    let whole = String::from_utf8(issued("").body_bytes().to_vec()).unwrap();
    let cut = &whole[..whole.len() / 2];
    for body in ["", "no XML", "<open>", bomb, &deep, &wide, cut] {
        let scene = pingfed();
        let hostile = Answer::new(200).header("Content-Type", "application/soap+xml").body(body);
        answer(&scene, hostile);
        let nginx = nginx(&scene, SEED).start();
        let worker = nginx.worker();
        let cookie = format!("MyCookieName={ASSERTION}");
        let started = std::time::Instant::now();
        nginx.get("/sts/wstrust").header("Cookie", &cookie).send().expect_status(502);
        assert!(started.elapsed() < Duration::from_secs(10), "{:.40}", body);
        nginx.wait_for_log("bad_answer");
        assert_eq!(nginx.worker(), worker);
    }
}
