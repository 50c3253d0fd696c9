import { bytesToHex } from "@noble/hashes/utils.js";
import { describe, expect, it } from "vitest";
import keys from "../../../tests/vectors/signature/v4_keys.json";
import all from "../../../tests/vectors/signature/v4.json";
import { isHeld, mac, secretOf } from "../src/secret.ts";
import { signed, signingKey, target } from "../src/sign.ts";

/** As in a secure context, and as where browsers have no WebCrypto. */
const BOTH = [
  ["held", crypto.subtle],
  ["plain", null],
] as const;

interface Vector {
  id: string;
  now: string;
  region: string;
  access_key_id: string;
  secret: string;
  security_token: string | null;
  method: string;
  bucket: string;
  key: string;
  query: [string, string][];
  headers: Record<string, string>;
}

/** Those whose signature stands in the header and covers no further headers. */
const vectors = (all as unknown as Vector[]).filter(({ headers }) =>
  /^OSS4-HMAC-SHA256 Credential=[^,]+, ?Signature=[^,]+$/.test(headers["authorization"] ?? ""),
);

describe("signature version 4", () => {
  it("has vectors to be checked against", () => {
    expect(vectors.length).toBeGreaterThanOrEqual(5);
    expect(vectors.some(({ query }) => query.length > 0)).toBe(true);
    expect(vectors.some(({ security_token }) => security_token)).toBe(true);
  });

  describe.each(BOTH)("with a secret that is %s", (_, subtle) => {
    it.each(vectors.map((vector) => [vector.id, vector] as const))("signs %s", async (_, vector) => {
      const { authorization = "", "x-oss-date": date = "", ...headers } = vector.headers;
      const at = date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z");
      delete headers["x-oss-security-token"];
      const made = await signed(
        { ...vector, headers },
        {
          id: vector.access_key_id,
          secret: await secretOf(vector.secret, subtle),
          token: vector.security_token ?? "",
        },
        vector.region,
        new Date(at),
      );
      expect(made["authorization"]).toBe(authorization.replace(", Signature", ",Signature"));
    });

    it.each(
      keys.map((each) => [each.day, each] as const),
    )("derives the key of %s", async (_, { secret: text, day, region, chain }) => {
      const key = await signingKey(await secretOf(text, subtle), `${day}/${region}/oss/aliyun_v4_request`);
      expect(bytesToHex(key)).toBe(chain.at(-1));
    });
  });

  it("D8: gives nobody the secret back where the browser holds it", async () => {
    const held = await secretOf("S3cr3t");
    if (!isHeld(held)) throw new Error("WebCrypto is missing");
    expect(held.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("raw", held)).rejects.toThrow();
    await expect(crypto.subtle.exportKey("jwk", held)).rejects.toThrow();
    expect(JSON.stringify(held)).not.toContain("S3cr3t");
    const plain = await secretOf("S3cr3t", null);
    expect(isHeld(plain)).toBe(false);
    expect(await mac(held, "x")).toEqual(await mac(plain, "x"));
  });

  it("sends what it signs", () => {
    const query: [string, string][] = [["b", "x y&*"], ["a", ""]];
    const request = { method: "GET", bucket: "-", key: "api/ü (1)", query, headers: {} };
    expect(target(request)).toBe("/-/api/%C3%BC%20%281%29?a&b=x%20y%26%2A");
  });
});
