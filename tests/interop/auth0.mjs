// This script simulates an Auth0 tenant on the loopback interface. The script implements the URLs,
// the key set and the tokens that Auth0 documents. The script cannot show how the real Auth0
// service behaves.
//
// node auth0.mjs LOGIN_SECRET ROBOT_SECRET
// The script prints one line to stdout: { "issuer": ISSUER }. ISSUER ends with "/", as with Auth0.
// The application `LoginClient` logs in one person. The application `RobotClient` gets access
// tokens for the audience `API`, which is defined below.

import { execFileSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { SignJWT } from "jose";

const [loginSecret, robotSecret] = process.argv.slice(2);
const API = "https://pinlatch.example/api";
const PERSON = { sub: "auth0|65f0c0ffee0123456789abcd", email: "kim@example.org", email_verified: true };

// As with Auth0's keys, each key has a certificate, and its `kid` is not a thumbprint.
function makeKey() {
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tenant.example", "-keyout", "-"];
  const pem = execFileSync("openssl", request, { stdio: ["ignore", "pipe", "ignore"] }).toString();
  const [certificate] = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/);
  const der = Buffer.from(certificate.replace(/-----[^-]+-----/g, ""), "base64");
  const { kty, n, e } = createPublicKey(certificate).export({ format: "jwk" });
  const kid = randomBytes(16).toString("base64url").slice(0, 21);
  const x5t = createHash("sha1").update(der).digest("base64url");
  const jwk = { kty, use: "sig", n, e, kid, x5t, x5c: [der.toString("base64")], alg: "RS256" };
  return { kid, jwk, privateKey: createPrivateKey(pem) };
}

// The first key is the current signing key, and the second key is the next signing key.
const [key, next] = [makeKey(), makeKey()];
const logins = new Map();

function sign(claims, lifetime) {
  const iat = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: issuer, ...claims, iat, exp: iat + lifetime })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: key.kid })
    .sign(key.privateKey);
}

const refused = { status: 401, body: { error: "access_denied", error_description: "Unauthorized" } };

async function token(fields) {
  if (fields.grant_type === "client_credentials") {
    if (fields.client_id !== "RobotClient" || fields.client_secret !== robotSecret || fields.audience !== API) {
      return refused;
    }
    const claims = { sub: "RobotClient@clients", aud: API, gty: "client-credentials", azp: "RobotClient" };
    return { body: { access_token: await sign(claims, 86400), expires_in: 86400, token_type: "Bearer" } };
  }
  const login = logins.get(fields.code);
  const challenge = createHash("sha256").update(fields.code_verifier ?? "").digest("base64url");
  const known = fields.client_id === "LoginClient" && fields.client_secret === loginSecret;
  if (!login || !known || login.redirect_uri !== fields.redirect_uri || login.code_challenge !== challenge) {
    return { ...refused, status: 403 };
  }
  logins.delete(fields.code);
  const claims = { ...PERSON, aud: "LoginClient", nonce: login.nonce, sid: randomBytes(24).toString("base64url") };
  const id_token = await sign(claims, 36000);
  return { body: { access_token: "opaque", id_token, scope: "openid email", expires_in: 86400, token_type: "Bearer" } };
}

// The client credentials in the Authorization header are form-encoded (RFC 6749 §2.3.1).
function basic(header) {
  const [client_id, client_secret] = Buffer.from(header.slice(6), "base64").toString().split(":").map(decodeURIComponent);
  return { client_id, client_secret };
}

async function serve(request) {
  const { pathname, searchParams } = new URL(request.url, issuer);
  switch (pathname) {
    case "/.well-known/openid-configuration":
      return {
        body: {
          issuer,
          authorization_endpoint: `${issuer}authorize`,
          token_endpoint: `${issuer}oauth/token`,
          userinfo_endpoint: `${issuer}userinfo`,
          jwks_uri: `${issuer}.well-known/jwks.json`,
          scopes_supported: ["openid", "profile", "email"],
          response_types_supported: ["code", "token", "id_token"],
          code_challenge_methods_supported: ["S256", "plain"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["HS256", "RS256", "PS256"],
          token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        },
      };
    case "/.well-known/jwks.json":
      return { body: { keys: [key.jwk, next.jwk] } };
    case "/authorize": {
      const asked = Object.fromEntries(searchParams);
      const code = randomBytes(24).toString("base64url");
      logins.set(code, asked);
      return { status: 302, location: `${asked.redirect_uri}?${new URLSearchParams({ code, state: asked.state })}` };
    }
    case "/oauth/token": {
      const body = await text(request);
      const isJson = request.headers["content-type"]?.startsWith("application/json");
      const fields = isJson ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
      const { authorization } = request.headers;
      return token(authorization ? { ...fields, ...basic(authorization) } : fields);
    }
    default:
      return { status: 404, body: { error: "Not Found" } };
  }
}

const server = createServer(async (request, response) => {
  const { status = 200, body, location } = await serve(request);
  const headers = location ? { Location: location } : { "Content-Type": "application/json; charset=utf-8" };
  response.writeHead(status, headers).end(body && JSON.stringify(body));
});
await new Promise((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const issuer = `http://127.0.0.1:${server.address().port}/`;
console.log(JSON.stringify({ issuer }));
