//! Every directive and every option of `STSExchange`: what it accepts, what it refuses, and what
//! `nginx -t` says then. A row for each, and none is missing.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod command;

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::pki::Identity;
use e2e::nginx::{Builder, Checked, Nginx, workspace};
use e2e::parallel::in_parallel;

/// Stands in credentials, and in no message.
const SECRET: &str = "s3cr3t";

/// A setting, by its directive, its option, or both.
struct Row {
    /// Empty for what only an option says.
    directive: &'static str,
    /// The option, and the type of exchange to show it with; empty for what only a directive says.
    key: (&'static str, &'static str),
    /// Arguments.
    accepted: &'static [&'static str],
    /// Arguments, and what the message says besides the name.
    refused: &'static [(&'static str, &'static [&'static str])],
}

const fn row(
    directive: &'static str,
    key: &'static str,
    accepted: &'static [&'static str],
    refused: &'static [(&'static str, &'static [&'static str])],
) -> Row {
    Row { directive, key: ("otx", key), accepted, refused }
}

impl Row {
    const fn of(self, kind: &'static str) -> Self {
        Self { key: (kind, self.key.1), ..self }
    }
}

type Refused = &'static [(&'static str, &'static [&'static str])];

const SWITCH: &[&str] = &["on", "On", "ON", "off", "Off", "true", "False"];
const NO_SWITCH: Refused = &[
    ("maybe", &["\"maybe\"", "\"on\" and \"off\""]),
    ("1", &["\"on\" and \"off\""]),
    ("''", &["must not be empty|\"on\" and \"off\""]),
];
const ON_FAILURE: &[&str] = &["return", "pass"];
const NO_ON_FAILURE: Refused = &[("ignore", &["\"ignore\"", "\"return\", \"pass\""])];
const ENDPOINTS: &[&str] = &[
    "http://127.0.0.1/token",
    "https://127.0.0.1:8443/a/b?tenant=c",
    "http://[::1]:8080",
    "http://unix:/run/sts.sock:/token",
    "http://localhost:8080/a%24b",
    "http://localhost.:8080/token",
];
const NO_ENDPOINTS: Refused = &[
    ("ftp://127.0.0.1/", &["http://"]),
    ("token", &["http://"]),
    ("http://", &["host"]),
    ("http://127.0.0.1:99999/", &["port"]),
    ("http://user:s3cr3t@127.0.0.1/", &["credentials"]),
    ("http://127.0.0.1/$host", &["variable"]),
    ("http://127.0.0.1/#s3cr3t", &["fragment"]),
    ("'http://127.0.0.1/a b'", &["space"]),
    ("http://unix:relative", &["absolute"]),
    ("''", &["empty|http://"]),
];
const METHODS: &[&str] = &[
    "none",
    "basic username=a&password=b",
    "basic username=a&password=",
    "basic username=a&password_file=secret",
    "client_secret_basic client_id=a&client_secret=%26%3D%25",
    "client_secret_basic client_secret_file=secret&client_id=a",
    "client_secret_post client_id=a&client_secret=b",
    "client_secret_jwt client_id=a&client_secret=b&aud=https%3A%2F%2Fsts",
    "client_secret_jwt client_id=a&client_secret=b&typ=JWT",
    "private_key_jwt client_id=a&jwk_file=key.pem",
    "private_key_jwt client_id=a&jwk_file=key.pem&typ=client-authentication+jwt",
    "private_key_jwt client_assertion_file=assertion&client_assertion_type=urn%3Ax",
];
const NO_METHODS: Refused = &[
    ("bogus a=s3cr3t", &["\"bogus\"", "client_secret_basic"]),
    ("client_id=a&client_secret=s3cr3t", &["allowed are none, basic"]),
    ("none client_secret=s3cr3t", &["\"client_secret\""]),
    ("basic username=a", &["\"password\" is missing"]),
    ("basic username=a%3Ab&password=s3cr3t", &["colon"]),
    ("client_secret_basic client_secret=s3cr3t", &["\"client_id\" is missing"]),
    ("client_secret_basic client_id=a&client_secret=", &["\"client_secret\" must not be empty"]),
    ("client_secret_post client_id=a&client_secret=s3cr3t&client_secret_file=b", &["exclude"]),
    ("client_secret_post client_id=a&client_id=b&client_secret=s3cr3t", &["more than once"]),
    ("client_secret_post client_id=a&client_secret=s3cr3t&x=s3cr3t", &["\"x\""]),
    ("client_secret_jwt client_id=a&client_secret=s3cr3t%zz", &["%25"]),
    ("client_secret_jwt client_id=a&client_secret=s3cr3t&typ=%22", &["\"typ\"", "media type"]),
    ("client_secret_post client_id=a&client_secret=s3cr3t&typ=JWT", &["\"typ\""]),
    ("private_key_jwt client_id=a", &["\"jwk\" is missing", "jwk_file"]),
    ("private_key_jwt client_id=a&jwk=s3cr3t", &["\"jwk\"", "JWK"]),
    ("client_cert cert=a", &["\"key\" is missing"]),
];

const NO_ASKED: Refused = &[("''", &["must not be empty"]), ("$host", &["no variables", "%24"])];

static ROWS: &[Row] = &[
    row(
        "STSType",
        "",
        &["disabled"],
        &[(
            "bogus",
            &[
                "\"bogus\"",
                "\"wstrust\", \"ropc\", \"otx\", \"cc\", \"jwt_bearer\", \"saml_bearer\", \"jwt\", \"disabled\"",
            ],
        )],
    ),
    row(
        "STSExchange",
        "",
        &[
            "otx http://127.0.0.1:9/t",
            "otx http://127.0.0.1:9/t ''",
            "cc http://127.0.0.1:9/t auth=none",
            "ropc http://127.0.0.1:9/t username=a",
            "jwt_bearer http://127.0.0.1:9/t client_id=a&params=requested_token_use%3Don_behalf_of",
            "saml_bearer http://127.0.0.1:9/t scope=a",
            "wstrust http://127.0.0.1:9/t",
            "disabled http://127.0.0.1:9/t",
            "disabled x y",
            "disabled x y=% z",
        ],
        &[
            ("otx", &["an endpoint is missing"]),
            ("bogus http://127.0.0.1:9/t", &["\"bogus\"", "\"otx\"", "\"disabled\""]),
            ("otx token", &["http://"]),
            ("otx http://127.0.0.1:9/t bogus=s3cr3t", &["\"bogus\"", "allowed are", "on_error"]),
            ("otx http://127.0.0.1:9/t on_error", &["option number 1", "key=value"]),
            ("otx http://127.0.0.1:9/t a=s3cr3t&a=s3cr3t", &["\"a\"", "more than once"]),
            ("otx http://127.0.0.1:9/t auth=none .", &["jq"]),
            ("otx http://127.0.0.1:9/t username=a", &["\"username\""]),
            ("otx http://127.0.0.1:9/t applies_to=a", &["\"applies_to\""]),
            ("jwt_bearer http://127.0.0.1:9/t username=a", &["\"username\""]),
            (
                "saml_bearer http://127.0.0.1:9/t params=assertion%3Ds3cr3t",
                &["\"assertion\"", "not allowed"],
            ),
            ("otx http://127.0.0.1:9/t auth=none a b", &["the options are one word"]),
        ],
    ),
    row(
        "STSROPC",
        "",
        &[
            "url=http://127.0.0.1:9/t&username=a",
            "username=$remote_user&url=http%3A%2F%2F127.0.0.1%3A9%2Ft%3Fa%3Db&client_id=$host",
            "url=http://127.0.0.1:9/t&auth=basic&username=a&password=s3cr3t",
            "url=http://127.0.0.1:9/t&auth=client_secret_post&client_id=a&client_secret=s3cr3t",
            "url=https://127.0.0.1:9/t&username=a&ssl_verify=off&http_timeout=3",
            "url=http://127.0.0.1:9/t&username=a&password=ignored",
        ],
        &[
            ("username=a", &["\"url\" is missing"]),
            ("url=http://127.0.0.1:9/t", &["STSROPCUsername", "username"]),
            ("url=token&username=a", &["\"url\"", "http://"]),
            ("url=http://127.0.0.1:9/$host&username=a", &["\"url\"", "no variables"]),
            ("url=http://127.0.0.1:9/t&username=a&bogus=s3cr3t", &["\"bogus\"", "http_timeout"]),
            ("url=http://127.0.0.1:9/t&username=a&username=s3cr3t", &["more than once"]),
            (
                "url=http://127.0.0.1:9/t&username=a&auth=bogus",
                &["\"auth\"", "client_secret_basic"],
            ),
            (
                "url=http://127.0.0.1:9/t&auth=client_secret_post&client_id=$host&client_secret=s3cr3t",
                &["\"client_id\"", "cannot hold variables"],
            ),
            (
                "url=http://127.0.0.1:9/t&username=a&ssl_verify=maybe",
                &["\"ssl_verify\"", "\"off\""],
            ),
            ("url=http://127.0.0.1:9/t&username=a&http_timeout=0", &["\"http_timeout\"", "from 1"]),
            ("url=http://127.0.0.1:9/t username=a", &["number of arguments"]),
        ],
    ),
    row("STSEndpoint", "", ENDPOINTS, NO_ENDPOINTS),
    row(
        "STSIssuer",
        "issuer",
        &["https://127.0.0.1", "https://127.0.0.1:8443/realms/x/", "http://[::1]:8080/a"],
        &[
            ("ftp://127.0.0.1/", &["http://"]),
            ("http://192.0.2.1/", &["https://", "this machine"]),
            ("https://127.0.0.1/?s3cr3t", &["no query"]),
            ("https://localhost.", &["dot"]),
            ("http://unix:/run/sts.sock:/a", &["local socket"]),
            ("https://user:s3cr3t@127.0.0.1/", &["credentials"]),
        ],
    ),
    row(
        "STSIssuerRefresh",
        "issuer_refresh",
        &["1s", "24h"],
        &[("999ms", &["1s|1000"]), ("25h", &["24h|86400"]), ("soon", &["soon"])],
    ),
    row("STSOTXEndpoint", "", ENDPOINTS, NO_ENDPOINTS),
    row("STSROPCEndpoint", "", ENDPOINTS, NO_ENDPOINTS),
    row("STSCCEndpoint", "", ENDPOINTS, NO_ENDPOINTS),
    row("STSWSTrustEndpoint", "", ENDPOINTS, NO_ENDPOINTS),
    row("STSEndpointAuth", "", METHODS, NO_METHODS),
    row("STSOTXEndpointAuth", "auth", METHODS, NO_METHODS),
    row("STSROPCEndpointAuth", "", METHODS, NO_METHODS),
    row("STSCCEndpointAuth", "auth", METHODS, NO_METHODS).of("cc"),
    row(
        "STSWSTrustEndpointAuth",
        "auth",
        &["none", "basic username=a&password=b", "client_secret_basic client_id=a&client_secret=b"],
        &[
            ("bogus a=s3cr3t", &["username_token"]),
            ("client_secret_post client_id=a&client_secret=s3cr3t", &["form"]),
            ("username_token username=a", &["\"password\" is missing", "password_file"]),
            ("username_token username=a&password=s3cr3t&password_file=secret", &["exclude"]),
        ],
    )
    .of("wstrust"),
    row("STSClientID", "", &["a", "$host", "a%24b"], &[("''", &["empty"])]),
    row("STSOTXClientID", "client_id", &["a", "$host", "a%24b"], &[("''", &["empty"])]),
    row("STSROPCClientID", "client_id", &["a", "$host"], &[("''", &["empty"])]).of("ropc"),
    row("STSCCClientID", "client_id", &["a", "$host"], &[("''", &["empty"])]).of("cc"),
    row("STSROPCUsername", "username", &["a", "*", "$remote_user"], &[("''", &["empty"])])
        .of("ropc"),
    row("", "password", &["ignored"], &[]).of("ropc"),
    row(
        "STSWSTrustAppliesTo",
        "applies_to",
        &["urn:a", "https://$host/", "urn:a%24b"],
        &[("''", &["empty"])],
    )
    .of("wstrust"),
    row("STSWSTrustTokenType", "token_type", &["urn:a", "none"], &[("''", &["empty"])])
        .of("wstrust"),
    row("STSWSTrustValueType", "value_type", &["urn:a"], &[("''", &["empty"])]).of("wstrust"),
    row(
        "STSWSTrustVersion",
        "wstrust_version",
        &["1.2", "1.3", "1.4"],
        &[("1.5", &["1.2", "1.3", "1.4"])],
    )
    .of("wstrust"),
    row("STSWSTrustSOAPVersion", "wstrust_soap_version", &["1.1", "1.2"], &[("1.3", &["1.1"])])
        .of("wstrust"),
    row(
        "STSWSTrustKeyType",
        "wstrust_key_type",
        &["Bearer", "NoProofKey", "none", "urn:x"],
        &[
            ("bearer", &["\"Bearer\", \"NoProofKey\", \"none\""]),
            ("SymmetricKey", &["\"Bearer\"", "keys are not supported"]),
            ("PublicKey", &["\"Bearer\"", "keys are not supported"]),
            (
                "http://docs.oasis-open.org/ws-sx/ws-trust/200512/PublicKey",
                &["keys are not supported"],
            ),
            (
                "http://schemas.xmlsoap.org/ws/2005/02/trust/SymmetricKey",
                &["keys are not supported"],
            ),
        ],
    )
    .of("wstrust"),
    row(
        "STSWSTrustTokenAs",
        "wstrust_token_as",
        &["security", "onbehalfof"],
        &[("body", &["security", "onbehalfof", "actas"])],
    )
    .of("wstrust"),
    row(
        "STSWSTrustSourceAs",
        "wstrust_source_as",
        &["token", "usernametoken"],
        &[("basic", &["\"token\" or \"usernametoken\""])],
    )
    .of("wstrust"),
    row("STSWSTrustTokenWrapper", "wstrust_token_wrapper", &["off", "Off"], NO_SWITCH)
        .of("wstrust"),
    row("STSWSTrustTo", "wstrust_to", &["urn:a"], &[("''", &["empty"])]).of("wstrust"),
    row(
        "STSWSTrustClaims",
        "wstrust_claims",
        &["urn:a", "urn:a urn:b $http_c", "urn:$host urn:a%24b"],
        &[("role", &["absolute URI"]), ("urn:a role", &["absolute URI"]), ("''", &["empty|URI"])],
    )
    .of("wstrust"),
    row(
        "STSWSTrustSourceElements",
        "wstrust_source_elements",
        &["saml2", "saml2 saml1 usernametoken"],
        &[("saml3", &["saml2", "usernametoken"])],
    )
    .of("wstrust"),
    row(
        "STSJWTKeyFile",
        "jwt_key_file",
        &["key.pem", "key.pem missing.pem"],
        &[
            ("missing.pem", &["missing.pem", "cannot be read"]),
            ("secret", &["secret", "neither a JWK"]),
            ("key.pem key.pem", &["another file"]),
        ],
    )
    .of("jwt"),
    row(
        "STSJWTAlgorithm",
        "alg",
        &["EdDSA", "Ed25519"],
        &[
            ("ES256", &["ES256", "EdDSA"]),
            ("none", &["\"none\"", "\"RS256\""]),
            ("eddsa", &["EdDSA"]),
        ],
    )
    .of("jwt"),
    row("STSJWTIssuer", "iss", &["https://gateway", "a%24b"], &[("''", &["empty"])]).of("jwt"),
    row("STSJWTSubject", "sub", &["a", "a%24b"], &[("''", &["empty"])]).of("jwt"),
    row("STSJWTAudience", "aud", &["https://api"], &[("''", &["empty"])]).of("jwt"),
    row(
        "STSJWTLifetime",
        "jwt_lifetime",
        &["1", "24h", "60s nbf"],
        &[
            ("0", &["1000ms"]),
            ("25h", &["86400000ms"]),
            ("60 exp", &["\"nbf\""]),
            ("1500ms", &["whole"]),
        ],
    )
    .of("jwt"),
    row(
        "STSJWTClaim",
        "",
        &[
            "a b",
            "a $http_a",
            "a '' string",
            "a 1.5 number",
            "a true boolean",
            "a b,c list",
            "a '[]' json",
        ],
        &[
            ("'' b", &["name of a claim"]),
            ("a s3cr3t number", &["number"]),
            ("a s3cr3t boolean", &["\"true\""]),
            ("a s3cr3t json", &["JSON"]),
            ("a s3cr3t text", &["\"string\", \"number\", \"boolean\", \"list\", \"json\""]),
            ("a", &["number of arguments"]),
        ],
    ),
    row(
        "STSJWTFilter",
        "",
        &[".", "'{sub: .sub, groups: [.groups[] | ascii_downcase]}'"],
        &[
            ("''", &["empty"]),
            ("'.a |'", &["STSJWTFilter"]),
            ("'def f: f; f'", &["`f`|itself"]),
            ("env", &["env"]),
        ],
    ),
    row("STSJWTType", "jwt_type", &["JWT", "at+jwt"], &[("jwt", &["\"JWT\", \"at+jwt\""])])
        .of("jwt"),
    row(
        "STSJWKS",
        "",
        &["minted"],
        &[
            ("other", &["\"other\"", "STSName"]),
            ("minted minted", &["twice"]),
            ("'a b'", &["letters"]),
        ],
    ),
    row(
        "STSName",
        "name",
        &["orders", "a.B_1-:/@"],
        &[("'a b'", &["at most 64"]), ("''", &["at most 64|empty"]), ("ä", &["ASCII"])],
    ),
    row(
        "STSRequestParameter",
        "",
        &["audience", "audience a", "scope $host", "scope ''", "client_id a"],
        &[
            ("''", &["empty"]),
            ("grant_type s3cr3t", &["\"grant_type\""]),
            ("subject_token s3cr3t", &["\"subject_token\""]),
            ("password s3cr3t", &["\"password\""]),
            ("assertion s3cr3t", &["\"assertion\""]),
            ("client_secret s3cr3t", &["\"client_secret\""]),
            ("client_assertion s3cr3t", &["\"client_assertion\""]),
            ("client_assertion_type s3cr3t", &["\"client_assertion_type\""]),
            ("a b c", &["the value is one word"]),
        ],
    ),
    row(
        "",
        "params",
        &["''", "audience=a&audience=b&scope=$host", "scope=a%2Bb&x", "client_id=a"],
        &[
            ("=s3cr3t", &["empty"]),
            ("client_secret=s3cr3t", &["\"client_secret\""]),
            ("scope=a&scope=b", &["\"scope\""]),
            ("scope=s3cr3t%zz", &["name=value"]),
        ],
    ),
    row(
        "STSActorToken",
        "actor_token",
        &[
            "$http_x_actor",
            "$http_x_actor jwt",
            "$http_x_actor urn:example:agent",
            "$http_x_actor access_token optional",
            "$host",
        ],
        &[
            ("''", &["must not be empty"]),
            ("$http_x_actor optional", &["third word", "access_token optional"]),
            ("$http_x_actor jwt maybe", &["third word", "optional"]),
            ("$http_x_actor bogus", &["id_token", "URI"]),
            ("$http_x_actor $host", &["URI"]),
            ("$http_x_actor jwt optional x", &["number of arguments|1 to 3 words"]),
            ("$http_authorization", &["scheme"]),
            ("$sent_http_x", &["answer"]),
            ("$target", &["target"]),
        ],
    ),
    row(
        "STSRequestHeader",
        "request_header",
        &["X-Tenant $host", "traceparent $http_traceparent", "X-A a%24 key=off", "Cookie a=b"],
        &[
            ("Host a", &["STSHost"]),
            ("authorization s3cr3t", &["STSEndpointAuth"]),
            ("Content-Length 1", &["content-length"]),
            ("transfer_encoding chunked", &["how the message is sent"]),
            ("Connection close", &["how the message is sent"]),
            ("Proxy-Authorization s3cr3t", &["STSOutgoingProxy"]),
            ("Content-Type a", &["what the body is"]),
            ("Accept-Encoding gzip", &["which answers can be read"]),
            ("User-Agent a", &["the module itself"]),
            ("X:A a", &["letters, digits"]),
            ("X-A", &["number of arguments|2 words"]),
            ("X-A s3cr3t off", &["key=off"]),
        ],
    ),
    row("", "audience", &["a", "urn:a b", "a%24b"], NO_ASKED),
    row("", "audience", &["a"], NO_ASKED).of("cc"),
    row("", "resource", &["https://a/?b=c&d", "urn:a"], NO_ASKED),
    row("", "scope", &["read", "read write"], NO_ASKED),
    row("", "requested_token_type", &["id_token", "urn:ietf:params:x", "bogus"], NO_ASKED),
    row("", "subject_token_type", &["jwt", "saml2", "bogustoken"], NO_ASKED),
    row(
        "STSVariables",
        "",
        &["$http_x_source $target2", "'a $host' $target2"],
        &[
            ("", &["number of arguments"]),
            ("$http_x $target extra", &["number of arguments"]),
            ("$own", &["source token", "STSVariables $source_token $own", "STSVariables '' $own"]),
            ("$http_x", &["\"$http_x\"", "STSVariables $source_token $target_token"]),
            ("target", &["\"target\"", "variable"]),
            ("$http_x target", &["\"target\"", "variable"]),
            ("$http_x $host", &["host"]),
        ],
    ),
    row(
        "STSAcceptSourceTokenIn",
        "",
        &[
            "environment name=http_x",
            "header",
            "header name=X-Token&type=&strip=false&encoding=base64",
            "query name=token",
            "post",
            "cookie name=session",
            "basic",
            "basic strip=false",
        ],
        &[
            ("basic name=X-Token", &["\"name\"", "allowed are strip"]),
            ("body", &["\"body\"", "\"environment\", \"header\""]),
            ("header name=Host", &["name=Host"]),
            ("header strip=maybe", &["\"strip\"", "\"true\""]),
            ("header encoding=hex", &["\"encoding\"", "\"base64url\""]),
            ("header bogus=s3cr3t", &["\"bogus\"", "name, type, strip, encoding"]),
        ],
    ),
    row(
        "STSPassTargetTokenIn",
        "",
        &[
            "environment",
            "header name=X-Token&type=",
            "query name=token",
            "post",
            "cookie",
            "basic",
        ],
        &[
            ("basic encoding=base64", &["\"encoding\"", "no options"]),
            ("body", &["\"body\"", "\"environment\", \"header\""]),
            ("cookie type=Bearer", &["\"type\""]),
            ("header strip=true", &["\"strip\"", "name, type, encoding"]),
            ("environment name=$x", &["\"name\"", "variable"]),
        ],
    ),
    row(
        "STSMaxForm",
        "max_form",
        &["1024", "1k", "64m"],
        &[("1023", &["from 1024 to"]), ("65m", &["from 1024 to"])],
    ),
    row(
        "STSSourceEncoding",
        "source_encoding",
        &["none", "base64", "base64url", "deflate"],
        &[("hex", &["\"hex\"", "\"base64url\""])],
    ),
    row(
        "STSTargetEncoding",
        "target_encoding",
        &["none", "base64", "base64url", "deflate"],
        &[("hex", &["\"hex\"", "\"deflate\""])],
    ),
    row(
        "STSAcceptTokenType",
        "accept_token_type",
        &["Bearer", "N_A Bearer BearerToken", "urn:example:type"],
        &[
            ("''", &["a word of at most 128|must not be empty"]),
            ("\u{e9}", &["printable characters"]),
        ],
    ),
    row(
        "STSExpect",
        "expect",
        &[
            "subject",
            "subject=preferred_username",
            "off",
            "issued_token_type audience scope subject=sub",
            "scope",
        ],
        &[
            ("claims", &["\"issued_token_type\"", "\"audience\"", "\"subject=claim\" and \"off\""]),
            ("scope scope", &["twice"]),
            ("audience off", &["stands alone"]),
            ("subject=", &["name of a claim"]),
            ("subject subject=sub", &["twice"]),
            ("subject off", &["stands alone"]),
        ],
    ),
    row("STSSSLValidateServer", "ssl_verify", SWITCH, NO_SWITCH),
    row("STSSSLTrustedCertificate", "ssl_trusted_certificate", &["ca.pem"], &[("''", &["empty"])]),
    row("STSSSLCRL", "ssl_crl", &["crl.pem"], &[("''", &["empty"])]),
    row(
        "STSSSLProtocols",
        "ssl_protocols",
        &["TLSv1.2", "TLSv1.2 TLSv1.3", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"],
        &[("SSLv3", &["\"SSLv3\"", "TLSv1.3"])],
    ),
    row("STSSSLCiphers", "ssl_ciphers", &["HIGH:!aNULL"], &[("''", &["empty"])]),
    row(
        "STSHTTPTimeOut",
        "http_timeout",
        &["1", "3600"],
        &[
            ("0", &["from 1 to 3600"]),
            ("3601", &["from 1 to 3600"]),
            ("-1", &["from 1 to 3600"]),
            ("soon", &["\"soon\""]),
            ("99999999999999999999", &["from 1 to 3600"]),
        ],
    ),
    row("STSHTTPRetries", "http_retries", &["0", "10"], &[("11", &["from 0 to 10"])]),
    row(
        "STSHTTPRetryInterval",
        "http_retry_interval",
        &["0", "60000"],
        &[("60001", &["from 0 to 60000"]), ("1s", &["\"1s\""])],
    ),
    row(
        "STSOutgoingProxy",
        "outgoing_proxy",
        &["127.0.0.1:3128", "http://127.0.0.1:3128", "127.0.0.1", "off"],
        &[
            ("https://127.0.0.1", &["http://host:port"]),
            ("http://127.0.0.1/a", &["without a path"]),
            ("'127.0.0.1 username=a'", &["spaces"]),
        ],
    ),
    row(
        "STSOutgoingProxy",
        "",
        &[
            "127.0.0.1:3128 username=a&password_file=secret",
            "localhost. username=a&password_file=secret",
        ],
        &[
            ("127.0.0.1 ''", &["\"username\" is missing"]),
            ("127.0.0.1 username=a", &["\"password_file\" is missing"]),
            ("127.0.0.1 password_file=secret", &["\"username\" is missing"]),
            ("127.0.0.1 username=a&password=s3cr3t", &["\"password_file\"", "into a file"]),
            ("127.0.0.1 username=a%3Ab&password_file=secret", &["colon"]),
            ("127.0.0.1 username=a&password_file=secret&realm=b", &["\"realm\"", "username"]),
            ("127.0.0.1 username=$a&password_file=secret", &["no variables"]),
            ("127.0.0.1 username=a&password_file=missing", &["missing", "cannot be read"]),
            ("off username=a&password_file=secret", &["without a proxy"]),
        ],
    ),
    row(
        "",
        "outgoing_proxy_username",
        &["a", "gate way"],
        &[("''", &["empty"]), ("a:b", &["colon"])],
    ),
    row(
        "",
        "outgoing_proxy_password_file",
        &["secret"],
        &[("''", &["empty"]), ("missing", &["cannot be read"])],
    ),
    row(
        "STSHost",
        "host",
        &["sts", "STS.Example.com:443", "127.0.0.1", "[2001:db8::1]:8443"],
        &[
            ("''", &["host name|must not be empty"]),
            ("https://sts", &["host name", "no scheme"]),
            ("sts/token", &["host name"]),
            ("sts.", &["dot at its end"]),
            ("sts:0", &["host name"]),
            ("user@sts", &["host name"]),
            ("'sts other'", &["host name"]),
            ("$host", &["host name|no variables"]),
        ],
    ),
    row(
        "STSDependsOn",
        "depends_on",
        &["@inner", "@inner @b"],
        &[
            ("inner", &["\"inner\"", "named location"]),
            ("@", &["named location"]),
            ("@inner @inner", &["named twice"]),
            ("@nowhere", &["no location \"@nowhere\" with an exchange"]),
        ],
    ),
    row(
        "STSPhase",
        "phase",
        &["precontent", "access", "rewrite"],
        &[("content", &["\"content\"", "\"precontent\", \"access\", \"rewrite\""])],
    ),
    row("STSOnError", "on_error", ON_FAILURE, NO_ON_FAILURE),
    row("STSOnMissing", "on_missing", ON_FAILURE, NO_ON_FAILURE),
    row(
        "STSBypass",
        "bypass",
        &["0", "$host", "$host $arg_a 1", "a b c d e f g"],
        &[
            ("", &["number of arguments|must not be empty"]),
            ("a b c d e f g h", &["number of arguments|1 to 7 words"]),
        ],
    ),
    row(
        "STSErrorStatus",
        "error_status",
        &["invalid_target 401", "RequestFailed 400", "server_error 599"],
        &[
            ("invalid_target 399", &["from 400 to 599"]),
            ("invalid_target 600", &["from 400 to 599"]),
            ("invalid_target no", &["\"no\"", "from 400 to 599"]),
            ("invalid_target 444", &["444", "no answer"]),
            ("invalid_target", &["number of arguments|2 words"]),
            ("invalid_target 401 x", &["number of arguments|2 words"]),
            ("größer 401", &["must be a code"]),
        ],
    ),
    row(
        "STSMaxResponse",
        "max_response",
        &["1024", "1k", "64m"],
        &[("1023", &["from 1024 to"]), ("65m", &["from 1024 to"]), ("large", &["\"large\""])],
    ),
    row(
        "STSKeepalive",
        "keepalive",
        &["0", "65535", "4 30s", "4 idle 500ms"],
        &[
            ("many", &["\"many\""]),
            ("65536", &["from 0 to 65535"]),
            ("4 0", &["times from 1ms"]),
            ("4 busy 1s", &["connections"]),
        ],
    ),
    row(
        "STSMaxCalls",
        "max_calls",
        &[
            "1",
            "65535",
            "10 queue 0",
            "10 queue 5 per $binary_remote_addr 16",
            "10 per $http_x_tenant 1",
        ],
        &[
            ("0", &["from 1 to 65535"]),
            ("3 per", &["per value calls"]),
            ("3 per $host", &["per value calls"]),
            ("3 per $host 0", &["from 1 to 65535"]),
            ("3 per host 4", &["no variable", "$binary_remote_addr"]),
            ("3 per $host 4 queue 5", &["number of arguments|per value calls"]),
            ("3 queue", &["queue"]),
            ("3 queue many", &["\"many\""]),
            ("3 line 4", &["queue"]),
        ],
    ),
    row(
        "STSBreaker",
        "breaker",
        &["1", "1000", "5 500ms", "5 10m", "off"],
        &[
            ("0", &["from 1 to 1000", "\"off\""]),
            ("5 0", &["times from 100ms"]),
            ("5 1h", &["times from"]),
            ("on", &["\"on\""]),
        ],
    ),
    row(
        "STSCache",
        "",
        &[
            "shm",
            "shm name=a&size=2m&max_entries=10&max_val_size=64k&max_key_size=1",
            "shm name=b&encrypt=true&passphrase=b&key_hash_algo=sha256&passphrase_hash_algo=sha256",
            "redis name=c&host=127.0.0.1&passphrase=s3cr3t",
            "redis name=all&host=localhost&port=1&username=u&password=p&db=1&prefix=a:&timeout=5ms&pool=2\
             &passphrase_file=secret&passphrase_old=o&encrypt=true&size=1m&max_val_size=4k\
             &key_hash_algo=sha256&passphrase_hash_algo=sha256&max_key_size=1",
            "redis name=d&host=::1&tls=true&ssl_verify=on&ssl_trusted_certificate=ca.pem&ssl_protocols=TLSv1.3\
             &ssl_ciphers=HIGH&passphrase=s3cr3t",
            "redis name=e&host=unix:/tmp/none&password_file=secret&passphrase=s3cr3t",
            "redis name=f&host=127.0.0.1&encrypt=insecure",
            "redis name=g&sentinel=127.0.0.1,localhost:1,[::1]:2,[::1]&master=m&passphrase=s3cr3t",
            "redis name=i&host=127.0.0.1:7000,localhost,[::1]:7001&port=7002&cluster=true&passphrase=s3cr3t",
            "redis name=j&host=127.0.0.1&cluster=false&passphrase=s3cr3t",
            "file name=k&dir=files&passphrase=s3cr3t",
            "file name=l&dir=of%2Dother%20files/&clean_interval=5s&timeout=50ms&passphrase_file=secret",
            "memcache name=h&config_string=--SERVER%3D127.0.0.1:11211&passphrase=s3cr3t",
        ],
        &[
            ("bogus", &["\"bogus\"", "shm", "redis", "memcache"]),
            ("shm size=1k", &["\"size\""]),
            ("shm encrypt=maybe", &["\"encrypt\"", "\"on\" and \"off\""]),
            ("shm key_hash_algo=bogus", &["\"key_hash_algo\"", "sha256"]),
            ("shm passphrase_hash_algo=none", &["\"passphrase_hash_algo\"", "sha256"]),
            ("shm bogus=s3cr3t", &["\"bogus\"", "max_entries", "passphrase_hash_algo"]),
            ("shm passphrase=", &["\"passphrase\"", "empty"]),
            ("encrypt=true&passphrase=s3cr3t", &["invalid value", "\"shm\""]),
            ("shm passphrase=s3cr3t&passphrase=s3cr3t", &["\"passphrase\""]),
            ("shm host=127.0.0.1", &["unknown option", "\"host\""]),
            ("file passphrase=s3cr3t", &["\"dir\" is missing", "one of their own"]),
            ("file dir=f", &["passphrase is needed"]),
            ("file dir=/tmp&passphrase=s3cr3t", &["\"dir\"", "\"/tmp\"", "chmod go-w"]),
            ("file dir=secret&passphrase=s3cr3t", &["\"dir\"", "is no directory"]),
            (
                "file dir=f&passphrase=s3cr3t&clean_interval=0",
                &["\"clean_interval\"", "times from"],
            ),
            ("file dir=f&passphrase=s3cr3t&host=a", &["unknown option", "\"host\""]),
            ("file dir=f&passphrase=s3cr3t&prefix=a", &["unknown option", "\"prefix\""]),
            ("file dir=f&passphrase=s3cr3t&pool=2", &["unknown option", "\"pool\""]),
            ("memcache config_string=--SERVER%3Da:1&passphrase=s3cr3t&db=1", &["\"db\""]),
            ("redis passphrase=s3cr3t", &["\"host\" is missing", "unix:/path"]),
            ("redis host=127.0.0.1", &["passphrase is needed", "passphrase_file=file", "insecure"]),
            ("redis host=127.0.0.1&encrypt=false", &["\"encrypt\"", "encrypt=insecure"]),
            (
                "redis host=127.0.0.1&encrypt=insecure&passphrase=s3cr3t",
                &["\"encrypt\"", "leave one of them out"],
            ),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&passphrase_file=secret",
                &["exclude each other"],
            ),
            (
                "redis host=127.0.0.1&passphrase_file=none",
                &["\"passphrase_file\"", "cannot be read"],
            ),
            ("redis host=127.0.0.1&passphrase=s3cr3t&port=0", &["\"port\"", "from 1 to 65535"]),
            ("redis host=a/b&passphrase=s3cr3t", &["\"host\"", "a name, or an address"]),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&username=u",
                &["\"username\"", "password_file"],
            ),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&password=s3cr3t&password_file=secret",
                &["exclude each other"],
            ),
            ("redis host=127.0.0.1&passphrase=s3cr3t&db=many", &["\"db\"", "whole numbers"]),
            ("redis host=127.0.0.1&passphrase=s3cr3t&timeout=1h", &["\"timeout\"", "times from"]),
            ("redis host=127.0.0.1&passphrase=s3cr3t&pool=0", &["\"pool\"", "from 1 to 1024"]),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&prefix=a+b",
                &["\"prefix\"", "without blanks"],
            ),
            ("redis host=127.0.0.1&passphrase=s3cr3t&ssl_verify=off", &["no effect", "tls=true"]),
            ("redis host=unix:/r&passphrase=s3cr3t&tls=true", &["\"tls\"", "leave it out"]),
            ("redis host=unix:/r&passphrase=s3cr3t&port=1", &["\"port\"", "leave it out"]),
            ("redis passphrase=s3cr3t&cluster=true", &["\"cluster\"", "\"host\" is missing"]),
            (
                "redis host=a&passphrase=s3cr3t&cluster=maybe",
                &["\"cluster\"", "\"on\" and \"off\""],
            ),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&cluster=true&db=1",
                &["\"db\"", "leave it out"],
            ),
            (
                "redis host=127.0.0.1&passphrase=s3cr3t&cluster=true&sentinel=a&master=m",
                &["\"cluster\"", "leave the options"],
            ),
            ("redis host=127.0.0.1,&passphrase=s3cr3t&cluster=true", &["host:port,host:port"]),
            ("redis host=::1:2&passphrase=s3cr3t&cluster=true", &["in brackets"]),
            ("redis host=unix:/r&passphrase=s3cr3t&cluster=true", &["\"host\"", "host:port"]),
            ("redis host=a,b&passphrase=s3cr3t", &["\"host\"", "a name, or an address"]),
            ("redis sentinel=a:1&passphrase=s3cr3t", &["\"master\"", "need each other"]),
            ("redis sentinel=a:1&master=m&host=a&passphrase=s3cr3t", &["\"host\"", "leave it out"]),
            ("redis sentinel=a:1&master=m&port=1&passphrase=s3cr3t", &["\"port\"", "leave it out"]),
            ("redis sentinel=a:1,,b&master=m&passphrase=s3cr3t", &["host:port,host:port"]),
            ("redis host=127.0.0.1&passphrase=s3cr3t&config_string=x", &["\"config_string\""]),
            ("memcache passphrase=s3cr3t", &["\"config_string\" is missing", "--SERVER"]),
            ("memcache config_string=localhost&passphrase=s3cr3t", &["--SERVER=host:port"]),
            (
                "memcache config_string=--SERVER%3Da:1+--SERVER%3Db:1&passphrase=s3cr3t",
                &["\"config_string\"", "once"],
            ),
            ("memcache config_string=--SERVER%3Da:1&passphrase=s3cr3t&host=a", &["\"host\""]),
        ],
    ),
    row("", "cache.name", &["known"], &[("unknown", &["\"unknown\"", "STSCache"])]),
    row("STSCachePurge", "", &[""], &[("all", &["number of arguments"])]),
    row(
        "STSStatus",
        "",
        &[""],
        &[("json", &["number of arguments"]), ("; STSCachePurge", &["\"STSStatus\" answers"])],
    ),
    row("STSCryptoPassphrase", "", &["anything"], &[("''", &["empty"])]),
    row(
        "STSCacheExpiresIn",
        "cache.expiry",
        &["0", "4294967295"],
        &[("4294967296", &["from 0 to 4294967295"]), ("-1", &["from 0"]), ("1m", &["\"1m\""])],
    ),
    row(
        "STSExpiryLeeway",
        "expiry_leeway",
        &["0", "15s", "500ms", "1d"],
        &[("2d", &["times from"]), ("soon", &["\"soon\""])],
    ),
    row(
        "STSRefreshAhead",
        "refresh_ahead",
        &["10", "80", "95", "off", "Off"],
        &[
            ("9", &["\"9\"", "from 10 to 95", "\"off\""]),
            ("96", &["from 10 to 95"]),
            ("80%", &["\"80%\""]),
            ("on", &["\"on\"", "\"off\""]),
        ],
    ),
    row(
        "STSNegativeTTL",
        "negative_ttl",
        &["0", "5s", "500ms", "1h"],
        &[("2h", &["times from"]), ("off", &["\"off\"", "times from"])],
    ),
    row(
        "STSPurgeOn",
        "purge_on",
        &["401", "401 403 498", "off"],
        &[
            ("500", &["from 400 to 499", "\"off\""]),
            ("200", &["from 400 to 499"]),
            ("401 401", &["401", "twice"]),
        ],
    ),
    row(
        "STSRetryOn",
        "retry_on",
        &["401 @again", "401 403 @again", "off"],
        &[
            ("401", &["named location", "\"off\""]),
            ("@again", &["statuses from 400 to 499"]),
            ("401 again", &["named location"]),
            ("401 @", &["named location"]),
            ("500 @again", &["from 400 to 499"]),
            ("401 401 @again", &["401", "twice"]),
            ("401 @nowhere", &["no location \"@nowhere\" with an exchange"]),
            ("401 @inner", &["\"@inner\" has another exchange"]),
        ],
    ),
    row(
        "STSBoundTokens",
        "bound_tokens",
        &["refuse", "allow"],
        &[("maybe", &["\"maybe\"", "\"refuse\", \"allow\""])],
    ),
    row("STSIgnoreClientAbort", "ignore_client_abort", SWITCH, NO_SWITCH),
    row("STSAfterBody", "after_body", SWITCH, NO_SWITCH),
    row(
        "STSChallenge",
        "challenge",
        &["on", "off", "'Bearer realm=\"a\"'", "'Bearer realm=\"$host\"'"],
        &[("''", &["empty|challenge"])],
    ),
];

/// The files that the rows refer to, and a JWK.
fn files() -> (Vec<(&'static str, Vec<u8>)>, String) {
    let ca = Identity::authority("the test's CA");
    let key = openssl::pkey::PKey::generate_ed25519().expect("a key");
    let encode = |bytes: Result<Vec<u8>, _>| URL_SAFE_NO_PAD.encode(bytes.expect("a key"));
    let (x, d) = (encode(key.raw_public_key()), encode(key.raw_private_key()));
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{d}"}}"#);
    let key = key.private_key_to_pem_pkcs8();
    let files = vec![
        ("ca.pem", ca.certificate_pem().into()),
        ("secret", "x\n".into()),
        ("assertion", "e.e.s\n".into()),
        ("key.pem", key.expect("a key")),
    ];
    (files, jwk)
}

/// What the rows refer to.
fn builder() -> Builder {
    let (files, jwk) = files();
    let builder = files
        .into_iter()
        .fold(Nginx::builder(), |builder, (path, content)| builder.file(path, content));
    builder.set("JWK", jwk).http("STSCache shm name=known&size=1m;")
}

/// What an exchange may depend on.
const INNER: &str = "
    location @inner { STSType cc; STSCCEndpoint http://127.0.0.1:9/t; STSVariables $inner; }
    location @b { STSType cc; STSCCEndpoint http://127.0.0.1:9/t; STSVariables $inner_b; }
    location @again {
        STSType otx; STSOTXEndpoint http://127.0.0.1:9/t; STSVariables $http_x $target;
    }
    location @minted {
        STSName minted; STSType jwt; STSJWTKeyFile key.pem; STSVariables $minted;
    }";

/// A location in which this directive stands beside a complete exchange.
fn with_directive(row: &Row, arguments: &str) -> String {
    let name = row.directive;
    let own = format!("{name} {arguments};");
    // What the directive says itself is not said by the exchange around it.
    let rest = match name {
        "STSVariables" => "STSType otx; STSOTXEndpoint http://127.0.0.1:9/t;",
        "STSExchange" => "STSVariables $http_x $target;",
        "STSType" | "STSCachePurge" | "STSJWKS" | "STSStatus" => "",
        "STSJWTKeyFile" => "STSType jwt; STSVariables $target;",
        _ if name.starts_with("STSJWT") => {
            "STSType jwt; STSJWTKeyFile key.pem; STSVariables $target;"
        }
        "STSEndpoint" | "STSIssuer" | "STSOTXEndpoint" => {
            "STSType otx; STSVariables $http_x $target;"
        }
        "STSROPCEndpoint" => "STSType ropc; STSROPCUsername a; STSVariables $http_x $target;",
        "STSCCEndpoint" => "STSType cc;",
        "STSWSTrustEndpoint" => "STSType wstrust; STSVariables $http_x $target;",
        "STSROPC" => "STSType ropc; STSVariables $http_x $target;",
        "STSROPCUsername" => {
            "STSType ropc; STSROPCEndpoint http://127.0.0.1:9/t; STSVariables $http_x $target;"
        }
        _ if name.starts_with("STSROPC") => {
            "STSType ropc; STSROPCEndpoint http://127.0.0.1:9/t; STSROPCUsername a;
            STSVariables $http_x $target;"
        }
        _ if name.starts_with("STSCC") => "STSType cc; STSCCEndpoint http://127.0.0.1:9/t;",
        _ if name.starts_with("STSWSTrust") => {
            "STSType wstrust; STSWSTrustEndpoint http://127.0.0.1:9/t; STSVariables $http_x $target;"
        }
        _ => "STSType otx; STSOTXEndpoint http://127.0.0.1:9/t; STSVariables $http_x $target;",
    };
    format!("location /PATH {{ {rest} {own} }}")
}

/// A location with an exchange that has this option.
fn with_key(row: &Row, arguments: &str) -> String {
    let (kind, key) = row.key;
    let text = arguments.trim_matches('\'');
    let option = match (key, text.split_once(' ')) {
        // The options of a method stand beside it.
        ("auth", Some((method, options))) => format!("auth={method}&{options}"),
        _ => format!("{key}={}", encode(text)),
    };
    let proxy = match key {
        "outgoing_proxy_username" => {
            "&outgoing_proxy=127.0.0.1:9&outgoing_proxy_password_file=secret"
        }
        "outgoing_proxy_password_file" => "&outgoing_proxy=127.0.0.1:9&outgoing_proxy_username=a",
        _ => "",
    };
    let user = if kind == "ropc" && key != "username" { "&username=a" } else { "" };
    let endpoint = match (kind, key) {
        (_, "issuer" | "jwt_key_file") => "''",
        ("jwt", _) => "'%%JWK%%'",
        _ => "http://127.0.0.1:9/t",
    };
    let source = if kind == "jwt" { "" } else { "$http_x" };
    format!(
        "location /PATH {{
            STSExchange {kind} {endpoint} '{option}{user}{proxy}';
            STSVariables {source} $target;
        }}"
    )
}

/// Form-encoded, but for the start of a variable.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'$' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// One NGINX for all that a row accepts.
fn accepts(row: &Row, written: impl Fn(&Row, &str) -> String, name: &str) -> Option<String> {
    let locations: String = row
        .accepted
        .iter()
        .enumerate()
        .map(|(number, arguments)| {
            let text = written(row, arguments).replace("/PATH", &format!("/{number}"));
            text.replace("$target", &format!("$target_{number}_"))
        })
        .collect();
    let Checked { ok, output, .. } = builder().server(&(locations.clone() + INNER)).check();
    (!ok).then(|| format!("{name} is refused:\n{output}\n{locations}"))
}

fn refuses(text: &str, name: &str, parts: &[&str]) -> Option<String> {
    let Checked { ok, output, .. } = builder().server(&format!("{text}{INNER}")).check();
    if ok {
        return Some(format!("accepted: {text}"));
    }
    if output.contains(SECRET) {
        return Some(format!("the refusal has the secret: {output}"));
    }
    let says = |part: &str| part.split('|').any(|one| output.contains(one));
    let missing =
        [name, "[emerg]"].into_iter().chain(parts.iter().copied()).find(|part| !says(part));
    missing.map(|part| format!("no {part:?} in {output}\n{text}"))
}

fn all_hold<T: Sync>(cases: &[T], problem: impl Fn(&T) -> Option<String> + Sync) {
    let problems = in_parallel(4, cases.len(), |number| cases.get(number).and_then(&problem));
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn each_directive_accepts_what_it_should() {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| !row.directive.is_empty()).collect();
    all_hold(&rows, |row| accepts(row, with_directive, row.directive));
}

#[test]
fn each_option_accepts_what_its_directive_does() {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| !row.key.1.is_empty()).collect();
    all_hold(&rows, |row| accepts(row, with_key, row.key.1));
}

#[test]
fn each_directive_refuses_what_it_should_and_says_what_is_allowed() {
    let cases = ROWS.iter().filter(|row| !row.directive.is_empty());
    let cases: Vec<_> = cases.flat_map(|row| row.refused.iter().map(move |r| (row, r))).collect();
    all_hold(&cases, |(row, (arguments, parts))| {
        refuses(&with_directive(row, arguments), row.directive, parts)
    });
}

#[test]
fn each_option_refuses_what_its_directive_does_and_is_named() {
    let cases = ROWS.iter().filter(|row| !row.key.1.is_empty());
    let cases: Vec<_> = cases.flat_map(|row| row.refused.iter().map(move |r| (row, r))).collect();
    all_hold(&cases, |(row, (arguments, parts))| {
        // With `auth` it is often one of the options beside it that is wrong.
        let name = match row.key.1 {
            "auth" => "STSExchange|",
            // It is told of as the directive has it.
            "outgoing_proxy_username" => "outgoing_proxy",
            name => name,
        };
        refuses(&with_key(row, arguments), name, parts)
    });
}

#[test]
fn no_directive_and_no_option_lacks_its_row() {
    let path = workspace().join("crates/ngx-http-sts/src/conf/directives.rs");
    let source = fs::read_to_string(path).expect("the table of directives");
    let between = |start: &str| -> BTreeSet<String> {
        let parts = source.split(start).skip(1);
        parts.filter_map(|part| part.split('"').next().map(str::to_owned)).collect()
    };
    let directives = between("directive(c\"");
    let keys: BTreeSet<String> = source
        .split(".key(\"")
        .skip(1)
        .chain(
            source
                .split(".key_of(")
                .skip(1)
                .filter_map(|part| part.split_once(", \"").map(|p| p.1)),
        )
        .filter_map(|part| part.split('"').next().map(str::to_owned))
        .collect();
    let rows = |name: fn(&Row) -> &'static str| -> BTreeSet<String> {
        let names = ROWS.iter().map(name).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    assert_eq!(rows(|row| row.directive), directives, "a directive needs a row in ROWS");
    // These are read beside the table, because a client authentication may take them.
    let mut all = keys;
    all.extend(
        ["auth", "cache.name", "client_id", "params", "password", "username"].map(str::to_owned),
    );
    // And these, which are parameters of the request.
    all.extend(
        ["audience", "resource", "scope", "requested_token_type", "subject_token_type"]
            .map(str::to_owned),
    );
    // These stand beside an option, in the place of the last argument of its directive.
    all.extend(["outgoing_proxy_username", "outgoing_proxy_password_file"].map(str::to_owned));
    assert_eq!(rows(|row| row.key.1), all, "an option needs a row in ROWS");
}
