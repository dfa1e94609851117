// This script encrypts and decrypts tokens (JWE) with npm's `jose`.
//
// stdin: { "keys": [{ "alg", "bits" }, …] }  →  [{ "alg", "public": JWK, "private": JWK }, …]
//        { "seal": [{ "jwk", "header", "content", "parties": { "apu", "apv" } }, …] }  →  [token, …]
//        { "open": [{ "jwk", "token" }, …] }  →  [{ "header", "content" }, …]

import { text } from "node:stream/consumers";
import { CompactEncrypt, compactDecrypt, exportJWK, generateKeyPair, importJWK } from "jose";

async function keys({ alg, bits = 2048 }) {
  const options = { crv: "P-256", modulusLength: bits, extractable: true };
  const { privateKey, publicKey } = await generateKeyPair(alg, options);
  const named = { alg, kid: `jose-${alg}-${bits}`, use: "enc" };
  return {
    alg,
    public: { ...(await exportJWK(publicKey)), ...named },
    private: { ...(await exportJWK(privateKey)), ...named },
  };
}

async function seal({ jwk, header, content, parties }) {
  const jwe = new CompactEncrypt(new TextEncoder().encode(content)).setProtectedHeader(header);
  if (parties) {
    const bytes = (party) => new TextEncoder().encode(party);
    jwe.setKeyManagementParameters({ apu: bytes(parties.apu), apv: bytes(parties.apv) });
  }
  return jwe.encrypt(await importJWK(jwk, header.alg));
}

async function open({ jwk, token }) {
  const { plaintext, protectedHeader } = await compactDecrypt(token, await importJWK(jwk));
  return { header: protectedHeader, content: new TextDecoder().decode(plaintext) };
}

const request = JSON.parse(await text(process.stdin));
const [[name, wanted]] = Object.entries(request);
console.log(JSON.stringify(await Promise.all(wanted.map({ keys, seal, open }[name]))));
