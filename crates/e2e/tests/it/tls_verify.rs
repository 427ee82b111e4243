//! TLS towards the STS: which server is trusted, by which settings, and what a later connection
//! remembers.

use std::net::{IpAddr, Ipv4Addr};

use devsts::pki::{Identity, Leaf};
use devsts::{Sts, Tls};
use e2e::nginx::Builder;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::DEADLINE;
use openssl::ssl::SslVersion;

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn here() -> Leaf {
    Leaf::server().ip(Ipv4Addr::LOCALHOST)
}

fn speaking(identity: Identity, version: SslVersion) -> Tls {
    Tls::new(identity).versions(version, version)
}

/// A location with the usual exchange and these directives more.
fn location(more: &str) -> String {
    format!("location / {{ %%OTX%% {more} %%PASS%% }}")
}

/// An NGINX that trusts this authority, and has these directives more.
fn trusting(scene: &Scene, ca: &Identity, more: &str) -> Builder {
    let more = format!("STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {more}");
    scene.nginx().file("ca.pem", ca.certificate_pem()).server(&location(&more))
}

/// Nothing that was encrypted for it has reached this STS.
#[track_caller]
fn assert_silent(scene: &Scene, what: &str) {
    assert_eq!(scene.sts.call_count(), 0, "{what}");
    assert!(scene.sts.bad_requests().is_empty(), "{what}");
    for failure in scene.sts.tls_failures() {
        assert_eq!(failure.application, 0, "{what}: {failure:?}");
    }
    assert!(scene.backend.requests().is_empty(), "{what}");
}

#[test]
fn only_a_certificate_that_is_right_in_everything_is_accepted() {
    let (good, bad) = (Identity::authority("the CA"), Identity::authority("the CA"));
    let subjects = [
        ("right-name", Leaf::server().dns("localhost")),
        ("right-address", here()),
        ("wrong-name", Leaf::server().dns("elsewhere.example")),
        ("wrong-address", Leaf::server().ip([127, 0, 0, 9])),
    ];
    type Time = fn(Leaf) -> Leaf;
    let times: [(&str, Time); 3] =
        [("now", |leaf| leaf), ("over", Leaf::expired), ("later", Leaf::not_yet_valid)];
    let (mut scenes, mut cases) = (Vec::new(), Vec::new());
    for version in BOTH {
        for (issuer, ca) in [("good", Some(&good)), ("bad", Some(&bad)), ("self", None)] {
            for (subject, leaf) in &subjects {
                for (time, change) in times {
                    let leaf = change(leaf.clone());
                    let identity =
                        ca.map_or_else(|| Identity::self_signed(&leaf), |ca| ca.issue(&leaf));
                    let scene = Scene::with(Sts::builder().tls(speaking(identity, version)));
                    let valid = issuer == "good" && time == "now";
                    for host in ["localhost", "127.0.0.1"] {
                        let fits = match host {
                            "localhost" => *subject == "right-name",
                            _ => *subject == "right-address",
                        };
                        let what = format!("{version:?}-{issuer}-{subject}-{time}-{host}");
                        cases.push((what, scene.sts.endpoint_at(host), valid && fits));
                    }
                    scenes.push(scene);
                }
            }
        }
    }
    let mut server = String::from("STSSSLTrustedCertificate %%PREFIX%%/ca.pem;");
    for (number, (_, endpoint, _)) in cases.iter().enumerate() {
        server.push_str(&format!(
            "location /{number} {{
                STSType otx;
                STSOTXEndpoint {endpoint};
                STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
                STSVariables $source_token $target_token;
                %%PASS%%
            }}"
        ));
    }
    let nginx = scenes[0].nginx().file("ca.pem", good.certificate_pem()).server(&server).start();
    in_parallel(16, cases.len(), |number| {
        let (what, _, accepted) = &cases[number];
        let user = format!("user-{number}");
        let response = nginx.get(&format!("/{number}")).bearer(&user).send();
        assert_eq!(response.status, if *accepted { 200 } else { 502 }, "{what}");
        if *accepted {
            assert_exchanged(response, &user);
        }
    });
    // Two cases for each STS, one after the other.
    for (scene, pair) in scenes.iter().zip(cases.chunks(2)) {
        let accepted = pair.iter().filter(|(_, _, accepted)| *accepted).count();
        assert_eq!(scene.sts.call_count(), accepted as u64, "{}", pair[0].0);
        for failure in scene.sts.tls_failures() {
            assert_eq!(failure.application, 0, "{}: {failure:?}", pair[0].0);
        }
        assert!(scene.sts.bad_requests().is_empty());
    }
}

#[test]
fn a_revoked_certificate_is_not_trusted() {
    let ca = Identity::authority("the CA");
    for version in BOTH {
        let (good, bad) = (ca.issue(&here()), ca.issue(&here()));
        let list = ca.revocation_list(&[&bad]);
        for (what, identity, list, accepted) in [
            ("another is revoked", good.clone(), list.clone(), true),
            ("it is revoked", bad.clone(), list, false),
            ("none is revoked", bad, ca.revocation_list(&[]), true),
            // Where a list is configured, it has to be one of this authority.
            (
                "no list of its authority",
                good,
                Identity::authority("x").revocation_list(&[]),
                false,
            ),
        ] {
            let scene = Scene::with(Sts::builder().tls(speaking(identity, version)));
            let more = "STSSSLCRL %%PREFIX%%/crl.pem;";
            let nginx = trusting(&scene, &ca, more).file("crl.pem", list).start();
            let response = nginx.get("/").bearer("alice").send();
            if accepted {
                assert_exchanged(response, "alice");
            } else {
                assert_eq!(response.status, 502, "{what}");
                assert_silent(&scene, what);
            }
        }
    }
}

#[test]
fn a_certificate_by_a_revoked_authority_is_not_trusted() {
    let ca = Identity::authority("the CA");
    let between = ca.intermediate("between");
    let scene = Scene::with(Sts::builder().tls(Tls::new(between.issue(&here()))));
    for (revoked, status) in [(vec![], 200), (vec![&between], 502)] {
        let lists = ca.revocation_list(&revoked) + &between.revocation_list(&[]);
        let more = "STSSSLCRL %%PREFIX%%/crl.pem;";
        let nginx = trusting(&scene, &ca, more).file("crl.pem", lists).start();
        nginx.get("/").bearer("alice").send().expect_status(status);
    }
}

#[test]
fn a_file_of_revoked_certificates_that_is_none_is_refused_at_the_start() {
    let scene = Scene::new();
    let ca = Identity::authority("the CA");
    let endpoint = format!("https://127.0.0.1:{}/token", scene.sts.port());
    for name in ["nginx.conf", "no-such-file.pem"] {
        let more = format!("STSSSLCRL %%PREFIX%%/{name};");
        let checked = trusting(&scene, &ca, &more).set("STS", &endpoint).check();
        assert!(!checked.ok, "{name}");
        assert!(checked.output.contains("STSSSLCRL"), "{}", checked.output);
    }
}

#[test]
fn only_the_protocols_that_are_asked_for_are_spoken() {
    let ca = Identity::authority("the CA");
    let identity = || ca.issue(&here());
    let rows = [
        ("", None, "TLSv1.3"),
        ("", Some(SslVersion::TLS1_2), "TLSv1.2"),
        ("STSSSLProtocols TLSv1.2;", None, "TLSv1.2"),
        ("STSSSLProtocols TLSv1.3;", None, "TLSv1.3"),
        ("STSSSLProtocols TLSv1.2 TLSv1.3;", Some(SslVersion::TLS1_2), "TLSv1.2"),
        ("STSSSLProtocols TLSv1.3;", Some(SslVersion::TLS1_2), ""),
        ("STSSSLProtocols TLSv1.2;", Some(SslVersion::TLS1_3), ""),
    ];
    for (more, spoken, agreed) in rows {
        let tls = match spoken {
            Some(version) => speaking(identity(), version),
            None => Tls::new(identity()),
        };
        let scene = Scene::with(Sts::builder().tls(tls));
        let nginx = trusting(&scene, &ca, more).start();
        let response = nginx.get("/").bearer("alice").send();
        if agreed.is_empty() {
            response.expect_status(502);
            assert_silent(&scene, more);
        } else {
            assert_exchanged(response, "alice");
            assert_eq!(scene.only_call().tls.as_ref().expect("TLS").version, agreed, "{more}");
        }
    }
}

#[test]
fn only_the_ciphers_that_are_asked_for_are_used() {
    let ca = Identity::authority("the CA");
    let (aes, chacha) = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305");
    for (ours, theirs, status) in
        [(aes, aes, 200), (chacha, chacha, 200), (aes, chacha, 502), (chacha, aes, 502)]
    {
        let tls = speaking(ca.issue(&here()), SslVersion::TLS1_2).cipher_list(theirs);
        let scene = Scene::with(Sts::builder().tls(tls));
        let nginx = trusting(&scene, &ca, &format!("STSSSLCiphers {ours};")).start();
        nginx.get("/").bearer("alice").send().expect_status(status);
        if status == 502 {
            assert_silent(&scene, ours);
        }
    }
}

#[test]
fn an_sts_without_any_certificate_is_not_trusted() {
    let ca = Identity::authority("the CA");
    let anonymous = "aNULL:@SECLEVEL=0";
    let tls = speaking(ca.issue(&here()), SslVersion::TLS1_2).cipher_list(anonymous);
    let scene = Scene::with(Sts::builder().tls(tls));
    let more = format!("STSSSLCiphers {anonymous}; STSSSLProtocols TLSv1.2; STSKeepalive 0;");
    let nginx = trusting(&scene, &ca, &more).start();
    for number in 0..3 {
        nginx.get("/").bearer(format!("user-{number}")).send().expect_status(502);
    }
    assert_silent(&scene, "no certificate");
    // It is the missing certificate, and not that they found no cipher.
    assert!(!scene.sts.handshakes().is_empty());
    assert!(!scene.sts.handshakes().iter().any(|tls| tls.resumed));
    nginx.wait_for_log("no certificate");
}

#[test]
fn ciphers_that_there_are_not_are_refused_at_the_start() {
    let scene = Scene::new();
    let endpoint = format!("https://127.0.0.1:{}/token", scene.sts.port());
    let nginx = scene.nginx().server(&location("STSSSLCiphers NOTHING-LIKE-IT;"));
    let checked = nginx.set("STS", endpoint).check();
    assert!(!checked.ok);
    assert!(checked.output.contains("STSSSLCiphers"), "{}", checked.output);
}

#[test]
fn a_new_connection_resumes_the_session_of_the_last_one() {
    let ca = Identity::authority("the CA");
    for version in BOTH {
        let scene = Scene::with(Sts::builder().tls(speaking(ca.issue(&here()), version)));
        let nginx = trusting(&scene, &ca, "STSKeepalive 0;").start();
        for number in 0..6 {
            let user = format!("user-{number}");
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        }
        let resumed: Vec<_> = scene.sts.handshakes().iter().map(|tls| tls.resumed).collect();
        assert_eq!(resumed, [false, true, true, true, true, true], "{version:?}");
    }
}

#[test]
fn a_session_is_not_resumed_with_other_settings() {
    let ca = Identity::authority("the CA");
    for version in BOTH {
        let leaf = here().dns("localhost");
        let scene = Scene::with(Sts::builder().tls(speaking(ca.issue(&leaf), version)));
        let server = "
            STSKeepalive 0;
            STSType otx;
            STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
            STSVariables $source_token $target_token;
            location /lax { STSOTXEndpoint %%STS%%; STSSSLValidateServer Off; %%PASS%% }
            location /ca { STSOTXEndpoint %%STS%%; STSSSLTrustedCertificate %%PREFIX%%/ca.pem; %%PASS%% }
            location /copy { STSOTXEndpoint %%STS%%; STSSSLTrustedCertificate %%PREFIX%%/copy.pem; %%PASS%% }
            location /name { STSOTXEndpoint %%NAME%%; STSSSLTrustedCertificate %%PREFIX%%/ca.pem; %%PASS%% }
            location /crl {
                STSOTXEndpoint %%STS%%;
                STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
                STSSSLCRL %%PREFIX%%/crl.pem;
                %%PASS%%
            }";
        let nginx = scene.nginx().server(server).set("NAME", scene.sts.endpoint_at("localhost"));
        let nginx = nginx.file("ca.pem", ca.certificate_pem());
        let nginx = nginx.file("copy.pem", ca.certificate_pem());
        let nginx = nginx.file("crl.pem", ca.revocation_list(&[])).start();
        let paths = ["/lax", "/ca", "/copy", "/name", "/crl"];
        for round in ["first", "second"] {
            for path in paths {
                let user = format!("{round}-{}", &path[1..]);
                assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
            }
        }
        let resumed: Vec<_> = scene.sts.handshakes().iter().map(|tls| tls.resumed).collect();
        assert_eq!(resumed, [[false; 5], [true; 5]].concat(), "{version:?}");
    }
}

#[test]
fn the_session_of_a_certificate_that_was_refused_is_not_resumed() {
    let ca = Identity::authority("the CA");
    let expired = ca.issue(&here().expired());
    for version in BOTH {
        let scene = Scene::with(Sts::builder().tls(speaking(expired.clone(), version)));
        let nginx = trusting(&scene, &ca, "STSKeepalive 0;").start();
        in_parallel(4, 12, |number| {
            nginx.get("/").bearer(format!("user-{number}")).send().expect_status(502);
        });
        assert_silent(&scene, "expired");
        let resumed = |tls: &devsts::server::call::TlsInfo| tls.resumed;
        assert!(!scene.sts.handshakes().iter().any(resumed), "{version:?}");
    }
}

#[test]
fn an_answer_that_has_another_one_in_its_last_record_does_not_reach_the_next_request() {
    let ca = Identity::authority("the CA");
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                    Content-Length: 25\r\n\r\n{\"access_token\":\"smuggled\"}";
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&here()))));
    // Whatever the size of the buffer that is read into, it is full at the end of one of these.
    let sizes: Vec<usize> = (1..=16).map(|kib| kib * 1024).chain([3000, 8191, 8193]).collect();
    for size in &sizes {
        let body = r#"{"access_token":"T","token_type":"Bearer","expires_in":0}"#;
        let head = |length: usize| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        let length = size - head(*size).len();
        let answer = format!("{}{body:length$}", head(length));
        let excess = size - answer.len();
        let answer = answer.replacen(
            "HTTP/1.1 200 OK",
            &format!("HTTP/1.1 200 OK{}", " ".repeat(excess)),
            1,
        );
        let script = devsts::Script::new().send(format!("{answer}{smuggled}"));
        scene.sts.script(devsts::When::subject(format!("size-{size}")), script);
    }
    let nginx = trusting(&scene, &ca, "").start();
    for size in sizes {
        nginx.get("/").bearer(format!("size-{size}")).send().expect_status(200);
        let user = format!("after-{size}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
}

#[test]
fn a_handshake_that_is_cut_off_anywhere_is_a_bad_gateway() {
    let ca = Identity::authority("the CA");
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&here()))));
    let nginx = trusting(&scene, &ca, "STSHTTPTimeOut 5;").start();
    let mut connection = 0;
    for bytes in [0, 1, 5, 100, 200] {
        for script in
            [devsts::Script::new().read(bytes).close(), devsts::Script::new().read(bytes).reset()]
        {
            // The call, and the one time that it is tried again.
            for _ in 0..2 {
                connection += 1;
                scene.sts.on_accept(Some(connection), script.clone());
            }
            let user = format!("user-{connection}");
            nginx.get("/").bearer(user).send().expect_status(502);
        }
    }
    assert_silent(&scene, "cut off");
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert!(scene.sts.wait_for_connections(DEADLINE, |now| now.open <= 1));
}

#[test]
fn an_address_in_the_certificate_may_be_of_either_family() {
    let ca = Identity::authority("the CA");
    let addresses: [IpAddr; 2] = ["::1".parse().expect("an address"), Ipv4Addr::LOCALHOST.into()];
    for address in addresses {
        let leaf = Leaf::server().ip(address);
        let tls = Tls::new(ca.issue(&leaf));
        let listen = devsts::Listen::tcp(address, 0);
        let scene = Scene::with(Sts::builder().listen(listen).tls(tls));
        let nginx = trusting(&scene, &ca, "").start();
        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    }
}
