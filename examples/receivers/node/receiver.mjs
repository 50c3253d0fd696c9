// Receive upload callbacks with nothing but Node (18 or newer).
//
//   node receiver.mjs 8080 http://127.0.0.1:9000/-/callback/public_key.pem
//   node receiver.mjs --vectors ../vectors.json
//
// Each argument after the port is the URL of a key to trust, or, with a slash at its end, the place of
// several; without any, the keys of the real OSS are trusted.  LISTEN is the address, 127.0.0.1 by default.

import { createPublicKey, verify as verifyRsa } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const OSS_KEY_URLS = ["http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/"];
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_KEY_BYTES = 64 * 1024;
const FETCH_TIMEOUT_MS = 5000;
const KEY_LIFETIME_MS = 300_000;
const MAX_KEYS = 64;

class NotVerified extends Error {}

/** Your work goes here: the callback is genuine.  The uploading client receives the result. */
function uploaded(body) {
  console.log("verified:", body.toString());
  return { Status: "OK" };
}

/** Throws NotVerified unless a trusted key signed `target` (as in the request line) and `body`. */
async function verify(target, headers, body, trusted, fetchKey) {
  const signature = decoded(headers, "authorization");
  const keyUrl = decoded(headers, "x-oss-pub-key-url").toString("latin1");
  if (!trusted.some((place) => isWithin(keyUrl, place))) throw new NotVerified("the key URL is not trusted");
  let key;
  try {
    key = createPublicKey(await fetchKey(keyUrl));
    if (key.asymmetricKeyType !== "rsa") throw new Error("not an RSA key");
  } catch (cause) {
    throw new NotVerified("the key cannot be fetched or used", { cause });
  }
  if (!verifyRsa("md5", stringToSign(target, body), key, signature)) {
    throw new NotVerified("the signature does not match path, query and body");
  }
}

/** The path decoded once, "+" staying; the query raw with its "?", even a bare one; the body as it came. */
function stringToSign(target, body) {
  const [, path, query] = /^([^?]*)(.*)$/s.exec(target);
  // Not decodeURIComponent: it refuses bytes that are not UTF-8.
  const bytes = path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.concat([Buffer.from(`${bytes}${query}\n`, "latin1"), body]);
}

function decoded(headers, name) {
  const value = headers[name];
  if (!value) throw new NotVerified(`the header ${name} is missing`);
  const bytes = Buffer.from(value, "base64");
  // Buffer skips what is not Base64.
  if (bytes.toString("base64") !== value) throw new NotVerified(`the header ${name} is not base64`);
  return bytes;
}

/**
 * Whether `url` is `place` or, where that ends with a slash, a plain path below it.
 *
 * The request chooses the URL.  The slash after the host ends the host, and a path without dot
 * segments, escapes or a query means the same to everyone who reads it.
 */
function isWithin(url, place) {
  if (!place.endsWith("/")) return url === place;
  return url.startsWith(place) && /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(url.slice(place.length));
}

const keys = new Map();

/** The PEM file behind `url`, remembered for a while. */
async function fetchKey(url) {
  const known = keys.get(url);
  if (known && Date.now() - known.fetchedAt < KEY_LIFETIME_MS) return known.pem;
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const pem = await atMost(MAX_KEY_BYTES, response.body);
  if (keys.size >= MAX_KEYS) keys.clear();
  keys.set(url, { pem, fetchedAt: Date.now() });
  return pem;
}

async function atMost(limit, stream) {
  const pieces = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > limit) throw new Error("too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** OSS wants exactly 200, a Content-Length, and JSON. */
function answer(response, status, value, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length, ...headers });
  response.end(body);
}

const refusal = (reason) => ({ Status: "verify not ok", reason });

async function receive(request, response, trusted) {
  if (request.method !== "POST") {
    return answer(response, 405, refusal("callbacks are POST requests"), { Allow: "POST", Connection: "close" });
  }
  const length = Number(request.headers["content-length"] ?? NaN);
  if (!(length <= MAX_BODY_BYTES)) {
    return answer(response, 400, refusal("the body has no length, or is too long"), { Connection: "close" });
  }
  const body = await atMost(MAX_BODY_BYTES, request);
  try {
    await verify(request.url, request.headers, body, trusted, fetchKey);
  } catch (error) {
    if (!(error instanceof NotVerified)) throw error;
    return answer(response, 400, refusal(error.message));
  }
  return answer(response, 200, uploaded(body));
}

async function checkVectors(file) {
  const vectors = JSON.parse(readFileSync(file, "utf8"));
  const fetchVector = async (url) => {
    if (!Object.hasOwn(vectors.keys, url)) throw new Error("no such key");
    return vectors.keys[url];
  };
  for (const { name, expect, target, headers, body } of vectors.cases) {
    let [found, reason] = ["verified", ""];
    try {
      await verify(target, headers, Buffer.from(body), vectors.trusted_key_urls, fetchVector);
    } catch (error) {
      if (!(error instanceof NotVerified)) throw error;
      [found, reason] = ["refused", error.message];
    }
    if (found !== expect) process.exitCode = 1;
    console.log(`${found === expect ? "ok" : "FAIL"} ${name}: ${found} ${reason}`.trimEnd());
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--vectors" && rest.length === 1) {
  await checkVectors(rest[0]);
} else if (/^\d+$/.test(first ?? "")) {
  const trusted = rest.length ? rest : OSS_KEY_URLS;
  const server = createServer((request, response) => {
    receive(request, response, trusted).catch(() => response.destroy());
  });
  server.listen(Number(first), process.env.LISTEN ?? "127.0.0.1");
} else {
  console.error("usage: node receiver.mjs PORT [KEY_URL ...] | --vectors FILE");
  process.exitCode = 2;
}
