//! WS-Trust: the first users' own configuration, and STSs of every age. The STS judges each message
//! as the standards have it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::pki::{Identity, Leaf};
use devsts::sts::wstrust::{Layout, Requestor};
use devsts::{Sts, Tls, WsTrust, is_for};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};
use e2e::xmlsec::Verifier;

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

const SAML_2_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
const SAML_1_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An unsigned assertion about this subject.
fn assertion(name: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" \
         Version=\"2.0\"><saml:Issuer>idp</saml:Issuer><saml:Subject><saml:NameID>{name}\
         </saml:NameID></saml:Subject></saml:Assertion>"
    )
}

/// As the seed has it: the requestor is known by HTTP Basic.
fn pingfed() -> Scene {
    let identity = Identity::self_signed(&Leaf::server().dns("pingfed"));
    let user = Requestor::Basic("wstrust".to_owned(), "2Federate".to_owned());
    let wstrust = WsTrust::at("/pf/sts.wst").requestor(user).applies_to("urn:pingfed");
    Scene::with(Sts::builder().tls(Tls::new(identity)).wstrust(wstrust))
}

/// Without TLS, and at the usual place.
fn sts(wstrust: impl FnOnce(WsTrust) -> WsTrust) -> Scene {
    Scene::with(Sts::builder().wstrust(wstrust(WsTrust::at("/trust"))))
}

fn nginx(scene: &Scene, location: &str) -> Builder {
    let builder = scene.nginx().server(location);
    builder.set("STS_PORT", scene.sts.port()).set("BACKEND_PORT", scene.backend.port())
}

/// For the seed's location.
fn seed(scene: &Scene, location: &str) -> Nginx {
    Nginx::builder()
        .http(FROM_COOKIE)
        .server(location)
        .set("STS_PORT", scene.sts.port())
        .set("BACKEND_PORT", scene.backend.port())
        .forbid_in_log("2Federate")
        .start()
}

/// A location that exchanges bearer tokens and assertions in base64, and passes them on as a cookie.
fn location(path: &str, more: &str) -> String {
    format!(
        "location {path} {{
            STSType wstrust;
            STSWSTrustEndpoint %%STS%%;
            STSVariables $source_token $target_token;
            {more}
            %%PASS%%
        }}"
    )
}

/// The text of the only element of this name in a message.
fn element<'a>(message: &'a str, name: &str) -> &'a str {
    let (_, rest) = message.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split_once(&format!("</{name}>")).unwrap_or_default().0
}

#[test]
fn the_location_as_it_stands_exchanges_an_assertion_from_a_cookie() {
    let scene = pingfed();
    let nginx = seed(&scene, SEED);
    let cookie = format!("a=1; MyCookieName={}; b=2", assertion("alice"));

    let response = nginx.get("/sts/wstrust?colour=blue").header("Cookie", &cookie).send();

    let seen = Seen::by_backend(response);
    assert_eq!(seen.uri(), "/headers?colour=blue");
    assert!(is_for(&seen.token(), &assertion("alice")), "{}", seen.token());
    let call = scene.only_call();
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/pf/sts.wst"));
    let basic = "Basic d3N0cnVzdDoyRmVkZXJhdGU=";
    assert_eq!(call.header("Authorization").as_deref(), Some(basic));
    let message = String::from_utf8(call.body.clone()).unwrap();
    assert!(message.contains(&assertion("alice")), "{message}");
    assert_eq!(element(&message, "wst:TokenType"), "urn:bogus:token");
    nginx.forbid_in_log(&seen.token());
    nginx.forbid_in_log("saml:Assertion");
}

#[test]
fn the_location_refuses_a_bearer_token_until_it_has_a_value_type() {
    let scene = pingfed();
    let without = seed(&scene, SEED);
    let refused = without.get("/sts/wstrust").header("Cookie", "MyCookieName=a.b.c").send();
    refused.expect_status(401);
    assert_eq!(scene.sts.call_count(), 0, "what is no XML is not sent as XML");

    let location = SEED.replace(
        "STSWSTrustTokenType",
        "STSWSTrustValueType urn:ietf:params:oauth:token-type:jwt; STSWSTrustTokenType",
    );
    let nginx = seed(&scene, &location);
    let response = nginx.get("/sts/wstrust").header("Cookie", "MyCookieName=a.b.c").send();
    assert!(is_for(&Seen::by_backend(response).token(), "a.b.c"));
}

#[test]
fn both_syntaxes_are_one_exchange_with_one_token() {
    let gateway = || Requestor::UsernameDigest("gateway".to_owned(), "p&$s".to_owned());
    let scene = sts(|sts| sts.requestor(gateway()).applies_to("urn:the app?a&b=c"));
    let directives = location(
        "/directives",
        "STSWSTrustEndpointAuth username_token username=gateway&password=p%26%24s&password_type=digest;
         STSWSTrustAppliesTo 'urn:the app?a&b=c';
         STSWSTrustTokenType urn:bogus:token;
         STSWSTrustValueType urn:any;
         STSWSTrustVersion 1.4;
         STSWSTrustSOAPVersion 1.1;
         STSWSTrustKeyType none;
         STSWSTrustTokenAs actas;
         STSSourceEncoding base64;
         STSTargetEncoding base64;",
    );
    let options = [
        "auth=username_token&username=gateway&password=p%26%24s&password_type=digest",
        "applies_to=urn%3Athe+app%3Fa%26b%3Dc",
        "token_type=urn:bogus:token",
        "value_type=urn:any",
        "wstrust_version=1.4",
        "wstrust_soap_version=1.1",
        "wstrust_key_type=none",
        "wstrust_token_as=actas",
        "source_encoding=base64",
        "target_encoding=base64",
    ]
    .join("&");
    let exchange = format!(
        "location /exchange {{
            STSExchange wstrust %%STS%% '{options}';
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    );
    let nginx = nginx(&scene, &(directives + &exchange)).start();
    let get = |path| Seen::by_backend(nginx.get(path).bearer("YWxpY2U=").send()).token();

    let token = get("/directives");
    assert_eq!(token, get("/exchange"));
    let token = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
    assert!(is_for(&token, "alice"), "{token}");
    let message = String::from_utf8(scene.only_call().body.clone()).unwrap();
    assert!(message.contains("ActAs") && message.contains("urn:the app?a&amp;b=c"), "{message}");
}

#[test]
fn an_exchange_has_the_seeds_settings_as_options() {
    let scene = pingfed();
    let exchange = "location /sts/wstrust {
        STSExchange wstrust https://127.0.0.1:%%STS_PORT%%/pf/sts.wst
            auth=basic&username=wstrust&password=2Federate&applies_to=urn:pingfed&token_type=urn:bogus:token&ssl_verify=false;
        STSVariables $source_token $wst_target_token;
        proxy_set_header Cookie STS_COOKIE=$wst_target_token;
        proxy_pass http://127.0.0.1:%%BACKEND_PORT%%;
    }";
    let nginx = seed(&scene, exchange);
    let cookie = format!("MyCookieName={}", assertion("alice"));
    let response = nginx.get("/sts/wstrust").header("Cookie", &cookie).send();
    assert!(is_for(&Seen::by_backend(response).token(), &assertion("alice")));
}

#[test]
fn every_version_of_the_protocol_is_spoken_over_every_version_of_soap() {
    for version in ["1.2", "1.3", "1.4"] {
        for soap in ["1.1", "1.2"] {
            for key_type in ["Bearer", "none"] {
                let scene = sts(|sts| sts.value_type(JWT));
                let server = location(
                    "/",
                    &format!(
                        "STSWSTrustVersion {version}; STSWSTrustSOAPVersion {soap};
                         STSWSTrustKeyType {key_type}; STSWSTrustTokenType {JWT};
                         STSWSTrustValueType {JWT};"
                    ),
                );
                let nginx = nginx(&scene, &server).start();
                let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
                assert!(is_for(&seen.token(), "alice"), "{version} {soap} {key_type}");
            }
        }
    }
}

/// How the gateway authenticates, the directive for it, and what must not be in the log.
fn credentials() -> Vec<(Requestor, String)> {
    let (name, password) = ("gate<way>".to_owned(), "p\u{e4}ss&\"w<o>rd".to_owned());
    let of = |method: &str, more: &str| {
        format!(
            "STSWSTrustEndpointAuth {method} \
             username=gate%3Cway%3E&password=p%C3%A4ss%26%22w%3Co%3Erd{more};"
        )
    };
    vec![
        (Requestor::Basic(name.clone(), password.clone()), of("basic", "")),
        (Requestor::UsernameText(name.clone(), password.clone()), of("username_token", "")),
        (Requestor::UsernameDigest(name, password), of("username_token", "&password_type=digest")),
    ]
}

#[test]
fn a_gateway_authenticates_and_asks_for_another_subject() {
    for (version, token_as) in
        [("1.2", "onbehalfof"), ("1.3", "onbehalfof"), ("1.4", "onbehalfof"), ("1.4", "actas")]
    {
        for (requestor, auth) in credentials() {
            let scene = sts(|sts| sts.requestor(requestor.clone()));
            let more = format!(
                "STSWSTrustVersion {version}; STSWSTrustTokenAs {token_as}; {auth}
                 STSWSTrustTokenType urn:any; STSCacheExpiresIn 0;"
            );
            let server = location("/xml", &format!("{more} STSSourceEncoding base64;"))
                + &location("/bearer", &format!("{more} STSWSTrustValueType {JWT};"));
            let nginx = nginx(&scene, &server).forbid_in_log("p\u{e4}ss").start();

            // Twice: no nonce and no message comes again.
            for _ in 0..2 {
                let xml = STANDARD.encode(assertion("alice"));
                let seen = Seen::by_backend(nginx.get("/xml").bearer(&xml).send());
                assert!(is_for(&seen.token(), &assertion("alice")), "{token_as} {requestor:?}");
                let seen = Seen::by_backend(nginx.get("/bearer").bearer("alice").send());
                assert!(is_for(&seen.token(), "alice"), "{token_as} {requestor:?}");
            }
            assert_eq!(scene.sts.call_count(), 4);
        }
    }
}

#[test]
fn a_gateway_that_shows_a_certificate_asks_for_another_subject() {
    let ca = Identity::authority("mutual CA");
    let tls = Tls::new(ca.issue(&Leaf::server().ip([127, 0, 0, 1]))).ask_client(&ca);
    let wstrust = WsTrust::at("/trust").requestor(Requestor::Certificate("gateway".to_owned()));
    let scene = Scene::with(Sts::builder().tls(tls).wstrust(wstrust));
    let more = "STSWSTrustTokenAs onbehalfof; STSWSTrustTokenType urn:any;
                STSWSTrustValueType urn:any;";
    let certificate = |name| format!("client_cert cert={name}.crt&key={name}.key");
    let server = format!(
        "STSSSLTrustedCertificate ca.pem; {} {} {}
        location /option {{
            STSExchange wstrust %%STS%%
                '{}&token_type=urn:any&value_type=urn:any&wstrust_token_as=onbehalfof';
            STSVariables $source_token $target_token;
            %%PASS%%
        }}",
        location("/", &format!("{more} STSWSTrustEndpointAuth {};", certificate("gateway"))),
        location("/other", &format!("{more} STSWSTrustEndpointAuth {};", certificate("other"))),
        location("/none", more),
        certificate("gateway").replace(' ', "&").replace("client_cert&", "auth=client_cert&"),
    );
    let mut builder = nginx(&scene, &server).file("ca.pem", ca.certificate_pem());
    for name in ["gateway", "other"] {
        let client = ca.issue(&Leaf::client(name));
        builder = builder.file(&format!("{name}.crt"), client.certificate_pem());
        builder = builder.file(&format!("{name}.key"), client.key_pem());
    }
    let nginx = builder.start();

    for path in ["/", "/option"] {
        let seen = Seen::by_backend(nginx.get(path).bearer("alice").send());
        assert!(is_for(&seen.token(), "alice"), "{path}");
    }
    for path in ["/other", "/none"] {
        nginx.get(path).bearer("alice").send().expect_status(502);
    }
    nginx.wait_for_log("gateway_refused: HTTP 400, fault \"Sender/FailedAuthentication\"");
}

#[test]
fn a_gateway_that_is_not_known_is_no_fault_of_the_client() {
    for (requestor, auth) in credentials() {
        let scene = sts(|sts| sts.requestor(requestor.clone()));
        let more = "STSWSTrustTokenAs onbehalfof; STSWSTrustTokenType urn:any;
                    STSWSTrustValueType urn:any;";
        let wrong = auth.replace("password=", "password=x");
        let server = location("/wrong", &format!("{more} {wrong}")) + &location("/none", more);
        let nginx = nginx(&scene, &server).start();
        for path in ["/wrong", "/none"] {
            nginx.get(path).bearer("alice").send().expect_status(502);
            nginx.wait_for_log("gateway_refused: HTTP 4");
        }
        assert_eq!(scene.sts.call_count(), 2);
    }
}

#[test]
fn an_assertion_that_came_through_verifies_at_its_consumer() {
    let identity = Identity::self_signed(&Leaf::server().common_name("signing"));
    let consumer = Verifier::new(&identity);
    for layout in [Layout::Compact, Layout::Pretty, Layout::PrefixesOutside] {
        for token_type in [SAML_2_TOKEN, SAML_1_TOKEN] {
            let scene = sts(|sts| sts.layout(layout).signed_by(&identity));
            let server = location(
                "/",
                &format!(
                    "STSWSTrustTokenType {token_type}; STSWSTrustAppliesTo 'urn:a&b\u{e9}';
                     STSSourceEncoding base64; STSTargetEncoding base64;"
                ),
            );
            let nginx = nginx(&scene, &server).start();
            let get = |source: &str| {
                let response = nginx.get("/").bearer(STANDARD.encode(source)).send();
                let token = STANDARD.decode(Seen::by_backend(response).token()).unwrap();
                String::from_utf8(token).unwrap()
            };

            let issued = get(&assertion("j\u{f6}rg &lt;x&gt;"));
            assert!(consumer.verifies(&issued), "{layout:?} {token_type}: {issued}");
            let forged = issued.replacen("j\u{f6}rg", "joerg", 1);
            assert_ne!(issued, forged);
            assert!(!consumer.verifies(&forged), "{forged}");

            // What was issued is a source token in its turn, and verifies in the message to the STS.
            get(&issued);
            let calls = scene.sts.calls();
            let message = String::from_utf8(calls[1].body.clone()).unwrap();
            assert!(consumer.verifies(&message), "{layout:?} {token_type}: {message}");
        }
    }
}

/// As the siblings of the module have it: the tokens are taken and given by directives, each with its
/// encoding, and the client's own cookie does not reach the backend.
#[test]
fn an_assertion_is_taken_from_a_cookie_and_given_in_a_header() {
    let scene = sts(|sts| sts.layout(Layout::Pretty));
    let server = "location / {
        STSExchange wstrust %%STS%%;
        STSAcceptSourceTokenIn cookie name=assertion&encoding=deflate;
        STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;
        STSPassTargetTokenIn query name=saml&encoding=base64url;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = nginx(&scene, server).start();
    let deflated = miniz_oxide::deflate::compress_to_vec(assertion("alice").as_bytes(), 9);
    let cookie = format!("a=1; assertion={}; b=2", URL_SAFE_NO_PAD.encode(deflated));

    let seen = Seen::by_backend(nginx.get("/").header("Cookie", &cookie).send());

    let issued = &scene.sts.issued()[0];
    assert_eq!(issued.source, assertion("alice"));
    assert_eq!(seen.header("X-Assertion"), Some(STANDARD.encode(&issued.target)));
    assert_eq!(seen.uri(), format!("/?saml={}", URL_SAFE_NO_PAD.encode(&issued.target)));
    assert!(!seen.header("Cookie").unwrap_or_default().contains("assertion"));
    let broken = nginx.get("/").header("Cookie", "assertion=AAAA").send();
    assert_eq!(broken.expect_status(401).header("WWW-Authenticate"), Some(INVALID));
}

const INVALID: &str = "Bearer error=\"invalid_token\"";

#[test]
fn an_assertion_over_several_lines_needs_an_encoding() {
    let scene = sts(|sts| sts.layout(Layout::Pretty));
    let server = location("/none", "STSSourceEncoding base64;")
        + &location("/base64", "STSSourceEncoding base64; STSTargetEncoding base64;");
    let nginx = nginx(&scene, &server).start();
    let get = |path| nginx.get(path).bearer(STANDARD.encode(assertion("alice"))).send();

    get("/none").expect_status(502);
    nginx.wait_for_log("CR, LF or NUL: \"STSTargetEncoding\" has to encode it");
    let token = STANDARD.decode(Seen::by_backend(get("/base64")).token()).unwrap();
    assert_eq!(token, scene.sts.issued()[0].target.as_bytes());
    assert_eq!(scene.sts.call_count(), 1, "what was issued is not asked for again");
}

#[test]
fn tokens_of_64_kib_go_through_in_both_directions() {
    let scene = sts(|sts| sts);
    let more = format!("STSWSTrustTokenType urn:any; STSWSTrustValueType {JWT};");
    let server = format!("large_client_header_buffers 4 80k; {}", location("/", &more));
    let nginx = nginx(&scene, &server)
        .http("proxy_buffer_size 128k; proxy_buffers 8 128k;")
        .http("proxy_busy_buffers_size 256k; proxy_headers_hash_max_size 1024;")
        .start();
    let source = format!("size-65536.{}", "s".repeat(65536 - "size-65536.".len()));

    let seen = Seen::by_backend(nginx.get("/").bearer(&source).send());

    let issued = &scene.sts.issued()[0];
    assert_eq!(issued.source, source);
    assert_eq!((seen.token().len(), &seen.token()), (65536, &issued.target));
}

#[test]
fn credentials_in_the_message_are_in_clear_when_the_way_is() {
    let scene = sts(|sts| sts);
    let more = "STSWSTrustTokenAs onbehalfof; STSWSTrustEndpointAuth username_token \
                username=gateway&password=s3cr3t;";
    let server = location("/", more).replace("%%STS%%", "http://192.0.2.1/trust");
    let checked = nginx(&scene, &server).check();
    assert!(checked.ok, "{}", checked.output);
    let warning = "credentials go to the STS \"192.0.2.1\" in clear";
    assert!(checked.output.contains(warning), "{}", checked.output);
    assert!(!checked.output.contains("s3cr3t"));
}

#[test]
fn what_a_client_can_put_into_the_message_is_settable() {
    let scene = sts(|sts| sts);
    let more = "STSSourceEncoding base64; STSTargetEncoding base64;";
    let server = location("/default", more)
        + &location("/saml1", &format!("{more} STSWSTrustSourceElements saml1;"))
        + &location(
            "/own",
            &format!("{more} STSWSTrustSourceElements \"{{urn:own}}Token\" saml2;"),
        )
        + "location /option {
            STSExchange wstrust %%STS%%
                'wstrust_source_elements=%7Burn:own%7DToken+saml1&source_encoding=base64';
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let nginx = nginx(&scene, &server).start();
    let own = "<Token xmlns='urn:own'/>".to_owned();
    let status = |path, token: &str| nginx.get(path).bearer(STANDARD.encode(token)).send().status;

    assert_eq!(status("/default", &assertion("alice")), 200);
    // The STS has no use for the other one, but has seen it.
    assert_eq!((status("/own", &assertion("alice")), status("/own", &own)), (200, 401));
    assert_eq!(status("/option", &own), 401);
    let calls = scene.sts.call_count();
    assert_eq!(calls, 4);
    for (path, token) in [
        ("/default", &own),
        ("/saml1", &own),
        ("/saml1", &assertion("alice")),
        ("/option", &assertion("alice")),
    ] {
        assert_eq!(status(path, token), 401);
        nginx.wait_for_log("the source token is not one of the elements that are allowed");
    }
    assert_eq!(scene.sts.call_count(), calls);
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let scene = sts(|sts| sts);
    let exchange = |options: &str| {
        let location = "location / { STSExchange wstrust %%STS%% 'OPTIONS'; %%PASS%%
            STSVariables $source_token $target_token; }";
        location.replace("OPTIONS", options)
    };
    let rows = [
        (location("/", "STSWSTrustTokenAs actas;"), "needs \"STSWSTrustVersion 1.4\""),
        (location("/", "STSWSTrustVersion 2005;"), "\"STSWSTrustVersion\""),
        (
            location("/", "STSWSTrustSourceElements saml2 saml;"),
            "\"usernametoken\" or {namespace}name",
        ),
        (exchange("wstrust_source_elements=saml"), "option \"wstrust_source_elements\": the value"),
        (exchange("wstrust_token_as=actas"), "needs \"STSWSTrustVersion 1.4\""),
        (exchange("wstrust_version=2"), "option \"wstrust_version\": the value must be \"1.2\""),
        (exchange("auth=client_secret_post"), "option \"auth\": the method sends parameters"),
        (exchange("auth=username_token&username=a"), "\"auth=username_token\""),
        (
            exchange("auth=username_token&username=$a&password=s3cr3t"),
            "option \"username\": with this client authentication the value cannot hold variables",
        ),
        (exchange("params=a%3Db"), "\"params\""),
        (exchange("client_id=a"), "\"client_id\""),
        (exchange("token_type="), "the value of \"token_type\" must not be empty"),
        (
            exchange("auth=username_token&username=a&password=s3cr3t"),
            "\"username_token\" needs \"STSWSTrustTokenAs onbehalfof\" or \"actas\"",
        ),
    ];
    for (server, problem) in rows {
        let checked = nginx(&scene, &server).check();
        assert!(!checked.ok, "{server}");
        assert!(checked.output.contains(problem), "{server}: {}", checked.output);
        assert!(!checked.output.contains("s3cr3t"), "{}", checked.output);
    }
    // The options of one type are not those of another.
    let server = exchange("token_type=urn:a").replace("wstrust", "otx");
    assert!(!nginx(&scene, &server).check().ok);
}
