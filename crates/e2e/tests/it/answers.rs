//! How an answer of an STS may look on the wire, and what becomes of one that breaks the rules of
//! HTTP or breaks off: the status of the manual's table, in time, and nothing for the next request.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Script, Sts, Tls, When};
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen, assert_exchanged};

/// What a call may take here.
const TIME: Duration = Duration::from_secs(4);

/// What more a loaded machine may take.
const PATIENCE: Duration = Duration::from_secs(5);

const BODY: &str = r#"{"access_token":"T","token_type":"Bearer","expires_in":0}"#;

/// Some bytes on the wire, and what the client gets: the target token for 200, else an error.
struct Row {
    name: &'static str,
    script: Script,
    status: u16,
    error: &'static str,
}

fn row(name: &'static str, script: Script, status: u16, error: &'static str) -> Row {
    Row { name, script, status, error }
}

fn good(name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    row(name, Script::new().send(bytes), 200, "")
}

fn bad(name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    row(name, Script::new().send(bytes).hang(), 502, "bad_answer")
}

/// It is whole, and no token is in it.
fn useless(name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    row(name, Script::new().send(bytes), 502, "bad_answer")
}

/// The end comes before the end.
fn cut_off(name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    row(name, Script::new().send(bytes).close(), 502, "unreachable")
}

/// An answer with these header fields, and the body as it stands.
fn answer(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}\r\n{body}")
}

fn length() -> String {
    format!("Content-Length: {}\r\n", BODY.len())
}

fn chunked(body: &str) -> String {
    answer("Transfer-Encoding: chunked\r\n", body)
}

/// The body in one chunk, and what comes after it.
fn one_chunk(end: &str) -> String {
    chunked(&format!("{:x}\r\n{BODY}\r\n{end}", BODY.len()))
}

/// As bytes, because a header need not be UTF-8.
fn plain_with(field: &[u8]) -> Vec<u8> {
    let plain = answer(&length(), BODY);
    let (first, rest) = plain.split_once("\r\n").unwrap_or_default();
    [first.as_bytes(), b"\r\n", field, b"\r\n", rest.as_bytes()].concat()
}

fn well_formed() -> Vec<Row> {
    let in_ones: String = BODY.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    let until_close = |text: String| Script::new().send(text).close();
    let plain = answer(&length(), BODY);
    vec![
        good("with-length", plain.clone()),
        good("length-with-zeros", answer(&format!("Content-Length: 00{}\r\n", BODY.len()), BODY)),
        good(
            "length-twice-in-one",
            answer(&format!("Content-Length: {0}, {0}\r\n", BODY.len()), BODY),
        ),
        good("folded", plain_with(b"X-One: 1\r\n  2")),
        good("length-folded", answer(&length().replace(": ", ":\r\n "), BODY)),
        good("coding-none", plain_with(b"Content-Encoding: identity")),
        good("chunked", one_chunk("0\r\n\r\n")),
        good("chunks-of-one", chunked(&format!("{in_ones}0\r\n\r\n"))),
        good(
            "chunk-extensions",
            chunked(&format!("{:X} ; a=b;c=\"d\"\r\n{BODY}\r\n00;e\r\n\r\n", BODY.len())),
        ),
        good("trailers", one_chunk("0\r\nX-One: 1\r\nContent-Length: 7\r\n\r\n")),
        row("until-close", until_close(answer("", BODY)), 200, ""),
        row("asks-to-close", until_close(answer("Connection: close\r\n", BODY)), 200, ""),
        row("http-1-0", until_close(answer("", BODY).replace("HTTP/1.1", "HTTP/1.0")), 200, ""),
        row("http-1-0-with-length", until_close(plain.replace("HTTP/1.1", "HTTP/1.0")), 200, ""),
        good(
            "http-1-0-kept-alive",
            answer(&format!("Connection: keep-alive\r\n{}", length()), BODY)
                .replace("HTTP/1.1", "HTTP/1.0"),
        ),
        good("continue", format!("HTTP/1.1 100 Continue\r\n\r\n{plain}")),
        good(
            "interim-answers",
            format!(
                "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
                 HTTP/1.1 199 Whatever\r\nContent-Length: 7\r\n\r\n{plain}"
            ),
        ),
        good("no-reason", plain.replace("200 OK", "200 ")),
        good("no-reason-and-no-space", plain.replace("200 OK", "200")),
        good("no-space-after-colons", plain.replace(": ", ":")),
        good("lines-that-end-early", plain.replace("\r\n", "\n")),
        good("latin-1-in-a-header", plain_with(b"X-Name: \xe9\xe8")),
        row("slowly", Script::new().drip(2, Duration::from_millis(1)).send(plain), 200, ""),
    ]
}

fn empty() -> Vec<Row> {
    vec![
        useless("no-content", "HTTP/1.1 204 No Content\r\n\r\n"),
        useless("reset-content", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
        useless("not-modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 57\r\n\r\n"),
        useless("length-zero", answer("Content-Length: 0\r\n", "")),
        useless("no-chunk", chunked("0\r\n\r\n")),
        row("closed-after-the-head", Script::new().send(answer("", "")).close(), 502, "bad_answer"),
        // As the answer to a HEAD request would look.
        row("head-like", Script::new().send(answer(&length(), "")).hang(), 504, "timeout"),
        cut_off("head-like-and-closed", answer(&length(), "")),
    ]
}

fn broken_off() -> Vec<Row> {
    let half = &BODY[..BODY.len() / 2];
    vec![
        cut_off("nothing", ""),
        cut_off("half-a-status-line", "HTTP/1.1 2"),
        cut_off("half-a-head", "HTTP/1.1 200 OK\r\nContent-Type: app"),
        cut_off("only-an-interim-answer", "HTTP/1.1 100 Continue\r\n\r\n"),
        cut_off("half-a-body", answer(&length(), half)),
        cut_off("half-a-chunk", chunked(&format!("{:x}\r\n{half}", BODY.len()))),
        cut_off("no-last-chunk", one_chunk("")),
        cut_off("half-a-last-chunk", one_chunk("0\r\n")),
        cut_off("half-a-trailer", one_chunk("0\r\nX-One: 1\r\n")),
        row(
            "half-a-body-and-hang",
            Script::new().send(answer(&length(), half)).hang(),
            504,
            "timeout",
        ),
        row("no-last-chunk-and-hang", Script::new().send(one_chunk("")).hang(), 504, "timeout"),
        row("interim-and-hang", Script::new().send("HTTP/1.1 100 \r\n\r\n").hang(), 504, "timeout"),
        // Valid JSON would have to come whole.
        row("half-until-close", Script::new().send(answer("", half)).close(), 502, "bad_answer"),
    ]
}

fn malformed() -> Vec<Row> {
    let plain = answer(&length(), BODY);
    let with = |field: &str| answer(&format!("{}{field}\r\n", length()), BODY);
    vec![
        bad("http-2", plain.replace("HTTP/1.1", "HTTP/2.0")),
        bad("http-0-9", BODY),
        bad("no-http", "ICY 200 OK\r\n\r\n"),
        bad("a-request", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("status-of-two-digits", plain.replace("200", "20")),
        bad("status-of-four-digits", plain.replace("200", "2000")),
        bad("status-no-number", plain.replace("200", "2OO")),
        bad("no-colon", with("X-One 1")),
        bad("space-before-the-colon", with("X-One : 1")),
        bad("space-in-a-name", with("X One: 1")),
        bad("no-name", with(": 1")),
        bad("folded-at-the-start", plain.replacen("\r\n", "\r\n X-One: 1\r\n", 1)),
        bad("length-with-a-fold", answer("Content-Length: 5\r\n 7\r\n", BODY)),
        bad("nul-in-a-header", with("X-One: a\0b")),
        bad("cr-in-a-header", with("X-One: a\rb")),
        bad("length-of-letters", answer("Content-Length: many\r\n", BODY)),
        bad("length-below-zero", answer("Content-Length: -1\r\n", BODY)),
        bad("length-with-sign", answer(&format!("Content-Length: +{}\r\n", BODY.len()), BODY)),
        bad("length-too-large", answer("Content-Length: 99999999999999999999\r\n", BODY)),
        bad("two-lengths", with("Content-Length: 5")),
        bad("two-lengths-in-one", answer("Content-Length: 57, 5\r\n", BODY)),
        bad("chunk-size-of-letters", chunked("xyz\r\n")),
        bad("chunk-size-empty", chunked("\r\n")),
        bad("chunk-size-below-zero", chunked("-1\r\n")),
        bad("chunk-size-too-large", chunked("fffffffffffffffff\r\n")),
        bad(
            "chunk-size-with-a-space",
            chunked(&format!("{:x} \r\n{BODY}\r\n0\r\n\r\n", BODY.len())),
        ),
        bad(
            "chunk-extension-of-nul",
            chunked(&format!("{:x};\0\r\n{BODY}\r\n0\r\n\r\n", BODY.len())),
        ),
        bad("last-chunk-that-ends-early", one_chunk("0\n\r\n")),
        bad("trailers-that-end-early", one_chunk("0\r\nX-One: 1\r\n\n")),
        bad("trailer-that-ends-early", one_chunk("0\r\nX-One: 1\n\r\n")),
        bad("head-that-ends-early", plain.replacen("\r\n\r\n", "\r\n\n", 1)),
        bad("header-that-ends-early", plain.replacen("\r\n", "\n", 1)),
        bad("chunk-longer-than-it-says", chunked(&format!("3\r\n{BODY}\r\n0\r\n\r\n"))),
        useless(
            "compressed",
            answer(
                &format!("Content-Encoding: gzip\r\n{}", length()),
                &format!("\x1f\x08{}", " ".repeat(BODY.len() - 2)),
            ),
        ),
        useless(
            "compressed-on-the-way",
            answer("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ),
    ]
}

fn too_much() -> Vec<Row> {
    let mib = |piece: &str| piece.repeat((16 << 20) / piece.len());
    vec![
        bad("headers-of-16-mib", answer(&mib("X-One: 123456789012345678901234567890\r\n"), BODY)),
        bad("one-header-of-16-mib", answer(&format!("X-One: {}\r\n", mib("1")), BODY)),
        bad("a-name-of-16-mib", answer(&format!("{}: 1\r\n", mib("x")), BODY)),
        bad("a-reason-of-16-mib", format!("HTTP/1.1 200 {}\r\n\r\n", mib("x"))),
        bad("200-headers", answer(&"X-One: 1\r\n".repeat(200), BODY)),
        bad("trailers-of-16-mib", one_chunk(&format!("0\r\n{}\r\n", mib("X-One: 123456789\r\n")))),
        bad("extension-of-16-mib", chunked(&format!("1;{}\r\n", mib("x")))),
        bad("body-of-16-mib", answer(&format!("Content-Length: {}\r\n", 16 << 20), &mib(" "))),
        bad("chunks-of-16-mib", chunked(&mib("1\r\n \r\n"))),
        row(
            "until-close-of-16-mib",
            Script::new().send(answer("", &mib(" "))).close(),
            502,
            "bad_answer",
        ),
    ]
}

fn all_rows() -> Vec<Row> {
    let mut rows = well_formed();
    rows.extend(empty());
    rows.extend(broken_off());
    rows.extend(malformed());
    rows.extend(too_much());
    rows
}

/// An STS in clear, and one with TLS.
fn scenes(ca: &Identity) -> [Scene; 2] {
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    [Scene::new(), Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))))]
}

fn start(scene: &Scene, ca: &Identity, more: &str) -> Nginx {
    let server = "
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        STSHTTPTimeOut 4;
        add_header X-STS-Error $sts_error always;
        location / { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem());
    nginx.server(server).server(more).start()
}

/// Asks with this token; what came, and after how long.
#[track_caller]
fn ask(nginx: &Nginx, subject: &str) -> (u16, String, Duration) {
    let start = Instant::now();
    let response = nginx.get("/").bearer(subject).send();
    let took = start.elapsed();
    let status = response.status;
    let error = response.header("X-STS-Error").unwrap_or_default().to_owned();
    if status == 200 {
        assert_eq!(Seen::by_backend(response).token(), "T", "{subject}");
    }
    (status, error, took)
}

#[test]
fn each_form_of_an_answer_ends_in_time_with_its_status() {
    let ca = Identity::authority("the CA");
    for scene in scenes(&ca) {
        let nginx = start(&scene, &ca, "");
        for row in all_rows() {
            scene.sts.script(When::subject(row.name), row.script);
        }
        let rows = all_rows();
        let wrong: Vec<_> = in_parallel(4, rows.len(), |number| {
            let row = &rows[number];
            let (status, error, took) = ask(&nginx, row.name);
            // Whatever it was, the next one gets its own token.
            let user = format!("after-{}", row.name);
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
            let right = (status, error.as_str()) == (row.status, row.error)
                && took < TIME + PATIENCE
                && (status != 504 || took >= TIME.mul_f32(0.9));
            (!right).then(|| format!("{}: {status} {error} after {took:?}", row.name))
        });
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        // None was asked for twice.
        assert_eq!(scene.sts.call_count(), 2 * rows.len() as u64);
    }
}

#[test]
fn nothing_is_asked_for_that_would_have_to_be_unpacked() {
    let scene = Scene::new();
    let nginx = start(&scene, &Identity::authority("any"), "");
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    let call = scene.only_call();
    assert_eq!(call.header("Accept-Encoding").as_deref(), Some("identity"));
    for name in ["TE", "Upgrade", "Expect", "Connection"] {
        assert_eq!(call.header(name), None, "{name}");
    }
}

#[test]
fn a_coding_that_came_all_the_same_is_named() {
    let scene = Scene::new();
    let fields = format!("Content-Encoding: gzip\r\n{}", length());
    scene.sts.script(When::any(), Script::new().send(answer(&fields, BODY)));
    let nginx = start(&scene, &Identity::authority("any"), "");
    let (status, error, _) = ask(&nginx, "alice");
    assert_eq!((status, error.as_str()), (502, "bad_answer"));
    nginx.wait_for_log("the body has the Content-Encoding \"gzip\", which was not asked for");
}

/// How an answer is recorded, and whether its end is known without the end of the connection.
fn recordings() -> [(&'static str, String, bool); 3] {
    [
        ("length", answer(&length(), BODY), true),
        ("chunked", one_chunk("0\r\nX-One: 1\r\n\r\n"), true),
        ("until-close", answer("", BODY), false),
    ]
}

#[test]
fn an_answer_that_is_cut_off_at_any_byte_is_a_bad_gateway() {
    let ca = Identity::authority("the CA");
    for scene in scenes(&ca) {
        let nginx = start(&scene, &ca, "STSKeepalive 0;");
        let mut cases = Vec::new();
        for (shape, bytes, _) in recordings() {
            for end in ["reset", "close", "truncate"] {
                for length in 0..=bytes.len() {
                    let name = format!("{shape}-{end}-{length}");
                    let script = Script::new().send(&bytes.as_bytes()[..length]);
                    let script = match end {
                        "reset" => script.reset(),
                        "close" => script.close(),
                        _ => script.truncate(),
                    };
                    scene.sts.script(When::subject(&name), script);
                    let whole = length == bytes.len();
                    cases.push((name, whole, end == "reset"));
                }
            }
        }
        let wrong = in_parallel(8, cases.len(), |number| {
            let (name, whole, reset) = &cases[number];
            let (status, error, took) = ask(&nginx, name);
            let good = status == 200;
            // A reset may overtake what was sent before it. Under TLS NGINX takes it for an end; a
            // body that has none of its own then has to be whole JSON.
            let right = match (whole, reset) {
                (true, true) => good || status == 502,
                (true, false) => good,
                (false, _) => status == 502,
            };
            (!right || took > PATIENCE).then(|| format!("{name}: {status} {error} {took:?}"))
        });
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(scene.sts.call_count(), cases.len() as u64, "none is asked for twice");
        assert_exchanged(nginx.get("/").bearer("afterwards").send(), "afterwards");
    }
}

#[test]
fn an_answer_in_any_two_pieces_is_read_whole() {
    let scene = Scene::new();
    let nginx = start(&scene, &Identity::authority("any"), "");
    let mut cases = Vec::new();
    for (shape, bytes, delimited) in recordings() {
        for at in 1..bytes.len() {
            let name = format!("{shape}-{at}");
            let (first, second) = bytes.as_bytes().split_at(at);
            let script = Script::new().send(first).wait(Duration::from_millis(1)).send(second);
            let script = if delimited { script } else { script.close() };
            scene.sts.script(When::subject(&name), script);
            cases.push(name);
        }
    }
    in_parallel(8, cases.len(), |number| {
        let (status, error, _) = ask(&nginx, &cases[number]);
        assert_eq!(status, 200, "{}: {error}", cases[number]);
    });
}

#[test]
fn interim_answers_without_end_do_not_outlast_the_call() {
    let scene = Scene::new();
    let endless = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(200);
    let script = Script::new().drip(44, Duration::from_millis(50)).send(endless);
    scene.sts.script(When::any(), script);
    let nginx = start(&scene, &Identity::authority("any"), "");
    let (status, error, took) = ask(&nginx, "alice");
    assert_eq!((status, error.as_str()), (504, "timeout"));
    assert!(took < TIME + PATIENCE, "{took:?}");
}

#[test]
fn a_refusal_is_understood_in_every_framing() {
    let scene = Scene::new();
    let shapes: [fn(Answer) -> Answer; 4] = [
        |answer| answer.chunked(7).trailer("X-One", "1"),
        |answer| answer.until_close(),
        |answer| answer.http10(),
        |answer| answer.closing(),
    ];
    let nginx = start(&scene, &Identity::authority("any"), "");
    for (number, shape) in shapes.into_iter().enumerate() {
        let user = format!("user-{number}");
        let answer = shape(Answer::oauth_error(400, "invalid_grant", "no"));
        scene.sts.script(When::subject(&user), Script::new().answer(answer));
        let (status, error, _) = ask(&nginx, &user);
        assert_eq!((status, error.as_str()), (401, "refused"), "{number}");
    }
}
