//! How the gateway authenticates at the STS: each grant, with each method, with and without TLS.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Method, Sts, Tls};
use e2e::nginx::Builder;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;

const SECRET: &str = "s3cr3t & more + 100% of it";
/// The same in an option string.
const ENCODED: &str = "s3cr3t+%26+more+%2B+100%25+of+it";

fn keys() -> Vec<(&'static str, PKey<Private>)> {
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    vec![
        ("rs256", PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()),
        ("es256", curve(Nid::X9_62_PRIME256V1)),
        ("es384", curve(Nid::SECP384R1)),
        ("es512", curve(Nid::SECP521R1)),
        ("eddsa", PKey::generate_ed25519().unwrap()),
    ]
}

fn private_pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}

fn public_pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.public_key_to_pem().unwrap()).unwrap()
}

/// An RSA key as a JWK that says with which algorithm it signs, and what it is called.
fn jwk(key: &PKey<Private>, algorithm: &str, id: &str) -> String {
    let rsa = key.rsa().unwrap();
    let encode = |number: &openssl::bn::BigNumRef| {
        let text = openssl::base64::encode_block(&number.to_vec());
        text.replace('+', "-").replace('/', "_").replace(['=', '\n'], "")
    };
    let (n, e, d) = (encode(rsa.n()), encode(rsa.e()), encode(rsa.d()));
    format!(
        r#"{{"kty":"RSA","use":"sig","alg":"{algorithm}","kid":"{id}","n":"{n}","e":"{e}","d":"{d}"}}"#
    )
}

/// A way to authenticate: its name, the method with its options, and the `client_id` of the
/// directive where the method has none.
struct Way {
    name: String,
    auth: String,
    client_id: &'static str,
}

impl Way {
    fn new(name: &str, auth: &str) -> Self {
        Self { name: name.to_owned(), auth: auth.to_owned(), client_id: "" }
    }
}

/// What the STS knows, and the ways to prove it.
fn ways() -> (Vec<Client>, Vec<(String, String)>, Vec<Way>) {
    let mut clients = vec![Client::new("shop", SECRET), Client::public("public")];
    let mut files = vec![("secret".to_owned(), format!("{SECRET}\n"))];
    let mut ways = vec![
        Way { client_id: "public", ..Way::new("none", "none") },
        Way::new("basic", &format!("basic username=shop&password={ENCODED}")),
        Way::new("basic-file", "basic username=shop&password_file=secret"),
    ];
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
        let inline = format!("{method} client_id=shop&client_secret={ENCODED}");
        ways.push(Way::new(method, &inline));
        let file = format!("{method} client_id=shop&client_secret_file=secret");
        ways.push(Way::new(&format!("{method}-file"), &file));
    }
    for (name, key) in keys() {
        clients.push(Client::with_key(name, &public_pem(&key)).unwrap());
        files.push((format!("{name}.pem"), private_pem(&key)));
        let auth = format!("private_key_jwt client_id={name}&jwk_file={name}.pem");
        ways.push(Way::new(name, &auth));
    }
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    for algorithm in ["RS384", "PS256", "PS512"] {
        let client = Client::with_key(algorithm, &public_pem(&rsa)).unwrap();
        clients.push(client.key_id(&format!("key-{algorithm}")));
        let jwk = jwk(&rsa, algorithm, &format!("key-{algorithm}"));
        let inline: String = jwk.bytes().map(|byte| format!("%{byte:02X}")).collect();
        files.push((format!("{algorithm}.jwk"), jwk));
        let file = format!("private_key_jwt client_id={algorithm}&jwk_file={algorithm}.jwk");
        ways.push(Way::new(algorithm, &file));
        let inline = format!("private_key_jwt client_id={algorithm}&jwk={inline}");
        ways.push(Way::new(&format!("{algorithm}-inline"), &inline));
    }
    (clients, files, ways)
}

fn with_files(builder: Builder, files: &[(String, String)]) -> Builder {
    files.iter().fold(builder, |builder, (name, content)| builder.file(name, content.as_bytes()))
}

/// The grants: type, prefix of the directives, the directives that only one of them has.
const GRANTS: [(&str, &str, &str); 3] =
    [("otx", "STSOTX", ""), ("ropc", "STSROPC", "STSROPCUsername dummy;"), ("cc", "STSCC", "")];

/// Two locations for a grant and a way: one in each syntax.
fn locations(number: usize, grant: (&str, &str, &str), way: &Way) -> String {
    let (kind, prefix, more) = grant;
    let id = way.client_id;
    let client_id = if id.is_empty() { String::new() } else { format!("{prefix}ClientID {id};") };
    let (method, options) = way.auth.split_once(' ').unwrap_or((&way.auth, ""));
    let mut string = format!("auth={method}");
    for option in [options, &more.replace("STSROPCUsername ", "username=").replace(';', "")] {
        // With `basic` one user name serves both.
        let is_second = method == "basic" && option.starts_with("username=d");
        if !option.is_empty() && !is_second {
            string = format!("{string}&{option}");
        }
    }
    if !id.is_empty() {
        string = format!("{string}&client_id={id}");
    }
    format!(
        "location /directives/{number} {{
            STSType {kind};
            {prefix}Endpoint %%STS%%;
            {prefix}EndpointAuth {};
            {client_id} {more}
            STSVariables $source_token $target_token;
            %%PASS%%
        }}
        location /option/{number} {{
            STSExchange {kind} %%STS%% \"{string}\";
            STSVariables $source_token $target_token;
            %%PASS%%
        }}
        ",
        way.auth,
    )
}

/// Every grant with every way, on this STS.
fn each_grant_with_each_way(
    sts: devsts::sts::Builder,
    directives: &str,
    more: &[(String, String)],
) {
    let (clients, files, ways) = ways();
    let sts = clients.into_iter().fold(sts, |sts, client| sts.client(client));
    let scene = Scene::with(sts);
    let mut cases = Vec::new();
    let mut server = String::from(directives);
    for grant in GRANTS {
        for way in &ways {
            let number = cases.len();
            server += &locations(number, grant, way);
            cases.push((grant.0, way, number));
        }
    }
    let builder = with_files(with_files(scene.nginx(), &files), more).server(&server);
    let nginx = builder.set("STS", scene.sts.endpoint()).forbid_in_log("s3cr3t").start();

    let problems = in_parallel(4, cases.len(), |at| {
        let (grant, way, number) = cases.get(at)?;
        ["directives", "option"].into_iter().find_map(|syntax| {
            // The source differs: else the same call of the other syntax would be shared.
            let source = format!("{syntax}-{number}");
            let response = nginx.get(&format!("/{syntax}/{number}")).bearer(&source).send();
            // Only a client that authenticates gets a token of its own.
            let expected = if *grant == "cc" && way.name == "none" { 502 } else { 200 };
            if response.status != expected {
                return Some(format!("{grant} {} {syntax}: {}", way.name, response.status));
            }
            if expected != 200 {
                return None;
            }
            let token = Seen::by_backend(response).token();
            let of_client = || way.auth.split(['=', '&']).nth(1).unwrap_or_default().to_owned();
            let source = if *grant == "cc" { of_client() } else { source };
            (!devsts::is_for(&token, &source))
                .then(|| format!("{grant} {} {syntax}: {token} for {source}", way.name))
        })
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n"), nginx.error_log());
    scene.sts.calls().iter().for_each(|call| {
        assert!(
            call.parameter("client_secret").is_none() || call.header("authorization").is_none()
        );
    });
}

#[test]
fn each_grant_goes_with_each_way_in_both_syntaxes() {
    each_grant_with_each_way(Sts::builder(), "", &[]);
}

#[test]
fn each_grant_goes_with_each_way_over_tls() {
    let ca = Identity::authority("the CA");
    let sts = Sts::builder().tls(Tls::new(ca.issue(&Leaf::server().ip([127, 0, 0, 1]))));
    let directives = "STSSSLTrustedCertificate ca.pem;";
    each_grant_with_each_way(sts, directives, &[("ca.pem".to_owned(), ca.certificate_pem())]);
}

/// An STS that demands a certificate of its CA, and what a client has of it.
struct Mutual {
    ca: Identity,
    scene: Scene,
}

impl Mutual {
    fn new() -> Self {
        let ca = Identity::authority("the CA");
        let server = ca.issue(&Leaf::server().ip([127, 0, 0, 1]));
        let scene = Scene::with(
            Sts::builder()
                .tls(Tls::new(server).require_client(&ca))
                .client(Client::with_certificate("one", "first"))
                .client(Client::with_certificate("two", "second")),
        );
        Self { ca, scene }
    }

    fn nginx(&self) -> Builder {
        let between = self.ca.intermediate("between");
        let mut builder = self.scene.nginx().file("ca.pem", self.ca.certificate_pem());
        for name in ["first", "second"] {
            let identity = between.issue(&Leaf::client(name));
            builder = builder
                .file(&format!("{name}.crt"), identity.certificate_pem())
                .file(&format!("{name}.key"), identity.key_pem());
        }
        builder
    }
}

#[test]
fn each_grant_goes_with_a_certificate_in_both_syntaxes() {
    let mutual = Mutual::new();
    let way = Way {
        client_id: "one",
        ..Way::new("client_cert", "client_cert cert=first.crt&key=first.key")
    };
    let mut server = String::from("STSSSLTrustedCertificate ca.pem;");
    for (number, grant) in GRANTS.into_iter().enumerate() {
        server += &locations(number, grant, &way);
    }
    let nginx = mutual.nginx().server(&server).start();

    for (number, (grant, ..)) in GRANTS.into_iter().enumerate() {
        for syntax in ["directives", "option"] {
            let source = format!("{syntax}-{number}");
            let response = nginx.get(&format!("/{syntax}/{number}")).bearer(&source).send();
            let token = Seen::by_backend(response).token();
            let source = if grant == "cc" { "one".to_owned() } else { source };
            assert!(devsts::is_for(&token, &source), "{grant} {syntax}");
        }
    }
    for call in mutual.scene.sts.calls() {
        let shown = call.tls.as_ref().and_then(|tls| tls.client_subject.as_deref());
        assert_eq!(shown, Some("first"));
        assert_eq!(call.parameter("client_id"), Some("one"));
    }
}

#[test]
fn connections_and_sessions_of_one_certificate_are_never_used_for_another() {
    let mutual = Mutual::new();
    let location = |path: &str, id: &str, name: &str| {
        format!(
            "location /{path} {{
                STSExchange otx %%STS%% auth=client_cert&cert={name}.crt&key={name}.key&client_id={id}&cache.expiry=0;
                STSVariables $source_token $target_token;
                %%PASS%%
            }}"
        )
    };
    let server = format!(
        "STSSSLTrustedCertificate ca.pem; {} {} {}",
        location("one", "one", "first"),
        location("two", "two", "second"),
        location("liar", "two", "first"),
    );
    let nginx = mutual.nginx().server(&server).start();

    for _ in 0..5 {
        nginx.get("/one").bearer("alice").send().expect_status(200);
        nginx.get("/two").bearer("alice").send().expect_status(200);
        nginx.get("/liar").bearer("alice").send().expect_status(502);
    }
    let calls = mutual.scene.sts.calls();
    assert_eq!(calls.len(), 15);
    for call in &calls {
        let shown = call.tls.as_ref().and_then(|tls| tls.client_subject.clone());
        let expected = if call.parameter("client_id") == Some("two") && call.number % 3 == 2 {
            "second"
        } else {
            "first"
        };
        assert_eq!(shown.as_deref(), Some(expected), "call {}", call.number);
    }
    // One connection for each certificate is enough, and is kept.
    let connections: std::collections::BTreeSet<u64> =
        calls.iter().map(|call| call.connection).collect();
    assert_eq!(connections.len(), 2, "{connections:?}");
}

#[test]
fn an_sts_that_demands_a_certificate_gets_none_from_an_exchange_without() {
    let mutual = Mutual::new();
    let server = "location / {
        STSSSLTrustedCertificate ca.pem;
        STSExchange otx %%STS%% client_id=one;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = mutual.nginx().server(server).start();

    nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(mutual.scene.sts.call_count(), 0);
}

#[test]
fn an_assertion_is_for_the_audience_that_the_operator_names() {
    let key = PKey::generate_ed25519().unwrap();
    let client = Client::with_key("signer", &public_pem(&key)).unwrap();
    let scene = Scene::with(Sts::builder().client(client));
    let server = "location /default {
        STSExchange otx %%STS%% auth=private_key_jwt&client_id=signer&jwk_file=key.pem;
        STSVariables $source_token $target_token;
        %%PASS%%
    }
    location /other {
        STSExchange otx %%STS%% auth=private_key_jwt&client_id=signer&jwk_file=key.pem&aud=https://elsewhere.example;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().file("key.pem", private_pem(&key)).server(server).start();

    nginx.get("/default").bearer("alice").send().expect_status(200);
    nginx.get("/other").bearer("alice").send().expect_status(502);
}

#[test]
fn no_assertion_is_sent_twice() {
    let key = PKey::generate_ed25519().unwrap();
    let client = Client::with_key("signer", &public_pem(&key)).unwrap();
    let scene = Scene::with(Sts::builder().client(client));
    let server = "location / {
        STSExchange otx %%STS%% auth=private_key_jwt&client_id=signer&jwk_file=key.pem&cache.expiry=0;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().file("key.pem", private_pem(&key)).workers(2).server(server).start();

    let statuses = in_parallel(4, 40, |_| nginx.get("/").bearer("alice").send().status);
    assert_eq!(statuses, [200; 40]);
    let calls = scene.sts.calls();
    let mut sent: Vec<_> = calls.iter().map(|call| call.parameter("client_assertion")).collect();
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), 40);
}

#[test]
fn the_certificate_beside_a_key_is_named_in_the_assertion() {
    let signer = Identity::authority("the CA").issue(&Leaf::client("signer"));
    let client = Client::with_key("signer", &signer.certificate_pem()).unwrap();
    let client = client.methods([Method::PrivateKeyJwt]);
    let scene = Scene::with(Sts::builder().client(client));
    let server = "location / {
        STSExchange otx %%STS%% auth=private_key_jwt&client_id=signer&jwk_file=both.pem;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let both = format!("{}{}", signer.key_pem(), signer.certificate_pem());
    let nginx = scene.nginx().file("both.pem", both).server(server).start();

    nginx.get("/").bearer("alice").send().expect_status(200);
}
