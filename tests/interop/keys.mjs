// This script generates new keys for every algorithm, in every format that `pinlatch token mint`
// reads. The script uses only the module node:crypto.
//
// stdin: ["HS256", …]
// stdout: [{ "alg", "private": { "FORM": TEXT, … }, "jwk": public JWK or secret, "text": PEM or secret }, …]

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";

// All RSA algorithms share one RSA key, because they differ only in how they use the key.
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pairs = {
  RS: () => rsa,
  PS: () => rsa,
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ES384: () => generateKeyPairSync("ec", { namedCurve: "P-384" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};
function keys(alg) {
  const named = { alg, kid: `ours-${alg}` };
  if (alg.startsWith("HS")) {
    const secret = randomBytes(48).toString("base64url");
    const jwk = { kty: "oct", k: Buffer.from(secret).toString("base64url"), ...named };
    return { alg, private: { jwk: JSON.stringify(jwk), secret }, jwk, text: secret };
  }
  const { privateKey, publicKey } = (pairs[alg] ?? pairs[alg.slice(0, 2)])();
  const pem = (type) => privateKey.export({ type, format: "pem" });
  const forms = { jwk: JSON.stringify({ ...privateKey.export({ format: "jwk" }), ...named }), pkcs8: pem("pkcs8") };
  if (privateKey.asymmetricKeyType === "rsa") {
    forms.pkcs1 = pem("pkcs1");
  }
  return {
    alg,
    private: forms,
    jwk: { ...publicKey.export({ format: "jwk" }), ...named },
    text: publicKey.export({ type: "spki", format: "pem" }),
  };
}

console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(keys)));
