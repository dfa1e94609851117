// This Worker belongs to `cargo xtask bench verify`. The Worker verifies the same tokens both with
// Pinlatch's code and with npm's `jose`.
//
// A Worker's clock does not advance during computation, so the Worker measures no time. A request
// `POST /run` verifies a token `count` times, and the HTTP client measures the duration of this
// request.

import { initSync, Verifier } from "bindings";
import { SignJWT, exportJWK, generateKeyPair, generateSecret, jwtVerify } from "jose";
import wasm from "./index_bg.wasm";

const ISSUER = "https://login.example.com/";
const AUDIENCE = "https://api.example.com";
const LIFE = 3600;

initSync({ module: wasm });

// For each algorithm, this map contains a token, the key with which `jose` verifies the token, and
// Pinlatch's verifier.
const prepared = new Map();

const now = () => Math.floor(Date.now() / 1000);

async function prepare(algorithms) {
  const keys = { secrets: [], public: [] };
  for (const alg of algorithms) {
    const kind = alg.startsWith("HS") ? "secrets" : "public";
    const pair = kind === "secrets"
      ? await generateSecret(alg, { extractable: true }).then((key) => ({ privateKey: key, publicKey: key }))
      : await generateKeyPair(alg, { extractable: true });
    const kid = `key-of-${alg}`;
    keys[kind].push({ ...(await exportJWK(pair.publicKey)), alg, kid });
    const token = await new SignJWT({ scope: "openid profile line:porch/door:pulse line:porch/lamp:read" })
      .setProtectedHeader({ alg, typ: "JWT", kid })
      .setIssuer(ISSUER)
      .setSubject("0f8fad5b-d9cb-469f-a165-70867728950e")
      .setAudience(AUDIENCE)
      .setJti("7c9e6679-7425-40de-944b-e07fc1f90ae7")
      .setIssuedAt(now())
      .setExpirationTime(now() + LIFE)
      .sign(pair.privateKey);
    prepared.set(alg, { token, key: pair.publicKey, kind });
  }
  // Shared secrets and public keys have separate verifiers, because Pinlatch refuses a key set that
  // contains both types of key.
  const verifiers = Object.fromEntries(
    Object.entries(keys).map(([kind, keys]) => [kind, new Verifier(JSON.stringify({ keys }), ISSUER, AUDIENCE)]),
  );
  for (const entry of prepared.values()) {
    entry.verifier = verifiers[entry.kind];
  }
}

async function run({ who, alg, count }) {
  const { token, key, verifier } = prepared.get(alg);
  switch (who) {
    case "first":
      return verifier.verify_many(token, count, now());
    case "repeated":
      return verifier.verify_many_cached(token, count, now());
    case "jose":
      for (let i = 0; i < count; i += 1) {
        await jwtVerify(token, key, { issuer: ISSUER, audience: AUDIENCE });
      }
      return;
    default:
      throw new Error(`who is ${who}?`);
  }
}

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/healthz":
        return new Response("ok");
      case "/prepare":
        await prepare(await request.json());
        return Response.json({});
      case "/run":
        await run(await request.json());
        return Response.json({});
      default:
        return new Response(null, { status: 404 });
    }
  },
};
