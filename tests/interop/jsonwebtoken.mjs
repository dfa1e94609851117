// This script signs and verifies tokens with npm's `jsonwebtoken`, which many Node servers use.
//
// stdin: { "sign": [{ "alg", "claims": {…}, "options": {…}, "secret", "age" }, …] }  →  [{ "alg", "token", "key" }, …]
//        { "verify": { "keys": [{ "alg", "text", "token" }, …], "issuer", "audience" } }  →  [claims, …]
// If "secret" is missing, the script generates a new secret or key pair. In the output, "key" is
// the secret, or the public key in PEM format. "age" is the age of the signed token in seconds.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import jwt from "jsonwebtoken";

const pem = { publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } };

function keyPair(alg, secret) {
  if (alg === "none") {
    return { privateKey: null, publicKey: secret };
  }
  if (alg.startsWith("HS")) {
    const key = secret ?? randomBytes(32 * 3).toString("base64");
    return { privateKey: key, publicKey: key };
  }
  return alg.startsWith("ES")
    ? generateKeyPairSync("ec", { namedCurve: alg.replace("ES256", "P-256").replace("ES384", "P-384"), ...pem })
    : generateKeyPairSync("rsa", { modulusLength: 2048, ...pem });
}

function sign({ alg, claims, options, secret, age = 0 }) {
  const { privateKey, publicKey } = keyPair(alg, secret);
  const iat = Math.floor(Date.now() / 1000) - age;
  return { alg, token: jwt.sign({ ...claims, iat }, privateKey, { algorithm: alg, ...options }), key: publicKey };
}

function verify({ keys, issuer, audience }) {
  return keys.map((key) => jwt.verify(key.token, key.text, { algorithms: [key.alg], issuer, audience }));
}

const request = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(request.sign ? request.sign.map(sign) : verify(request.verify)));
