//! What no output of the command holds: tokens, secrets, and what a terminal would obey.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

#[test]
fn no_token_and_no_secret_is_shown() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let secret = file(directory.path(), "secret", "s3cret");
    let source = "the-source-token-of-a-user-which-is-long-enough-to-be-one";
    let basic = "Z2F0ZXdheTpzM2NyZXQ=";
    for method in ["client_secret_basic", "client_secret_post"] {
        let options = format!("auth={method}&client_id=gateway&client_secret_file={secret}");
        for more in [&[][..], &["--json"]] {
            let endpoint = sts.endpoint();
            let arguments = [&["otx", endpoint.as_str(), options.as_str()], more].concat();
            let output = run(&arguments, source);
            let shown = text(&output.stdout);
            let target = sts.issued().last().expect("a token").target.clone();
            for hidden in [source, "s3cret", basic, target.as_str()] {
                assert!(!shown.contains(hidden), "{hidden} in {shown}");
            }
            assert!(shown.contains("the-so... (57 bytes)"), "{shown}");
            assert!(shown.contains("curl --max-time 20"), "{shown}");
            assert!(
                shown.contains("STSEndpointAuth") && shown.contains("STSExchange otx"),
                "{shown}"
            );
        }
    }
}

/// Both forms of what is shown of an exchange.
fn both(arguments: &[&str], token: &str) -> [String; 2] {
    [&[][..], &["--json"]].map(|more| text(&run(&[arguments, more].concat(), token).stdout))
}

const SOURCE: &str = "source-of-a-user";

#[test]
fn a_value_that_a_request_or_a_file_brings_is_not_shown() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| file(directory.path(), name, text);
    let options = file(
        "options",
        "params=bearer%3D$http_authorization%26client_info%3D$longkey%26api_key%3Dl1teral-parameter%26scope%3D$role&\
         request_header=X-Api-Key+$apikey+X-Other+l1teral-header+Traceparent+$trace&actor_token=$actor",
    );
    let given = [
        ("http_authorization", "Bearer source-of-a-user"),
        ("longkey", "f1le-of-a-parameter"),
        ("apikey", "f1le-of-a-header"),
        ("trace", "f1le-of-a-harmless-header"),
        ("role", "f1le-of-a-scope"),
        ("actor", "f1le-of-an-actor"),
    ];
    let given = given.map(|(name, value)| format!("{name}={}", file(name, value)));
    let endpoint = sts.endpoint();
    let mut arguments = vec!["otx", endpoint.as_str(), "--options-file", options.as_str()];
    given.iter().for_each(|it| arguments.extend(["--var-file", it.as_str()]));
    for shown in both(&arguments, SOURCE) {
        for hidden in [SOURCE, "l1teral", "f1le"] {
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
        for expected in [
            "--header @x-api-key.txt",
            "--header @traceparent.txt",
            "--data-urlencode bearer@bearer.txt",
            "--data-urlencode client_info@client-info.txt",
            "--data-urlencode scope@scope.txt",
            "--data-urlencode actor_token@actor-token.txt",
            "STSRequestParameter bearer $http_authorization;",
            "STSRequestHeader x-api-key $apikey;",
            "STSActorToken $actor;",
        ] {
            let shown = shown.to_ascii_lowercase();
            assert!(shown.contains(&expected.to_ascii_lowercase()), "{expected}: {shown}");
        }
    }
    let call = sts.calls().pop().expect("a call");
    assert_eq!(call.parameter("client_info"), Some("f1le-of-a-parameter"));
    assert_eq!(call.parameter("api_key"), Some("l1teral-parameter"));
    assert!(
        call.headers.iter().any(|(_, value)| value.as_slice() == b"l1teral-header"),
        "{:?}",
        call.headers
    );
}

#[test]
fn a_literal_in_the_place_of_a_token_is_not_shown() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let options = "actor_token=l1teral-actor+jwt&request_header=X-A+l1teral+key%3Doff&scope=read";
    let options = file(directory.path(), "options", options);
    let endpoint = format!("{}?tenant=a&api_key=l1teral", sts.endpoint());
    for shown in both(&["otx", &endpoint, "--options-file", &options], SOURCE) {
        assert!(!shown.contains("l1teral"), "{shown}");
        for expected in
            ["STSActorToken [secret] jwt;", "[secret] key=off;", "tenant=a", "scope read;"]
        {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
    }
    let call = sts.calls().pop().expect("a call");
    assert_eq!(call.parameter("actor_token"), Some("l1teral-actor"));
}

#[test]
fn what_an_sts_repeats_is_not_shown() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let answer = Answer::new(400)
        .header("Set-Cookie", "session=s3ssion-of-the-gateway")
        .header("Location", "https://login.example/a?code=c0de-of-the-gateway")
        .header("X-Odd", "od-value")
        .header("Content-Type", "application/json")
        .body("{\"error\":\"invalid_grant\",\"error_description\":\"no f1le-of-a-key, or \\u009b31m\"}");
    sts.script(When::any(), Script::new().answer(answer));
    let given = format!("key={}", file(directory.path(), "key", "f1le-of-a-key"));
    let endpoint = sts.endpoint();
    let arguments = [
        "otx",
        endpoint.as_str(),
        "params=client_info%3D$key&http_retries=0",
        "--var-file",
        &given,
    ];
    let silent = run(&[&arguments[..], &["--silent"]].concat(), SOURCE);
    let mut all = both(&arguments, SOURCE).to_vec();
    all.push(text(&silent.stderr));
    for shown in all {
        assert!(shown.contains("invalid_grant"), "{shown}");
        for hidden in ["f1le", "s3ssion", "c0de", "od-value", "\u{9b}"] {
            assert!(!shown.contains(hidden), "{hidden:?} in {shown}");
        }
    }
}

#[test]
fn what_may_be_a_secret_is_refused_on_the_command_line() {
    let jwt = "eyJhbGciOiJub25lIn0.e30.c2ln";
    for options in [
        format!("actor_token={jwt}"),
        "actor_token=s3cret".to_owned(),
        "request_header=X-Api-Key+s3cret".to_owned(),
        "request_header=X-A+$a+X-Api-Key+s3cret+key%3Doff".to_owned(),
        "params=api_key%3Ds3cret".to_owned(),
        "params=scope%3Da%26api_key%3D$a%2Ds3cret".to_owned(),
        format!("params=scope%3D{jwt}"),
        format!("scope=read+{jwt}"),
        "audience=Bearer%20s3cret".to_owned(),
        format!("auth=basic&username={jwt}&password_file=f"),
        format!("no_such_option={jwt}"),
    ] {
        for more in [&[][..], &["--json"]] {
            let arguments = [&["otx", "http://127.0.0.1:1/token", options.as_str()], more].concat();
            let output = run(&arguments, "alice");
            let shown = text(&output.stderr) + &text(&output.stdout);
            assert_eq!(output.status.code(), Some(3), "{options}: {shown}");
            assert!(
                shown.contains("is seen by every process of the machine"),
                "{options}: {shown}"
            );
            assert!(shown.contains("--options-file FILE"), "{options}: {shown}");
            assert!(!shown.contains("s3cret") && !shown.contains(jwt), "{options}: {shown}");
        }
    }
    let endpoint = format!("http://127.0.0.1:1/token?key={jwt}");
    let output = run(&["otx", &endpoint], "alice");
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(shown.contains("looks like a token") && !shown.contains(jwt), "{shown}");
}

#[test]
fn what_is_known_to_be_harmless_is_shown_and_taken() {
    let sts = sts();
    let options = "client_id=gateway&scope=read+write&audience=orders&resource=urn:r&requested_token_type=jwt&\
                   params=requested_issuer%3Dother%26q%3D$v&request_header=X-Request-ID+17";
    let endpoint = sts.endpoint();
    for shown in both(&["otx", &endpoint, options, "--var", "v=5"], SOURCE) {
        for expected in
            ["requested_issuer=other", "scope=read write", "x-request-id: 17", "audience=orders"]
        {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
    }
}

/// A token of an STS that means harm.
fn issued(claims: &Value) -> Answer {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.c2ln", encode("{\"alg\":\"RS256\"}"), encode(&claims.to_string()));
    let body = serde_json::json!({
        "access_token": token,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": 60,
    });
    Answer::new(200).header("Content-Type", "application/json").body(body.to_string())
}

#[test]
fn a_token_writes_nothing_to_the_terminal() {
    let sts = sts();
    let odd = "a\u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\nok  audience";
    let claims = serde_json::json!({
        "aud": [odd, "b"], "scope": odd, "iss": odd, "sub": odd, "cnf": { odd: "x" },
    });
    sts.script(When::any(), Script::new().answer(issued(&claims)));
    let source = format!(
        "{}.{}.c2ln",
        URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}"),
        URL_SAFE_NO_PAD.encode(serde_json::json!({ "sub": odd }).to_string())
    );
    let endpoint = sts.endpoint();
    let mut all = both(&["otx", &endpoint, "audience=c&scope=d"], &source).to_vec();
    all.push(text(&run(&["decode"], &source).stdout));
    all.push(text(&run(&["decode", "--json"], &source).stdout));
    for shown in all {
        assert!(shown.contains("PWNED"), "{shown}");
        let bad = shown.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{shown}");
        assert!(!shown.contains("\nok  audience"), "{shown}");
    }
}
