# shellcheck shell=bash disable=SC2034,SC2154
title="WS-Trust: an assertion of SAML for another one, both in base64"
sts=(--wstrust /services/trust --wstrust-user gateway:2Federate)
path=/app/
assertion='<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="a" IssueInstant="2026-01-01T00:00:00Z" Version="2.0"><saml:Issuer>https://idp.example.com</saml:Issuer><saml:Subject><saml:NameID>alice</saml:NameID></saml:Subject></saml:Assertion>'
source_token=$(printf '%s' "$assertion" | base64 -w 0)
request=(-H "Cookie: assertion=$source_token")
target() { printf '%s' "$1" | base64 -w 0; }
more=(
    "the same again, from the cache" "-H 'Cookie: assertion=$source_token'"
    "what is no assertion" "-H 'Cookie: assertion=dG9rZW4='"
)
