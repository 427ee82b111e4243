//! Client assertions as rfc7523bis has them, and as the servers before it want them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use devsts::{Client, Sts};
use e2e::nginx::Builder;
use e2e::scene::{Scene, assert_exchanged};
use openssl::pkey::{PKey, Private};

const ISSUER: &str = "https://sts.example.com";

/// Four ways to make one, with each method: as before, as rfc7523bis, and half of that.
const WAYS: [(&str, &str); 4] = [
    ("old", ""),
    ("new", "&aud=https://sts.example.com"),
    ("said", "&aud=https://sts.example.com&typ=client-authentication+jwt"),
    ("half", "&aud=https://sts.example.com&typ=JWT"),
];

const METHODS: [(&str, &str); 2] = [
    ("secret", "client_secret_jwt client_id=otxclient&client_secret=2Federate"),
    ("key", "private_key_jwt client_id=signer&jwk_file=key.pem"),
];

struct World {
    key: PKey<Private>,
}

impl World {
    fn new() -> Self {
        Self { key: PKey::generate_ed25519().unwrap() }
    }

    fn sts(&self) -> devsts::sts::Builder {
        let public = String::from_utf8(self.key.public_key_to_pem().unwrap()).unwrap();
        Sts::builder().client(Client::with_key("signer", &public).unwrap())
    }

    /// Locations for each way and method, in both syntaxes.
    fn nginx(&self, scene: &Scene) -> Builder {
        let mut server = String::from("STSVariables $source_token $target_token;");
        for (method, auth) in METHODS {
            for (way, more) in WAYS {
                let (name, options) = auth.split_once(' ').unwrap();
                server.push_str(&format!(
                    "location /{method}/{way} {{
                        STSType otx;
                        STSEndpoint %%STS%%;
                        STSEndpointAuth {auth}{more};
                        %%PASS%%
                    }}
                    location /{method}/{way}-option {{
                        STSExchange otx %%STS%% auth={name}&{options}{more};
                        %%PASS%%
                    }}"
                ));
            }
        }
        let key = String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        scene.nginx().file("key.pem", key).server(&server)
    }
}

#[test]
fn a_strict_server_and_an_old_one_are_both_served_by_configuration() {
    let world = World::new();
    for (builder, served) in
        [(world.sts().strict_issuer(ISSUER), &["new", "said"][..]), (world.sts(), &["old"])]
    {
        let scene = Scene::with(builder);
        let nginx = world.nginx(&scene).start();
        for (method, _) in METHODS {
            for (way, _) in WAYS {
                for path in [format!("/{method}/{way}"), format!("/{method}/{way}-option")] {
                    // Another source each time: no token is in the cache.
                    let source = path.replace('/', "-");
                    let response = nginx.get(&path).bearer(&source).send();
                    if served.contains(&way) {
                        assert_exchanged(response, &source);
                    } else {
                        assert_eq!(response.status, 502, "{path}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_assertion_as_of_old_is_noted_unless_it_is_asked_for() {
    let world = World::new();
    let scene = Scene::with(world.sts());
    let location = |auth: &str| {
        format!(
            "location / {{
                STSType otx;
                STSEndpoint %%STS%%;
                STSEndpointAuth {auth};
                STSVariables $source_token $target_token;
                %%PASS%%
            }}"
        )
    };
    let key = String::from_utf8(world.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let check = |auth: &str| {
        let builder = scene.nginx().file("key.pem", key.clone()).file("assertion", "e.e.s");
        let checked = builder.server(&location(auth)).check();
        assert!(checked.ok, "{}", checked.output);
        assert!(!checked.output.contains("[warn]"), "{}", checked.output);
        checked.log
    };
    for (_, auth) in METHODS {
        let log = check(auth);
        let line = log.lines().find(|line| line.contains("\"aud\"")).unwrap();
        assert!(line.contains("[notice]") && line.contains("\"typ=JWT\""), "{line}");
        assert!(line.contains("nginx.conf:") && line.contains("location \"/\""), "{line}");
        for more in ["&aud=https://sts.example.com", "&typ=JWT"] {
            assert!(!check(&format!("{auth}{more}")).contains("\"aud\""), "{more}");
        }
    }
    for auth in ["private_key_jwt client_assertion_file=assertion", "none"] {
        assert!(!check(auth).contains("\"aud\""), "{auth}");
    }
}
