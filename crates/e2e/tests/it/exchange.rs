//! What goes to the STS, and what the backend gets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devsts::{Answer, Client, Method, Script, Sts, When};
use e2e::scene::{Scene, Seen, assert_exchanged};
use serde_json::json;

/// A location with the usual exchange and these directives more.
fn location(more: &str) -> String {
    format!("location / {{ %%OTX%% {more} %%PASS%% }}")
}

/// The values of a parameter of the only call so far.
fn sent(scene: &Scene, name: &str) -> Vec<String> {
    let call = scene.only_call();
    call.parameter_values(name).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_request_is_a_form_of_utf_8_with_a_length_and_asks_for_json() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(call.method, "POST");
    assert_eq!(call.minor_version, 1);
    let content_type = call.header("Content-Type").expect("a type");
    assert!(content_type.starts_with("application/x-www-form-urlencoded"), "{content_type}");
    assert_eq!(call.header("Content-Length"), Some(call.body.len().to_string()));
    assert!(!call.chunked);
    assert_eq!(call.header("Accept").as_deref(), Some("application/json"));
    let authority = format!("127.0.0.1:{}", scene.sts.port());
    assert_eq!(call.header("Host"), Some(authority));
    assert_eq!(call.header_values("User-Agent").len(), 1);
}

#[test]
fn nothing_of_the_clients_request_but_the_token_reaches_the_sts() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();

    let request = nginx.post("/private/path?private=query", "private body").bearer("alice");
    let request = request.header("Cookie", "private=cookie").header("X-Private", "private header");
    assert_exchanged(request.send(), "alice");

    let call = scene.only_call();
    let text = String::from_utf8_lossy(&call.body).into_owned();
    assert!(!text.contains("private"), "{text}");
    assert!(!call.headers.iter().any(|(name, value)| {
        name.to_lowercase().contains("private")
            || String::from_utf8_lossy(value).contains("private")
    }));
}

#[test]
fn the_backend_sees_the_request_as_it_was_but_for_what_the_location_sets() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();

    let request = nginx.request("PUT", "/a/b%20c?x=1&y=%26").bearer("alice").body("the body");
    let seen = Seen::by_backend(request.header("X-Own", "value").send());

    assert_eq!(seen.uri(), "/a/b%20c?x=1&y=%26");
    assert_eq!(seen.body(), "the body");
    assert_eq!(seen.header("X-Own").as_deref(), Some("value"));
    assert_eq!(seen.header("Authorization"), None);
    assert!(devsts::is_for(&seen.token(), "alice"));
}

#[test]
fn a_token_that_is_valid_for_no_time_is_exchanged_for_each_request() {
    let scene = Scene::with(Sts::builder().expires_in(0));
    let nginx = scene.nginx().server(&location("")).start();

    let first = Seen::by_backend(nginx.get("/").bearer("alice").send()).token();
    let second = Seen::by_backend(nginx.get("/").bearer("alice").send()).token();

    assert_ne!(first, second);
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn tokens_with_every_printable_character_arrive_as_they_are() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();
    let token: String = ('!'..='~').collect();
    let target: String = ('!'..='~').rev().collect();
    let answer = json!({"access_token": target, "token_type": "Bearer"});
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));

    let seen = Seen::by_backend(nginx.get("/").bearer(&token).send());

    assert_eq!(sent(&scene, "subject_token"), [token]);
    assert_eq!(seen.token(), target);
}

#[test]
fn tokens_of_64_kib_go_through_in_both_directions() {
    let scene = Scene::new();
    let server = location("");
    let nginx = scene.nginx().server("large_client_header_buffers 4 80k;").server(&server);
    let nginx = nginx.http("proxy_buffer_size 128k; proxy_buffers 8 128k;");
    let nginx = nginx.http("proxy_busy_buffers_size 256k; proxy_headers_hash_max_size 1024;");
    let nginx = nginx.start();
    let source = format!("size-65536.{}", "s".repeat(65536 - "size-65536.".len()));
    assert_eq!(source.len(), 65536);

    for _ in 0..3 {
        let seen = Seen::by_backend(nginx.get("/").bearer(&source).send());
        assert_eq!(seen.token().len(), 65536);
        let issued = scene.sts.issued();
        assert_eq!(seen.token(), issued[issued.len() - 1].target);
        assert_eq!(issued[issued.len() - 1].source, source);
    }
}

#[test]
fn many_large_tokens_at_once_are_not_mixed_up() {
    let scene = Scene::new();
    let nginx = scene.nginx().server("large_client_header_buffers 4 80k;").server(&location(""));
    let nginx = nginx.http("proxy_buffer_size 128k; proxy_buffers 8 128k;");
    let nginx = nginx.http("proxy_busy_buffers_size 256k;").start();

    e2e::parallel::in_parallel(16, 64, |number| {
        let own = format!("size-40000.user-{number}.");
        let source = format!("{own}{}", "s".repeat(50_000));
        let seen = Seen::by_backend(nginx.get("/").bearer(&source).send());
        assert_eq!(scene.sts.source_of(&seen.token()), Some(source), "{number}");
    });
}

#[test]
fn client_secret_basic_encodes_id_and_secret_as_a_form_first() {
    let sts = Sts::builder()
        .client(Client::new("id of:us", "s%c+r&t").methods([Method::ClientSecretBasic]));
    let scene = Scene::with(sts);
    let auth = "STSOTXEndpointAuth client_secret_basic \
                client_id=id+of%3Aus&client_secret=s%25c%2Br%26t;";
    let nginx = scene.nginx().server(auth).server(&location_without_auth()).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let header = scene.only_call().header("Authorization").expect("credentials");
    let pair = STANDARD.decode(header.strip_prefix("Basic ").expect("Basic")).expect("base64");
    assert_eq!(String::from_utf8_lossy(&pair), "id+of%3Aus:s%25c%2Br%26t");
}

#[test]
fn client_secret_post_sends_id_and_secret_in_the_body() {
    let client = Client::new("poster", "its secret").methods([Method::ClientSecretPost]);
    let scene = Scene::with(Sts::builder().client(client));
    let auth = "STSOTXEndpointAuth client_secret_post client_id=poster&client_secret=its%20secret;";
    let nginx = scene.nginx().server(auth).server(&location_without_auth()).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_eq!(sent(&scene, "client_id"), ["poster"]);
    assert_eq!(sent(&scene, "client_secret"), ["its secret"]);
    assert_eq!(scene.only_call().header("Authorization"), None);
}

#[test]
fn basic_sends_user_name_and_password_as_they_are() {
    let client = Client::new("user", "p w+d").methods([Method::Basic]);
    let scene = Scene::with(Sts::builder().client(client));
    let auth = "STSOTXEndpointAuth basic username=user&password=p%20w%2Bd;";
    let nginx = scene.nginx().server(auth).server(&location_without_auth()).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let header = scene.only_call().header("Authorization").expect("credentials");
    assert_eq!(header, format!("Basic {}", STANDARD.encode("user:p w+d")));
}

#[test]
fn a_public_client_sends_its_id_in_the_body() {
    let scene = Scene::with(Sts::builder().client(Client::public("public")));
    for auth in ["", "STSOTXEndpointAuth none;"] {
        let nginx = scene.nginx().server(auth).server("STSOTXClientID public;");
        let nginx = nginx.server(&location_without_auth()).start();

        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    }
    for call in scene.sts.calls() {
        assert_eq!(call.parameter_values("client_id"), ["public"]);
        assert_eq!(call.header("Authorization"), None);
    }
}

#[test]
fn an_sts_that_wants_no_client_is_told_none() {
    let scene = Scene::with(Sts::builder().anonymous());
    let nginx = scene.nginx().server(&location_without_auth()).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert!(sent(&scene, "client_id").is_empty());
}

#[test]
fn request_parameters_go_with_the_request_in_their_order() {
    let scene = Scene::new();
    let more = "
        STSRequestParameter audience first;
        STSRequestParameter resource https://backend.example/a;
        STSRequestParameter audience second;
        STSRequestParameter scope \"read write\";
        STSRequestParameter empty;";
    let nginx = scene.nginx().server(&location(more)).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_eq!(sent(&scene, "audience"), ["first", "second"]);
    assert_eq!(sent(&scene, "resource"), ["https://backend.example/a"]);
    assert_eq!(sent(&scene, "scope"), ["read write"]);
    assert_eq!(sent(&scene, "empty"), [""]);
}

#[test]
fn request_parameters_hold_variables_of_the_request() {
    let scene = Scene::new();
    let more = "
        STSRequestParameter audience https://$http_host/$arg_service;
        STSRequestParameter scope $arg_scope;";
    let nginx = scene.nginx().server(&location(more)).start();

    let request = nginx.get("/?service=a&b").bearer("alice").header("Host", "own.example");
    assert_exchanged(request.send(), "alice");

    assert_eq!(sent(&scene, "audience"), ["https://own.example/a"]);
    // A variable that is empty leaves its parameter out, a literal does not.
    assert!(sent(&scene, "scope").is_empty());
}

#[test]
fn what_a_client_puts_into_a_parameter_stays_one_value() {
    let scene = Scene::new();
    let nginx =
        scene.nginx().server(&location("STSRequestParameter audience $http_x_aud;")).start();

    let hostile = "a&subject_token=b&grant_type=c+%26 =";
    let request = nginx.get("/").bearer("alice").header("X-Aud", hostile);
    assert_exchanged(request.send(), "alice");

    assert_eq!(sent(&scene, "audience"), [hostile]);
    assert_eq!(sent(&scene, "subject_token"), ["alice"]);
}

#[test]
fn a_type_of_the_subject_token_that_is_given_replaces_the_usual_one() {
    let scene = Scene::new();
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let more = format!("STSRequestParameter subject_token_type {jwt};");
    let nginx = scene.nginx().server(&location(&more)).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_eq!(sent(&scene, "subject_token_type"), [jwt]);
}

#[test]
fn other_parameters_do_not_drop_the_type_of_the_subject_token() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("STSRequestParameter audience a;")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let expected = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(sent(&scene, "subject_token_type"), [expected]);
}

#[test]
fn the_source_may_be_any_value_with_variables() {
    let scene = Scene::new();
    let sources = [
        ("prefix.$arg_a.$cookie_b", "prefix.one.two"),
        ("$arg_a", "one"),
        ("${arg_a}", "one"),
        ("${arg_a}more", "onemore"),
        // What the expression of the location has captured, by number and by name.
        ("$2", "path"),
        ("$name", "three"),
    ];
    let location = |(number, (source, _)): (usize, &(&str, &str))| {
        format!(
            "location ~ ^/{number}/(?<name>[a-z]+)/([a-z]+)$ {{
                {OTX_WITHOUT_VARIABLES} STSVariables {source} $target_token; %%PASS%%
            }}"
        )
    };
    let server: String = sources.iter().enumerate().map(location).collect();
    let nginx = scene.nginx().server(&server).start();

    for (number, (_, token)) in sources.iter().enumerate() {
        let target = format!("/{number}/three/path?a=one");
        let request = nginx.get(&target).header("Cookie", "b=two");
        assert_exchanged(request.send(), token);
    }
}

#[test]
fn answers_that_differ_in_what_does_not_matter_are_accepted() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();
    let answers = [
        json!({"access_token": "T", "token_type": "Bearer"}),
        json!({"access_token": "T", "token_type": "bEARER", "expires_in": 60}),
        json!({"access_token": "T", "token_type": "N_A", "expires_in": "60"}),
        json!({"access_token": "T"}),
        json!({"access_token": "T", "token_type": "Bearer", "unknown": {"a": [1, null]}}),
        json!({"access_token": "T", "token_type": "Bearer", "refresh_token": "R", "scope": "x"}),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let user = format!("user-{number}");
        scene.sts.script(When::subject(&user), Script::new().answer(Answer::json(200, &answer)));
        let response = nginx.get("/").bearer(&user).send();
        assert_eq!(Seen::by_backend(response).token(), "T", "{answer}");
    }
}

#[test]
fn the_framing_of_the_answer_does_not_matter() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();
    let shapes: [fn(Answer) -> Answer; 4] = [
        |answer| answer.chunked(7),
        |answer| answer.until_close(),
        |answer| answer.http10(),
        |answer| answer.closing(),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let prefix = format!("{number}-");
        scene.sts.script(When::subject_prefix(&prefix), Script::new().usual_as(shape));
        for user in [format!("{prefix}alice"), format!("{prefix}bob")] {
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        }
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_read_whole() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();
    let pause = std::time::Duration::from_micros(200);
    scene.sts.script(When::any(), Script::new().drip(1, pause).usual());

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
}

const OTX_WITHOUT_VARIABLES: &str = "
    STSType otx;
    STSOTXEndpoint %%STS%%;
    STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
";

/// The authentication comes from the server around it.
fn location_without_auth() -> String {
    "location / {
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSVariables $source_token $target_token;
        %%PASS%%
    }"
    .into()
}
