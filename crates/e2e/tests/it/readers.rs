//! What backends read as the target token is the module's, whatever a client sends: `make test-readers`.
//!
//! Without the frameworks that it installs these tests have nothing to ask.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what the threads of a test find fails it, and its figures are to be read"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::hostile::{Hostile, MARK, Random, in_cp037};
use e2e::http1::Connection;
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::readers::{self, PLACES, Read, Reader};
use e2e::response::Response;
use e2e::scene::Scene;

/// How many generated requests each reader gets; `STS_READERS_REQUESTS` says another number.
const REQUESTS: usize = 20_000;

/// Of so many requests one also goes to the reader without the module.
const BARE: usize = 5;

const CLIENTS: usize = 8;

const PASSED: &str = "
    STSPassTargetTokenIn header name=X-Target&type=;
    STSPassTargetTokenIn query;
    STSPassTargetTokenIn post;
    STSPassTargetTokenIn cookie;
";

/// Locations, in what each passes the token on, and where readers then read it.
const LOCATIONS: [(&str, &str, &[&str]); 4] = [
    ("/all", PASSED, &PLACES),
    ("/post", "STSPassTargetTokenIn post;", &["query", "form", "both"]),
    ("/cookie", "STSPassTargetTokenIn cookie;", &["cookie"]),
    ("/header", "STSPassTargetTokenIn header name=X-Target&type=;", &["header"]),
];

/// Readers behind NGINX.
struct Stage {
    nginx: Nginx,
    readers: Vec<(Reader, Figures)>,
    _scene: Scene,
}

/// What became of the requests to one reader.
#[derive(Default)]
struct Figures {
    sent: AtomicUsize,
    /// The reader told what it read.
    read: AtomicUsize,
    /// Answered by the module, by NGINX or by the framework with an error.
    refused: AtomicUsize,
    /// Had the module's token in each place that has one in each request with a token.
    with_token: AtomicUsize,
    without_token: AtomicUsize,
    /// A request of those, to be looked at.
    example: OnceLock<String>,
    /// Without the module, read the client's value under the name.
    bare: AtomicUsize,
    deceived_bare: AtomicUsize,
}

impl Figures {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Stage {
    fn start() -> Self {
        let installed = readers::installed();
        let readers = readers::start(&installed);
        let scene = Scene::new();
        let mut http = String::new();
        for reader in &readers {
            let proxying = reader.proxying();
            let mut locations = format!("location /bare {{ STSType disabled; {proxying} }}");
            for (path, places, _) in LOCATIONS {
                write!(locations, "location {path} {{ {places} {proxying} }}")
                    .expect("a String takes all");
            }
            let port = format!("%%PORT_{}%%", reader.name.to_uppercase());
            write!(
                http,
                "{} server {{
                    listen 127.0.0.1:{port};
                    {locations}
                }}",
                reader.upstream()
            )
            .expect("a String takes all");
        }
        let http = format!(
            "access_log off; error_log %%PREFIX%%/error.log crit; keepalive_requests 1000000; underscores_in_headers on;
            fastcgi_keep_conn on; proxy_read_timeout 3s;
            large_client_header_buffers 8 64k; client_body_buffer_size 1m;
            %%EXCHANGE%% STSAcceptSourceTokenIn header; STSOnMissing pass;
            {http}"
        );
        let nginx = scene.nginx().http(&http).start();
        let readers = readers.into_iter().map(|reader| (reader, Figures::default())).collect();
        Self { nginx, readers, _scene: scene }
    }

    fn address(&self, reader: &Reader) -> SocketAddr {
        self.nginx.address_of(&format!("PORT_{}", reader.name.to_uppercase()))
    }

    /// Sends a request to all readers in a location, with and without a source token; says what a reader
    /// reads that the client has sent.
    fn try_all(
        &self,
        hostile: &Hostile,
        location: usize,
        has_token: bool,
        bare: bool,
    ) -> Vec<String> {
        let (path, _, places) = LOCATIONS[location];
        let more = if has_token { "Authorization: Bearer alice\r\n" } else { "" };
        let mut faults = Vec::new();
        for (reader, figures) in &self.readers {
            let address = self.address(reader);
            let response = send(reader, address, &hostile.to_bytes(path, more));
            Figures::count(&figures.sent);
            let Some(read) = Read::new(&response) else {
                Figures::count(&figures.refused);
                assert!(response.status >= 400, "{}: {}", reader.name, response.text());
                continue;
            };
            Figures::count(&figures.read);
            let deceived: Vec<_> =
                places.iter().filter(|place| read.text(place).contains(MARK)).collect();
            if !deceived.is_empty() {
                let what = places.map_text(&read);
                faults.push(format!(
                    "{} reads {what} in {deceived:?} of {path}: {hostile}",
                    reader.name
                ));
            }
            if path == "/all" && has_token {
                // Before NGINX 1.23 only the last of several fields goes to FastCGI.
                let cookies = if hostile.cookie_fields() < 2 { &["cookie"][..] } else { &[] };
                let has = |place: &&str| read.text(place).contains("target.");
                let all = ["query", "header"].iter().chain(cookies).all(has);
                Figures::count(if all { &figures.with_token } else { &figures.without_token });
                if !all {
                    let example = || format!("{}: {hostile}", places.map_text(&read));
                    figures.example.get_or_init(example);
                }
            }
            if bare {
                Figures::count(&figures.bare);
                let read = Read::new(&send(reader, address, &hostile.to_bytes("/bare", "")));
                let deceives =
                    |read: Read| PLACES.iter().any(|place| read.text(place).contains(MARK));
                if read.is_some_and(deceives) {
                    Figures::count(&figures.deceived_bare);
                }
            }
        }
        faults
    }

    fn say(&self) {
        println!("reader     sent    read refused  token  none   bare (deceived)");
        for (reader, figures) in &self.readers {
            let get = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
            println!(
                "{:9} {:6} {:7} {:7} {:6} {:5} {:6} ({})",
                reader.name,
                get(&figures.sent),
                get(&figures.read),
                get(&figures.refused),
                get(&figures.with_token),
                get(&figures.without_token),
                get(&figures.bare),
                get(&figures.deceived_bare),
            );
            if let Some(example) = figures.example.get() {
                println!("          none, for example: {example}");
            }
        }
    }
}

/// What a reader read in places, for a message.
trait MapText {
    fn map_text(&self, read: &Read) -> String;
}

impl MapText for &[&str] {
    fn map_text(&self, read: &Read) -> String {
        let texts = self.iter().map(|place| format!("{place}={}", read.text(place)));
        let text = texts.collect::<Vec<_>>().join(" ");
        text.chars().take(500).collect()
    }
}

thread_local! {
    static CONNECTIONS: RefCell<HashMap<SocketAddr, Connection>> = RefCell::default();
}

/// Sends on the connection that this thread has to the address. One that was closed since is replaced.
fn send(reader: &Reader, address: SocketAddr, bytes: &[u8]) -> Response {
    let kept = CONNECTIONS.with_borrow_mut(|connections| connections.remove(&address));
    let on = |mut connection: Connection| {
        connection.try_send(bytes)?;
        let response = connection.try_read_response()?;
        Ok::<_, std::io::Error>((response, connection))
    };
    let answered = kept.map(&on).and_then(Result::ok);
    let answered = answered.map_or_else(|| on(Connection::open(address)), Ok);
    let (response, connection) = answered.unwrap_or_else(|error| {
        panic!("no response from {}: {error}: {}", reader.name, bytes.escape_ascii())
    });
    if response.header("Connection") != Some("close") {
        CONNECTIONS.with_borrow_mut(|connections| connections.insert(address, connection));
    }
    response
}

#[test]
#[ignore = "make test-readers has the readers"]
fn no_known_way_to_deceive_a_reader_works() {
    let stage = Stage::start();
    let evil = |key: &str| format!("{key}={MARK}");
    let mut requests = Vec::new();
    for key in [
        "access_token",
        "ACCESS_TOKEN",
        "access.token",
        "access+token",
        "access%20token",
        "access%5Ftoken",
        "access[token",
        "access[token%00]",
        "access%5Btoken",
        "[access_token]",
        "%5Baccess_token%5D",
        "[[access_token]]",
        "]access_token",
        "access_token[]",
        "access_token[a][b]",
        "access_token%00",
        "access_token%00x",
        "+access_token",
        "%0Baccess_token",
        "a=b;access_token",
        "a=b;+access_token",
        "access_token]",
        "access_token%",
        "%access_token",
        "access_token%FF",
        "%EF%BB%BFaccess_token",
    ] {
        for filler in ["", "a=b&", &"a&".repeat(999)] {
            let text = format!("{filler}{}", evil(key));
            requests.push(Hostile::query(text.as_str()));
            requests.push(Hostile::query("").with_form(text.as_str()));
            requests.push(Hostile::query(text.as_str()).with_form("c=d"));
            requests.push(Hostile::query(text.as_str()).with_form(text.as_str()));
        }
    }
    let form = evil("access_token");
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{MARK}\r\n--b--\r\n"
    );
    let types: &[&[u8]] = &[
        b"",
        b"multipart/form-data; boundary=b",
        b"multipart/form-data x; boundary=b",
        b"multipart/mixed; boundary=b",
        b"multipart/related; boundary=b",
        b"application/json",
        b"text/plain",
        b"application/x-www-form-urlencoded; charset=cp037",
        b"application/x-www-form-urlencoded; charset=utf-16be",
        b"application/x-www-form-urlencoded\xa0",
        b"application/x-www-form-urlencoded\xa0; charset=utf-8",
        b"application/x-www-form-urlencoded, multipart/form-data; boundary=b",
        b"application/x-www-form-urlencoded;",
        b"application/x-www-form-urlencoded; charset=utf-8",
    ];
    let utf_16: Vec<u8> = form.bytes().flat_map(|byte| [0, byte]).collect();
    let json = format!("{{\"access_token\":\"{MARK}\"}}");
    for content_type in types {
        for body in
            [form.as_bytes(), multipart.as_bytes(), &in_cp037(&form), &utf_16, json.as_bytes()]
        {
            requests.push(Hostile::query("").with_body(content_type, body));
        }
    }
    // Django reads a query in the charset of the body, also where there is none.
    let utf_7 = format!("+AGEAYwBjAGUAcwBzAF8AdABvAGsAZQBu-={MARK}");
    for content_type in [
        "text/plain; charset=utf-7",
        "application/x-www-form-urlencoded; charset=\"UTF-7\"",
        "application/json;charset =utf-7",
        "multipart/form-data; boundary=b; charset=utf-7",
        "text/plain; charset*=utf-8''utf-7",
    ] {
        let field = format!("Content-Type: {content_type}");
        requests.push(Hostile::query(utf_7.as_str()).with_field(field));
        requests.push(Hostile::query(utf_7.as_str()).with_body(content_type.as_bytes(), "a=b"));
    }
    for pair in [
        "sts_token=EVIL",
        "a=b sts_token=EVIL \"",
        "a=b,sts_token=EVIL",
        "a=b\tsts_token=EVIL",
        "a=\"b\" sts_token = EVIL",
        "a=\"sts_token=EVIL",
        "\"sts_token=EVIL\"",
        "sts.token=EVIL",
        "sts[token=EVIL",
        "sts_token[]=EVIL",
        "sts%5Ftoken=EVIL",
        "$Version=1; sts_token=EVIL; $Path=/",
        "a=\"; sts_token=EVIL; b=\"",
        "STS_TOKEN=EVIL",
        " sts_token =EVIL",
        "sts_token=\"EVIL\"",
        "a==; sts_token=EVIL",
        "=; sts_token=EVIL",
        "a=b; a; sts_token=EVIL",
        "a=b\\; sts_token=EVIL",
    ] {
        requests.push(Hostile::query("").with_field(format!("Cookie: {pair}")));
        let two =
            Hostile::query("").with_field("Cookie: a=b").with_field(format!("Cookie: {pair}"));
        requests.push(two);
        let broken = Hostile::query("").with_field("Cookie: a=\"b");
        requests.push(broken.with_field(format!("Cookie: {pair}")));
    }
    for name in ["X-Target", "x-target", "X_Target", "x_TARGET"] {
        requests.push(Hostile::query("").with_field(format!("{name}: {MARK}")));
    }
    // Once without a token, too.
    let ways = LOCATIONS.len() + 1;
    let faults = in_parallel(CLIENTS, requests.len() * ways, |number| {
        let (request, way) = (number / ways, number % ways);
        stage.try_all(&requests[request], way % LOCATIONS.len(), way < LOCATIONS.len(), way == 0)
    });
    judge(&stage, faults);
}

#[test]
#[ignore = "make test-readers has the readers"]
fn no_value_that_a_client_sends_is_read_as_the_token() {
    let stage = Stage::start();
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let requests = number("STS_READERS_REQUESTS").map_or(REQUESTS, |n: u64| n as usize);
    let seed = number("STS_READERS_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_millis() as u64)
    });
    println!("{requests} requests to each reader, STS_READERS_SEED={seed}");
    let faults = in_parallel(CLIENTS, requests, |number| {
        let mut random =
            Random::new(seed.wrapping_add(number as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
        let hostile = Hostile::random(&mut random);
        let location = if number % 2 == 0 { 0 } else { random.below(LOCATIONS.len()) };
        stage.try_all(&hostile, location, number % 4 != 3, number % BARE == 0)
    });
    judge(&stage, faults);
}

/// No reader was deceived; each had something to read, and would have been deceived without the module.
fn judge(stage: &Stage, faults: Vec<Vec<String>>) {
    stage.say();
    stage.nginx.allow_in_log("[crit]");
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    let first = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    if !faults.is_empty() {
        panic!("{} times a reader was deceived:\n{first}", faults.len());
    }
    for (reader, figures) in &stage.readers {
        let get = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (read, sent) = (get(&figures.read), get(&figures.sent));
        assert!(read * 4 > sent, "{} read {read} of {sent} requests", reader.name);
        assert!(get(&figures.deceived_bare) > 0, "nothing deceives {}", reader.name);
        let (with, without) = (get(&figures.with_token), get(&figures.without_token));
        let example = figures.example.get().map_or("", String::as_str);
        assert!(with > 10 * without, "{} had no token {without} times: {example}", reader.name);
    }
}
