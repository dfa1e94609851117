// This script runs several login providers, each of which is an instance of npm's certified
// `oidc-provider`. Each instance has a separate port and separate keys.
//
// node provider.mjs SECRET NAME…
// The script prints one line to stdout: { "control": ORIGIN, "issuers": { NAME: ISSUER, … } }
// A request `POST /NAME` to the control origin changes one provider, with these JSON members:
//   "redirect": Pinlatch's callback URL. Logins fail until this member is set.
//   "rotate": "RS256" or "ES256". The provider replaces its key by a new key for this algorithm.
//   "down": If true, the provider closes all current and all new connections.
//   "rewrite": These parameters replace the parameters of every authorization request.
//   "forge": These claims replace claims of the id_token. The provider then issues an id_token for
//     any authorization code.
//   "hang": If true, the token endpoint never responds.
//   "terse": If true, only the userinfo endpoint returns the email address, and the id_token does
//     not contain the email address.
//   "userinfo": These claims replace the claims of the userinfo endpoint.
//   "sign": { "header", "claims" }. The provider signs a token with its current key.
// The response is { "asked": { PATH: COUNT }, "signed": TOKEN }.
//
// Each provider also serves invalid key sets at paths that begin with /odd/.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { SignJWT, importJWK } from "jose";
import Provider from "oidc-provider";

const [secret, ...names] = process.argv.slice(2);

const RESOURCE = "https://pinlatch.example/api";

// The email claims of some test accounts. Every other account has only the claim `sub`, which is
// the account's name.
const ACCOUNTS = {
  bea: { email: "Bea@Mail.Example", email_verified: true },
  "bea-again": { email: "bea@mail.example", email_verified: true },
  "bea-unproven": { email: "bea@mail.example", email_verified: false },
};

const KEYS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
};

function page(uid) {
  return `<!doctype html><title>Log in</title><form method="post" action="/interaction/${uid}">
<input name="account" data-testid="account"><button data-testid="continue">Continue</button>
<button data-testid="cancel" name="cancel" value="yes">Cancel</button></form>`;
}

class Issuer {
  asked = {};
  rewrite = {};

  constructor() {
    this.server = createServer((request, response) => this.serve(request, response));
    this.server.on("connection", (socket) => this.down && socket.destroy());
  }

  async listen() {
    this.origin = await listen(this.server);
    this.rotate("RS256");
  }

  rotate(alg) {
    const jwk = KEYS[alg]().privateKey.export({ format: "jwk" });
    this.key = { ...jwk, alg, use: "sig", kid: randomUUID() };
    this.begin();
  }

  begin() {
    const { alg } = this.key;
    const common = { client_secret: secret, id_token_signed_response_alg: alg };
    const login = {
      ...common,
      client_id: "pinlatch",
      grant_types: ["authorization_code"],
      response_types: ["code"],
      redirect_uris: [this.redirect],
    };
    const script = {
      ...common,
      client_id: "robot",
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
    };
    const poster = { ...script, client_id: "poster", token_endpoint_auth_method: "client_secret_post" };
    const server = { scope: "", audience: RESOURCE, accessTokenTTL: 600, accessTokenFormat: "jwt", jwt: { sign: { alg } } };
    this.provider = new Provider(this.origin, {
      clients: this.redirect ? [login, script, poster] : [script, poster],
      jwks: { keys: [this.key] },
      cookies: { keys: [secret] },
      pkce: { required: () => true },
      claims: { openid: ["sub"], email: ["email", "email_verified"] },
      // The `id_token` contains the claims of the requested scopes, as at Auth0 and Google. If
      // "terse" is set, the `id_token` does not contain these claims.
      conformIdTokenClaims: this.terse ?? false,
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...ACCOUNTS[sub] }) }),
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      // This function grants consent without asking the person.
      loadExistingGrant: async (ctx) => {
        const { client, session } = ctx.oidc;
        const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope("openid email");
        await grant.save();
        return grant;
      },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: { enabled: true, getResourceServerInfo: () => server },
      },
    });
    this.answer = this.provider.callback();
  }

  async serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.origin);
    this.asked[pathname] = (this.asked[pathname] ?? 0) + 1;
    const [, folder, what] = pathname.split("/");
    if (folder === "interaction") {
      return this.interact(request, response, what);
    }
    if (folder === "odd") {
      return this.odd(response, what);
    }
    if (pathname === "/auth") {
      Object.entries(this.rewrite).forEach(([name, value]) => searchParams.set(name, value));
      this.nonce = searchParams.get("nonce");
      request.url = `${pathname}?${searchParams}`;
    }
    if (pathname === "/token" && this.hang) {
      return undefined;
    }
    if (pathname === "/me" && this.userinfo) {
      return json(response, { sub: "none", ...this.userinfo });
    }
    if (pathname === "/token" && this.forge) {
      await text(request);
      const seconds = Math.floor(Date.now() / 1000);
      const honest = { iss: this.origin, aud: "pinlatch", sub: "ann", nonce: this.nonce, iat: seconds, exp: seconds + 60 };
      const id_token = await this.sign({ claims: { ...honest, ...this.forge } });
      return json(response, { access_token: "none", token_type: "Bearer", expires_in: 60, id_token });
    }
    return this.answer(request, response);
  }

  async interact(request, response, uid) {
    if (request.method === "GET") {
      response.setHeader("Content-Type", "text/html");
      return response.end(page(uid));
    }
    const form = new URLSearchParams(await text(request));
    const login = { accountId: form.get("account") };
    return this.provider.interactionFinished(request, response, form.has("cancel") ? { error: "access_denied" } : { login });
  }

  odd(response, what) {
    const { d, p, q, dp, dq, qi, ...jwk } = this.key;
    const padded = JSON.stringify({ keys: [jwk], padding: "x".repeat(128 * 1024) });
    response.setHeader("Content-Type", "application/json");
    switch (what) {
      case "redirect":
        return response.writeHead(302, { Location: `${this.origin}/jwks` }).end();
      case "large":
        return response.setHeader("Content-Length", padded.length).end(padded);
      case "large-unannounced":
        response.write(padded.slice(0, 1000));
        return response.end(padded.slice(1000));
      case "page":
        return response.setHeader("Content-Type", "text/html").end("<h1>Back soon</h1>");
      case "private":
        return response.end(JSON.stringify({ keys: [this.key] }));
      case "hang":
        return undefined;
      default:
        return response.writeHead(500).end();
    }
  }

  async sign({ header = {}, claims }) {
    const { alg, kid } = this.key;
    return new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(await importJWK(this.key, alg));
  }

  async change({ redirect, rotate, down, rewrite, forge, hang, terse, userinfo, sign }) {
    if (redirect || terse !== undefined) {
      this.redirect = redirect ?? this.redirect;
      this.terse = terse ?? this.terse;
      this.begin();
    }
    if (rotate) {
      this.rotate(rotate);
    }
    if (down !== undefined) {
      this.down = down;
      this.server.closeAllConnections();
    }
    this.rewrite = rewrite ?? this.rewrite;
    this.hang = hang ?? this.hang;
    this.userinfo = userinfo === undefined ? this.userinfo : userinfo;
    this.forge = forge === undefined ? this.forge : forge;
    return { asked: this.asked, signed: sign && (await this.sign(sign)) };
  }
}

function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

function json(response, value) {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(value));
}

const issuers = Object.fromEntries(names.map((name) => [name, new Issuer()]));
await Promise.all(Object.values(issuers).map((issuer) => issuer.listen()));
const control = await listen(
  createServer(async (request, response) => {
    const issuer = issuers[request.url.slice(1)];
    json(response, await issuer.change(JSON.parse(await text(request))));
  }),
);
const origins = Object.fromEntries(names.map((name) => [name, issuers[name].origin]));
console.log(JSON.stringify({ control, issuers: origins }));
