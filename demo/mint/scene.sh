# shellcheck shell=bash disable=SC2034,SC2154
title="No STS: NGINX makes a signed JWT of the user that it has found"
sts=()
path=/orders/
source_token=$(printf 'alice:wonderland' | base64)
request=(-H "Authorization: Basic $source_token")
prepare() {
    openssl genpkey -quiet -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out "$place/secrets/jwt.pem"
    printf 'alice:%s\n' "$(openssl passwd -6 wonderland)" >"$place/secrets/users"
}
more=(
    "the same again: the token is kept" "-u alice:wonderland"
    "another password" "-u alice:guess"
    "the keys to verify it with" "@/jwks.json"
)
