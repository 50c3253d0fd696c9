/**
 * The secret of an access key, as something that can sign and cannot be read.
 *
 * In secure contexts the browser holds it, and no script gets it back, this page's included.  A
 * server in the house often speaks plain HTTP, where browsers have no WebCrypto: there it is bytes
 * in the memory of the page, and is kept nowhere.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

export type Secret = CryptoKey | Uint8Array;

const HMAC = { name: "HMAC", hash: "SHA-256" };

/** What signs with *text*; *subtle* is null outside of secure contexts. */
export async function secretOf(
  text: string,
  subtle: SubtleCrypto | null = globalThis.crypto?.subtle ?? null,
): Promise<Secret> {
  const bytes = utf8ToBytes(`aliyun_v4${text}`);
  return subtle ? subtle.importKey("raw", bytes as BufferSource, HMAC, false, ["sign"]) : bytes;
}

/** Whether the browser holds the secret, so that it may be kept. */
export function isHeld(secret: Secret): secret is CryptoKey {
  return !(secret instanceof Uint8Array);
}

export async function mac(secret: Secret, text: string): Promise<Uint8Array> {
  if (!isHeld(secret)) return hmac(sha256, secret, utf8ToBytes(text));
  return new Uint8Array(await crypto.subtle.sign("HMAC", secret, utf8ToBytes(text) as BufferSource));
}
