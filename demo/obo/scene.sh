# shellcheck shell=bash disable=SC2034,SC2154
title="On behalf of a user, as Microsoft Entra ID does it: a JWT for the gateway becomes a token for the API"
sts=(--client gateway:2Federate --path /tenant/oauth2/v2.0/token --on-behalf-of --audience api://gateway)
path=/orders/
part() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
# The signature is none: the development STS looks at no signatures.
source_token=$(printf '{"alg":"RS256","typ":"JWT"}' | part).$(printf '{"iss":"https://idp.example.com","sub":"alice","aud":"api://gateway","exp":%s}' "$(($(date +%s) + 3600))" | part).c2lnbmF0dXJl
request=(-H "Authorization: Bearer $source_token")
more=(
    "the same again, from the cache" "-H 'Authorization: Bearer $source_token'"
    "a token that is for another audience" "-H 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIiwic3ViIjoiYm9iIiwiYXVkIjoib3RoZXIifQ.c2ln'"
)
