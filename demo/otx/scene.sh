# shellcheck shell=bash disable=SC2034,SC2154
title="OAuth 2.0 Token Exchange (RFC 8693): a bearer token for another one, in a cookie"
sts=(--client otxclient:2Federate --path /realms/master/protocol/openid-connect/token)
path=/sts/otx
source_token=token-of-alice
request=(-H "Authorization: Bearer $source_token")
more=(
    "the same again, from the cache" "-H 'Authorization: Bearer $source_token'"
    "a token that the STS refuses" "-H 'Authorization: Bearer refuse.bob'"
    "no token" ""
    "an STS that takes two seconds" "-H 'Authorization: Bearer wait-2000.carol'"
)
