//! The token of one request is never visible in another.

use devsts::{Gate, Script, Sts, When};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::wait::DEADLINE;

const SERVER: &str = "location / { %%OTX%% %%PASS%% }";

#[test]
fn requests_with_late_bodies_keep_their_own_tokens() {
    const USERS: usize = 400;
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    let user = |number: usize| format!("user-{number}");

    let mut connections: Vec<_> = (0..USERS)
        .map(|number| {
            let mut connection = nginx.connect();
            connection.send(format!(
                "POST /{number} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
                 Content-Length: 10\r\n\r\n01234",
                user(number)
            ));
            connection
        })
        .collect();
    // All exchanges are over before the first body is whole.
    assert!(scene.sts.wait_for_calls(USERS as u64, DEADLINE));
    // In another order than that in which the requests came: 7 and 400 have no common factor.
    let order = (0..USERS).map(|position| position * 7 % USERS);
    for number in order.clone() {
        if let Some(connection) = connections.get_mut(number) {
            connection.send("56789");
        }
    }
    for number in order {
        let connection = connections.get_mut(number).expect("one for each");
        let seen = Seen::by_backend(connection.read_response());
        assert_eq!(seen.uri(), format!("/{number}"));
        assert_eq!(seen.body(), "0123456789");
        assert!(devsts::is_for(&seen.token(), &user(number)), "{number}: {}", seen.token());
    }
}

#[test]
fn requests_with_unbuffered_bodies_keep_their_own_tokens() {
    let scene = Scene::new();
    let server = "
        proxy_request_buffering off;
        proxy_http_version 1.1;
        location / { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let mut connections: Vec<_> = (0..40).map(|_| nginx.connect()).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer user-{number}\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        ));
    }
    assert!(scene.sts.wait_for_calls(40, DEADLINE));
    for piece in ["5\r\n01234\r\n", "5\r\n56789\r\n", "0\r\n\r\n"] {
        for connection in connections.iter_mut().rev() {
            connection.send(piece);
        }
    }
    for (number, mut connection) in connections.into_iter().enumerate() {
        let seen = Seen::by_backend(connection.read_response());
        assert_eq!(seen.body(), "0123456789");
        assert!(devsts::is_for(&seen.token(), &format!("user-{number}")), "{number}");
    }
}

#[test]
fn answers_of_the_sts_that_come_in_another_order_go_to_their_own_requests() {
    let scene = Scene::new();
    let gates: Vec<Gate> = (0..20).map(|_| Gate::new()).collect();
    for (number, gate) in gates.iter().enumerate() {
        let script = Script::new().hold(gate).usual();
        scene.sts.script(When::subject(format!("user-{number}")), script);
    }
    let nginx = scene.nginx().server(SERVER).start();
    let mut connections: Vec<_> =
        (0..20).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(20, DEADLINE));

    for number in (0..20).rev() {
        gates[number].open();
        assert_exchanged(connections[number].read_response(), &format!("user-{number}"));
    }
}

#[test]
fn one_connection_carries_the_requests_of_different_users() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    let mut connection = nginx.connect();
    for round in 0..10 {
        let user = format!("user-{round}");
        assert_exchanged(nginx.get("/").bearer(&user).send_on(&mut connection), &user);
        nginx.get("/").send_on(&mut connection).expect_status(401);
        let refused = nginx.get("/").bearer("refuse").send_on(&mut connection);
        refused.expect_status(401);
    }
    assert_eq!(scene.backend.requests().len(), 10);
}

#[test]
fn a_request_without_token_gets_none_after_one_with() {
    let scene = Scene::new();
    let server = "location / { %%OTX%% STSOnError pass; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let mut connection = nginx.connect();
    for round in 0..10 {
        let user = format!("user-{round}");
        assert_exchanged(nginx.get("/").bearer(&user).send_on(&mut connection), &user);
        for request in [nginx.get("/"), nginx.get("/").bearer("refuse")] {
            let seen = Seen::by_backend(request.send_on(&mut connection));
            assert_eq!(seen.token(), "");
        }
    }
}

#[test]
fn requests_in_a_pipeline_keep_their_own_tokens() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    let mut pipeline = Vec::new();
    for number in 0..30 {
        let request = nginx.get(&format!("/{number}"));
        let request = if number % 3 == 2 { request } else { request.bearer(format!("u{number}")) };
        pipeline.extend(request.to_bytes());
    }
    let mut connection = nginx.connect();
    connection.send(pipeline);
    for number in 0..30 {
        let response = connection.read_response();
        if number % 3 == 2 {
            response.expect_status(401);
        } else {
            assert_exchanged(response, &format!("u{number}"));
        }
    }
}

const HTTP2: &str = "
    server {
        %%LISTEN_H2%%
        location / { %%OTX%% %%PASS%% }
        location /lenient { %%OTX%% STSOnError pass; %%PASS%% }
    }";

#[test]
fn the_streams_of_an_http2_connection_keep_their_own_tokens() {
    let scene = Scene::with(Sts::builder().latency(std::time::Duration::from_millis(20)));
    let nginx = scene.nginx().http(HTTP2).start();
    let mut connection = nginx.connect_http2();

    let mut streams = Vec::new();
    for number in 0..100 {
        let bearer = format!("Bearer user-{number}");
        let mut stream = connection.post("/", &[("authorization", &bearer)]);
        if number % 2 == 0 {
            stream.send_body(format!("body {number}"));
        }
        streams.push(stream);
    }
    assert!(scene.sts.wait_for_calls(100, DEADLINE));
    for (number, stream) in streams.iter_mut().enumerate().rev() {
        if number % 2 == 1 {
            stream.send_body(format!("body {number}"));
        }
    }
    for (number, stream) in streams.into_iter().enumerate() {
        let seen = Seen::by_backend(stream.response());
        assert_eq!(seen.body(), format!("body {number}"));
        let user = format!("user-{number}");
        assert!(devsts::is_for(&seen.token(), &user), "{number}: {}", seen.token());
    }
}

#[test]
fn an_http2_stream_without_token_gets_none_beside_others_with() {
    let scene = Scene::new();
    let nginx = scene.nginx().http(HTTP2).start();
    let mut connection = nginx.connect_http2();
    let streams: Vec<_> = (0..40)
        .map(|number| {
            let bearer = format!("Bearer user-{number}");
            let headers: &[(&str, &str)] = &[("authorization", &bearer)];
            connection.get("/lenient", if number % 2 == 0 { headers } else { &[] })
        })
        .collect();
    for (number, stream) in streams.into_iter().enumerate() {
        let token = Seen::by_backend(stream.response()).token();
        if number % 2 == 0 {
            assert!(devsts::is_for(&token, &format!("user-{number}")));
        } else {
            assert_eq!(token, "");
        }
    }
}

#[test]
fn http2_streams_that_are_reset_leave_the_others_alone() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().http(HTTP2).start();
    let mut connection = nginx.connect_http2();
    let mut kept = Vec::new();
    let mut reset = Vec::new();
    for number in 0..40 {
        let bearer = format!("Bearer user-{number}");
        let stream = connection.get(&format!("/{number}"), &[("authorization", &bearer)]);
        if number % 2 == 0 { kept.push((number, stream)) } else { reset.push(stream) }
    }
    assert!(scene.sts.wait_for_calls(40, DEADLINE));
    for stream in reset {
        stream.reset();
    }
    // What is asked after the resets on the same connection is answered after they were read.
    let open = connection.get("/nothing", &[]);
    assert_eq!(open.response().status, 401);
    gate.open();

    for (number, stream) in kept {
        assert_exchanged(stream.response(), &format!("user-{number}"));
    }
    assert_eq!(scene.backend.requests().len(), 20);
}

#[test]
fn locations_that_share_a_name_for_their_targets_share_no_token() {
    let one = Scene::new();
    let two = Scene::new();
    let exchange = "
        STSType otx;
        STSOTXEndpoint %%STS_TWO%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;";
    let server = "
        location /one { %%OTX%% %%PASS%% }
        location /two { %%OTX_TWO%% %%PASS%% }
        location /open { %%PASS%% }";
    let nginx = one.nginx().server(server).set("OTX_TWO", exchange);
    let nginx = nginx.set("STS_TWO", two.sts.endpoint()).start();

    in_parallel(12, 240, |number| {
        let user = format!("user-{number}");
        let (path, sts) = match number % 3 {
            0 => ("/one", Some(&one.sts)),
            1 => ("/two", Some(&two.sts)),
            _ => ("/open", None),
        };
        let token = Seen::by_backend(nginx.get(path).bearer(&user).send()).token();
        match sts {
            Some(sts) => assert_eq!(sts.source_of(&token), Some(user)),
            None => assert_eq!(token, ""),
        }
    });
}

#[test]
fn several_workers_and_many_clients_mix_nothing_up() {
    let scene = Scene::new();
    let server = "location / { %%OTX%% STSMaxCalls 20; %%PASS%% }";
    let nginx = scene.nginx().server(server).workers(2).start();
    in_parallel(32, 640, |number| {
        let user = format!("user-{number}");
        match number % 4 {
            0 => drop(nginx.get("/").send().expect_status(401)),
            1 => drop(nginx.get("/").bearer(format!("refuse.{user}")).send().expect_status(401)),
            2 => {
                let request = nginx.post("/", user.clone()).bearer(&user);
                let seen = Seen::by_backend(request.send());
                assert_eq!(seen.body(), user);
                assert!(devsts::is_for(&seen.token(), &user));
            }
            _ => assert_exchanged(nginx.get("/").bearer(&user).send(), &user),
        }
    });
}
