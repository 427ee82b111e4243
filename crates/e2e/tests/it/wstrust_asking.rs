//! WS-Trust: what is asked for, and how, for servers that want to be asked in their own way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::sts::wstrust::Requestor;
use devsts::{Sts, WsTrust, is_for};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const INVALID: &str = "Bearer error=\"invalid_token\"";

/// What stands behind `Basic` in `Authorization`.
const BASIC: &str = "map $http_authorization $credentials { ~*^Basic\\s+(?<pair>\\S+)$ $pair; }";

fn sts(wstrust: impl FnOnce(WsTrust) -> WsTrust) -> Scene {
    Scene::with(Sts::builder().wstrust(wstrust(WsTrust::at("/trust"))))
}

fn nginx(scene: &Scene, server: &str) -> Builder {
    scene.nginx().server(server)
}

/// A location for assertions in base64, which are passed on in base64, too.
fn location(path: &str, more: &str) -> String {
    format!(
        "location {path} {{
            STSType wstrust;
            STSWSTrustEndpoint %%STS%%;
            STSVariables $source_token $target_token;
            STSSourceEncoding base64; STSTargetEncoding base64;
            {more}
            %%PASS%%
        }}"
    )
}

fn assertion(name: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" \
         Version=\"2.0\"><saml:Issuer>idp</saml:Issuer><saml:Subject><saml:NameID>{name}\
         </saml:NameID></saml:Subject></saml:Assertion>"
    )
}

fn status(nginx: &Nginx, path: &str, name: &str) -> u16 {
    nginx.get(path).bearer(STANDARD.encode(assertion(name))).send().status
}

/// What the backend got, decoded.
fn issued(nginx: &Nginx, path: &str, name: &str) -> String {
    let response = nginx.get(path).bearer(STANDARD.encode(assertion(name))).send();
    let token = STANDARD.decode(Seen::by_backend(response).token()).unwrap();
    String::from_utf8(token).unwrap()
}

fn message(scene: &Scene, number: usize) -> String {
    let calls = scene.sts.calls();
    String::from_utf8(calls.get(number).unwrap().body.clone()).unwrap()
}

fn gateway() -> Requestor {
    Requestor::UsernameText("gateway".to_owned(), "2Federate".to_owned())
}

const FOR_OTHERS: &str = "STSWSTrustTokenAs onbehalfof;
    STSWSTrustEndpointAuth username_token username=gateway&password=2Federate;";

#[test]
fn a_password_in_a_file_is_read_again_without_a_reload() {
    for (requestor, kind) in [
        (Requestor::UsernameText("gateway".to_owned(), "second".to_owned()), ""),
        (
            Requestor::UsernameDigest("gateway".to_owned(), "second".to_owned()),
            "&password_type=digest",
        ),
    ] {
        let scene = sts(|sts| sts.requestor(requestor.clone()));
        let auth = format!("username_token username=gateway&password_file=secret{kind}");
        let more = "STSWSTrustTokenAs onbehalfof; STSCacheExpiresIn 0;";
        let server = location("/", &format!("STSWSTrustEndpointAuth {auth}; {more}"))
            + &format!(
                "location /option {{
                    STSExchange wstrust %%STS%% 'auth={}&wstrust_token_as=onbehalfof&source_encoding=base64&target_encoding=base64&cache.expiry=0';
                    STSVariables $source_token $target_token;
                    %%PASS%%
                }}",
                auth.replacen(' ', "&", 1)
            );
        let nginx = nginx(&scene, &server).file("secret", "first\n").forbid_in_log("first").start();
        assert_eq!(status(&nginx, "/", "alice"), 502, "the STS knows another password");
        let new = nginx.prefix().join("secret.new");
        fs::write(&new, "second\n").unwrap();
        fs::rename(new, nginx.prefix().join("secret")).unwrap();
        wait_for("the new password", || status(&nginx, "/", "alice") == 200);
        assert_eq!(status(&nginx, "/option", "alice"), 200);
        nginx.wait_for_log("was read again");
        nginx.forbid_in_log("second");
    }
}

#[test]
fn a_password_file_that_cannot_be_used_is_refused_by_name() {
    let scene = sts(|sts| sts);
    let more = "STSWSTrustTokenAs onbehalfof;
        STSWSTrustEndpointAuth username_token username=gateway&password_file=secret;";
    for (content, problem) in [(None, "cannot be read"), (Some("s3\u{1}cr3t"), "text that XML")] {
        let mut builder = nginx(&scene, &location("/", more));
        if let Some(content) = content {
            builder = builder.file("secret", content);
        }
        let checked = builder.check();
        assert!(!checked.ok && checked.output.contains(problem), "{}", checked.output);
        assert!(checked.output.contains("/secret\""), "{}", checked.output);
        assert!(!checked.output.contains("cr3t"), "{}", checked.output);
    }
}

/// A location that makes a `wsse:UsernameToken` of HTTP Basic.
fn basic_location(more: &str) -> String {
    format!(
        "location / {{
            STSType wstrust;
            STSWSTrustEndpoint %%STS%%;
            STSWSTrustSourceAs usernametoken;
            STSVariables $credentials $target_token;
            STSTargetEncoding base64;
            {more}
            %%PASS%%
        }}"
    )
}

#[test]
fn credentials_of_http_basic_become_a_token_with_one_name() {
    let (user, password) = ("j\u{f6}rg & co", "p\u{e4}ss:\"<w>'");
    let sly = "x</wsse:Password><wsse:Username>admin</wsse:Username>";
    let scene = sts(|sts| sts.user(user, password).user("eve", sly).user("admin", "s3cr3t"));
    let accept = "location /accepted {
        STSExchange wstrust %%STS%% 'wstrust_source_as=usernametoken&target_encoding=base64';
        STSAcceptSourceTokenIn header type=Basic;
        STSPassTargetTokenIn header name=X-Assertion&type=;
        proxy_pass %%BACKEND%%;
    }";
    let server = basic_location("") + accept;
    let nginx = nginx(&scene, &server).http(BASIC).forbid_in_log(sly).start();
    let get = |path: &str, pair: &str| {
        nginx.get(path).header("Authorization", format!("Basic {}", STANDARD.encode(pair))).send()
    };
    for (name, secret) in [(user, password), ("eve", sly)] {
        Seen::by_backend(get("/", &format!("{name}:{secret}")));
        let issued = scene.sts.issued().pop().unwrap();
        assert_eq!(issued.source, name, "and no other");
        let seen = Seen::by_backend(get("/accepted", &format!("{name}:{secret}")));
        assert_eq!(seen.header("X-Assertion"), Some(STANDARD.encode(&issued.target)));
        assert_eq!(seen.header("Authorization"), None);
    }
    get("/", "admin:wrong").expect_status(401);
    get("/", &format!("{user}:{password}x")).expect_status(401);
}

#[test]
fn what_is_no_basic_credentials_is_refused_without_a_call() {
    let scene = sts(|sts| sts.user("alice", "secret"));
    let nginx = nginx(&scene, &basic_location("")).http(BASIC).start();
    for (source, problem) in [
        ("alice:secret".to_owned(), "is not base64"),
        ("%%%".to_owned(), "is not base64"),
        (STANDARD.encode("alice"), "no colon"),
        (STANDARD.encode(":secret"), "no user name"),
        (STANDARD.encode("alice:sec\0ret"), "what no message can"),
        (STANDARD.encode("alice:sec\x1bret"), "what no message can"),
        (STANDARD.encode(b"alice:\xff"), "not UTF-8"),
    ] {
        let response = nginx.get("/").header("Authorization", format!("Basic {source}")).send();
        assert_eq!(response.expect_status(401).header("WWW-Authenticate"), Some(INVALID));
        nginx.wait_for_log(problem);
        nginx.wait_for_log("bad_token");
    }
    nginx.get("/").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn a_gateway_asks_for_users_by_their_passwords_only_where_it_is_told_to() {
    let scene = sts(|sts| sts.requestor(gateway()).user("alice", "secret"));
    let without = basic_location(FOR_OTHERS);
    let checked = nginx(&scene, &without).http(BASIC).check();
    assert!(
        !checked.ok && checked.output.contains("STSWSTrustSourceElements"),
        "{}",
        checked.output
    );
    let with = basic_location(&format!("{FOR_OTHERS} STSWSTrustSourceElements usernametoken;"));
    let nginx = nginx(&scene, &with).http(BASIC).start();
    let get = |pair: &str| {
        nginx.get("/").header("Authorization", format!("Basic {}", STANDARD.encode(pair))).send()
    };
    Seen::by_backend(get("alice:secret"));
    get("alice:wrong").expect_status(502);
    let calls = scene.sts.call_count();
    get("alice:").expect_status(401);
    assert_eq!(scene.sts.call_count(), calls);
}

#[test]
fn what_is_asked_for_may_depend_on_the_request() {
    let role = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/role";
    let scene = sts(|sts| {
        let sts = sts.to("urn:the sts").claim(role, "boss & co").claim("urn:claim:a$b", "17");
        sts.applies_to("urn:app:one").applies_to("urn:app:two").applies_to("urn:a$b")
    });
    let directives = location(
        "/directives",
        "STSWSTrustAppliesTo urn:app:$arg_app; STSWSTrustTo 'urn:the sts'; STSWSTrustTokenType none;
         STSWSTrustClaims $arg_claim urn:claim:a%24b;",
    );
    let exchange = "location /exchange {
        STSExchange wstrust %%STS%% 'applies_to=urn:app:$arg_app&wstrust_to=urn%3Athe+sts&token_type=none&wstrust_claims=$arg_claim+urn:claim:a%24b&source_encoding=base64&target_encoding=base64';
        STSVariables $source_token $target_token;
        %%PASS%%
    }
    location /dollar {
        STSExchange wstrust %%STS%% 'applies_to=urn:a%24b&wstrust_to=urn%3Athe+sts&source_encoding=base64&target_encoding=base64';
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = nginx(&scene, &(directives + exchange)).start();
    let get = |path: &str, query: &str| issued(&nginx, &format!("{path}?{query}"), "alice");

    let one = get("/directives", &format!("app=one&claim={role}"));
    assert!(one.contains("<saml2:Audience>urn:app:one</saml2:Audience>"), "{one}");
    assert!(one.contains(&format!("Name=\"{role}\"")) && one.contains("boss &amp; co"), "{one}");
    assert!(one.contains("Name=\"urn:claim:a$b\""), "{one}");
    let sent = message(&scene, 0);
    assert!(sent.contains("<wsa:To>urn:the sts</wsa:To>") && !sent.contains("TokenType"), "{sent}");
    // The values are part of what is asked for, in either syntax.
    let two = get("/exchange", &format!("app=two&claim={role}"));
    assert_ne!(one, two);
    let bare = get("/exchange", "app=two&claim=");
    assert!(bare != two && !bare.contains(role), "{bare}");
    assert_eq!(scene.sts.call_count(), 3);
    for path in ["/directives", "/exchange"] {
        assert_eq!(get(path, &format!("app=one&claim={role}")), one);
        assert_eq!(get(path, &format!("app=two&claim={role}")), two);
        assert_eq!(get(path, "app=two&claim="), bare);
    }
    assert_eq!(scene.sts.call_count(), 3);
    assert!(get("/dollar", "").contains("urn:a$b"));
}

#[test]
fn a_value_that_cannot_be_asked_for_is_not_left_out() {
    let scene = sts(|sts| sts);
    let server = location("/claim", "STSWSTrustClaims $arg_claim;")
        + &location("/address", "STSWSTrustAppliesTo urn:$arg_a;")
        + &location("/optional", "STSWSTrustAppliesTo $arg_a;");
    let nginx = nginx(&scene, &server).start();
    for path in ["/claim?claim=role", "/claim?claim=urn:a<b/>", "/claim?claim=%20"] {
        assert_eq!(status(&nginx, path, "alice"), 401, "{path}");
    }
    nginx.wait_for_log("a value of \"STSWSTrustClaims\" is no absolute URI for this request");
    let bytes =
        b"GET /address?a=\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ";
    let token = STANDARD.encode(assertion("alice"));
    let request = [&bytes[..], token.as_bytes(), b"\r\n\r\n"].concat();
    let answer = raw(&nginx, &request);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    nginx.wait_for_log("a value of \"STSWSTrustAppliesTo\" is no text that a message can hold");
    assert_eq!(scene.sts.call_count(), 0);
    // What holds variables and comes out empty is left out.
    assert_eq!(status(&nginx, "/optional", "alice"), 200);
    assert!(!message(&scene, 0).contains("AppliesTo"));
    assert_eq!(status(&nginx, "/optional?a=%3Cx/%3E", "alice"), 200);
    assert!(message(&scene, 1).contains("<wsa:Address>%3Cx/%3E</wsa:Address>"));
    assert_eq!(status(&nginx, "/optional?a=<x>", "alice"), 200);
    assert!(message(&scene, 2).contains("<wsa:Address>&lt;x&gt;</wsa:Address>"));
}

/// Sends bytes that no client library would.
fn raw(nginx: &Nginx, request: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(nginx.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_first_version_has_two_names_for_a_bearers_token() {
    for (key_type, uri) in [
        ("", "http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer"),
        (
            "STSWSTrustKeyType NoProofKey;",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        ),
    ] {
        let scene = sts(|sts| sts);
        let more = format!("STSWSTrustVersion 1.2; {key_type}");
        let nginx = nginx(&scene, &location("/", &more)).start();
        assert_eq!(status(&nginx, "/", "alice"), 200);
        assert!(message(&scene, 0).contains(&format!("<wst:KeyType>{uri}</wst:KeyType>")));
    }
}

#[test]
fn an_assertion_for_the_holder_of_a_key_does_not_reach_the_backend() {
    let scene = sts(WsTrust::for_holders_of_keys);
    let server = location("/", "") + &location("/none", "STSWSTrustKeyType none;");
    let nginx = nginx(&scene, &server).start();
    for path in ["/", "/none"] {
        assert_eq!(status(&nginx, path, "alice"), 502);
    }
    nginx.wait_for_log("bad_answer: HTTP 200: the assertion is for the holder of a key");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_signature_that_depends_on_its_envelope_is_not_passed_on() {
    let scene = sts(WsTrust::signing_inclusively);
    let nginx = nginx(&scene, &location("/", "")).start();
    assert_eq!(status(&nginx, "/", "alice"), 502);
    let line = nginx.wait_for_log("the signature of the assertion does not outlive");
    assert!(line.contains("bad_answer") && line.contains("xml-exc-c14n#"), "{line}");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_jwt_goes_in_the_wrapper_that_cxf_has_for_it() {
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln";
    let scene = sts(|sts| sts.requestor(gateway()));
    let server = format!(
        "location / {{
            STSType wstrust; STSWSTrustEndpoint %%STS%%;
            STSVariables $source_token $target_token;
            {FOR_OTHERS} STSWSTrustValueType {JWT}; STSWSTrustTokenType {JWT};
            STSWSTrustTokenWrapper on;
            %%PASS%%
        }}
        location /option {{
            STSExchange wstrust %%STS%% 'auth=username_token&username=gateway&password=2Federate&wstrust_token_as=onbehalfof&value_type={JWT}&token_type={JWT}&wstrust_token_wrapper=on';
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    );
    let nginx = nginx(&scene, &server).start();
    let token =
        |path: &str, source: &str| Seen::by_backend(nginx.get(path).bearer(source).send()).token();
    assert!(is_for(&token("/", jwt), jwt));
    assert_eq!(token("/", jwt), token("/option", jwt));
    let sent = message(&scene, 0);
    assert!(
        sent.contains(&format!("<wst:OnBehalfOf><TokenWrapper>{jwt}</TokenWrapper>")),
        "{sent}"
    );
    assert!(is_for(&token("/", "opaque"), "opaque"));
    assert!(message(&scene, 1).contains("<wsse:BinarySecurityToken"));
    let checked = nginx_check(&scene, &location("/", "STSWSTrustTokenWrapper on;"));
    assert!(
        checked.contains("\"STSWSTrustTokenWrapper on\" needs \"STSWSTrustValueType\""),
        "{checked}"
    );
}

/// What `nginx -t` says of a server that it refuses.
fn nginx_check(scene: &Scene, server: &str) -> String {
    let checked = nginx(scene, server).check();
    assert!(!checked.ok, "{server}");
    checked.output
}

#[test]
fn request_parameters_have_no_place_in_a_message() {
    let scene = sts(|sts| sts);
    for server in [
        location("/", "STSRequestParameter audience orders;"),
        format!("STSRequestParameter audience orders; {}", location("/", "")),
    ] {
        let said = nginx_check(&scene, &server);
        assert!(said.contains("\"STSRequestParameter\" has no place in a message"), "{said}");
    }
    // An exchange in one directive takes the place of all that is around it.
    let whole = "STSRequestParameter audience orders;
        location / { STSExchange wstrust %%STS%%; STSVariables $source_token $t; }";
    assert!(nginx(&scene, whole).check().ok);
}

#[test]
fn an_assertion_as_samls_own_url_has_it_is_read() {
    let scene = sts(|sts| sts);
    let server = "location / {
        STSExchange wstrust %%STS%% target_encoding=base64;
        STSAcceptSourceTokenIn query name=SAMLResponse&encoding=deflate;
        STSVariables '' $target_token;
        %%PASS%%
    }";
    let nginx = nginx(&scene, server).start();
    // Both letters that differ are in one of these.
    let names: Vec<_> = (0..40).map(|number| format!("alice-{number}")).collect();
    let mut seen = String::new();
    for name in &names {
        let deflated = miniz_oxide::deflate::compress_to_vec(assertion(name).as_bytes(), 9);
        for text in [STANDARD.encode(&deflated), URL_SAFE_NO_PAD.encode(&deflated)] {
            let query = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            seen += &text;
            Seen::by_backend(nginx.get(&format!("/?SAMLResponse={query}")).send());
        }
    }
    assert!(['+', '/', '=', '-', '_'].iter().all(|c| seen.contains(*c)));
    assert_eq!(scene.sts.call_count(), 40, "two spellings of one assertion");
}

/// A location that asks for other subjects.
fn for_others(path: &str, more: &str) -> String {
    location(path, &format!("{FOR_OTHERS} {more}"))
}

#[test]
fn the_gateways_own_token_is_not_taken_for_that_of_its_users() {
    let scene = sts(|sts| sts.requestor(gateway()).ignoring_subject());
    let server = for_others("/default", "")
        + &for_others("/actas", "STSWSTrustVersion 1.4;").replace("onbehalfof", "actas")
        + &for_others("/off", "STSExpect off;")
        + "location /option {
            STSExchange wstrust %%STS%% 'auth=username_token&username=gateway&password=2Federate&wstrust_token_as=onbehalfof&source_encoding=base64&target_encoding=base64&expect=subject';
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let nginx = nginx(&scene, &server).start();
    for path in ["/default", "/actas", "/option"] {
        for _ in 0..2 {
            let calls = scene.sts.call_count();
            assert_eq!(status(&nginx, path, "alice"), 502, "{path}");
            assert_eq!(scene.sts.call_count(), calls + 1, "{path}: it is not kept");
        }
    }
    let line = nginx.wait_for_log("the token is about the gateway itself");
    assert!(line.contains("bad_answer") && line.contains("STSExpect"), "{line}");
    assert!(scene.backend.requests().is_empty());

    // Where it is let through it is kept, and of no use elsewhere all the same.
    let calls = scene.sts.call_count();
    for _ in 0..2 {
        assert!(issued(&nginx, "/off", "alice").contains(">gateway</saml2:NameID>"));
    }
    for path in ["/default", "/option"] {
        assert_eq!(status(&nginx, path, "alice"), 502, "{path}");
    }
    assert_eq!(scene.sts.call_count(), calls + 1);
}

#[test]
fn a_token_for_a_user_is_kept_and_used_as_before() {
    let scene = sts(|sts| sts.requestor(gateway()));
    let server = for_others("/default", "")
        + &for_others("/off", "STSExpect off;")
        + &for_others("/same", "STSExpect subject=sub;");
    let nginx = nginx(&scene, &server).workers(2).start();
    for path in ["/off", "/default", "/same", "/default", "/off"] {
        assert!(issued(&nginx, path, "alice").contains(">alice</saml2:NameID>"), "{path}");
    }
    assert_eq!(scene.sts.call_count(), 1);
    for name in ["gateway", "Gateway", "gateway@carbon.super"] {
        assert_eq!(status(&nginx, "/default", name), 502, "{name}");
        assert_eq!(status(&nginx, "/off", name), 200, "{name}");
        assert_eq!(status(&nginx, "/default", name), 502, "{name}: it is in the cache");
    }
}

#[test]
fn the_subject_may_have_to_be_that_of_the_source() {
    let scene = Scene::new();
    let exchange =
        |path: &str, more: &str| format!("location {path} {{ %%OTX%% {more} %%PASS%% }}");
    let server = exchange("/sub", "STSExpect subject=sub;")
        + &exchange("/subject", "STSExpect subject;")
        + &exchange("/off", "STSExpect off;");
    let first = nginx(&scene, &server).start();
    let jwt = |claims: serde_json::Value| {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    let alice = jwt(serde_json::json!({ "sub": "alice", "n": 1 }));
    let status = |path: &str| first.get(path).bearer(&alice).send().status;
    // The STS answers with a token that says nothing to the gateway.
    assert_eq!(status("/subject"), 200);
    assert_eq!(status("/sub"), 502);
    first.wait_for_log("the token names no subject (STSExpect)");
    assert_eq!(status("/off"), 200);
    assert_eq!(scene.sts.call_count(), 1, "what one location has kept, another has looked at");

    let answer = |name: &str| {
        let token = jwt(serde_json::json!({ "sub": name }));
        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":60}}"#);
        devsts::Answer::new(200).header("Content-Type", "application/json").body(body)
    };
    for (name, sub, subject) in
        [("alice", 200, 200), ("bob", 502, 200), ("otxclient", 502, 502), ("OTXClient", 502, 502)]
    {
        let scene = Scene::new();
        scene.sts.script(devsts::When::any(), devsts::Script::new().answer(answer(name)));
        let nginx = nginx(&scene, &server).start();
        let status = |path: &str| nginx.get(path).bearer(&alice).send().status;
        assert_eq!(
            (status("/off"), status("/sub"), status("/subject")),
            (200, sub, subject),
            "{name}"
        );
        assert_eq!(scene.sts.call_count(), 1, "{name}");
        if name == "bob" {
            nginx.wait_for_log(
                "the token is about another subject than the source token (STSExpect)",
            );
        }
    }
}

#[test]
fn a_gateway_without_a_name_is_warned_of() {
    let scene = sts(|sts| sts);
    let checked = nginx(&scene, &location("/", "STSExpect subject;")).check();
    assert!(checked.ok, "{}", checked.output);
    let warning = "\"STSExpect\": the gateway has neither a \"client_id\" nor a \"username\"";
    assert!(checked.output.contains(warning), "{}", checked.output);
    for more in ["STSExpect off;", "STSExpect subject=sub;", ""] {
        let checked = nginx(&scene, &location("/", more)).check();
        assert!(checked.ok && !checked.output.contains("STSExpect"), "{}", checked.output);
    }
}
