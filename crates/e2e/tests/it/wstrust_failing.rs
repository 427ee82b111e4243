//! What the client sees when WS-Trust does not work: each row of the manual's table, with both
//! policies; and that hostile XML, from either side, is refused in time.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devsts::sts::wstrust::{Layout, Requestor};
use devsts::{Answer, Script, Sts, When, WsTrust};
use e2e::nginx::Builder;
use e2e::scene::{Scene, Seen};

const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_1_2: &str = "http://www.w3.org/2003/05/soap-envelope";
const WST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// What the STS says and no client may see.
const REASON: &str = "reason-of-the-sts";

/// A way to fail, what it is called, and the status of a client that is refused.
struct Row {
    error: &'static str,
    status: u16,
    script: Script,
}

fn row(error: &'static str, status: u16, answer: Answer) -> Row {
    Row { error, status, script: Script::new().answer(answer) }
}

fn soap(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer::new(status).header("Content-Type", "application/soap+xml").body(body)
}

fn fault_1_2(status: u16, code: &str, namespace: &str, subcode: &str) -> Answer {
    soap(
        status,
        format!(
            "<s:Envelope xmlns:s=\"{SOAP_1_2}\"><s:Body><s:Fault xmlns:c=\"{namespace}\"><s:Code>\
             <s:Value>s:{code}</s:Value><s:Subcode><s:Value>c:{subcode}</s:Value></s:Subcode>\
             </s:Code><s:Reason><s:Text xml:lang=\"en\">{REASON}</s:Text></s:Reason></s:Fault>\
             </s:Body></s:Envelope>"
        ),
    )
}

fn fault_1_1(status: u16, namespace: &str, code: &str) -> Answer {
    let body = format!(
        "<s:Envelope xmlns:s=\"{SOAP_1_1}\"><s:Body><s:Fault xmlns:c=\"{namespace}\">\
         <faultcode>c:{code}</faultcode><faultstring>{REASON}</faultstring></s:Fault></s:Body>\
         </s:Envelope>"
    );
    Answer::new(status).header("Content-Type", "text/xml").body(body)
}

/// An answer with this token in it.
fn response(token_type: &str, token: &str) -> Vec<u8> {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP_1_2}\"><s:Body><t:RequestSecurityTokenResponse xmlns:t=\"{WST}\">\
         <t:TokenType>{token_type}</t:TokenType><t:RequestedSecurityToken>{token}\
         </t:RequestedSecurityToken></t:RequestSecurityTokenResponse></s:Body></s:Envelope>"
    )
    .into_bytes()
}

fn binary(text: &str) -> String {
    format!(
        "<w:BinarySecurityToken xmlns:w=\"{WSSE}\" ValueType=\"urn:any\">{text}</w:BinarySecurityToken>"
    )
}

fn rows() -> Vec<Row> {
    let sender = |status, namespace, code| fault_1_2(status, "Sender", namespace, code);
    let bad = |body: Vec<u8>| row("bad_answer", 502, soap(200, body));
    vec![
        // The STS refuses the token.
        row("refused", 401, sender(500, WST, "FailedAuthentication")),
        row("refused", 401, sender(200, WST, "FailedAuthentication")),
        row("refused", 401, sender(400, WST, "InvalidRequest")),
        row("refused", 401, sender(500, WST, "ExpiredData")),
        row("refused", 401, sender(500, WSSE, "FailedCheck")),
        row("refused", 401, sender(500, WSSE, "InvalidSecurityToken")),
        row("refused", 401, fault_1_1(500, WST, "InvalidSecurityToken")),
        row("refused", 401, fault_1_1(200, WSSE, "FailedAuthentication")),
        // It may be the token.
        row("refused", 401, sender(500, WST, "RequestFailed")),
        row("refused", 401, fault_1_1(500, WST, "RequestFailed")),
        row("refused", 401, fault_1_1(500, SOAP_1_1, "Client")),
        row("refused", 401, sender(400, "urn:x", "y")),
        // It refuses the gateway.
        row("gateway_refused", 502, sender(500, WST, "BadRequest")),
        row("gateway_refused", 502, sender(400, WST, "InvalidScope")),
        row("gateway_refused", 502, sender(200, WST, "InvalidTimeRange")),
        row("gateway_refused", 502, sender(500, WSSE, "MessageExpired")),
        row("gateway_refused", 502, fault_1_2(401, "Receiver", "urn:x", "y")),
        row("gateway_refused", 502, sender(401, "urn:x", "y")),
        row("gateway_refused", 502, fault_1_2(500, "MustUnderstand", "urn:x", "y")),
        row("gateway_refused", 502, Answer::new(401)),
        row("gateway_refused", 502, Answer::new(403).body(REASON)),
        row("gateway_refused", 502, Answer::new(404)),
        row("gateway_refused", 502, Answer::new(415)),
        // It has too much to do, or fails.
        row("busy", 503, Answer::new(429)),
        row("busy", 503, sender(503, WST, "InvalidRequest")),
        row("unreachable", 502, fault_1_2(500, "Receiver", "urn:x", "y")),
        row("unreachable", 502, fault_1_1(500, SOAP_1_1, "Server")),
        row("unreachable", 502, Answer::new(500).body(REASON)),
        row("unreachable", 502, Answer::new(502)),
        Row { error: "unreachable", status: 502, script: Script::new().reset() },
        Row { error: "unreachable", status: 502, script: Script::new().limit(300).usual().close() },
        Row { error: "timeout", status: 504, script: Script::new().hang() },
        // It talks nonsense.
        row("bad_answer", 502, Answer::redirect(302, "http://127.0.0.1:9/")),
        row("bad_answer", 502, Answer::redirect(307, "http://127.0.0.1:9/")),
        bad(b"".to_vec()),
        bad(b"<html>Sign in</html>".to_vec()),
        bad(b"{\"access_token\":\"T\"}".to_vec()),
        bad(format!("<s:Envelope xmlns:s=\"{SOAP_1_2}\"><s:Body/></s:Envelope>").into_bytes()),
        bad(response("urn:any", "")),
        bad(response("urn:any", &binary(""))),
        bad(response("urn:any", &binary("n*"))),
        bad(response("urn:other", &binary("YQ==").replace("urn:any", "urn:other"))),
        bad(response("urn:any", &binary("YQ0KYg=="))),
        bad(response("urn:any", &binary("YQA="))),
        bad(response("urn:any", &binary(&"YWFh".repeat(100_000)))),
    ]
}

fn scene() -> Scene {
    Scene::with(Sts::builder().wstrust(WsTrust::at("/trust")))
}

fn nginx(scene: &Scene) -> Builder {
    let location = |path: &str, more: &str| {
        format!(
            "location {path} {{
                STSType wstrust;
                STSWSTrustEndpoint %%STS%%;
                STSWSTrustTokenType urn:any;
                STSHTTPTimeOut 2;
                STSVariables $source_token $target_token;
                {more}
                add_header X-Error $sts_error always;
                add_header X-Status $sts_status always;
                %%PASS%%
            }}"
        )
    };
    let bearer = "STSWSTrustValueType urn:any;";
    let pass = format!("{bearer} STSOnError pass;");
    let server = location("/return", bearer)
        + &location("/pass", &pass)
        + &location("/xml", "STSSourceEncoding base64;")
        + &location("/saml", "STSSourceEncoding base64; STSTargetEncoding base64;")
            .replace("STSWSTrustTokenType urn:any;", "");
    scene.nginx().server(&server)
}

#[test]
fn each_failure_has_its_status_its_name_and_its_line() {
    for (number, Row { error, status, script }) in rows().into_iter().enumerate() {
        let scene = scene();
        scene.sts.script(When::any(), script);
        let nginx = nginx(&scene).start();

        let refused = nginx.get("/return").bearer("alice").send();
        assert_eq!(refused.status, status, "row {number}");
        assert_eq!(refused.header("X-Error"), Some(error), "row {number}");
        assert!(!refused.text().contains(REASON), "row {number}");
        let challenge = (status == 401).then_some("Bearer error=\"invalid_token\"");
        assert_eq!(refused.header("WWW-Authenticate"), challenge, "row {number}");
        let line = nginx.wait_for_log(&format!("failed: {error}: "));
        assert!(line.contains("sts: wstrust exchange at \"http://127.0.0.1:"), "{line}");

        let passed = nginx.get("/pass").bearer("bobby").send();
        assert_eq!(passed.header("X-Status"), Some("PASSED"), "row {number}");
        assert_eq!(Seen::by_backend(passed).token(), "", "row {number}");
        // Of the two calls none was made twice, whatever became of it.
        assert_eq!(scene.sts.call_count(), 2, "row {number}");
        nginx.forbid_in_log("alice");
        nginx.forbid_in_log("bobby");
    }
}

#[test]
fn how_long_to_wait_is_carried_over() {
    let scene = scene();
    let fault = fault_1_2(503, "Receiver", WST, "InvalidRequest").header("Retry-After", "7");
    scene.sts.script(When::any(), Script::new().answer(fault));
    let response = nginx(&scene).start().get("/return").bearer("alice").send();
    assert_eq!(response.expect_status(503).header("Retry-After"), Some("7"));
}

#[test]
fn what_a_strict_sts_says_of_a_token_is_told_apart_from_what_it_says_of_the_gateway() {
    let identity = |sts: WsTrust| Scene::with(Sts::builder().wstrust(sts));
    let asked = "location / {
        STSType wstrust;
        STSWSTrustEndpoint %%STS%%;
        STSWSTrustTokenType urn:any;
        STSVariables $source_token $target_token;
        STSSourceEncoding base64;
        STSWSTrustAppliesTo urn:app;
        %%PASS%%
    }";
    let assertion = |until: &str| {
        STANDARD.encode(format!(
            "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"><a:Subject><a:NameID>joe\
             </a:NameID></a:Subject><a:Conditions NotOnOrAfter=\"{until}\"/></a:Assertion>"
        ))
    };
    let no_subject = STANDARD
        .encode("<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"></a:Assertion>");
    let future = assertion("2099-01-01T00:00:00Z");
    for (sts, token, status) in [
        (WsTrust::at("/trust"), &future, 200),
        (WsTrust::at("/trust"), &assertion("2020-01-01T00:00:00Z"), 401),
        (WsTrust::at("/trust"), &no_subject, 401),
        (WsTrust::at("/trust").fault_status(200), &no_subject, 401),
        (WsTrust::at("/trust").applies_to("urn:other"), &future, 502),
        (WsTrust::at("/trust").applies_to("urn:other").fault_status(200), &future, 502),
    ] {
        let scene = identity(sts);
        let nginx = scene.nginx().server(asked).start();
        nginx.get("/").bearer(token).send().expect_status(status);
    }
}

#[test]
fn a_message_that_the_sts_has_seen_is_not_sent_again() {
    let scene = scene();
    let nginx = nginx(&scene).start();
    nginx.get("/return").bearer("first").send().expect_status(200);
    // On the connection that was kept, as the STS closes it.
    scene.sts.script(When::any().times(1), Script::new().reset());
    nginx.get("/return").bearer("second").send().expect_status(502);
    assert_eq!(scene.sts.call_count(), 2);
    nginx.get("/return").bearer("second").send().expect_status(200);
}

#[test]
fn a_token_is_kept_for_as_long_as_its_lifetime_says() {
    for (lifetime, more, calls) in [
        (Some(600), "", 1),
        (Some(0), "", 2),
        // Without one, for as long as the location says.
        (None, "", 1),
        (None, "STSCacheExpiresIn 0;", 2),
    ] {
        for layout in [Layout::Compact, Layout::Pretty] {
            let sts = WsTrust::at("/trust").lifetime(lifetime).layout(layout);
            let scene = Scene::with(Sts::builder().wstrust(sts));
            let server = format!(
                "location / {{ STSType wstrust; STSWSTrustEndpoint %%STS%%; {more}
                    STSWSTrustValueType urn:any; STSTargetEncoding base64url;
                    STSVariables $source_token $target_token; %%PASS%% }}"
            );
            let nginx = scene.nginx().server(&server).start();
            nginx.get("/").bearer("alice").send().expect_status(200);
            nginx.get("/").bearer("alice").send().expect_status(200);
            assert_eq!(scene.sts.call_count(), calls, "{lifetime:?} {more}");
        }
    }
}

/// XML that is made to hurt; all that is in it fits a message.
fn hostile() -> Vec<Vec<u8>> {
    let entities: String = (1..12)
        .map(|i| format!("<!ENTITY e{i} \"{}\">", format!("&e{};", i - 1).repeat(10)))
        .collect();
    let wide: String = (0..100_000).map(|number| format!(" a{number}='1'")).collect();
    let latin_1 = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>".to_vec();
    let utf_16: Vec<u8> = "<a>\u{e9}</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        format!("<!DOCTYPE a [<!ENTITY e0 \"x\">{entities}]><a>&e11;</a>").into_bytes(),
        b"<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>".to_vec(),
        b"<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\"><a/>".to_vec(),
        ("<a>".repeat(10_000) + &"</a>".repeat(10_000)).into_bytes(),
        "<a>".repeat(10_000).into_bytes(),
        format!("<a{wide}/>").into_bytes(),
        "<a/>".repeat(100_000).into_bytes(),
        latin_1,
        utf_16,
        b"\xff\xfe<a/>".to_vec(),
    ]
}

/// How long one of them may take on a slow machine; without bounds they took minutes, or all memory.
const TIME: Duration = Duration::from_secs(10);

#[test]
fn hostile_answers_are_refused_in_time() {
    let whole = response("urn:any", &binary("YWFh"));
    let bodies = hostile().into_iter().chain([whole[..whole.len() / 2].to_vec()]);
    let scene = scene();
    let nginx = nginx(&scene).start();
    let worker = nginx.worker();
    for (number, body) in bodies.enumerate() {
        let source = format!("user-{number}");
        let inside = response("urn:any", "%").into_iter().flat_map(|byte| match byte {
            b'%' => body.clone(),
            byte => vec![byte],
        });
        for (place, body) in [("alone", body.clone()), ("inside", inside.collect())] {
            scene.sts.clear_scripts();
            scene.sts.script(When::any(), Script::new().answer(soap(200, body)));
            let started = Instant::now();
            let refused = nginx.get("/return").bearer(format!("{source}-{place}")).send();
            assert!(started.elapsed() < TIME, "{number} {place}: {:?}", started.elapsed());
            assert_eq!(refused.header("X-Error"), Some("bad_answer"), "{number} {place}");
            refused.expect_status(502);
        }
    }
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn hostile_source_tokens_are_refused_in_time_and_go_nowhere() {
    let scene = scene();
    let start = "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">";
    let nginx = nginx(&scene).server("large_client_header_buffers 4 4m;").start();
    let worker = nginx.worker();
    for (number, body) in hostile().into_iter().enumerate() {
        let inside = [start.as_bytes(), &body, b"</a:Assertion>"].concat();
        for (place, token) in [("alone", body.clone()), ("inside", inside)] {
            let started = Instant::now();
            let refused = nginx.get("/xml").bearer(STANDARD.encode(&token)).send();
            assert!(started.elapsed() < TIME, "{number} {place}: {:?}", started.elapsed());
            assert_eq!(refused.header("X-Error"), Some("bad_token"), "{number} {place}");
            refused.expect_status(401);
        }
    }
    // A token that is whole is accepted, and one that is cut off at any byte is not.
    let token = format!("{start}<a:NameID>j\u{f6}e</a:NameID></a:Assertion>");
    for end in 1..token.len() {
        let cut = STANDARD.encode(&token.as_bytes()[..end]);
        nginx.get("/xml").bearer(&cut).send().expect_status(401);
    }
    assert_eq!(scene.sts.call_count(), 0);
    nginx.get("/saml").bearer(STANDARD.encode(&token)).send().expect_status(200);
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn a_gateway_does_not_ask_for_a_user_by_the_name_alone() {
    let gateway = Requestor::Basic("gateway".to_owned(), "2Federate".to_owned());
    let scene = Scene::with(Sts::builder().wstrust(WsTrust::at("/trust").requestor(gateway)));
    let location = |path: &str, more: &str| {
        format!(
            "location {path} {{
                STSType wstrust;
                STSWSTrustEndpoint %%STS%%;
                STSWSTrustEndpointAuth basic username=gateway&password=2Federate;
                STSWSTrustVersion 1.4;
                STSWSTrustTokenType urn:any;
                STSVariables $http_x_source $target_token;
                STSSourceEncoding base64;
                {more}
                %%PASS%%
            }}"
        )
    };
    let named = "STSWSTrustSourceElements usernametoken;";
    let server = [
        location("/onbehalfof", "STSWSTrustTokenAs onbehalfof;"),
        location("/actas", "STSWSTrustTokenAs actas;"),
        location("/named/onbehalfof", &format!("STSWSTrustTokenAs onbehalfof; {named}")),
        location("/named/actas", &format!("STSWSTrustTokenAs actas; {named}")),
    ];
    let nginx = scene.nginx().server(&server.concat()).start();
    let token = |password: &str| {
        STANDARD.encode(format!(
            "<w:UsernameToken xmlns:w=\"{WSSE}\"><w:Username>alice</w:Username>{password}\
             </w:UsernameToken>"
        ))
    };
    let bare = token("");
    let full = token("<w:Password>secret</w:Password>");
    for (path, source) in [
        ("/onbehalfof", &bare),
        ("/onbehalfof", &full),
        ("/actas", &bare),
        ("/actas", &full),
        ("/named/onbehalfof", &bare),
        ("/named/actas", &bare),
    ] {
        let response = nginx.get(path).header("X-Source", source).send().expect_status(401);
        let challenge = response.header("WWW-Authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{path}");
    }
    assert_eq!(scene.sts.call_count(), 0, "the STS was asked");
    // The development STS knows assertions only, and refuses what does reach it.
    for path in ["/named/onbehalfof", "/named/actas"] {
        nginx.get(path).header("X-Source", &full).send().expect_status(502);
    }
    assert_eq!(scene.sts.call_count(), 2);
}
