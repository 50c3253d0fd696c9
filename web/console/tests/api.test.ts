import { describe, expect, it } from "vitest";
import { Api, Refused } from "../src/api.ts";
import { secretOf } from "../src/secret.ts";

const KEY = { id: "AK", secret: await secretOf("SECRET"), token: "" };
const NOW = Date.parse("2026-11-21T10:00:00Z");

interface Asked {
  url: string;
  init: RequestInit;
}

function server(...answers: [number, unknown][]) {
  const asked: Asked[] = [];
  const api = new Api(
    KEY,
    async (url, init) => {
      asked.push({ url, init });
      const [status, body] = answers.shift() ?? [500, ""];
      return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
    },
    () => NOW,
  );
  return { api, asked };
}

const refusal = (code: string, details: Record<string, string> = {}) => ({
  error: { code, message: "No.", request_id: "R", details },
});

function headers(asked: Asked | undefined): Record<string, string> {
  return asked?.init.headers as Record<string, string>;
}

describe("the admin API", () => {
  it("leaves out what is not given", async () => {
    const { api, asked } = server([200, { callbacks: [] }]);
    await api.list({ bucket: "", accepted: undefined, after: "a", wait: 15 });
    expect(asked[0]?.url).toBe("/-/api/callbacks?after=a&wait=15");
    expect(headers(asked[0])["authorization"]).toMatch(/^OSS4-HMAC-SHA256 Credential=AK\/20261121\//);
  });

  it("never sends the secret", async () => {
    const { api, asked } = server([200, {}]);
    await api.replay("id", "http://127.0.0.1/");
    expect(JSON.stringify(asked)).not.toContain("SECRET");
  });

  it("replays as it was, or to another URL", async () => {
    const { api, asked } = server([200, {}], [200, {}]);
    await api.replay("id", "");
    await api.replay("id", "http://127.0.0.1/");
    expect(asked.map(({ init }) => init.body)).toEqual(["{}", '{"url":"http://127.0.0.1/"}']);
    expect(asked[0]?.url).toBe("/-/api/callbacks/id/replay");
    expect(headers(asked[0])["content-type"]).toBe("application/json");
  });

  it("says why it was refused", async () => {
    const { api } = server(
      [403, refusal("AccessDenied", { AuthAction: "ossia:GetCallback" })],
      [502, "<html>"],
    );
    await expect(api.get("x")).rejects.toThrow("No. A policy must allow ossia:GetCallback.");
    const error = await api.get("x").catch((each: unknown) => each);
    expect(error).toBeInstanceOf(Refused);
    expect((error as Refused).message).toBe("The server answers 502.");
  });

  it("follows the server's clock", async () => {
    const skewed = refusal("RequestTimeTooSkewed", { ServerTime: "2026-11-21T12:00:00.000Z" });
    const { api, asked } = server([403, skewed], [200, {}], [200, {}]);
    await api.get("x");
    await api.get("x");
    expect(asked.map((each) => headers(each)["x-oss-date"])).toEqual([
      "20261121T100000Z",
      "20261121T120000Z",
      "20261121T120000Z",
    ]);
  });

  it("tries only once more", async () => {
    const skewed = refusal("RequestTimeTooSkewed", { ServerTime: "2026-11-21T12:00:00.000Z" });
    const { api, asked } = server([403, skewed], [403, skewed], [200, {}]);
    await expect(api.get("x")).rejects.toThrow("No.");
    expect(asked.length).toBe(2);
  });
});
