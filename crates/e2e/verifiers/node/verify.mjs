// Verifies tokens with jose: verify.mjs URL-of-keys issuer audience, a token a line.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

// The library is where it was installed, beside this file.
const require = createRequire(`${process.env.STS_VERIFIER}/`);
const { createRemoteJWKSet, jwtVerify } = require("jose");

const [url, issuer, audience] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const options = { issuer, audience, typ: "JWT", requiredClaims: ["iat", "jti", "sub"] };
    const { payload, protectedHeader } = await jwtVerify(line.trim(), keys, options);
    console.log("ok", protectedHeader.alg, payload.sub);
  } catch (error) {
    console.log("refused", error.code ?? error.name);
  }
}
