"""This script encrypts and decrypts tokens (JWE) with the library jwcrypto.

stdin: {"keys": [{"alg", "bits"}, ...]}  ->  [{"alg", "public": JWK, "private": JWK}, ...]
       {"seal": [{"jwk", "header", "content"}, ...]}  ->  [token, ...]
       {"open": [{"jwk", "token"}, ...]}  ->  [{"header", "content"}, ...]
"""

import json
import sys

from jwcrypto import jwe, jwk


def keys(wanted):
    alg, bits = wanted["alg"], wanted.get("bits", 2048)
    sort = {"kty": "EC", "crv": "P-256"} if alg.startswith("ECDH") else {"kty": "RSA", "size": bits}
    key = jwk.JWK.generate(**sort, alg=alg, kid=f"jwcrypto-{alg}-{bits}", use="enc")
    return {"alg": alg, "public": key.export_public(as_dict=True), "private": key.export_private(as_dict=True)}


def sealed(wanted):
    header = wanted["header"]
    algorithms = [*jwe.default_allowed_algs, header["alg"]]
    token = jwe.JWE(wanted["content"].encode(), json.dumps(header), algs=algorithms)
    token.add_recipient(jwk.JWK(**wanted["jwk"]))
    return token.serialize(compact=True)


def opened(wanted):
    token = jwe.JWE()
    token.deserialize(wanted["token"], jwk.JWK(**wanted["jwk"]))
    return {"header": token.jose_header, "content": token.payload.decode()}


request = json.load(sys.stdin)
answers = {"keys": keys, "seal": sealed, "open": opened}
[(name, wanted)] = request.items()
print(json.dumps([answers[name](one) for one in wanted]))
