// This script uses npm's `jose` both as a token issuer with a JWK Set and as a token verifier.
//
// stdin: { "sign": { "algs": […], "claims": {…} } }  →  [{ "alg", "token", "jwks" }, …]
//        { "verify": { "keys": [{ "alg", "jwk", "token" }, …], "issuer", "audience" } }  →  [claims, …]

import { text } from "node:stream/consumers";
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair, generateSecret, importJWK, jwtVerify } from "jose";

async function sign({ algs, claims }) {
  const sets = { secrets: { keys: [] }, public: { keys: [] } };
  const signed = [];
  for (const alg of algs) {
    const symmetric = alg.startsWith("HS");
    const options = { extractable: true };
    const made = symmetric ? await generateSecret(alg, options) : await generateKeyPair(alg, options);
    const [privateKey, publicKey] = symmetric ? [made, made] : [made.privateKey, made.publicKey];
    const kid = `jose-${alg}`;
    // All public keys are in one JWK Set, because real issuers publish their keys in this way. The
    // token's `kid` selects the key from the JWK Set.
    const jwks = symmetric ? sets.secrets : sets.public;
    jwks.keys.push({ ...(await exportJWK(publicKey)), alg, kid, use: "sig" });
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg, kid })
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);
    signed.push({ alg, token, jwks });
  }
  return signed;
}

async function verify({ keys, issuer, audience }) {
  const all = [];
  for (const { alg, jwk, token } of keys) {
    // The function `createLocalJWKSet` supports public keys only.
    const key = jwk.kty === "oct" ? await importJWK(jwk) : createLocalJWKSet({ keys: [jwk] });
    const { payload } = await jwtVerify(token, key, { issuer, audience, algorithms: [alg] });
    all.push(payload);
  }
  return all;
}

const request = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(request.sign ? await sign(request.sign) : await verify(request.verify)));
