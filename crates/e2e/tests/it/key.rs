//! What two locations have to have in common to share a token: a row for each directive, and for what
//! of NGINX's own decides at which address an STS is found.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::pki::{Identity, Leaf};
use devsts::sts::wstrust::Requestor;
use devsts::{Answer, Metadata, Script, Sts, Tls, When, WsTrust};
use e2e::dns::Dns;
use e2e::nginx::{Builder, Nginx, workspace};
use e2e::parallel::in_parallel;
use e2e::proxy::Proxy;
use e2e::scene::Scene;
use openssl::pkey::PKey;
use serde_json::json;

/// Two locations that differ in one thing.
struct Row {
    /// The directive that the row is of.
    name: &'static str,
    /// What both say besides.
    base: &'static str,
    one: &'static str,
    other: &'static str,
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Each has a token of its own.
    Parts,
    /// The second one uses what the first one got.
    Shares,
}

const fn parts(name: &'static str, base: &'static str, pair: [&'static str; 2]) -> Row {
    Row { name, base, one: pair[0], other: pair[1], effect: Effect::Parts }
}

const fn shares(name: &'static str, base: &'static str, pair: [&'static str; 2]) -> Row {
    Row { effect: Effect::Shares, ..parts(name, base, pair) }
}

/// Exchanges without what their rows say, at an STS that takes whatever it is sent.
const OTX: &str = "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;";
const ROPC: &str = "STSType ropc; STSROPCEndpoint %%STS%%; STSVariables $source_token $target;";
const GRANT: &str = "STSType ropc; STSVariables $source_token $target;";
const CC: &str = "STSType cc; STSCCEndpoint %%STS%%;";
/// At one that speaks WS-Trust.
const WST: &str =
    "STSType wstrust; STSWSTrustEndpoint %%WST%%; STSVariables $source_token $target;";
const BINARY: &str = "STSType wstrust; STSWSTrustEndpoint %%WST%%; STSWSTrustValueType urn:a;
    STSVariables $source_token $target;";
const JWT: &str = "STSType wstrust; STSWSTrustEndpoint %%WST%%; STSWSTrustValueType urn:a;
    STSVariables $http_x_jwt $target;";
/// At one that knows its clients.
const BEHALF: &str = "STSType wstrust; STSWSTrustEndpoint %%BEHALF%%; STSWSTrustValueType urn:a;
    STSWSTrustTokenAs onbehalfof; STSVariables $source_token $target;";
const KNOWN: &str = "STSType wstrust; STSWSTrustEndpoint %%BEHALF%%; STSWSTrustValueType urn:a;
    STSWSTrustEndpointAuth basic username=a&password=b; STSVariables $source_token $target;";
/// At one with a certificate of the right CA.
const TLS: &str = "STSType otx; STSOTXEndpoint %%TLS%%; STSVariables $source_token $target;
    STSSSLTrustedCertificate %%PREFIX%%/ca.pem;";
const ANY_TLS: &str = "STSType otx; STSOTXEndpoint %%TLS%%; STSVariables $source_token $target;";
/// At one with an address that only a name server knows.
const NAMED: &str = "STSType otx; STSOTXEndpoint %%NAMED%%; STSVariables $source_token $target;";
/// Where no STS is called.
const MINT: &str = "STSType jwt; STSVariables $claims $target;";
const MINTED: &str = "STSType jwt; STSJWTKeyFile key.pem; STSVariables $claims $target;";
/// Nothing at all.
const NONE: &str = "";

static ROWS: &[Row] = &[
    // What is asked for.
    parts(
        "STSType",
        NONE,
        [
            "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;",
            "STSType ropc; STSROPCEndpoint %%STS%%; STSROPCUsername a; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSType",
        NONE,
        [
            "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;",
            "STSType cc; STSCCEndpoint %%STS%%;",
        ],
    ),
    parts(
        "STSType",
        "STSEndpoint %%STS%%; STSVariables $source_token $target;",
        ["STSType otx;", "STSType jwt_bearer;"],
    ),
    shares(
        "STSType",
        "STSVariables $source_token $target;",
        ["STSType jwt_bearer; STSEndpoint %%STS%%;", "STSExchange jwt_bearer %%STS%%;"],
    ),
    parts(
        "STSEndpoint",
        "STSType otx; STSVariables $source_token $target;",
        ["STSEndpoint %%STS%%;", "STSEndpoint %%STS%%?tenant=b;"],
    ),
    shares(
        "STSEndpoint",
        "STSVariables $source_token $target;",
        ["STSType otx; STSEndpoint %%STS%%;", "STSType otx; STSOTXEndpoint %%STS%%;"],
    ),
    parts(
        "STSIssuer",
        "STSType otx; STSVariables $source_token $target;",
        ["STSIssuer %%ISSUER%%;", "STSEndpoint %%OF_ISSUER%%;"],
    ),
    shares(
        "STSIssuer",
        "STSVariables $source_token $target;",
        [
            "STSType otx; STSIssuer %%ISSUER%%;",
            "STSExchange otx '' 'issuer=%%ISSUER%%&issuer_refresh=9s';",
        ],
    ),
    shares(
        "STSIssuerRefresh",
        "STSType otx; STSIssuer %%ISSUER%%; STSVariables $source_token $target;",
        ["", "STSIssuerRefresh 10s;"],
    ),
    parts(
        "STSEndpointAuth",
        OTX,
        [
            "STSEndpointAuth client_secret_post client_id=a&client_secret=b;",
            "STSEndpointAuth client_secret_basic client_id=a&client_secret=b;",
        ],
    ),
    parts("STSClientID", OTX, ["STSClientID a;", "STSClientID b;"]),
    parts("STSClientID", OTX, ["STSClientID a$arg_n;", "STSClientID b$arg_n;"]),
    shares(
        "STSExchange",
        NONE,
        [OTX, "STSExchange otx %%STS%%; STSVariables $source_token $target;"],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% params=scope%3Da; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% params=scope%3Db; STSVariables $source_token $target;",
        ],
    ),
    // What an option says by itself is a parameter as well.
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% audience=urn:a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% audience=urn:b; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% resource=urn:a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% resource=urn:b; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% scope=urn:a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% scope=urn:b; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% requested_token_type=urn:a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% requested_token_type=urn:b; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% subject_token_type=urn:a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% subject_token_type=urn:b; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% audience=a&audience=b; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% audience=b&audience=a; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% audience=a; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% audience=a&resource=a; STSVariables $source_token $target;",
        ],
    ),
    parts(
        "STSExchange",
        NONE,
        ["STSExchange cc %%STS%% scope=key-a;", "STSExchange cc %%STS%% scope=key-b;"],
    ),
    shares(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% audience=a&audience=b&scope=x+y; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% params=audience%3Da%26audience%3Db%26scope%3Dx%2By; STSVariables $source_token $target;",
        ],
    ),
    shares(
        "STSExchange",
        NONE,
        [
            "STSExchange otx %%STS%% requested_token_type=id_token; STSVariables $source_token $target;",
            "STSExchange otx %%STS%% requested_token_type=urn:ietf:params:oauth:token-type:id_token; STSVariables $source_token $target;",
        ],
    ),
    shares(
        "STSRequestParameter",
        NONE,
        [
            "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;
            STSRequestParameter subject_token_type jwt;",
            "STSExchange otx %%STS%% subject_token_type=jwt; STSVariables $source_token $target;",
        ],
    ),
    shares(
        "STSRequestParameter",
        OTX,
        [
            "STSRequestParameter requested_token_type saml2;",
            "STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:saml2;",
        ],
    ),
    shares(
        "STSRequestParameter",
        OTX,
        [
            "STSRequestParameter requested_token_type jwt;",
            "STSRequestParameter requested_token_type jwt$arg_none;",
        ],
    ),
    parts(
        "STSRequestParameter",
        OTX,
        [
            "STSRequestParameter requested_token_type id_token;",
            "STSRequestParameter requested_token_type saml2;",
        ],
    ),
    parts(
        "STSRequestParameter",
        OTX,
        ["", "STSRequestParameter requested_token_type access_token;"],
    ),
    parts(
        "STSRequestParameter",
        OTX,
        ["STSRequestParameter scope a;", "STSRequestParameter scope b;"],
    ),
    parts("STSRequestParameter", OTX, ["", "STSRequestParameter scope '';"]),
    parts("STSRequestParameter", OTX, ["STSRequestParameter a x;", "STSRequestParameter b x;"]),
    parts(
        "STSRequestParameter",
        OTX,
        [
            "STSRequestParameter audience a; STSRequestParameter audience b;",
            "STSRequestParameter audience b; STSRequestParameter audience a;",
        ],
    ),
    parts(
        "STSRequestParameter",
        CC,
        ["STSRequestParameter scope a;", "STSRequestParameter scope b;"],
    ),
    shares(
        "STSRequestParameter",
        OTX,
        ["STSRequestParameter x $arg_n;", "STSRequestParameter x $arg_n$arg_none;"],
    ),
    parts("STSActorToken", OTX, ["", "STSActorToken $http_x_plain;"]),
    parts("STSActorToken", OTX, ["STSActorToken $http_x_plain;", "STSActorToken $http_x_encoded;"]),
    parts(
        "STSActorToken",
        OTX,
        ["STSActorToken $http_x_plain;", "STSActorToken $http_x_plain jwt;"],
    ),
    shares(
        "STSActorToken",
        OTX,
        ["STSActorToken $http_x_plain;", "STSActorToken $http_x_plain access_token optional;"],
    ),
    shares("STSActorToken", OTX, ["", "STSActorToken $http_x_none jwt optional;"]),
    shares(
        "STSActorToken",
        NONE,
        [
            "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;
            STSActorToken $http_x_plain jwt;",
            "STSExchange otx %%STS%% actor_token=$http_x_plain+jwt;
            STSVariables $source_token $target;",
        ],
    ),
    parts("STSRequestHeader", OTX, ["", "STSRequestHeader X-Tenant a;"]),
    parts(
        "STSRequestHeader",
        OTX,
        ["STSRequestHeader X-Tenant a;", "STSRequestHeader X-Tenant b;"],
    ),
    parts("STSRequestHeader", OTX, ["STSRequestHeader X-Tenant a;", "STSRequestHeader X-Team a;"]),
    parts("STSRequestHeader", CC, ["", "STSRequestHeader X-Tenant a;"]),
    parts("STSRequestHeader", BINARY, ["", "STSRequestHeader X-Tenant a;"]),
    parts(
        "STSRequestHeader",
        OTX,
        ["STSRequestHeader X-Tenant a;", "STSRequestHeader X-Tenant a key=off;"],
    ),
    shares("STSRequestHeader", OTX, ["", "STSRequestHeader X-Tenant a key=off;"]),
    shares("STSRequestHeader", OTX, ["", "STSRequestHeader X-Tenant '';"]),
    shares("STSRequestHeader", OTX, ["", "STSRequestHeader X-Tenant $arg_none;"]),
    shares("STSRequestHeader", OTX, ["", "STSRequestHeader TraceParent $request_id;"]),
    shares(
        "STSRequestHeader",
        NONE,
        [
            "STSType otx; STSOTXEndpoint %%STS%%; STSVariables $source_token $target;
            STSRequestHeader X-Tenant a; STSRequestHeader X-Team $arg_n key=off;",
            "STSExchange otx %%STS%% request_header=X-Team+$arg_n+key%3Doff+x-tenant+a;
            STSVariables $source_token $target;",
        ],
    ),
    parts("STSOTXClientID", OTX, ["STSOTXClientID a;", "STSOTXClientID b;"]),
    parts("STSOTXClientID", OTX, ["STSOTXClientID a$arg_n;", "STSOTXClientID b$arg_n;"]),
    parts("STSROPC", GRANT, ["STSROPC url=%%STS%%&username=a;", "STSROPC url=%%STS%%&username=b;"]),
    parts(
        "STSROPC",
        GRANT,
        ["STSROPC url=%%STS%%&client_id=a;", "STSROPC url=%%STS%%&client_id=b;"],
    ),
    parts(
        "STSROPC",
        GRANT,
        [
            "STSROPC url=%%STS%%&auth=basic&username=a&password=b;",
            "STSROPC url=%%STS%%&auth=basic&username=a&password=c;",
        ],
    ),
    parts(
        "STSROPC",
        GRANT,
        ["STSROPC url=%%STS%%&username=a;", "STSROPC url=%%STS%%%3Fx&username=a;"],
    ),
    parts(
        "STSROPC",
        "STSType ropc; STSVariables $source_token $target;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;",
        ["STSROPC url=%%TLS%%&username=a;", "STSROPC url=%%TLS%%&username=a&ssl_verify=off;"],
    ),
    shares(
        "STSROPC",
        "STSType ropc; STSVariables $source_token $target; STSSSLValidateServer off;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;",
        ["STSROPC url=%%TLS%%&username=a;", "STSROPC url=%%TLS%%&username=a&ssl_verify=on;"],
    ),
    shares(
        "STSROPC",
        GRANT,
        [
            "STSROPCEndpoint %%STS%%; STSROPCUsername a; STSROPCClientID b;",
            "STSROPC url=%%STS%%&username=a&client_id=b&http_timeout=9;",
        ],
    ),
    parts("STSROPCClientID", ROPC, ["STSROPCClientID a;", "STSROPCClientID b;"]),
    parts("STSROPCUsername", ROPC, ["STSROPCUsername a;", "STSROPCUsername b;"]),
    parts("STSROPCUsername", ROPC, ["STSROPCUsername a$arg_n;", "STSROPCUsername b$arg_n;"]),
    parts("STSCCClientID", CC, ["STSCCClientID a;", "STSCCClientID b;"]),
    // WS-Trust.
    parts(
        "STSWSTrustAppliesTo",
        BINARY,
        ["STSWSTrustAppliesTo urn:a;", "STSWSTrustAppliesTo urn:b;"],
    ),
    parts("STSWSTrustAppliesTo", BINARY, ["", "STSWSTrustAppliesTo urn:b;"]),
    parts(
        "STSWSTrustTokenType",
        BINARY,
        ["STSWSTrustTokenType urn:a;", "STSWSTrustTokenType urn:b;"],
    ),
    parts("STSWSTrustValueType", WST, ["STSWSTrustValueType urn:a;", "STSWSTrustValueType urn:b;"]),
    parts("STSWSTrustVersion", BINARY, ["STSWSTrustVersion 1.2;", "STSWSTrustVersion 1.3;"]),
    // Without ActAs the two are the same on the wire.
    shares("STSWSTrustVersion", BINARY, ["STSWSTrustVersion 1.3;", "STSWSTrustVersion 1.4;"]),
    parts(
        "STSWSTrustSOAPVersion",
        BINARY,
        ["STSWSTrustSOAPVersion 1.1;", "STSWSTrustSOAPVersion 1.2;"],
    ),
    parts("STSWSTrustKeyType", BINARY, ["STSWSTrustKeyType Bearer;", "STSWSTrustKeyType none;"]),
    parts(
        "STSWSTrustTokenAs",
        KNOWN,
        ["STSWSTrustTokenAs security;", "STSWSTrustTokenAs onbehalfof;"],
    ),
    parts(
        "STSWSTrustSourceElements",
        BINARY,
        ["STSWSTrustSourceElements saml2;", "STSWSTrustSourceElements saml2 saml1;"],
    ),
    parts("STSWSTrustTo", BINARY, ["", "STSWSTrustTo %%WST%%;"]),
    parts("STSWSTrustClaims", BINARY, ["", "STSWSTrustClaims urn:claim;"]),
    parts("STSWSTrustTokenWrapper", JWT, ["", "STSWSTrustTokenWrapper on;"]),
    shares("STSExpect", BINARY, ["", "STSExpect off;"]),
    // Which client the gateway is.
    parts(
        "STSOTXEndpointAuth",
        OTX,
        ["STSOTXEndpointAuth none;", "STSOTXEndpointAuth basic username=a&password=b;"],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth basic username=a&password=b;",
            "STSOTXEndpointAuth basic username=a&password=c;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth basic username=a&password=b;",
            "STSOTXEndpointAuth basic username=b&password=b;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth basic username=a&password=b;",
            "STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=b;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth client_secret_post client_id=a&client_secret=b;",
            "STSOTXEndpointAuth client_secret_post client_id=a&client_secret_file=secret;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth client_secret_post client_id=a&client_secret_file=secret;",
            "STSOTXEndpointAuth client_secret_post client_id=a&client_secret_file=copy;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth client_secret_jwt client_id=a&client_secret=b;",
            "STSOTXEndpointAuth client_secret_jwt client_id=a&client_secret=b&aud=c;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth client_secret_jwt client_id=a&client_secret=b&aud=c;",
            "STSOTXEndpointAuth client_secret_jwt client_id=a&client_secret=b&aud=c&typ=JWT;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth private_key_jwt client_id=a&jwk_file=key.pem;",
            "STSOTXEndpointAuth private_key_jwt client_id=a&jwk_file=copy.pem;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth private_key_jwt client_assertion_file=assertion;",
            "STSOTXEndpointAuth private_key_jwt client_assertion_file=assertion&client_assertion_type=urn:x;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        OTX,
        [
            "STSOTXEndpointAuth private_key_jwt client_assertion_file=assertion;",
            "STSOTXEndpointAuth private_key_jwt client_assertion_file=assertion&client_id=a;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        TLS,
        [
            "STSOTXEndpointAuth client_cert cert=gateway.pem&key=gateway.pem;",
            "STSOTXEndpointAuth client_cert cert=copy-of-gateway.pem&key=gateway.pem;",
        ],
    ),
    parts(
        "STSOTXEndpointAuth",
        TLS,
        [
            "STSOTXEndpointAuth client_cert cert=gateway.pem&key=gateway.pem;",
            "STSOTXEndpointAuth client_cert cert=gateway.pem&key=copy-of-gateway.pem;",
        ],
    ),
    parts(
        "STSROPCEndpointAuth",
        ROPC,
        [
            "STSROPCUsername a; STSROPCEndpointAuth basic username=a&password=b;",
            "STSROPCUsername a; STSROPCEndpointAuth basic username=a&password=c;",
        ],
    ),
    parts(
        "STSCCEndpointAuth",
        CC,
        [
            "STSCCEndpointAuth basic username=a&password=b;",
            "STSCCEndpointAuth basic username=a&password=c;",
        ],
    ),
    parts(
        "STSWSTrustEndpointAuth",
        BEHALF,
        [
            "STSWSTrustEndpointAuth basic username=a&password=b;",
            "STSWSTrustEndpointAuth username_token username=a&password=b;",
        ],
    ),
    parts(
        "STSWSTrustEndpointAuth",
        BEHALF,
        [
            "STSWSTrustEndpointAuth username_token username=a&password=b;",
            "STSWSTrustEndpointAuth username_token username=a&password=c;",
        ],
    ),
    parts(
        "STSWSTrustEndpointAuth",
        BEHALF,
        [
            "STSWSTrustEndpointAuth username_token username=a&password=b;",
            "STSWSTrustEndpointAuth username_token username=b&password=b;",
        ],
    ),
    parts(
        "STSWSTrustEndpointAuth",
        BEHALF,
        [
            "STSWSTrustEndpointAuth username_token username=a&password=b;",
            "STSWSTrustEndpointAuth username_token username=a&password=b&password_type=digest;",
        ],
    ),
    parts(
        "STSWSTrustEndpointAuth",
        BEHALF,
        [
            "STSWSTrustEndpointAuth basic username=a&password=b;",
            "STSWSTrustEndpointAuth basic username=a&password=c;",
        ],
    ),
    // Which STS is asked, and by what it is known to be the one.
    parts(
        "STSOTXEndpoint",
        "STSType otx; STSVariables $source_token $target;",
        ["STSOTXEndpoint %%STS%%;", "STSOTXEndpoint %%STS%%?a;"],
    ),
    parts(
        "STSROPCEndpoint",
        "STSType ropc; STSROPCUsername a; STSVariables $source_token $target;",
        ["STSROPCEndpoint %%STS%%;", "STSROPCEndpoint %%STS%%?a;"],
    ),
    parts("STSCCEndpoint", "STSType cc;", ["STSCCEndpoint %%STS%%;", "STSCCEndpoint %%STS%%?a;"]),
    parts(
        "STSWSTrustEndpoint",
        "STSType wstrust; STSWSTrustValueType urn:a; STSVariables $source_token $target;",
        ["STSWSTrustEndpoint %%WST%%;", "STSWSTrustEndpoint %%WST_BY_NAME%%;"],
    ),
    parts("STSSSLValidateServer", TLS, ["STSSSLValidateServer on;", "STSSSLValidateServer off;"]),
    parts(
        "STSSSLTrustedCertificate",
        ANY_TLS,
        ["STSSSLTrustedCertificate ca.pem;", "STSSSLTrustedCertificate copy-of-ca.pem;"],
    ),
    parts("STSSSLCRL", TLS, ["", "STSSSLCRL crl.pem;"]),
    parts("STSSSLCRL", TLS, ["STSSSLCRL crl.pem;", "STSSSLCRL copy-of-crl.pem;"]),
    parts("STSSSLProtocols", TLS, ["STSSSLProtocols TLSv1.2;", "STSSSLProtocols TLSv1.3;"]),
    // A list of ciphers also sets the security level.
    parts("STSSSLCiphers", TLS, ["", "STSSSLCiphers DEFAULT:@SECLEVEL=0;"]),
    parts("STSSSLCiphers", TLS, ["STSSSLCiphers HIGH;", "STSSSLCiphers HIGH:!aNULL;"]),
    parts("STSOutgoingProxy", TLS, ["", "STSOutgoingProxy %%PROXY%%;"]),
    parts(
        "STSOutgoingProxy",
        TLS,
        ["STSOutgoingProxy %%PROXY%%;", "STSOutgoingProxy %%OTHER_PROXY%%;"],
    ),
    parts(
        "STSOutgoingProxy",
        TLS,
        [
            "STSOutgoingProxy %%PROXY%%;",
            "STSOutgoingProxy %%PROXY%% username=a&password_file=secret;",
        ],
    ),
    parts(
        "STSOutgoingProxy",
        TLS,
        [
            "STSOutgoingProxy %%PROXY%% username=a&password_file=secret;",
            "STSOutgoingProxy %%PROXY%% username=b&password_file=secret;",
        ],
    ),
    // The name of the file counts, and not what stands in it.
    parts(
        "STSOutgoingProxy",
        TLS,
        [
            "STSOutgoingProxy %%PROXY%% username=a&password_file=secret;",
            "STSOutgoingProxy %%PROXY%% username=a&password_file=copy;",
        ],
    ),
    parts("STSHost", OTX, ["", "STSHost sts.example.com;"]),
    parts("STSHost", OTX, ["STSHost sts.example.com;", "STSHost sts.example.com:443;"]),
    shares("STSName", OTX, ["STSName orders;", "STSName invoices;"]),
    shares("STSHost", OTX, ["STSHost a;", "STSHost a; STSMaxCalls 9;"]),
    parts("resolver", NAMED, ["resolver %%DNS%%;", "resolver %%OTHER_DNS%%;"]),
    parts("resolver", NAMED, ["resolver %%DNS%%;", "resolver %%DNS%% %%OTHER_DNS%%;"]),
    parts("resolver", NAMED, ["resolver %%DNS%%;", "resolver %%DNS%% ipv6=off;"]),
    parts("resolver", NAMED, ["resolver %%DNS%%;", "resolver %%DNS%% valid=1h;"]),
    parts("resolver", OTX, ["", "resolver %%DNS%%;"]),
    shares("resolver", NAMED, ["resolver %%DNS%%;", "resolver %%DNS%% ipv6=on;"]),
    shares(
        "resolver",
        NAMED,
        ["resolver %%DNS%% %%OTHER_DNS%%;", "resolver %%OTHER_DNS%% %%DNS%%;"],
    ),
    shares(
        "resolver_timeout",
        NAMED,
        ["resolver %%DNS%%;", "resolver %%DNS%%; resolver_timeout 9s;"],
    ),
    // Where it is kept.
    parts("STSCache", OTX, ["", "STSCache shm name=other&size=1m;"]),
    shares("STSCache", OTX, ["", "STSCache shm;"]),
    parts("STSCryptoPassphrase", OTX, ["", "STSCryptoPassphrase a;"]),
    parts("STSCryptoPassphrase", OTX, ["STSCryptoPassphrase a;", "STSCryptoPassphrase b;"]),
    parts(
        "STSCryptoPassphrase",
        OTX,
        [
            "STSCache shm name=sealed&size=1m&encrypt=true; STSCryptoPassphrase a;",
            "STSCache shm name=sealed&size=1m&encrypt=true; STSCryptoPassphrase b;",
        ],
    ),
    // How tokens come and go.
    shares(
        "STSVariables",
        "STSType otx; STSOTXEndpoint %%STS%%;",
        ["STSVariables $source_token $target;", "STSVariables $http_x_plain $target_too;"],
    ),
    shares(
        "STSAcceptSourceTokenIn",
        "STSType otx; STSOTXEndpoint %%STS%%;",
        [
            "STSVariables $source_token $target;",
            "STSAcceptSourceTokenIn header name=X-Plain&type=;",
        ],
    ),
    shares("STSPassTargetTokenIn", OTX, ["", "STSPassTargetTokenIn header;"]),
    shares("STSMaxForm", OTX, ["", "STSMaxForm 2k;"]),
    shares(
        "STSSourceEncoding",
        "STSType otx; STSOTXEndpoint %%STS%%;",
        [
            "STSVariables $source_token $target;",
            "STSVariables $http_x_encoded $target; STSSourceEncoding base64;",
        ],
    ),
    parts("STSSourceEncoding", OTX, ["", "STSSourceEncoding base64;"]),
    shares("STSTargetEncoding", OTX, ["", "STSTargetEncoding base64;"]),
    // What the gateway makes itself.
    parts(
        "STSType",
        "STSJWTKeyFile key.pem; STSEndpoint %%STS%%; STSVariables $claims $target;",
        ["STSType jwt;", "STSType jwt_bearer;"],
    ),
    shares(
        "STSExchange",
        "STSVariables $claims $target;",
        [
            "STSType jwt; STSJWTKeyFile key.pem; STSJWTIssuer a; STSJWTAudience b; STSClientID c;",
            "STSExchange jwt '' 'jwt_key_file=key.pem&iss=a&aud=b&client_id=c&jq.cache.name=d';",
        ],
    ),
    parts("STSJWTKeyFile", MINT, ["STSJWTKeyFile key.pem;", "STSJWTKeyFile copy.pem;"]),
    shares("STSJWTKeyFile", MINT, ["STSJWTKeyFile key.pem;", "STSJWTKeyFile key.pem next.pem;"]),
    parts("STSJWTAlgorithm", MINTED, ["", "STSJWTAlgorithm Ed25519;"]),
    parts("STSJWTIssuer", MINTED, ["STSJWTIssuer a;", "STSJWTIssuer b;"]),
    parts("STSJWTIssuer", MINTED, ["STSJWTIssuer a;", "STSJWTSubject a;"]),
    parts("STSJWTSubject", MINTED, ["", "STSJWTSubject a;"]),
    parts("STSJWTSubject", MINTED, ["STSJWTSubject a;", "STSClientID a;"]),
    parts("STSJWTAudience", MINTED, ["STSJWTAudience a; STSJWTAudience b;", "STSJWTAudience ab;"]),
    parts("STSJWTAudience", MINTED, ["STSJWTAudience a;", "STSJWTClaim aud a;"]),
    parts("STSJWTLifetime", MINTED, ["", "STSJWTLifetime 59;"]),
    parts("STSJWTLifetime", MINTED, ["STSJWTLifetime 59;", "STSJWTLifetime 59 nbf;"]),
    shares("STSJWTLifetime", MINTED, ["STSJWTLifetime 1m;", "STSJWTLifetime 60s;"]),
    parts("STSJWTClaim", MINTED, ["STSJWTClaim a 1;", "STSJWTClaim a 1 number;"]),
    parts("STSJWTClaim", MINTED, ["STSJWTClaim a 1;", "STSJWTClaim b 1;"]),
    parts("STSJWTClaim", MINTED, ["STSJWTClaim a x$arg_n;", "STSJWTClaim a y$arg_n;"]),
    parts("STSJWTFilter", MINTED, ["", "STSJWTFilter .;"]),
    parts("STSJWTFilter", MINTED, ["STSJWTFilter .;", "STSJWTFilter '. + {}';"]),
    parts("STSJWTType", MINTED, ["", "STSJWTType at+jwt;"]),
    shares("STSName", MINTED, ["", "STSName a;"]),
    shares("STSOnError", MINTED, ["", "STSOnError pass;"]),
    // Limits and policies.
    shares("STSHTTPTimeOut", OTX, ["", "STSHTTPTimeOut 9;"]),
    shares("STSHTTPRetries", OTX, ["", "STSHTTPRetries 2;"]),
    shares("STSHTTPRetryInterval", OTX, ["", "STSHTTPRetryInterval 9;"]),
    parts("STSDependsOn", OTX, ["", "STSDependsOn @inner;"]),
    parts("STSDependsOn", OTX, ["STSDependsOn @inner;", "STSDependsOn @other;"]),
    shares("STSPhase", OTX, ["", "STSPhase rewrite;"]),
    shares("STSAcceptTokenType", OTX, ["", "STSAcceptTokenType Bearer N_A other;"]),
    shares("STSErrorStatus", OTX, ["", "STSErrorStatus invalid_grant 403;"]),
    shares("STSAfterBody", OTX, ["", "STSAfterBody on;"]),
    shares("STSBypass", OTX, ["", "STSBypass 0;"]),
    shares("STSOnError", OTX, ["", "STSOnError pass;"]),
    shares("STSOnMissing", OTX, ["", "STSOnMissing pass;"]),
    shares("STSMaxResponse", OTX, ["", "STSMaxResponse 9k;"]),
    shares("STSKeepalive", OTX, ["", "STSKeepalive 0;"]),
    shares("STSMaxCalls", OTX, ["", "STSMaxCalls 9;"]),
    shares("STSMaxCalls", OTX, ["", "STSMaxCalls 9 per $remote_addr 3;"]),
    shares("STSBreaker", OTX, ["", "STSBreaker 5;"]),
    shares("STSCacheExpiresIn", OTX, ["", "STSCacheExpiresIn 200;"]),
    shares("STSExpiryLeeway", OTX, ["", "STSExpiryLeeway 9s;"]),
    shares("STSRefreshAhead", OTX, ["", "STSRefreshAhead off;"]),
    shares("STSNegativeTTL", OTX, ["", "STSNegativeTTL 0;"]),
    shares("STSPurgeOn", OTX, ["", "STSPurgeOn 401;"]),
    shares("STSRetryOn", OTX, ["", "STSRetryOn 401 @again;"]),
    shares("STSBoundTokens", OTX, ["", "STSBoundTokens allow;"]),
    shares("STSIgnoreClientAbort", OTX, ["", "STSIgnoreClientAbort on;"]),
    shares("STSChallenge", OTX, ["", "STSChallenge off;"]),
];

/// Directives that say nothing of an exchange.
///
/// `STSWSTrustSourceAs` wants sources of another form, which part locations by themselves.
const OTHERS: [&str; 4] = ["STSCachePurge", "STSJWKS", "STSStatus", "STSWSTrustSourceAs"];

/// What the rows ask and need.
struct World {
    scene: Scene,
    wstrust: Scene,
    behalf: Scene,
    tls: Scene,
    issuer: Scene,
    ca: Identity,
    gateway: Identity,
    names: [Dns; 2],
    proxies: [Proxy; 2],
}

impl World {
    fn new() -> Self {
        let ca = Identity::authority("the CA");
        let here = ca.issue(&Leaf::server().ip(Ipv4Addr::LOCALHOST));
        let gateway = ca.issue(&Leaf::client("gateway"));
        let scene = Scene::new();
        let tls = Scene::with(Sts::builder().tls(Tls::new(here).ask_client(&ca)));
        let issued = json!({
            "access_token": "issued",
            "token_type": "Bearer",
            "expires_in": 3600,
        });
        for sts in [&scene.sts, &tls.sts] {
            sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
        }
        let names = [Dns::new(), Dns::new()];
        names.iter().for_each(|dns| dns.set(NAME, 3600, &[IpAddr::V4(Ipv4Addr::LOCALHOST)]));
        let proxies = [Proxy::to(tls.sts.port()), Proxy::to(tls.sts.port())];
        let wstrust =
            Scene::with(Sts::builder().wstrust(WsTrust::at("/trust").claim("urn:claim", "x")));
        let mut behalf = WsTrust::at("/trust");
        for (name, password) in [("a", "b"), ("a", "c"), ("b", "b")] {
            for requestor in [Requestor::Basic, Requestor::UsernameText, Requestor::UsernameDigest]
            {
                behalf = behalf.requestor(requestor(name.to_owned(), password.to_owned()));
            }
        }
        let behalf = Scene::with(Sts::builder().wstrust(behalf));
        let issuer = Sts::builder().metadata(Metadata::of("/realms/x")).anonymous();
        let issuer = Scene::with(issuer);
        Self { scene, wstrust, behalf, tls, issuer, ca, gateway, names, proxies }
    }

    fn nginx(&self) -> Builder {
        let key =
            PKey::generate_ed25519().and_then(|key| key.private_key_to_pem_pkcs8()).expect("a key");
        let gateway = format!("{}{}", self.gateway.certificate_pem(), self.gateway.key_pem());
        let mut builder = self
            .scene
            .nginx()
            .set("TLS", self.tls.sts.endpoint())
            .set("ISSUER", self.issuer.sts.issuer())
            .set("OF_ISSUER", self.issuer.sts.endpoint())
            .set("WST", self.wstrust.sts.endpoint())
            .set("BEHALF", self.behalf.sts.endpoint())
            .set("WST_BY_NAME", self.wstrust.sts.endpoint_at("localhost"))
            .set("NAMED", self.scene.sts.endpoint_at(NAME))
            .set("DNS", self.names[0].address())
            .set("OTHER_DNS", self.names[1].address())
            .set("PROXY", self.proxies[0].address())
            .set("OTHER_PROXY", self.proxies[1].address());
        for (name, content) in [
            ("secret", b"b\n".to_vec()),
            ("copy", b"b\n".to_vec()),
            ("assertion", b"e.e.s\n".to_vec()),
            ("key.pem", key.clone()),
            ("copy.pem", key),
            ("gateway.pem", gateway.clone().into()),
            ("copy-of-gateway.pem", gateway.into()),
            ("ca.pem", self.ca.certificate_pem().into()),
            ("copy-of-ca.pem", self.ca.certificate_pem().into()),
            ("crl.pem", self.ca.revocation_list(&[]).into()),
            ("copy-of-crl.pem", self.ca.revocation_list(&[]).into()),
        ] {
            builder = builder.file(name, content);
        }
        builder
    }
}

const NAME: &str = "sts.corp.example";

fn server() -> String {
    let mut server = format!(
        "add_header X-STS-Status $sts_status always;
        location @again {{ {OTX} }}
        location @inner {{ STSType cc; STSCCEndpoint %%STS%%; STSClientID inner; STSVariables $inner; }}
        location @other {{ STSType cc; STSCCEndpoint %%STS%%; STSClientID other; STSVariables $other; }}",
    );
    for (number, row) in ROWS.iter().enumerate() {
        for (path, own) in [("one", row.one), ("other", row.other)] {
            // The tokens of `cc` are the same for each source.
            let is_cc = own.contains("cc;") || row.base.contains("cc;");
            let apart = if is_cc && !own.contains("ClientID") {
                format!("STSCCClientID row-{number};")
            } else {
                String::new()
            };
            let base = row.base;
            server.push_str(&format!(
                "location /{number}/{path} {{ {base} {own} {apart} proxy_pass %%BACKEND%%; }}\n"
            ));
        }
    }
    server
}

/// How the request of a row to one of its locations was served.
fn status(nginx: &Nginx, number: usize, path: &str) -> String {
    // It is a token, and base64 of one.
    let plain = STANDARD.encode(format!("row-{number:04}"));
    let response = nginx
        .get(&format!("/{number}/{path}?n={number}"))
        .bearer(&plain)
        .header(
            "X-Jwt",
            format!(
                "eyJhbGciOiJub25lIn0.{}.",
                URL_SAFE_NO_PAD.encode(format!("{{\"n\":{number}}}"))
            ),
        )
        .header("X-Claims", format!("{{\"n\":{number}}}"))
        .header("X-Plain", &plain)
        .header("X-Encoded", STANDARD.encode(&plain))
        .send();
    let status = response.header("X-STS-Status").unwrap_or_default().to_owned();
    if response.status == 200 { status } else { format!("{} {status}", response.status) }
}

#[test]
fn what_decides_on_a_token_parts_locations_and_nothing_else_does() {
    let world = World::new();
    let claims = "map $http_x_claims $claims { default $http_x_claims; }";
    let nginx = world.nginx().http(claims).server(&server()).start();
    let judge = |number: usize, row: &Row| {
        let expected = match row.effect {
            Effect::Parts => ["MISS", "MISS"],
            Effect::Shares => ["MISS", "HIT"],
        };
        let served = ["one", "other"].map(|path| status(&nginx, number, path));
        let Row { name, one, other, .. } = row;
        (served != expected).then(|| format!("{name}: {served:?} for {one:?} and {other:?}"))
    };
    let problems =
        in_parallel(4, ROWS.len(), |number| ROWS.get(number).and_then(|row| judge(number, row)));
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));

    nginx.reload();
    for (number, row) in ROWS.iter().enumerate() {
        for path in ["one", "other"] {
            assert_eq!(status(&nginx, number, path), "HIT", "{} after a reload", row.name);
        }
    }
}

#[test]
fn no_directive_lacks_its_row() {
    let path = workspace().join("crates/ngx-http-sts/src/conf/directives.rs");
    let source = fs::read_to_string(path).expect("the table of directives");
    let directives: BTreeSet<&str> = source
        .split("directive(c\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .filter(|name| !OTHERS.contains(name))
        .collect();
    let rows: BTreeSet<&str> =
        ROWS.iter().map(|row| row.name).filter(|name| name.starts_with("STS")).collect();
    assert_eq!(rows, directives, "a directive needs a row: what does it do to the key?");
}
