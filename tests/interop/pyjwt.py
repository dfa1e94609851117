"""This script signs and verifies tokens with PyJWT. The library `cryptography` generates the keys.

stdin: {"sign": {"algs": [...], "claims": {...}}}  ->  [{"alg", "token", "key"}, ...]
       {"verify": {"keys": [{"alg", "text", "token"}, ...], "issuer", "audience"}}  ->  [claims, ...]
In the output, "key" is the shared secret, or the public key in PEM format.
"""

import datetime
import json
import secrets
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


def private_key(alg):
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if alg.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[alg])
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign(algs, claims):
    now = datetime.datetime.now(datetime.timezone.utc)
    claims = {**claims, "iat": now, "exp": now + datetime.timedelta(hours=1)}
    signed = []
    for alg in algs:
        if alg.startswith("HS"):
            key = shown = secrets.token_urlsafe(64)
        else:
            key = private_key(alg)
            shown = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode()
        signed.append({"alg": alg, "token": jwt.encode(claims, key, algorithm=alg), "key": shown})
    return signed


def verify(keys, issuer, audience):
    return [
        jwt.decode(key["token"], key["text"], algorithms=[key["alg"]], issuer=issuer, audience=audience)
        for key in keys
    ]


request = json.load(sys.stdin)
answer = sign(**request["sign"]) if "sign" in request else verify(**request["verify"])
print(json.dumps(answer))
