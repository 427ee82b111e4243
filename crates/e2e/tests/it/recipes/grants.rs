//! Grants, and exchanges that need another one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::pki::Identity;
use devsts::{Answer, Client, Script, Sts, When, is_for};
use e2e::scene::{CLIENT_ID, CLIENT_SECRET, Scene, Seen};
use serde_json::{Value, json};

use super::run::{SOURCE, asked, assert_asked, assert_bearer, written};

/// A time that is far away.
const FAR: u64 = 9_999_999_999;

/// A JWT for alice, with a signature that no server here looks at.
fn jwt(audience: &str, until: u64) -> String {
    let claims = json!({ "iss": "idp", "sub": "alice", "aud": audience, "exp": until });
    format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Header and claims of a JWT.
fn read(jwt: &str) -> [Value; 2] {
    let mut parts = jwt.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
}

#[test]
fn entra_issues_a_token_on_behalf_of_the_user() {
    let scene = Scene::with(Sts::builder().audience("api://gateway").on_behalf_of());
    let recipe = written(&scene, "On behalf of the user at Microsoft Entra ID")
        .with("https://login.microsoftonline.com/TENANT/oauth2/v2.0/token", "%%STS%%")
        .with("535fb089-9ff3-47b6-9bfb-4f1264799865", CLIENT_ID)
        .run();
    let source = jwt("api://gateway", FAR);
    let seen = Seen::by_backend(recipe.get("/orders/").bearer(&source).send());
    assert_bearer(&seen, &source);
    let call = scene.only_call();
    let names: Vec<_> = call.parameters().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["grant_type", "assertion", "requested_token_use", "scope", "client_id", "client_secret"]
    );
    assert_eq!(call.parameter("requested_token_use"), Some("on_behalf_of"));
    assert_eq!(call.parameter("scope"), Some("api://orders/.default"));
    for refused in [jwt("api://other", FAR), jwt("api://gateway", 1_000_000_000)] {
        recipe.get("/orders/").bearer(&refused).send().expect_status(401);
    }
    recipe.get("/orders/").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);

    // Entra wants the user to sign in by a second factor.
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let body = json!({ "error": "interaction_required", "claims": claims });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(400, &body)));
    let response = recipe.get("/orders/").bearer(jwt("api://gateway", FAR - 1)).send();
    let challenge = response.expect_status(401);
    let challenge = challenge.header("WWW-Authenticate").unwrap_or_default();
    let expected = format!("error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
    assert!(challenge.ends_with(&expected), "{challenge}");
}

#[test]
fn each_agent_of_entra_has_a_token_of_its_own() {
    let agents = ["agent-a", "agent-b"].map(|id| Client::agent_of(CLIENT_ID, id));
    let scene = Scene::with(agents.into_iter().fold(Sts::builder(), devsts::sts::Builder::client));
    let recipe = written(&scene, "An agent of Microsoft Entra ID")
        .with("https://login.microsoftonline.com/TENANT/oauth2/v2.0/token", "%%STS%%")
        .with("2d1a6b4e-6f0c-4f0f-9d53-0f6c1f0b7a11", CLIENT_ID)
        .file("secrets/users", "agent-a:{PLAIN}a\nagent-b:{PLAIN}b\nagent-c:{PLAIN}c\n")
        .run();
    let get = |user: &str, password: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        recipe.get("/graph/me").header("Authorization", basic).send()
    };
    for _ in 0..2 {
        for (agent, password) in [("agent-a", "a"), ("agent-b", "b")] {
            assert_bearer(&Seen::by_backend(get(agent, password)), agent);
        }
    }
    let calls = scene.sts.calls();
    assert_eq!(calls.len(), 4, "the second round is from the cache");
    for (legs, agent) in calls.chunks(2).zip(["agent-a", "agent-b"]) {
        let [first, second] = legs else { panic!("an odd number of calls") };
        assert_asked(
            first.parameters(),
            &[
                ("grant_type", "client_credentials"),
                ("scope", "api://AzureADTokenExchange/.default"),
                ("fmi_path", agent),
                ("client_id", CLIENT_ID),
                ("client_secret", CLIENT_SECRET),
            ],
        );
        let issued = scene.sts.issued();
        let of_first = |issued: &&devsts::sts::Issued| issued.call == first.number;
        let assertion = &issued.iter().find(of_first).expect("a token of the blueprint").target;
        assert_asked(
            second.parameters(),
            &[
                ("grant_type", "client_credentials"),
                ("scope", "https://graph.microsoft.com/.default"),
                ("client_id", agent),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion),
            ],
        );
        recipe.nginx.forbid_in_log(assertion);
    }

    // One that the gateway is not the blueprint of, a wrong password, and none.
    get("agent-c", "c").expect_status(502);
    recipe.nginx.wait_for_log("@blueprint");
    let calls = scene.sts.call_count();
    get("agent-a", "b").expect_status(401);
    recipe.get("/graph/me").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), calls);
    assert_eq!(scene.backend.requests().len(), 4);
}

const PARTNER: &str = "https://as.partner.example.com/";

/// The provider of the user, and a partner's server behind which the API is.
fn two_servers(known_as: &str) -> (Scene, Sts) {
    let provider = Scene::with(Sts::builder().known_server(PARTNER, known_as));
    let client = Client::new("gateway-of-acme", "s3cret of the partner");
    let partner = Sts::builder().client(client).audience(PARTNER).start().expect("an STS");
    (provider, partner)
}

fn cross_app_access(scene: &Scene, partner: &Sts) -> super::run::Recipe {
    written(scene, "Cross-app access")
        .with("https://idp.example.com/token", "%%STS%%")
        .with("https://as.partner.example.com/token", &partner.endpoint())
        .file("secrets/idp", CLIENT_SECRET)
        .file("secrets/partner", "s3cret of the partner\n")
        .run()
}

#[test]
fn an_id_token_becomes_an_access_token_of_another_organisation() {
    let (scene, partner) = two_servers("gateway-of-acme");
    let recipe = cross_app_access(&scene, &partner);
    let source = jwt(CLIENT_ID, FAR);
    let seen = Seen::by_backend(recipe.get("/calendar/today").bearer(&source).send());

    assert_asked(
        &asked(&scene),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &source),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("audience", PARTNER),
            ("resource", "https://api.partner.example.com/"),
            ("scope", "calendar.read"),
        ],
    );
    let id_jag = scene.sts.issued()[0].target.clone();
    let [header, claims] = read(&id_jag);
    assert_eq!(header["typ"], "oauth-id-jag+jwt");
    assert_eq!((&claims["aud"], &claims["sub"]), (&PARTNER.into(), &"alice".into()));
    assert_bearer(&seen, &id_jag);
    let calls = partner.calls();
    assert_eq!(calls.len(), 1);
    assert_asked(
        calls[0].parameters(),
        &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &id_jag)],
    );
    // Both are kept, and neither the ID token nor the grant leaves the gateway in the log.
    recipe.get("/calendar/").bearer(&source).send().expect_status(200);
    assert_eq!((scene.sts.call_count(), partner.call_count()), (1, 1));
    recipe.nginx.forbid_in_log(&source);
    recipe.nginx.forbid_in_log(&id_jag);
}

#[test]
fn a_refusal_of_either_organisation_is_that_of_the_request() {
    let (scene, partner) = two_servers("gateway-of-acme");
    let recipe = cross_app_access(&scene, &partner);
    // An ID token of another client, and none at all.
    recipe.get("/calendar/").bearer(jwt("another", FAR)).send().expect_status(401);
    recipe.get("/calendar/").send().expect_status(401);
    // The provider does as if it had not been asked for a grant.
    let body = json!({
        "access_token": "an-access-token", "token_type": "Bearer", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    let once = When::matching(|call| call.header("host").is_some()).times(1);
    scene.sts.script(once, Script::new().answer(Answer::json(200, &body)));
    recipe.get("/calendar/").bearer(jwt(CLIENT_ID, FAR)).send().expect_status(502);
    recipe.nginx.wait_for_log("@id-jag");
    assert_eq!(partner.call_count(), 0);

    // The provider has another name for the client than the partner.
    let (scene, partner) = two_servers("another-gateway");
    let recipe = cross_app_access(&scene, &partner);
    recipe.get("/calendar/").bearer(jwt(CLIENT_ID, FAR)).send().expect_status(401);
    assert_eq!(partner.call_count(), 1);
    assert!(scene.backend.requests().is_empty());
}

const KEYCLOAK: &str = "https://keycloak.example.com/realms/shop";

#[test]
fn keycloak_takes_a_token_of_another_provider_as_a_grant() {
    let scene = Scene::with(Sts::builder().audience(KEYCLOAK));
    let recipe = written(&scene, "A token of another provider at Keycloak")
        .with(&format!("{KEYCLOAK}/protocol/openid-connect/token"), "%%STS%%")
        .run();
    let source = jwt(KEYCLOAK, FAR);
    let seen = Seen::by_backend(recipe.get("/orders/").bearer(&source).send());
    assert_bearer(&seen, &source);
    assert_asked(
        &asked(&scene),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &source),
            ("scope", "orders"),
        ],
    );
    for refused in [jwt("https://another.example.com", FAR), jwt(KEYCLOAK, 1_000_000_000)] {
        recipe.get("/orders/").bearer(&refused).send().expect_status(401);
    }
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn the_legacy_exchange_of_keycloak_names_the_provider_of_a_token() {
    let scene = Scene::new();
    let recipe = written(&scene, "A token of another provider at an older Keycloak")
        .with(&format!("{KEYCLOAK}/protocol/openid-connect/token"), "%%STS%%")
        .run();
    assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer(SOURCE).send()), SOURCE);
    assert_asked(
        &asked(&scene),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", SOURCE),
            ("subject_issuer", "partner"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "orders"),
        ],
    );
    // What Keycloak says where the gateway may not exchange for the client.
    let body =
        json!({ "error": "access_denied", "error_description": "Client not allowed to exchange" });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(403, &body)));
    recipe.get("/orders/").bearer("another").send().expect_status(403);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn an_assertion_of_saml_becomes_an_access_token() {
    let scene = Scene::with(Sts::builder().audience("https://sts.example.com"));
    let recipe = written(&scene, "A SAML assertion for an access token").run();
    let assertion = |audience: &str| {
        format!(
            "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"?>~\">\n\
             <s:Issuer>idp</s:Issuer><s:Subject><s:NameID>alice</s:NameID></s:Subject>\
             <s:Conditions NotOnOrAfter=\"2999-01-01T00:00:00Z\"><s:AudienceRestriction>\
             <s:Audience>{audience}</s:Audience></s:AudienceRestriction></s:Conditions>\
             </s:Assertion>"
        )
    };
    let get = |header: &str| recipe.get("/orders/").header("X-Assertion", header).send();
    let source = assertion("https://sts.example.com");
    let seen = Seen::by_backend(get(&STANDARD.encode(&source)));
    assert_bearer(&seen, &source);
    assert_eq!(seen.headers("X-Assertion"), [""; 0]);
    assert_asked(
        &asked(&scene),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer"),
            ("assertion", &URL_SAFE_NO_PAD.encode(&source)),
            ("scope", "ORDERS_READ"),
        ],
    );
    // For another server, no assertion, and not in base64.
    get(&STANDARD.encode(assertion("https://another.example.com"))).expect_status(401);
    let calls = scene.sts.call_count();
    get(&STANDARD.encode("<alice/>")).expect_status(401);
    get(&source.replace('\n', "")).expect_status(401);
    recipe.get("/orders/").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), calls);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn a_transaction_token_goes_in_a_header_of_its_own() {
    let key = Identity::authority("the gateway");
    let client = Client::with_key("otxclient", &key.certificate_pem()).expect("a client");
    let sts = Sts::builder().client(client).audience("none");
    let scene = Scene { sts: sts.start().expect("an STS"), ..Scene::new() };
    let recipe = written(&scene, "A transaction token")
        .with("https://tts.example.com/token", "%%STS%%")
        .with("aud=https://tts.example.com&", "")
        .file("secrets/gateway.key", format!("{}{}", key.key_pem(), key.certificate_pem()))
        .run();
    let request = recipe.post("/trade/", "a=b").bearer(SOURCE).header("Txn-Token", "forged");
    let seen = Seen::by_backend(request.send());

    let call = scene.only_call();
    let sent: Vec<_> = call.parameters().iter().take(8).cloned().collect();
    assert_asked(
        &sent,
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", SOURCE),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:txn_token"),
            ("audience", "trust-domain.example"),
            ("scope", "trade.stocks"),
            ("request_context", r#"{"req_ip":"127.0.0.1"}"#),
            ("request_details", r#"{"method":"POST"}"#),
        ],
    );
    let token = seen.header("Txn-Token").expect("a transaction token");
    assert_eq!(scene.sts.source_of(&token).as_deref(), Some(SOURCE));
    let [header, claims] = read(&token);
    assert_eq!(header["typ"], "txntoken+jwt");
    assert_eq!(
        (&claims["rctx"]["req_ip"], &claims["tctx"]["method"]),
        (&"127.0.0.1".into(), &"POST".into())
    );
    assert_eq!(seen.headers("Authorization"), [""; 0]);

    // A client cannot write into the context, and a refusal is one.
    recipe.request("GET\"x", "/trade/").bearer(SOURCE).send().expect_status(400);
    recipe.get("/trade/").bearer("refuse").send().expect_status(401);
    recipe.get("/trade/").header("Txn-Token", "forged").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn one_token_of_the_gateway_serves_all_whom_nginx_lets_in() {
    let scene = Scene::new();
    let recipe = written(&scene, "A token of the gateway itself")
        .file("secrets/users", "alice:{PLAIN}wonderland\nbob:{PLAIN}builder\n")
        .run();
    let get = |user: &str, password: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let request = recipe.get("/reports/").header("Authorization", basic);
        request.header("X-User", "mallory").send()
    };
    for (user, password) in [("alice", "wonderland"), ("bob", "builder")] {
        let seen = Seen::by_backend(get(user, password));
        assert_bearer(&seen, CLIENT_ID);
        assert_eq!(seen.header("X-User").as_deref(), Some(user));
    }
    assert_asked(
        &asked(&scene),
        &[("grant_type", "client_credentials"), ("scope", "reports.read")],
    );
    assert!(is_for(&scene.sts.issued()[0].target, CLIENT_ID));

    get("mallory", "guess").expect_status(401);
    recipe.get("/reports/").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 2);

    // The STS does not know the gateway.
    let sts = Sts::builder().start().expect("an STS");
    let scene = Scene { sts, ..Scene::new() };
    let recipe = written(&scene, "A token of the gateway itself").run();
    let request = recipe.get("/reports/").header("Authorization", "Basic YWxpY2U6d29uZGVybGFuZA==");
    request.send().expect_status(502);
    assert!(scene.backend.requests().is_empty());
}
