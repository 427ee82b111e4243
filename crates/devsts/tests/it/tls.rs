//! TLS: which certificates are trusted, what is noted, what a failed handshake leaves.

use std::io::Write;
use std::net::TcpStream;

use devsts::pki::{Identity, Leaf};
use devsts::server::call::TlsInfo;
use devsts::{Client, Script, Sts, Tls};
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVersion};

use crate::wire::{End, LONG, Request, Wire, address, sts};

fn tls_sts(tls: Tls) -> Sts {
    Sts::builder().client(Client::new("otxclient", "2Federate")).tls(tls).start().unwrap()
}

fn localhost() -> Leaf {
    Leaf::server().dns("localhost").ip([127, 0, 0, 1])
}

/// A client that trusts this authority, and shows this certificate.
fn connect(
    sts: &Sts,
    ca: &Identity,
    name: &str,
    client: Option<&Identity>,
) -> Result<Wire<SslStream<TcpStream>>, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.cert_store_mut().add_cert(ca.certificate().to_owned()).unwrap();
    if let Some(client) = client {
        builder.set_certificate(client.certificate()).unwrap();
        builder.set_private_key(client.key()).unwrap();
    }
    let stream = TcpStream::connect(address(sts)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    builder.build().connect(name, stream).map(Wire).map_err(|error| error.to_string())
}

#[test]
fn a_good_certificate_is_trusted_and_the_name_is_noted() {
    let ca = Identity::authority("root");
    let server = ca.intermediate("between").issue(&localhost());
    let sts = tls_sts(Tls::new(server));
    assert_eq!(sts.endpoint_at("localhost"), format!("https://localhost:{}/token", sts.port()));
    for (name, sni) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let mut wire = connect(&sts, &ca, name, None).unwrap();
        assert_eq!(wire.ask(&Request::exchange("alice")).status, 200);
        let call = sts.calls().pop().unwrap();
        let expected = TlsInfo {
            version: "TLSv1.3".to_owned(),
            sni: sni.map(ToOwned::to_owned),
            client_subject: None,
            resumed: false,
        };
        assert_eq!(call.tls, Some(expected));
    }
}

#[test]
fn a_bad_certificate_is_not_trusted_and_no_request_is_sent() {
    let ca = Identity::authority("root");
    let between = ca.intermediate("between");
    let rows = [
        ("another root", Identity::authority("other").issue(&localhost())),
        ("the same name for another root", Identity::authority("root").issue(&localhost())),
        ("self-signed", Identity::self_signed(&localhost())),
        ("expired", ca.issue(&localhost().expired())),
        ("not yet valid", ca.issue(&localhost().not_yet_valid())),
        ("another name", ca.issue(&Leaf::server().dns("example.org"))),
        ("no name", ca.issue(&Leaf::server().common_name("elsewhere"))),
        ("a client's", ca.issue(&Leaf::client("localhost").dns("localhost"))),
        ("no chain", between.issue(&localhost()).without_chain()),
    ];
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for (what, server) in &rows {
            let sts = tls_sts(Tls::new(server.clone()).versions(version, version));
            assert!(connect(&sts, &ca, "localhost", None).is_err(), "{what}");
            assert!(sts.wait_for_connections(LONG, |now| now.tls_failed == 1), "{what}");
            let failures = sts.tls_failures();
            assert!(
                failures[0].received > 0 && failures[0].application == 0,
                "{what}: {failures:?}"
            );
            assert_eq!(sts.call_count(), 0, "{what}");
        }
    }
}

#[test]
fn a_request_in_clear_to_a_tls_port_is_noted() {
    let ca = Identity::authority("root");
    let sts = tls_sts(Tls::new(ca.issue(&localhost())));
    let mut wire = Wire::connect(&sts);
    wire.send(&Request::exchange("alice"));
    drop(wire);
    assert!(sts.wait_for_connections(LONG, |now| now.tls_failed == 1 && now.open == 0));
    assert!(sts.tls_failures()[0].application > 0);
    assert_eq!(sts.call_count(), 0);
}

#[test]
fn a_request_sent_before_the_handshake_is_over_is_noted() {
    let ca = Identity::authority("root");
    let tls = Tls::new(ca.issue(&localhost())).require_client(&ca);
    let sts = tls_sts(tls.versions(SslVersion::TLS1_3, SslVersion::TLS1_3));
    // The client holds the handshake for done, since under TLS 1.3 it has the last word.
    let mut wire = connect(&sts, &ca, "localhost", None).unwrap();
    wire.send(&Request::exchange("alice"));
    drop(wire);
    assert!(sts.wait_for_connections(LONG, |now| now.tls_failed == 1));
    assert!(sts.tls_failures()[0].application > 100, "{:?}", sts.tls_failures());
    assert_eq!(sts.call_count(), 0);
}

#[test]
fn a_client_certificate_can_be_demanded() {
    let ca = Identity::authority("root");
    let good = ca.issue(&Leaf::client("gateway"));
    let bad = Identity::authority("other").issue(&Leaf::client("gateway"));
    let server = ca.issue(&localhost());
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let sts = tls_sts(Tls::new(server.clone()).require_client(&ca).versions(version, version));
        let mut wire = connect(&sts, &ca, "localhost", Some(&good)).unwrap();
        assert_eq!(wire.ask(&Request::exchange("alice")).status, 200);
        let info = sts.calls()[0].tls.clone().unwrap();
        assert_eq!(info.client_subject.as_deref(), Some("gateway"));
        for client in [None, Some(&bad)] {
            // Under TLS 1.3 the client learns of it only when it reads.
            let _ = connect(&sts, &ca, "localhost", client).map(drop);
        }
        assert!(sts.wait_for_connections(LONG, |now| now.tls_failed == 2));
        assert_eq!(sts.call_count(), 1);
    }
    let sts = tls_sts(Tls::new(server).ask_client(&ca));
    let mut wire = connect(&sts, &ca, "localhost", None).unwrap();
    assert_eq!(wire.ask(&Request::exchange("alice")).status, 200);
}

#[test]
fn an_orderly_close_says_so_and_a_truncation_does_not() {
    let ca = Identity::authority("root");
    let sts = tls_sts(Tls::new(ca.issue(&localhost())));
    let answer = devsts::Answer::new(200).body("x").until_close();
    sts.script(devsts::When::call(1), Script::new().answer(answer.clone()));
    sts.script(devsts::When::call(2), Script::new().answer(answer).truncate());
    let mut wire = connect(&sts, &ca, "localhost", None).unwrap();
    wire.send(&Request::exchange("alice"));
    assert_eq!(wire.rest(), (b"HTTP/1.1 200 OK\r\n\r\nx".to_vec(), End::Closed));
    let mut wire = connect(&sts, &ca, "localhost", None).unwrap();
    wire.send(&Request::exchange("alice"));
    wire.exactly(20);
    let mut byte = [0];
    let error = wire.0.ssl_read(&mut byte).unwrap_err();
    assert_ne!(error.code(), openssl::ssl::ErrorCode::ZERO_RETURN);
}

#[test]
fn a_connection_can_end_before_and_in_the_handshake() {
    let ca = Identity::authority("root");
    let sts = tls_sts(Tls::new(ca.issue(&localhost())));
    sts.on_accept(Some(1), Script::new().reset());
    sts.on_accept(Some(2), Script::new().read(5).close());
    sts.on_accept(Some(3), Script::new().send("HTTP/1.1 400 Bad Request\r\n\r\n").close());
    for _ in 0..3 {
        assert!(connect(&sts, &ca, "localhost", None).is_err());
    }
    // What came during a pause before the handshake is not lost to it.
    sts.on_accept(Some(4), Script::new().wait(std::time::Duration::from_millis(50)));
    let mut wire = connect(&sts, &ca, "localhost", None).unwrap();
    assert_eq!(wire.ask(&Request::exchange("alice")).status, 200);
}

#[test]
fn identities_can_be_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Identity::authority("root");
    let (certificate, key) = ca.intermediate("i").issue(&localhost()).write(directory.path(), "s");
    let sts = tls_sts(Tls::from_files(&certificate, &key).unwrap());
    assert!(connect(&sts, &ca, "localhost", None).is_ok());
    assert!(Tls::from_files(&key, &certificate).is_err());
}

#[test]
fn a_plain_sts_is_no_tls_server() {
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    wire.0.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).unwrap();
    assert!(wire.rest().0.starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn a_client_is_known_by_its_certificate_only_if_it_is_its_own() {
    let ca = Identity::authority("root");
    let tls = Tls::new(ca.issue(&localhost())).ask_client(&ca);
    let known = Client::with_certificate("shop", "the shop");
    let sts = Sts::builder().client(known).tls(tls).start().unwrap();
    let bare = || Request::exchange("x").without_header("Authorization");
    let shop = ca.issue(&Leaf::client("the shop"));
    let other = ca.issue(&Leaf::client("another"));
    for (shown, id, status) in [
        (Some(&shop), "shop", 200),
        (Some(&other), "shop", 401),
        (None, "shop", 401),
        (Some(&shop), "the shop", 401),
    ] {
        let mut wire = connect(&sts, &ca, "localhost", shown).unwrap();
        assert_eq!(wire.ask(&bare().with("client_id", id)).status, status, "{id}");
    }
    let mut wire = connect(&sts, &ca, "localhost", Some(&shop)).unwrap();
    assert_eq!(wire.ask(&bare()).status, 401, "RFC 8705 section 2: client_id has to be there");
    // A certificate of another authority does not get as far as that.
    let foreign = Identity::authority("root").issue(&Leaf::client("the shop"));
    let refused = match connect(&sts, &ca, "localhost", Some(&foreign)) {
        Err(_) => true,
        Ok(mut wire) => {
            // With TLS 1.3 the server's refusal comes after the client's handshake.
            let _ = wire.0.write_all(&bare().with("client_id", "shop").bytes());
            std::io::Read::read(&mut wire.0, &mut [0]).map_or(true, |read| read == 0)
        }
    };
    assert!(refused);
}
