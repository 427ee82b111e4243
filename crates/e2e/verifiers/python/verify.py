"""Verifies tokens with PyJWT: verify.py URL-of-keys issuer audience, a token a line."""

import sys

import jwt

ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]

url, issuer, audience = sys.argv[1:4]
keys = jwt.PyJWKClient(url)
for line in sys.stdin:
    token = line.strip()
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key.key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "iat", "jti", "iss", "sub", "aud"]},
        )
        print("ok", jwt.get_unverified_header(token)["alg"], claims["sub"], flush=True)
    except Exception as error:
        print("refused", type(error).__name__, flush=True)
