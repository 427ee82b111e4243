//! How tokens stand in what they are read from, and in what they are passed in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Script, When};
use e2e::nginx::Builder;
use e2e::scene::{Scene, Seen};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec;
use serde_json::json;

/// `token &+/?\u{ff}` in each encoding. The last: python3's `zlib.compress`, without its head and its
/// checksum, and with them.
const TOKEN: &str = "token &+/?~~~\u{ff}";
const ENCODED: [(&str, &str); 4] = [
    ("base64", "dG9rZW4gJisvP35+fsO/"),
    ("base64url", "dG9rZW4gJisvP35-fsO_"),
    ("deflate", "K8nPTs1TUNPWt6-rqzu8HwA"),
    ("deflate", "eJwryc9OzVNQ09a3r6urO7wfACqwBf0"),
];

fn location(path: &str, more: &str) -> String {
    format!("location {path} {{ %%OTX%% {more} %%PASS%% }}")
}

/// An STS that issues this.
fn issuing(target: &str) -> Scene {
    let scene = Scene::new();
    let answer = json!({"access_token": target, "token_type": "Bearer", "expires_in": 600});
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));
    scene
}

fn deflated(token: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(compress_to_vec(token, 9))
}

fn nginx(scene: &Scene, server: &str) -> Builder {
    scene.nginx().server(server)
}

#[test]
fn a_source_token_is_decoded_before_it_is_used() {
    for (encoding, text) in ENCODED {
        let scene = Scene::new();
        let nginx =
            nginx(&scene, &location("/", &format!("STSSourceEncoding {encoding};"))).start();
        nginx.get("/").bearer(text).send().expect_status(200);
        assert_eq!(scene.only_call().parameter_values("subject_token"), [TOKEN], "{encoding}");
    }
}

#[test]
fn a_source_token_that_cannot_be_decoded_is_refused() {
    // A few thousand bytes that would become four million.
    let bomb = deflated(&vec![0; 4 << 20]);
    for (encoding, text, problem) in [
        ("base64", "dG9rZW4gJisvP35-fsO_", "is not base64 "),
        ("base64url", "a.b.c", "is not base64url "),
        ("deflate", "dG9rZW4", "is not deflated "),
        ("deflate", bomb.as_str(), "is larger than 262144 bytes when it is inflated "),
    ] {
        let scene = Scene::new();
        let nginx =
            nginx(&scene, &location("/", &format!("STSSourceEncoding {encoding};"))).start();
        let response = nginx.get("/").bearer(text).send().expect_status(401);
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer error=\"invalid_token\""));
        nginx.wait_for_log(&format!("bad_token: the source token {problem}(STSSourceEncoding)"));
        assert_eq!(scene.sts.call_count(), 0);
        assert!(scene.backend.requests().is_empty());
    }
}

#[test]
fn nothing_is_no_token_in_every_encoding() {
    let scene = Scene::new();
    let server = location("/", "STSSourceEncoding deflate;");
    let nginx = nginx(&scene, &server).start();
    for bearer in [None, Some("AwA")] {
        let request = nginx.get("/");
        let request = match bearer {
            Some(text) => request.bearer(text),
            None => request,
        };
        let response = request.send().expect_status(401);
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"), "{bearer:?}");
    }
}

#[test]
fn a_bound_token_is_known_by_its_scheme_and_by_its_claims_also_when_encoded() {
    let scene = Scene::new();
    let server = "location / {
        STSType otx; STSOTXEndpoint %%STS%%;
        STSVariables $raw $target_token;
        STSSourceEncoding base64url;
        %%PASS%%
    }";
    let source = "map $http_authorization $raw {
        ~*^(Bearer|DPoP)\\s+(?<raw_token>\\S+)$ $raw_token;
    }";
    let nginx = nginx(&scene, server).http(source).start();
    // base64url of e30.eyJjbmYiOnt9fQ.c2ln, a JWT with {"cnf":{}}.
    for value in ["DPoP YWJj", "Bearer ZTMwLmV5SmpibVlpT250OWZRLmMybG4"] {
        nginx.get("/").header("Authorization", value).send().expect_status(401);
        nginx.wait_for_log("STSBoundTokens");
    }
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn a_target_token_is_passed_on_as_the_location_says_and_asked_for_once() {
    let scene = Scene::new();
    let token = "bGluZQ0KPG9uZSAmIMO/PgA=";
    let answer = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>\
         <t:RequestSecurityTokenResponse xmlns:t='http://schemas.xmlsoap.org/ws/2005/02/trust'>\
         <t:RequestedSecurityToken><BinarySecurityToken ValueType='urn:any' xmlns=\
         'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>{token}\
         </BinarySecurityToken></t:RequestedSecurityToken></t:RequestSecurityTokenResponse></s:Body>\
         </s:Envelope>"
    );
    let answer = Answer::new(200).header("Content-Type", "application/soap+xml").body(answer);
    scene.sts.script(When::any(), Script::new().answer(answer));
    let wstrust = "STSType wstrust; STSWSTrustEndpoint %%STS%%; STSWSTrustValueType urn:any;
        STSWSTrustTokenType urn:any; STSVariables $source_token $target_token;";
    let locations: String = [
        ("/base64", "base64"),
        ("/base64url", "base64url"),
        ("/deflate", "deflate"),
        ("/none", "none"),
    ]
    .map(|(path, encoding)| {
        format!("location {path} {{ {wstrust} STSTargetEncoding {encoding}; %%PASS%% }}")
    })
    .concat();
    let nginx = nginx(&scene, &locations).start();
    let token = |path: &str| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();

    for _ in 0..2 {
        assert_eq!(token("/base64"), "bGluZQ0KPG9uZSAmIMO/PgA=");
        assert_eq!(token("/base64url"), "bGluZQ0KPG9uZSAmIMO_PgA");
        let deflated = URL_SAFE_NO_PAD.decode(token("/deflate")).expect("base64url");
        let inflated = decompress_to_vec(&deflated).expect("deflated");
        assert_eq!(inflated, "line\r\n<one & \u{ff}>\0".as_bytes());
        nginx.get("/none").bearer("alice").send().expect_status(502);
    }
    nginx.wait_for_log("CR, LF or NUL: \"STSTargetEncoding\" has to encode it");
    // What is kept is the token, and not one of its forms.
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_location_that_takes_over_passes_the_same_token_on_in_its_own_way() {
    let scene = issuing("the target");
    let first = "location /first {
        %%OTX%% STSCacheExpiresIn 0; STSTargetEncoding base64; try_files /none /second;
    }";
    let second = location("/second", "STSCacheExpiresIn 0; STSTargetEncoding base64url;");
    let third = "location /third {
        %%OTX%% STSCacheExpiresIn 0; STSTargetEncoding base64; try_files /none @bare;
    }
    location @bare { %%PASS%% }";
    let nginx = nginx(&scene, &format!("{first} {second} {third}")).start();
    let token = |path: &str| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();

    assert_eq!(token("/first"), "dGhlIHRhcmdldA");
    assert_eq!(scene.sts.call_count(), 1);
    assert_eq!(token("/third"), "dGhlIHRhcmdldA==", "as it was issued for");
}

#[test]
fn locations_with_other_source_encodings_share_what_is_issued_for_the_same_token() {
    let scene = Scene::new();
    let plain = location("/plain", "STSSourceEncoding none;");
    let encoded = location("/encoded", "STSSourceEncoding base64;");
    let nginx = nginx(&scene, &(plain + &encoded)).start();
    let token =
        |path: &str, source: &str| Seen::by_backend(nginx.get(path).bearer(source).send()).token();

    assert_eq!(token("/plain", "alice"), token("/encoded", "YWxpY2U="));
    assert_eq!(scene.sts.call_count(), 1);
    // The same text is another token there.
    assert_ne!(token("/plain", "YWxpY2U="), token("/encoded", "YWxpY2U="));
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_token_to_be_forgotten_is_named_as_it_is_sent() {
    let scene = Scene::new();
    let encoded = location("/", "STSSourceEncoding base64;");
    let purge = "location /purge { STSSourceEncoding base64; STSCachePurge; }";
    let nginx = nginx(&scene, &(encoded + purge)).start();
    nginx.get("/").bearer("YWxpY2U=").send().expect_status(200);

    let purge = |token: &str| nginx.post("/purge", "").header("STS-Source-Token", token).send();
    purge("alice!").expect_status(400);
    assert_eq!(purge("YWxpY2U").expect_status(200).text(), "purged 1\n");
}

#[test]
fn a_word_that_is_no_encoding_is_refused() {
    let scene = Scene::new();
    for directive in ["STSSourceEncoding", "STSTargetEncoding"] {
        let checked = nginx(&scene, &location("/", &format!("{directive} Base64;"))).check();
        assert!(!checked.ok);
        let allowed = "allowed are \"none\", \"base64\", \"base64url\", \"deflate\"";
        assert!(checked.output.contains(directive), "{}", checked.output);
        assert!(checked.output.contains(allowed), "{}", checked.output);
    }
}
