"""Prints the realm: 200 users, a client at which they sign in, and gateways that authenticate in every way.

usage: realm.py <directory with gw-jwt.crt and partner.pub>
"""

import json
import pathlib
import sys

keys = pathlib.Path(sys.argv[1])


def pem(name):
    lines = (keys / name).read_text().splitlines()
    return "".join(line for line in lines if not line.startswith("-----"))


def audience(client):
    config = {"included.client.audience": client, "access.token.claim": "true"}
    return {
        "name": client,
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": config,
    }


def client(name, mappers=(), attributes=None, **more):
    settings = {
        "clientId": name,
        "enabled": True,
        "publicClient": False,
        "standardFlowEnabled": False,
        "protocolMappers": [audience(mapped) for mapped in mappers],
        "attributes": attributes or {},
    }
    return {**settings, **more}


EXCHANGES = {"standard.token.exchange.enabled": "true"}
GATEWAYS = ["gateway", "gw-post", "gw-secret-jwt", "gw-jwt", "gw-mtls", "gw-off", "gw-v1"]


def gateway(name, attributes=None, **more):
    attributes = {**EXCHANGES, **(attributes or {})}
    return client(name, ["orders"], attributes, **{"secret": f"{name}-secret", **more})


def sign_in(name, audiences, attributes=None):
    return client(name, audiences, attributes, publicClient=True, directAccessGrantsEnabled=True)


clients = [
    client("orders"),
    sign_in("shop", GATEWAYS),
    # Its tokens are for no gateway.
    sign_in("stranger", []),
    # Its tokens are over in two seconds.
    sign_in("hasty", GATEWAYS, {"access.token.lifespan": "2"}),
    gateway(
        "gateway",
        {
            "client.secret.authentication.allowed.method": "client_secret_basic",
            "oauth2.jwt.authorization.grant.enabled": "true",
            "oauth2.jwt.authorization.grant.idp": "partner",
        },
        serviceAccountsEnabled=True,
        directAccessGrantsEnabled=True,
    ),
    gateway("gw-post", {"client.secret.authentication.allowed.method": "client_secret_post"}),
    gateway(
        "gw-secret-jwt",
        clientAuthenticatorType="client-secret-jwt",
        secret="a-secret-of-more-than-32-bytes-for-hs256",
    ),
    gateway(
        "gw-jwt",
        {"jwt.credential.certificate": pem("gw-jwt.crt")},
        clientAuthenticatorType="client-jwt",
    ),
    gateway(
        "gw-mtls",
        {"x509.subjectdn": "CN=gw-mtls"},
        clientAuthenticatorType="client-x509",
    ),
    # Standard exchange is off.
    client("gw-off", ["orders"], secret="gw-off-secret"),
    # The legacy exchange is for clients without the standard one.
    client("gw-v1", ["orders"], secret="gw-v1-secret"),
    client(
        "samlapp",
        protocol="saml",
        attributes={
            "saml.assertion.signature": "true",
            "saml.server.signature": "true",
            "saml_name_id_format": "username",
            "saml.force.post.binding": "true",
            "saml_assertion_consumer_url_post": "https://samlapp.example.com/acs",
        },
        redirectUris=["https://samlapp.example.com/*"],
    ),
]


def user(number):
    name = f"user{number}"
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "username": name,
        "enabled": True,
        "emailVerified": True,
        "email": f"{name}@example.com",
        "firstName": "User",
        "lastName": str(number),
        "credentials": [{"type": "password", "value": name}],
        "federatedIdentities": [
            {"identityProvider": "partner", "userId": f"partner-{number}", "userName": name}
        ],
    }


partner = {
    "alias": "partner",
    "providerId": "oidc",
    "enabled": True,
    "config": {
        "issuer": "https://partner.example.com",
        "authorizationUrl": "https://partner.example.com/authorize",
        "tokenUrl": "https://partner.example.com/token",
        "clientId": "keycloak",
        "clientSecret": "unused",
        "validateSignature": "true",
        "useJwksUrl": "false",
        "publicKeySignatureVerifier": (keys / "partner.pub").read_text(),
        "jwtAuthorizationGrantEnabled": "true",
        "jwtAuthorizationGrantMaxAllowedAssertionExpiration": "300",
    },
}

realm = {
    "realm": "shop",
    "enabled": True,
    "accessTokenLifespan": 300,
    # What 200 users cost at a password each is of no interest here.
    "passwordPolicy": "hashIterations(1)",
    "clients": clients,
    "identityProviders": [partner],
    "users": [user(number) for number in range(200)],
}
json.dump(realm, sys.stdout, indent=1)
