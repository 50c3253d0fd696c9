/**
 * OSS signature version 4 in the Authorization header.
 *
 * Only the first step of the chain of keys needs the secret; what follows is good for one day.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { mac, type Secret } from "./secret.ts";

export interface Key {
  id: string;
  secret: Secret;
  token: string;
}

export interface Unsigned {
  method: string;
  bucket: string;
  key: string;
  query: [string, string][];
  /** Names in lower case. */
  headers: Record<string, string>;
}

const ALGORITHM = "OSS4-HMAC-SHA256";
const ALWAYS_SIGNED = new Set(["content-md5", "content-type"]);

/** The headers of *request*, with those that sign it. */
export async function signed(
  request: Unsigned,
  key: Key,
  region: string,
  now: Date,
): Promise<Record<string, string>> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const headers: Record<string, string> = {
    ...request.headers,
    "x-oss-date": time,
    "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
  };
  if (key.token) headers["x-oss-security-token"] = key.token;
  const scope = `${time.slice(0, 8)}/${region}/oss/aliyun_v4_request`;
  const canonical = canonicalRequest(request, headers);
  const text = [ALGORITHM, time, scope, bytesToHex(sha256(utf8ToBytes(canonical)))].join("\n");
  const signature = bytesToHex(hash(await signingKey(key.secret, scope), text));
  headers["authorization"] = `${ALGORITHM} Credential=${key.id}/${scope},Signature=${signature}`;
  return headers;
}

/** Path and query as they are sent, which is as they are signed. */
export function target(request: Unsigned): string {
  const query = canonicalQuery(request.query);
  const path = request.bucket ? `/${request.bucket}/${encode(request.key, true)}` : "/";
  return query ? `${path}?${query}` : path;
}

export async function signingKey(secret: Secret, scope: string): Promise<Uint8Array> {
  const [day = "", ...rest] = scope.split("/");
  return rest.reduce(hash, await mac(secret, day));
}

function canonicalRequest(request: Unsigned, headers: Record<string, string>): string {
  const names = Object.keys(headers)
    .filter((name) => name.startsWith("x-oss-") || ALWAYS_SIGNED.has(name))
    .sort();
  return [
    request.method,
    request.bucket ? `/${request.bucket}/${encode(request.key, true)}` : "/",
    canonicalQuery(request.query),
    names.map((name) => `${name}:${(headers[name] ?? "").trim()}\n`).join(""),
    "",
    headers["x-oss-content-sha256"],
  ].join("\n");
}

function canonicalQuery(query: [string, string][]): string {
  return query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map(([name, value]) => (value ? `${name}=${value}` : name))
    .join("&");
}

/** RFC 3986; `encodeURIComponent` leaves five reserved characters alone. */
function encode(text: string, isPath = false): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return isPath ? encoded.replace(/%2F/g, "/") : encoded;
}

function hash(key: Uint8Array, text: string): Uint8Array {
  return hmac(sha256, key, utf8ToBytes(text));
}
