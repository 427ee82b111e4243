//! Tokens go in and out alike whatever the backend speaks.

use devsts::is_for;
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::php::{FASTCGI_PARAMS, Php, SeenByPhp};
use e2e::response::Response;
use e2e::scene::{Scene, Seen};
use e2e::upstream::{SeenUpstream, Upstream};

/// Every place, but for the source's.
const CARRIED: &str = "
    %%EXCHANGE%%
    STSAcceptSourceTokenIn cookie name=session;
    STSAcceptSourceTokenIn query name=token;
    STSAcceptSourceTokenIn post name=token;
    STSPassTargetTokenIn header name=X-Target&type=;
    STSPassTargetTokenIn query;
    STSPassTargetTokenIn post;
    STSPassTargetTokenIn cookie;
    STSPassTargetTokenIn environment;
";

fn start(scene: &Scene, location: &str) -> Nginx {
    let params = |directive| FASTCGI_PARAMS.replace("fastcgi_param", directive);
    let server = format!("location / {{ {CARRIED} STSOnError pass; {location} }}");
    let server = server.replace("fastcgi_script_name", "uri");
    let builder = scene.nginx().server(&server);
    builder
        .file("fastcgi_params", FASTCGI_PARAMS)
        .file("uwsgi_params", params("uwsgi_param").replace("$fastcgi_script_name", "$uri"))
        .file("scgi_params", params("scgi_param").replace("$fastcgi_script_name", "$uri"))
        .start()
}

/// A client that puts something of its own wherever it can.
fn forging(nginx: &Nginx, source: &str) -> Request {
    let uri = format!("/p%2Fq?access_token=forged&a=b&token={source}&access_token=forged");
    let body = format!("access_token=forged&c=d&token={source}");
    nginx
        .post(&uri, body)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Target", "forged")
        .header("Cookie", format!("sts_token=forged; e=f; session={source}"))
        .header("Sts-Token", "forged-as-a-header")
}

/// What any backend has to have got: its words for it differ.
struct Got {
    header: Option<String>,
    cookies: Option<String>,
    /// Path and query.
    uri: String,
    body: String,
    content_length: Option<String>,
    everything: String,
}

#[track_caller]
fn assert_carried(got: Got, source: &str, issued: bool) -> String {
    let Got { header, cookies, uri, body, content_length, everything } = got;
    let everything = everything.replace("forged-as-a-header", "");
    assert!(!everything.contains("forged"), "{everything}");
    assert!(!everything.contains(source), "{everything}");
    assert_eq!(content_length, Some(body.len().to_string()));
    let Some(target) = header else {
        assert!(!issued, "no token in {everything}");
        assert_eq!((uri.as_str(), body.as_str()), ("a=b", "c=d"));
        assert_eq!(cookies.as_deref(), Some("e=f"));
        return String::new();
    };
    assert!(issued && is_for(&target, source), "{target}");
    assert_eq!(uri, format!("access_token={target}&a=b"));
    assert_eq!(body, format!("access_token={target}&c=d"));
    assert_eq!(cookies, Some(format!("sts_token={target}; e=f")));
    target
}

/// A good token, and one that is refused and goes on without a target.
fn each_way(nginx: &Nginx, check: impl Fn(Response, &str, bool)) {
    for (source, issued) in [("the-source", true), ("refuse", false)] {
        check(forging(nginx, source).send(), source, issued);
    }
}

fn cgi(nginx: &Nginx) {
    each_way(nginx, |response, source, issued| {
        let seen = SeenUpstream::new(response);
        let got = Got {
            header: seen.parameter("HTTP_X_TARGET"),
            cookies: seen.parameter("HTTP_COOKIE"),
            uri: seen.parameter("QUERY_STRING").unwrap_or_default(),
            body: seen.body(),
            content_length: seen.parameter("CONTENT_LENGTH"),
            everything: seen.everything(),
        };
        let target = assert_carried(got, source, issued);
        assert_eq!(seen.parameter("STS_TOKEN"), Some(target));
        assert_eq!(seen.parameter("REQUEST_URI").as_deref(), Some("/p%2Fq?a=b"));
    });
}

#[test]
fn http() {
    let scene = Scene::new();
    let nginx = start(&scene, "proxy_pass %%BACKEND%%;");
    each_way(&nginx, |response, source, issued| {
        let seen = Seen::by_backend(response);
        let uri = seen.uri();
        let (_, query) = uri.split_once('?').expect("a query");
        let got = Got {
            header: seen.header("X-Target"),
            cookies: seen.header("Cookie"),
            uri: query.to_owned(),
            body: seen.body(),
            content_length: seen.header("Content-Length"),
            everything: format!("{uri} {} {:?}", seen.body(), seen.headers("Cookie")),
        };
        assert_carried(got, source, issued);
        if !issued {
            assert_eq!(uri, "/p%2Fq?a=b");
        }
    });
}

#[test]
fn fastcgi() {
    let (scene, php) = (Scene::new(), Php::start());
    let location = format!(
        "include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME {}/index.php;
        fastcgi_param STS_TOKEN $mod_sts_target_token;
        fastcgi_pass unix:{};",
        php.root().display(),
        php.socket().display(),
    );
    let nginx = start(&scene, &location);
    each_way(&nginx, |response, source, issued| {
        let seen = SeenByPhp::new(response);
        let got = Got {
            header: seen.server("HTTP_X_TARGET"),
            cookies: seen.server("HTTP_COOKIE"),
            uri: seen.server("QUERY_STRING").unwrap_or_default(),
            body: seen.body(),
            content_length: seen.server("CONTENT_LENGTH"),
            everything: seen.everything(),
        };
        let target = assert_carried(got, source, issued);
        assert_eq!(seen.server("STS_TOKEN"), Some(target.clone()));
        assert_eq!(seen.server("REQUEST_URI").as_deref(), Some("/p%2Fq?a=b"));
        let wanted = issued.then_some(target);
        assert_eq!(seen.query("access_token"), wanted);
        assert_eq!(seen.post("access_token"), wanted);
        assert_eq!(seen.cookie("sts_token"), wanted);
    });
}

#[test]
fn what_php_takes_for_the_name_of_a_token_does_not_reach_it() {
    let (scene, php) = (Scene::new(), Php::start());
    let location = format!(
        "include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME {}/index.php;
        fastcgi_pass unix:{};",
        php.root().display(),
        php.socket().display(),
    );
    let nginx = start(&scene, &location);
    for name in [
        "access_token",
        "access.token",
        "access%20token",
        "access+token",
        "+access_token",
        "%20access%5Ftoken",
        "access_token[]",
        "access_token[x]",
        "access.token[a][b]",
        "access_token%00",
        "access_token%00%5B",
        "access[token",
        "access%5Btoken",
    ] {
        for source in ["refuse", "the-source"] {
            let request = nginx
                .post(&format!("/?token={source}&{name}=forged"), format!("{name}=forged"))
                .header("Content-Type", "application/x-www-form-urlencoded");
            let seen = SeenByPhp::new(request.send());
            assert!(!seen.everything().contains("forged"), "{name}: {}", seen.everything());
        }
    }
    for name in [
        "sts_token",
        "sts.token",
        "sts%5Ftoken",
        " sts_token",
        "\u{b}sts_token",
        "sts_token[]",
        "sts.token[a]",
        "sts[token",
    ] {
        for source in ["refuse", "the-source"] {
            let request = nginx.get(&format!("/?token={source}"));
            let seen =
                SeenByPhp::new(request.header("Cookie", format!("a=b; {name}=forged")).send());
            assert!(!seen.everything().contains("forged"), "{name}: {}", seen.everything());
        }
    }
}

#[test]
fn uwsgi() {
    let (scene, upstream) = (Scene::new(), Upstream::uwsgi());
    let location = format!(
        "include uwsgi_params; uwsgi_param STS_TOKEN $mod_sts_target_token; uwsgi_pass {};",
        upstream.address()
    );
    cgi(&start(&scene, &location));
}

#[test]
fn scgi() {
    let (scene, upstream) = (Scene::new(), Upstream::scgi());
    let location = format!(
        "include scgi_params; scgi_param STS_TOKEN $mod_sts_target_token; scgi_pass {};",
        upstream.address()
    );
    cgi(&start(&scene, &location));
}

#[test]
fn grpc() {
    let (scene, upstream) = (Scene::new(), Upstream::grpc());
    let location = format!("grpc_pass grpc://{};", upstream.address());
    let nginx = start(&scene, &location);
    each_way(&nginx, |response, source, issued| {
        let seen = SeenUpstream::new(response);
        let path = seen.parameter(":path").unwrap_or_default();
        let (_, query) = path.split_once('?').expect("a query");
        let got = Got {
            header: seen.parameter("x-target"),
            cookies: seen.parameter("cookie"),
            uri: query.to_owned(),
            body: seen.body(),
            content_length: seen.parameter("content-length"),
            everything: seen.everything(),
        };
        assert_carried(got, source, issued);
        if !issued {
            assert_eq!(path, "/p%2Fq?a=b");
        }
    });
}

#[test]
fn grpc_streams_of_a_client_that_speaks_http_2() {
    let (scene, upstream) = (Scene::new(), Upstream::grpc());
    let server = format!(
        "server {{
            %%LISTEN_H2%%
            location / {{
                %%EXCHANGE%%
                STSAcceptSourceTokenIn header;
                STSPassTargetTokenIn header;
                grpc_pass grpc://{};
            }}
        }}",
        upstream.address()
    );
    let nginx = scene.nginx().http(&server).start();
    let mut connection = nginx.connect_http2();
    for user in ["alice", "bob"] {
        let bearer = format!("Bearer {user}");
        let headers =
            [("authorization", &*bearer), ("content-type", "application/grpc"), ("te", "trailers")];
        let mut stream = connection.post("/service/method", &headers);
        stream.send_body("a message");
        let seen = SeenUpstream::new(stream.response());
        let value = seen.parameter("authorization").unwrap_or_default();
        assert!(is_for(value.trim_start_matches("Bearer "), user), "{value}");
        assert_eq!(seen.body(), "a message");
    }
}
