//! What a newcomer gets wrong, and what NGINX says to it: the directive, the place, what is wrong, and
//! what to write instead.
use std::net::Ipv4Addr;

use devsts::pki::{Identity, Leaf};
use devsts::{Sts, Tls};
use e2e::nginx::{Builder, Checked, Nginx};
use e2e::parallel::in_parallel;
use e2e::ports::free_port;
use e2e::scene::Scene;

/// A mistake in a configuration.
struct Mistake {
    /// What stands in a location. `%%SECRET%%` is [`SECRET`].
    text: &'static str,
    level: &'static str,
    directive: &'static str,
    cause: &'static str,
    remedy: &'static str,
    /// What the line has in it that the message names; the directive, if nothing else is said.
    line: &'static str,
}

impl Mistake {
    const fn at(self, line: &'static str) -> Self {
        Self { line, ..self }
    }
}

const fn row(
    directive: &'static str,
    text: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Mistake {
    Mistake { text, level: "[emerg]", directive, cause, remedy, line: directive }
}

const fn warned(
    directive: &'static str,
    text: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Mistake {
    Mistake { text, level: "[warn]", directive, cause, remedy, line: directive }
}

/// Stands in credentials, and in no message.
const SECRET: &str = "s3cr3t";

/// An exchange that is complete, of which a row spoils something.
const EXCHANGE: &str =
    "STSType otx; STSEndpoint http://127.0.0.1:9/token; STSVariables $http_x $t;";

/// Those where nothing of the exchange is written for them.
const WHOLE: [Mistake; 27] = [
    row("STSType", "STSType otc;", "\"otc\"", "allowed are \"wstrust\", \"ropc\", \"otx\""),
    row("STSType", "STSType OTX;", "\"OTX\"", "\"otx\""),
    row(
        "STSEndpoint",
        "STSType otx; STSVariables $http_x $t;",
        "an exchange of type \"otx\" needs",
        "or \"STSIssuer\", which tells the endpoint",
    )
    .at("STSType"),
    row(
        "STSWSTrustEndpoint",
        "STSType wstrust; STSVariables $http_x $t;",
        "an exchange of type \"wstrust\" needs",
        "\"STSEndpoint\"",
    )
    .at("STSType"),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t;",
        "an exchange of type \"otx\" needs",
        "\"STSAcceptSourceTokenIn\"",
    )
    .at("STSType"),
    row(
        "STSType",
        "STSEndpoint http://127.0.0.1:9/t; STSVariables $http_x $t;",
        "without a type",
        "STSType disabled",
    )
    .at("STSEndpoint"),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t; STSVariables $t;",
        "the target alone",
        "STSVariables $source_token $t",
    ),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t; STSVariables $http_authorization $t;",
        "holds the scheme and the token",
        "STSAcceptSourceTokenIn header",
    ),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t; STSVariables http_x $t;",
        "a literal text",
        "a variable is written with \"$\"",
    ),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t; STSVariables $http_x t;",
        "invalid target \"t\"",
        "it must be a variable, as in $sts_target_token",
    ),
    row(
        "STSVariables",
        "STSType otx; STSEndpoint http://127.0.0.1:9/t; STSVariables $http_x $http_y;",
        "invalid target \"$http_y\"",
        "use another name",
    ),
    row(
        "STSVariables",
        "STSType cc; STSEndpoint http://127.0.0.1:9/t; STSVariables t;",
        "invalid target \"t\"",
        "as in $sts_target_token",
    ),
    row(
        "STSEndpoint",
        "STSType otx; STSEndpoint sts.example.com/token; STSVariables $http_x $t;",
        "the URL must start with",
        "http:// or https://",
    ),
    row(
        "STSEndpoint",
        "STSType otx; STSEndpoint http://$host/token; STSVariables $http_x $t;",
        "variables are not allowed",
        "a literal \"$\" is written %24",
    ),
    row(
        "STSEndpoint",
        "STSType otx; STSEndpoint http://a:s3cr3t@127.0.0.1:9/token; STSVariables $http_x $t;",
        "credentials are not allowed in the URL",
        "the client authentication of the endpoint",
    ),
    row(
        "STSEndpoint",
        "STSType otx; STSEndpoint http://127.0.0.1:80443/t; STSVariables $http_x $t;",
        "the port of the URL",
        "a number from 1 to 65535",
    ),
    row(
        "STSIssuer",
        "STSType otx; STSIssuer http://sts.example.com; STSVariables $http_x $t;",
        "the URL of an issuer must be https://",
        "unless its host is this machine",
    ),
    row(
        "STSROPCUsername",
        "STSType ropc; STSEndpoint http://127.0.0.1:9/t; STSVariables $http_x $t;",
        "an exchange of type \"ropc\" needs",
        "a client id in its place",
    )
    .at("STSType"),
    row(
        "STSExchange",
        "STSExchange otx; STSVariables $http_x $t;",
        "an endpoint is missing",
        "STSExchange otx https://sts.example.com/token audience=orders",
    ),
    row(
        "STSExchange",
        "STSExchange otx http://127.0.0.1:9/t auth=client_secret_basic&client_id=g audience=a;
         STSVariables $http_x $t;",
        "the options are one word",
        "join them by \"&\", without spaces",
    ),
    row(
        "STSExchange",
        "STSExchange otx http://127.0.0.1:9/t auth=none client_id=g client_secret=s3cr3t scope=a;
         STSVariables $http_x $t;",
        "the options are one word",
        "key=value&key=value",
    ),
    row(
        "STSExchange",
        "STSExchange otx http://127.0.0.1:9/t audiences=a; STSVariables $http_x $t;",
        "unknown option \"audiences\"",
        "allowed are auth, client_id, params, audience",
    ),
    row(
        "STSExchange",
        "STSExchange otx http://127.0.0.1:9/t audience=$host; STSVariables $http_x $t;",
        "\"audience\" holds no variables",
        "a literal \"$\" is written %24",
    ),
    row(
        "STSType",
        "STSExchange otx http://127.0.0.1:9/t; STSVariables $http_x $t;
         STSType otx;",
        "cannot be mixed with \"STSExchange\"",
        "in one block",
    ),
    row(
        "STSJWTKeyFile",
        "STSType jwt; STSVariables $t;",
        "needs a key",
        "or the JWK in \"STSExchange\"",
    )
    .at("STSType"),
    row(
        "STSJWTSubject",
        "STSType jwt; STSJWTKeyFile key.pem; STSJWTSubject $http_user; STSVariables $t;",
        "\"$http_user\" may be what a client sends",
        "STSJWTClaim device $http_user",
    ),
    row(
        "STSJWTKeyFile",
        "STSType jwt; STSJWTKeyFile nothere.pem; STSVariables $t;",
        "there is no such file",
        "begins at the directory of nginx.conf",
    ),
];

/// Those of a directive beside [`EXCHANGE`].
const BESIDE: [Mistake; 52] = [
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_bsic client_id=g&client_secret=s3cr3t;",
        "unknown client authentication method \"client_secret_bsic\"",
        "allowed are none, basic, client_secret_basic",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g;",
        "\"client_secret\" is missing",
        "client_secret or client_secret_file",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic clientid=g&client_secret=s3cr3t;",
        "\"client_id\" is missing",
        "client_secret_basic needs client_id",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g client_secret=s3cr3t;",
        "the options are one word",
        "join them by \"&\"",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret_file=nothere;",
        "there is no such file",
        "begins at the directory of nginx.conf",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret_file=html;",
        "it cannot be read",
        "it is no regular file",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret_file=empty;",
        "empty\"",
        "it is empty",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth private_key_jwt client_id=g&jwk_file=key.txt;",
        "it is neither a JWK",
        "PEM with a private key",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth private_key_jwt client_assertion=@nowhere;",
        "no exchange that this one depends on",
        "write \"STSDependsOn @nowhere\"",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret=s3cr3t%zz;",
        "a \"%\" that is not followed by two hexadecimal digits",
        "is written %25",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret=$s3cr3t;",
        "\"client_secret\" holds no variables",
        "is written %24",
    ),
    row(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic 'client_id=\"g\"&client_secret=s3cr3t';",
        "has a quote at its end",
        "quotes go around the whole argument",
    ),
    warned(
        "STSEndpointAuth",
        "STSEndpointAuth client_secret_basic client_id=g&client_secret=s3cr3t+4/Q=;",
        "the \"+\" in the value of \"client_secret\" stands for a blank",
        "write %2B",
    ),
    row(
        "STSAcceptSourceTokenIn",
        "STSAcceptSourceTokenIn header X-Token;",
        "a name is one of them",
        "write \"name=X-Token\"",
    ),
    row(
        "STSAcceptSourceTokenIn",
        "STSAcceptSourceTokenIn header name=X-Token type=;",
        "the options are one word",
        "key=value&key=value",
    ),
    row(
        "STSAcceptSourceTokenIn",
        "STSAcceptSourceTokenIn headers;",
        "invalid place \"headers\"",
        "allowed are \"environment\", \"header\"",
    ),
    row(
        "STSPassTargetTokenIn",
        "STSPassTargetTokenIn cookie session;",
        "a name is one of them",
        "write \"name=session\"",
    ),
    row(
        "STSRequestParameter",
        "STSRequestParameter audience=orders;",
        "holds \"=\"",
        "as in \"STSRequestParameter audience orders\"",
    ),
    row(
        "STSRequestParameter",
        "STSRequestParameter scope read write;",
        "the value is one word",
        "one with spaces stands in quotes",
    ),
    row(
        "STSRequestParameter",
        "STSRequestParameter grant_type password;",
        "\"grant_type\" is not allowed",
        "nor is any of grant_type, subject_token",
    ),
    row(
        "STSRequestParameter",
        "STSRequestParameter scope a; STSRequestParameter scope b;",
        "\"scope\" is given twice",
        "only \"audience\" and \"resource\" may be repeated",
    ),
    row("STSHTTPTimeOut", "STSHTTPTimeOut 20s;", "\"20s\"", "whole numbers of seconds"),
    row("STSCacheExpiresIn", "STSCacheExpiresIn 5m;", "\"5m\"", "of seconds"),
    row("STSHTTPRetries", "STSHTTPRetries many;", "\"many\"", "whole numbers from 0 to 10"),
    row("STSSSLValidateServer", "STSSSLValidateServer no;", "\"no\"", "\"on\" and \"off\""),
    row("STSSSLProtocols", "STSSSLProtocols TLS1.3;", "\"TLS1.3\"", "\"TLSv1.3\""),
    row(
        "STSChallenge",
        "STSChallenge none;",
        "the value must be \"on\", \"off\" or a challenge",
        "'Bearer realm=\"shop\"'",
    ),
    row("STSPhase", "STSPhase content;", "\"content\"", "\"precontent\", \"access\", \"rewrite\""),
    row("STSOnError", "STSOnError ignore;", "\"ignore\"", "allowed are \"return\", \"pass\""),
    row("STSOnMissing", "STSOnMissing allow;", "\"allow\"", "allowed are \"return\", \"pass\""),
    row("STSErrorStatus", "STSErrorStatus invalid_target 200;", "\"200\"", "from 400 to 599"),
    row("STSMaxCalls", "STSMaxCalls many;", "\"many\"", "whole numbers from 1 to 65535"),
    row("STSMaxResponse", "STSMaxResponse 1g;", "\"1g\"", "as 64k or 1m"),
    row("STSKeepalive", "STSKeepalive on;", "\"on\"", "whole numbers from 0 to 65535"),
    row("STSCache", "STSCache memory;", "\"memory\"", "allowed are \"shm\""),
    row("STSCache", "STSCache shm size=16;", "\"16\"", "as 64k or 1m"),
    row("STSCache", "STSCache shm name=a size=16m;", "the options are one word", "\"&\""),
    row(
        "STSCache",
        "STSCache redis host=127.0.0.1;",
        "a passphrase is needed",
        "passphrase_file=file",
    ),
    row("STSHost", "STSHost https://a.example.com;", "a host name", "no scheme, path, variable"),
    row(
        "STSRequestHeader",
        "STSRequestHeader Authorization x;",
        "belongs to the client authentication",
        "\"STSEndpointAuth\" (option \"auth\") sets it",
    ),
    row(
        "STSRequestHeader",
        "STSRequestHeader X-Tenant: a;",
        "the name of a header",
        "\"X-Tenant\"",
    ),
    row("STSExpect", "STSExpect audiences;", "the words that are allowed", "\"audience\""),
    row("STSDependsOn", "STSDependsOn user;", "invalid name \"user\"", "as in \"@inner\""),
    row(
        "STSDependsOn",
        "STSDependsOn @user;",
        "there is no location \"@user\"",
        "\"location @user { STSType ...; }\"",
    ),
    row("STSSourceEncoding", "STSSourceEncoding hex;", "\"hex\"", "\"base64url\""),
    row("STSRefreshAhead", "STSRefreshAhead 99;", "\"99\"", "from 10 to 95"),
    row("STSNegativeTTL", "STSNegativeTTL 2d;", "\"2d\"", "as 500ms, 30s or 5m"),
    row("STSPurgeOn", "STSPurgeOn 500;", "\"500\"", "from 400 to 499"),
    row(
        "STSOutgoingProxy",
        "STSOutgoingProxy https://p:3128;",
        "a proxy is written",
        "http://host:port",
    ),
    row(
        "STSOutgoingProxy",
        "STSOutgoingProxy 127.0.0.1:3128 username=a&password_file=nothere;",
        "there is no such file",
        "begins at the directory of nginx.conf",
    ),
    row("STSActorToken", "STSActorToken $http_a token;", "the type must be", "or a URI"),
    row("STSName", "STSName \"my orders\";", "a name has", "as in \"orders\""),
];

/// Those of TLS, which are seen where the endpoint is `https://`.
const OF_TLS: [Mistake; 4] = [
    row(
        "STSSSLTrustedCertificate",
        "STSSSLTrustedCertificate nothere.pem;",
        "\"nothere.pem\" cannot be loaded",
        "a file with certificates in PEM",
    ),
    row(
        "STSSSLCRL",
        "STSSSLCRL key.txt;",
        "\"key.txt\" cannot be loaded",
        "a file with revocation lists in PEM",
    ),
    row(
        "STSSSLCiphers",
        "STSSSLCiphers nosuch;",
        "no cipher that OpenSSL knows",
        "openssl ciphers",
    ),
    warned(
        "STSSSLValidateServer",
        "STSSSLValidateServer off;",
        "is not verified",
        "name the CA with \"STSSSLTrustedCertificate\"",
    ),
];

fn builder(text: &str) -> Builder {
    Nginx::builder()
        .file("case.conf", text)
        .file("empty", "")
        .file("key.txt", "no key\n")
        .file("key.pem", Identity::authority("the gateway").key_pem())
        .server("include %%PREFIX%%/case.conf;")
}

/// What is wrong with what is said to a mistake.
fn problem(mistake: &Mistake, exchange: &str) -> Option<String> {
    let Mistake { text, level, directive, cause, remedy, line: of_line } = mistake;
    let text = format!("location / {{\n{exchange}\n{text}\nproxy_set_header X-T x;\n}}");
    let Checked { output, .. } = builder(&text).check();
    if output.contains(SECRET) {
        return Some(format!("the secret is in the answer to {text}\n{output}"));
    }
    let lines = output.lines().filter(|line| line.contains(level));
    let named: Vec<_> = lines.filter(|line| line.contains(&format!("\"{directive}\""))).collect();
    let [line] = named.as_slice() else {
        return Some(format!(
            "{} lines {level} name {directive} for {text}\n{output}",
            named.len()
        ));
    };
    if let Some(part) = [cause, remedy].into_iter().find(|part| !line.contains(**part)) {
        return Some(format!("no {part:?} for {text}\n{line}"));
    }
    let number = line.rsplit_once("/case.conf:").and_then(|(_, number)| number.parse().ok());
    let named = number.and_then(|number: usize| text.lines().nth(number.checked_sub(1)?));
    let is_right = named.is_some_and(|named| named.contains(of_line));
    (!is_right).then(|| format!("the place is wrong for {text}\n{line}"))
}

#[test]
fn each_of_so_many_mistakes_is_answered_with_directive_place_cause_and_remedy() {
    let tls = EXCHANGE.replace("http://", "https://");
    let rows: Vec<(&Mistake, &str)> = WHOLE
        .iter()
        .map(|mistake| (mistake, ""))
        .chain(BESIDE.iter().map(|mistake| (mistake, EXCHANGE)))
        .chain(OF_TLS.iter().map(|mistake| (mistake, tls.as_str())))
        .collect();
    assert!(rows.len() >= 60, "{} mistakes", rows.len());
    let problems = in_parallel(4, rows.len(), |number| {
        let (mistake, exchange) = rows.get(number)?;
        problem(mistake, exchange)
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn a_secret_in_base64_without_a_plus_as_it_is_is_not_warned_of() {
    for options in [
        "client_id=g&client_secret=s3cr3t%2B4/Q=",
        "client_id=a+b&client_secret=s3cr3t%20",
        "client_id=a+b&client_secret_file=file",
    ] {
        let text =
            format!("location / {{ {EXCHANGE} STSEndpointAuth client_secret_basic {options}; }}");
        let checked = builder(&text).file("file", "s3cr3t+4/Q=\n").check();
        assert!(checked.ok && !checked.output.contains("blank"), "{}", checked.output);
    }
}

#[test]
fn an_upstream_of_the_same_name_is_named_where_the_sts_has_no_address() {
    let exchange = EXCHANGE.replace("127.0.0.1:9", "sts");
    let text = format!("location / {{\n{exchange}\n}}");
    let checked = builder(&text).http("upstream sts { server 127.0.0.1:9; }").check();
    let warned = |part: &str| checked.output.lines().any(|line| line.contains(part));
    assert!(checked.ok && warned("the upstream \"sts\" in "), "{}", checked.output);
    assert!(warned("write the name or address of a server of the upstream"), "{}", checked.output);
}

#[test]
fn a_challenge_that_stands_alone_is_a_scheme() {
    for (challenge, is_right) in [
        ("Bearer", true),
        ("negotiate", true),
        ("Off", true),
        ("'Basic realm=\"shop\"'", true),
        ("$http_x", true),
        ("'Bearer $http_x'", true),
        ("None", false),
        ("disabled", false),
        ("Basic", false),
        ("'not at all'", false),
    ] {
        let text = format!("location / {{ {EXCHANGE} STSChallenge {challenge}; }}");
        let checked = builder(&text).check();
        assert_eq!(checked.ok, is_right, "{challenge}: {}", checked.output);
    }
}

/// What the log says of a request that fails.
fn line_of(scene: &Scene, server: &str, endpoint: String) -> String {
    let builder = scene.nginx().set("STS", endpoint).server(server);
    let nginx = builder.set("NOTHING", format!("127.0.0.1:{}", free_port())).start();
    nginx.get("/").bearer("user").send().expect_status(502);
    nginx.wait_for_log("failed: unreachable")
}

const FAILING: &str = "location / { %%OTX%% STSHTTPRetries 0; %%PASS%% }";

#[test]
fn a_certificate_that_is_not_trusted_leads_to_the_directive_that_trusts_it() {
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let of_ca = Identity::authority("the CA").issue(&leaf);
    for identity in [Identity::self_signed(&leaf), of_ca] {
        let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
        let line = line_of(&scene, FAILING, scene.sts.endpoint());
        assert!(line.contains("certificate verify error"), "{line}");
        assert!(line.contains("in the file of \"STSSSLTrustedCertificate\""), "{line}");
    }
}

#[test]
fn a_certificate_for_other_names_is_told_with_them() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().dns("sts.example.com").ip([127, 0, 0, 9]);
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let server = format!("STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {FAILING}");
    for host in ["127.0.0.1", "localhost"] {
        let builder = scene.nginx().file("ca.pem", ca.certificate_pem()).server(&server);
        let nginx = builder.set("STS", scene.sts.endpoint_at(host)).start();
        nginx.get("/").bearer("user").send().expect_status(502);
        let line = nginx.wait_for_log("failed: unreachable");
        assert!(line.contains("it is for sts.example.com, 127.0.0.9;"), "{line}");
        assert!(line.contains("write the host into the endpoint"), "{line}");
    }
}

#[test]
fn a_certificate_that_is_over_leads_to_its_renewal() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST).expired();
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let builder = scene.nginx().file("ca.pem", ca.certificate_pem());
    let server = format!("STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {FAILING}");
    let nginx = builder.server(&server).start();
    nginx.get("/").bearer("user").send().expect_status(502);
    let line = nginx.wait_for_log("failed: unreachable");
    assert!(line.contains("renew it at the STS"), "{line}");
}

#[test]
fn a_proxy_that_takes_no_connection_is_told_from_the_sts() {
    let scene = Scene::new();
    for endpoint in [scene.sts.endpoint(), "https://sts.example.com/token".to_owned()] {
        let server = "location / {
            %%OTX%% STSHTTPRetries 0; STSOutgoingProxy %%NOTHING%%; %%PASS%% }";
        let line = line_of(&scene, server, endpoint);
        let refused = "Connection refused";
        assert!(line.contains(refused) && line.contains("this is the outgoing proxy"), "{line}");
    }
    let line = line_of(&scene, FAILING, format!("http://127.0.0.1:{}/token", free_port()));
    assert!(line.contains("Connection refused") && !line.contains("proxy"), "{line}");
}

#[test]
fn a_target_that_is_read_too_early_is_named() {
    let scene = Scene::new();
    let server = "location / { set $early $target_token; %%OTX%% %%PASS%% }
        location /environment {
            set $early $mod_sts_target_token;
            %%OTX%% STSPassTargetTokenIn environment; %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();
    nginx.get("/").bearer("user").send().expect_status(200);
    nginx.get("/environment").bearer("user").send().expect_status(200);
    nginx.wait_for_log("the target variable \"$target_token\" was read before");
    nginx.wait_for_log("the target variable \"$mod_sts_target_token\" was read before");
}
