//! The table. What is said most exactly stands first: the first row that fits is taken.

use sts_core::error::FailureKind;

use super::Sign::{Code, Html, Kind, Reason, Redirect, Says, SaysAny, Source, Status, Type, Wire};
use super::Source as Token;
use super::Wire as Net;
use super::{Cause, Sign};

const fn row(
    id: &'static str,
    signs: &'static [Sign],
    cause: &'static str,
    remedy: &'static str,
) -> Cause {
    Cause { id, signs, cause, remedy }
}

/// All causes that are known.
pub static TABLE: &[Cause] = &[
    // The way to the STS.
    row(
        "name_not_found",
        &[Wire(Net::NoAddress)],
        "the host name of the endpoint has no address for this machine",
        "compare the name in the endpoint with that of the STS; NGINX may ask another name server than this \
         command does (\"resolver\")",
    ),
    row(
        "socket_missing",
        &[Wire(Net::Connect), Says("unix:"), Says("no such file")],
        "there is no such local socket",
        "compare the path behind unix: with the one that the STS listens on",
    ),
    row(
        "connection_refused",
        &[Wire(Net::Connect), Says("connection refused")],
        "nothing listens at this address and port",
        "look whether the STS runs, and whether port and scheme are those that it listens on",
    ),
    row(
        "network_unreachable",
        &[Wire(Net::Connect), SaysAny(&["unreachable", "no route"])],
        "there is no way from this machine to the address of the STS",
        "look at routes and firewalls; where all traffic goes through a proxy write \"STSOutgoingProxy\"",
    ),
    row(
        "connect_timeout",
        &[Wire(Net::Connect), SaysAny(&["timed out"])],
        "the STS does not answer attempts to connect, which as a rule is a firewall that drops packets",
        "let this machine reach the host and port of the endpoint",
    ),
    row(
        "tls_name_mismatch",
        &[Wire(Net::Tls), SaysAny(&["verify error 62", "verify error 64", "hostname mismatch"])],
        "the certificate of the STS is for another name than that in the endpoint",
        "write the name in the endpoint that the certificate has; \"STSHost\" changes the Host header where the \
         STS wants another one",
    ),
    row(
        "tls_certificate_expired",
        &[Wire(Net::Tls), SaysAny(&["verify error 10:", "certificate has expired"])],
        "the certificate of the STS has expired",
        "renew it at the STS; if it is good, set the clock of this machine right",
    ),
    row(
        "tls_certificate_not_yet",
        &[Wire(Net::Tls), Says("verify error 9:")],
        "the certificate of the STS is not valid yet",
        "set the clock of this machine right",
    ),
    row(
        "tls_self_signed",
        &[Wire(Net::Tls), SaysAny(&["verify error 18:", "verify error 19:"])],
        "the certificate of the STS is signed by an authority of its own, which is not trusted here",
        "name the file of that authority with \"STSSSLTrustedCertificate\"",
    ),
    row(
        "tls_untrusted",
        &[Wire(Net::Tls), SaysAny(&["verify error 20:", "verify error 21:", "verify error 2:"])],
        "the authority that signed the certificate of the STS is not trusted here, or the STS leaves \
         intermediate certificates out",
        "name the file of that authority with \"STSSSLTrustedCertificate\"; let the STS send its whole chain",
    ),
    row(
        "tls_revoked",
        &[Wire(Net::Tls), SaysAny(&["verify error 23:", "verify error 3:", "verify error 12:"])],
        "the certificate of the STS is in the list of revoked ones, or the list of its authority is missing or \
         too old",
        "look at the file of \"STSSSLCRL\": it needs a current list of each authority of the chain",
    ),
    row(
        "tls_plain_port",
        &[
            Wire(Net::Tls),
            SaysAny(&["wrong version number", "packet length too long", "record layer failure"]),
        ],
        "the port of the endpoint speaks plain HTTP and not TLS",
        "take the port that the STS has for https, or write http:// where it is on this machine",
    ),
    row(
        "tls_client_certificate",
        &[
            Wire(Net::Tls),
            SaysAny(&[
                "certificate required",
                "bad certificate",
                "unknown ca",
                "handshake failure",
            ]),
        ],
        "the STS does not go on with this handshake: it wants a certificate of the client, or does not trust the \
         one that it gets, or has no version or cipher in common",
        "authenticate with \"client_cert cert=...&key=...\", with a certificate that the STS knows; compare \
         \"STSSSLProtocols\" and \"STSSSLCiphers\" with those of the STS",
    ),
    row(
        "tls_protocol",
        &[Wire(Net::Tls), SaysAny(&["protocol version", "unsupported protocol", "no protocols"])],
        "the STS and this configuration have no version of TLS in common",
        "compare \"STSSSLProtocols\" with the versions of the STS",
    ),
    row(
        "proxy_credentials",
        &[Wire(Net::Proxy), Says("407")],
        "the outgoing proxy wants credentials, or refuses those that it gets",
        "write \"STSOutgoingProxy host:port username=NAME&password_file=FILE\"",
    ),
    row(
        "proxy_no_tunnel",
        &[Wire(Net::Proxy)],
        "the outgoing proxy gives no tunnel to the STS",
        "allow the host and port of the STS at the proxy, or write \"STSOutgoingProxy off\"",
    ),
    row(
        "tls_port_plain",
        &[Reason("port for tls")],
        "the port of the endpoint speaks TLS",
        "write https:// in the endpoint",
    ),
    row(
        "no_answer",
        &[Kind(FailureKind::Timeout)],
        "the STS took the connection and did not answer in time",
        "look at the log of the STS for what it waits for; \"STSHTTPTimeOut\" gives it more time",
    ),
    row(
        "connection_lost",
        &[Wire(Net::Lost)],
        "the STS, or something before it, closed the connection without an answer",
        "look at the log of the STS; a port for TLS behaves so when plain HTTP comes, and a load balancer when \
         nothing is behind it",
    ),
    row(
        "no_http",
        &[Wire(Net::Malformed)],
        "what listens there speaks no HTTP/1.1, or breaks its rules",
        "look whether the port is that of another protocol, or of HTTP/2 alone",
    ),
    row(
        "answer_too_large",
        &[Wire(Net::TooLarge)],
        "the answer is larger than is allowed",
        "raise \"STSMaxResponse\", if the answer is one of the STS",
    ),
    // Microsoft Entra ID.
    row(
        "entra_audience",
        &[Says("aadsts500131")],
        "the aud of the source token is another application than the gateway's client",
        "let the client of NGINX ask for a token with a scope of the gateway's application (api://ID/...)",
    ),
    row(
        "entra_lifetime",
        &[Says("aadsts500133")],
        "the source token is over, or not valid yet",
        "send a fresh token; compare the clock of its issuer with that of Entra",
    ),
    row(
        "entra_assertion_signature",
        &[Says("aadsts50013")],
        "the signature of the source token is not good for this tenant: it is of another tenant, or a token for \
         Microsoft Graph, which no other application may use",
        "let the client ask for a token for the gateway's own application, at the tenant of the endpoint",
    ),
    row(
        "entra_consent",
        &[Says("aadsts65001")],
        "neither the user nor an administrator has agreed that the gateway uses the API",
        "grant the API permission at the gateway's application, with admin consent",
    ),
    row(
        "entra_second_factor",
        &[SaysAny(&["aadsts50076", "aadsts50079", "aadsts50158", "aadsts53003"])],
        "a policy of Entra wants the user to sign in with more than before",
        "let the client of NGINX read the challenge, and sign the user in again with its claims",
    ),
    row(
        "entra_grant",
        &[Says("aadsts70003")],
        "Entra does not speak RFC 8693",
        "write \"STSType jwt_bearer\" with \"STSRequestParameter requested_token_use on_behalf_of\"",
    ),
    row(
        "entra_no_secret",
        &[Says("aadsts7000218")],
        "the request has neither a secret nor an assertion of the client",
        "write \"STSEndpointAuth client_secret_post\" or \"private_key_jwt\"",
    ),
    row(
        "entra_secret",
        &[Says("aadsts7000215")],
        "the secret is wrong: often its id was taken in the place of its value",
        "make a new secret, and take the column \"Value\"",
    ),
    row(
        "entra_secret_expired",
        &[Says("aadsts7000222")],
        "the secret of the application has expired",
        "make a new secret, and put it into the file",
    ),
    row(
        "entra_client_assertion",
        &[SaysAny(&["aadsts700027", "aadsts700030"])],
        "the client assertion is not signed with a certificate that the application has",
        "register the certificate of the key, and give the key its kid or x5t",
    ),
    row(
        "entra_unknown_client",
        &[Says("aadsts700016")],
        "the tenant in the endpoint has no such application",
        "compare client_id and tenant with those of the application",
    ),
    row(
        "entra_tenant",
        &[SaysAny(&["aadsts90002", "aadsts900023"])],
        "there is no such tenant",
        "correct the tenant in the endpoint",
    ),
    row(
        "entra_scope",
        &[SaysAny(&["aadsts70011", "aadsts28002", "aadsts28003"])],
        "the scope is none that Entra knows, or is of several APIs",
        "ask for one API: api://ID/.default, or scopes of the same API",
    ),
    // Keycloak.
    row(
        "keycloak_exchange_off",
        &[Says("standard token exchange is not enabled")],
        "standard token exchange is switched off at the client that the gateway is",
        "switch on \"Standard token exchange\" at that client, under \"Capability config\"",
    ),
    row(
        "keycloak_not_in_audience",
        &[Says("client is not within the token audience")],
        "the client that the gateway is does not stand in the aud of the source token",
        "add an audience mapper for the gateway's client to a client scope of the client of NGINX",
    ),
    row(
        "keycloak_audience_unavailable",
        &[Says("requested audience not available")],
        "no scope of the gateway's client brings the audience that was asked for to this user",
        "give the gateway's client a scope with an audience mapper for it, or a role of that client to the user",
    ),
    row(
        "audience_unknown",
        &[Says("audience not found")],
        "the STS has no client with the id that stands in \"audience\"",
        "correct \"STSRequestParameter audience\": it is the client id of the target",
    ),
    row(
        "keycloak_consent",
        &[Says("missing consents")],
        "the gateway's client needs a consent of the user that was not given",
        "switch \"Consent required\" off at the gateway's client",
    ),
    row(
        "keycloak_dpop",
        &[Says("dpop proof is missing")],
        "the gateway's client has to prove a key (DPoP), which the module does not speak",
        "switch \"Require DPoP bound tokens\" off at that client",
    ),
    row(
        "source_bound_elsewhere",
        &[Says("sender-constrained token exchange rejected")],
        "the source token is bound to a key of its client",
        "let the client ask for a bearer token for the gateway",
    ),
    row(
        "keycloak_public_client",
        &[SaysAny(&["public client is not allowed", "public client not allowed"])],
        "the client that the gateway is has no secret: it is a public one",
        "switch \"Client authentication\" on at that client, and give the gateway its secret",
    ),
    row(
        "keycloak_wrong_method",
        &[Says("client_assertion_type is missing")],
        "the client is to authenticate with a signed JWT, and the gateway sends a secret",
        "write \"STSEndpointAuth private_key_jwt\", or set the client to \"Client Id and Secret\"",
    ),
    row(
        "assertion_audience",
        &[SaysAny(&[
            "invalid token audience",
            "invalid audience in client assertion",
            "audience of the client assertion",
        ])],
        "the aud of the client assertion is none by which the STS knows itself",
        "write the option aud= with the issuer of the STS, or with its token endpoint for older servers; \
         \"STSIssuer\" does the first by itself",
    ),
    row(
        "keycloak_legacy_parameter",
        &[Says("is not supported for standard token exchange")],
        "the request has a parameter of Keycloak's older exchange",
        "leave requested_subject and subject_issuer out, or switch the older exchange on (token-exchange:v1)",
    ),
    row(
        "keycloak_auth_prefix",
        &[Says("unable to find matching target resource method")],
        "the path of the endpoint begins with /auth, which newer versions of Keycloak do not have",
        "leave /auth out of the endpoint",
    ),
    row(
        "keycloak_realm",
        &[Says("realm does not exist")],
        "the realm in the path of the endpoint does not exist",
        "correct the realm, whose name is compared with its case",
    ),
    row(
        "exchange_not_allowed",
        &[SaysAny(&["client not allowed to exchange", "impersonation permission"])],
        "the gateway's client, or the user, has no permission for this exchange",
        "give the permission at the STS: at Keycloak's older exchange at the target client, under \"Permissions\"",
    ),
    // Other servers' texts.
    row(
        "dex_connector",
        &[Says("requested connector does not exist")],
        "connector_id is missing, unknown, or names a connector that exchanges nothing",
        "write \"STSRequestParameter connector_id ID\" with a connector of type oidc",
    ),
    row(
        "hydra_replayed",
        &[Code("jti_known")],
        "the STS has seen this source token before, and takes each one once",
        "send a fresh token; \"STSErrorStatus jti_known 401\" makes clients of NGINX do so",
    ),
    row(
        "wrong_password",
        &[Type("ropc"), SaysAny(&["invalid user credentials", "invalid username or password"])],
        "the password is not that of the user name",
        "compare \"STSROPCUsername\" with the user whose password the source token is",
    ),
    row(
        "subject_token_type",
        &[SaysAny(&["subject_token_type", "supports access tokens only"])],
        "the STS does not take a source token of this type, or of what its type is said to be",
        "write the type that the token has with \"STSRequestParameter subject_token_type\", or leave it out",
    ),
    row(
        "requested_token_type",
        &[SaysAny(&["requested_token_type", "requested token type", "unsupported_token_type"])],
        "the STS does not issue tokens of the type that was asked for",
        "leave \"requested_token_type\" out, or ask for access_token",
    ),
    row(
        "one_resource",
        &[Says("single resource indicator")],
        "the STS takes one resource, and was asked for several",
        "make one exchange for each resource",
    ),
    row(
        "resource_unknown",
        &[Code("invalid_target")],
        "the STS does not know the audience or resource that was asked for, or does not allow it",
        "register it at the STS, and allow it to the gateway's client",
    ),
    row(
        "no_client",
        &[SaysAny(&[
            "no client authentication mechanism",
            "client_id is missing",
            "missing client_id",
        ])],
        "the request does not say which client the gateway is",
        "write \"STSEndpointAuth\", or \"STSClientID\" for a public client",
    ),
    // WS-Trust.
    row(
        "wstrust_credentials",
        &[SaysAny(&["id3242", "failedauthentication", "authentication failed"]), Type("wstrust")],
        "the STS does not take the credentials in the message, or the token that stands for them",
        "compare user name and password (\"STSWSTrustEndpointAuth\"), and the issuer of the source token; look at \
         the clock: a Timestamp is good for five minutes",
    ),
    row(
        "wstrust_applies_to",
        &[SaysAny(&["id3082", "invalidscope"]), Type("wstrust")],
        "\"STSWSTrustAppliesTo\" is no identifier of a relying party that the STS knows",
        "take the identifier of the relying party, byte for byte",
    ),
    row(
        "wstrust_clock",
        &[SaysAny(&["messageexpired", "message has expired", "timestamp"]), Type("wstrust")],
        "the STS finds the Timestamp of the message too old or too new: clocks differ",
        "set the clocks of this machine and of the STS right",
    ),
    row(
        "wstrust_soap_version",
        &[SaysAny(&["versionmismatch"]), Type("wstrust")],
        "the STS speaks the other version of SOAP",
        "write \"STSWSTrustSOAPVersion 1.1\", or 1.2",
    ),
    row(
        "wstrust_content_type",
        &[Status(415), Type("wstrust")],
        "the STS does not take this content type: it speaks the other version of SOAP",
        "write \"STSWSTrustSOAPVersion 1.1\" for text/xml, or 1.2 for application/soap+xml",
    ),
    row(
        "wstrust_action",
        &[SaysAny(&["actionnotsupported", "actionmismatch", "badrequest"]), Type("wstrust")],
        "the STS does not know the action: it speaks another version of WS-Trust at this address",
        "write \"STSWSTrustVersion 1.2\", or take the endpoint for 1.3",
    ),
    row(
        "wstrust_token",
        &[SaysAny(&["invalidsecuritytoken", "invalidsecurity", "revoked"]), Type("wstrust")],
        "the STS does not take the source token: it is over, revoked, or its signature is not trusted",
        "send a fresh token; register the certificate of its issuer at the STS",
    ),
    row(
        "wstrust_security",
        &[SaysAny(&["securityerror", "security error"]), Type("wstrust")],
        "the STS does not take the security header: a wrong password, a signature, or a clock; it does not say \
         which",
        "compare user name and password, the issuer of the source token and the clocks; its log says more",
    ),
    row(
        "wstrust_request",
        &[
            SaysAny(&["invalidrequest", "request was invalid or malformed", "msis3127"]),
            Type("wstrust"),
        ],
        "an element of the message is not as this STS wants it",
        "compare \"STSWSTrustKeyType\", \"STSWSTrustTokenType\" and \"STSWSTrustVersion\" with what it supports",
    ),
    row(
        "wstrust_failed",
        &[SaysAny(&["requestfailed", "specified request failed"]), Type("wstrust")],
        "the source token is not valid, or what was asked for is not known",
        "look at the source token, \"STSWSTrustAppliesTo\" and \"STSWSTrustTokenType\"",
    ),
    // What is seen by the answer as a whole.
    row(
        "redirect",
        &[Redirect],
        "the endpoint redirects, which is not followed, since tokens and secrets would go elsewhere",
        "write the URL that it redirects to, if that is the token endpoint; a redirect to a page for signing in \
         means that the endpoint is another one",
    ),
    row(
        "proxy_on_the_way",
        &[Status(407)],
        "a proxy on the way to the STS wants credentials",
        "write \"STSOutgoingProxy host:port username=NAME&password_file=FILE\"",
    ),
    row(
        "endpoint_not_found",
        &[Status(404)],
        "there is nothing at the path of the endpoint",
        "let \"sts-exchange discover ISSUER\" tell the token endpoint",
    ),
    row(
        "endpoint_method",
        &[Status(405)],
        "what is at the path of the endpoint takes no POST: it may be the issuer, or another endpoint",
        "let \"sts-exchange discover ISSUER\" tell the token endpoint",
    ),
    row(
        "too_many_requests",
        &[Status(429)],
        "the STS takes no more requests for a while",
        "keep tokens for longer (\"STSCacheExpiresIn\"), and limit clients with limit_req",
    ),
    row(
        "sts_unavailable",
        &[Status(503)],
        "the STS is not ready, or nothing is behind what answers for it; AD FS says so of an endpoint that is not \
         enabled",
        "look at the STS, and at what stands before it",
    ),
    row(
        "gateway_before_sts",
        &[SaysAny(&["bad gateway", "gateway timeout", "gateway time-out"]), Html],
        "something before the STS answers, since it does not reach the STS",
        "look at the load balancer or the ingress before the STS",
    ),
    row(
        "html",
        &[Html, Kind(FailureKind::BadAnswer)],
        "the answer is a page for a browser: the endpoint is a page of the STS, and not its token endpoint",
        "let \"sts-exchange discover ISSUER\" tell the token endpoint",
    ),
    // What the source token shows, where the STS does not say.
    row(
        "source_expired",
        &[Source(Token::Expired), Kind(FailureKind::Refused)],
        "the source token has expired",
        "send a fresh one; if it is fresh, set the clock of its issuer right",
    ),
    row(
        "source_not_yet",
        &[Source(Token::NotYet), Kind(FailureKind::Refused)],
        "the source token is not valid yet by the clock of this machine: clocks differ",
        "set the clocks of this machine, of the issuer and of the STS right",
    ),
    row(
        "source_is_refresh_token",
        &[Source(Token::Refresh)],
        "the source token is a refresh token",
        "send an access token",
    ),
    row(
        "source_is_id_token",
        &[Source(Token::Id), Kind(FailureKind::Refused)],
        "the source token is an ID token, and was sent as an access token",
        "send an access token, or write \"STSRequestParameter subject_token_type id_token\"",
    ),
    row(
        "source_for_another",
        &[Source(Token::OfAnother), Kind(FailureKind::Refused)],
        "the aud of the source token does not name the client that the gateway is, which many STSs ask for",
        "let the client of NGINX ask for a token for the gateway",
    ),
    // The codes of the standards.
    row(
        "client_credentials",
        &[Code("invalid_client")],
        "the client is unknown, its secret is wrong, or it is to authenticate in another way",
        "compare client_id and secret with those of the STS, and the method: client_secret_basic, \
         client_secret_post, private_key_jwt or client_cert",
    ),
    row(
        "client_secret",
        &[
            Code("unauthorized_client"),
            SaysAny(&["invalid client credentials", "client credentials"]),
        ],
        "the secret of the client is wrong",
        "compare the secret with that of the STS; a line break in the middle of a file is part of it",
    ),
    row(
        "grant_not_allowed",
        &[Code("unauthorized_client")],
        "the client may not use this grant",
        "allow the grant at the client that the gateway is",
    ),
    row(
        "grant_unsupported",
        &[Code("unsupported_grant_type")],
        "the STS does not have this grant, or it is switched off",
        "switch it on at the STS, or take a type that it has; \"sts-exchange discover ISSUER\" lists them",
    ),
    row(
        "scope",
        &[Code("invalid_scope")],
        "a scope that was asked for does not exist, or is none of the gateway's client",
        "correct \"STSRequestParameter scope\", or add the scope to the client",
    ),
    row(
        "step_up",
        &[Kind(FailureKind::StepUp)],
        "the STS wants the user to prove more before it exchanges the token",
        "let the client of NGINX read the challenge, and sign the user in again",
    ),
    row(
        "consent",
        &[SaysAny(&["consent_required", "interaction_required", "login_required"])],
        "the user has to agree, or to sign in, before the STS exchanges the token",
        "grant the consent at the STS, or let the client of NGINX sign the user in",
    ),
    row(
        "source_refused",
        &[Kind(FailureKind::Refused)],
        "the STS does not take the source token: it is over, revoked, of an issuer that is not trusted, or not \
         meant for the gateway; it does not say which",
        "look at the token with \"sts-exchange decode\", and at the log of the STS",
    ),
    row(
        "denied",
        &[Kind(FailureKind::Denied)],
        "the STS knows the user and does not allow the exchange",
        "look at the policies of the STS for the gateway's client and this target",
    ),
    // What is not as it was asked for.
    row(
        "no_token",
        &[Kind(FailureKind::BadAnswer), Reason("access_token")],
        "the answer has no token that can be used",
        "look at the answer: it may be that of another endpoint",
    ),
    row(
        "not_as_asked",
        &[Kind(FailureKind::BadAnswer), Reason("stsexpect")],
        "the token is not what was asked for",
        "look at what was asked and got; \"STSExpect off\" takes what the STS issues",
    ),
    row(
        "token_type",
        &[Kind(FailureKind::BadAnswer), Reason("stsaccepttokentype")],
        "the token is of a type that the backend could not use as a bearer token",
        "let the STS issue bearer tokens, or name the type with \"STSAcceptTokenType\"",
    ),
    row(
        "no_json",
        &[Kind(FailureKind::BadAnswer)],
        "the answer is none of this protocol",
        "look at the answer, and whether the endpoint is that of the type of the exchange",
    ),
    // Here.
    row(
        "source_bound",
        &[Kind(FailureKind::BadToken), Reason("bound to a key")],
        "the source token is bound to a key of its client (cnf), which the gateway cannot prove",
        "let the client ask for a bearer token, or write \"STSBoundTokens allow\"",
    ),
    row(
        "source_unusable",
        &[Kind(FailureKind::BadToken)],
        "the source token is not what this exchange needs",
        "look at the token with \"sts-exchange decode\", and at \"STSSourceEncoding\"",
    ),
    row(
        "source_missing",
        &[Kind(FailureKind::MissingToken)],
        "there is no source token",
        "give it on standard input, as in: sts-exchange ... < token",
    ),
    row(
        "server_error",
        &[Kind(FailureKind::Unreachable)],
        "the STS failed by itself",
        "look at the log of the STS",
    ),
];
