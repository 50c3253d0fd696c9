import { describe, expect, it } from "vitest";
import { duration, phases, result, shown, when } from "../src/format.ts";
import type { Row } from "../src/types.ts";

describe("formats", () => {
  it.each([
    [0.04, "0.0 ms"],
    [9.94, "9.9 ms"],
    [9.96, "10 ms"],
    [4998.4, "4998 ms"],
    [12_345, "12.3 s"],
  ])("shows %d ms as %s", (ms, text) => expect(duration(ms)).toBe(text));

  it("shows the day of other days only", () => {
    const now = new Date("2026-11-21T12:00:00");
    expect(when(new Date("2026-11-21T09:08:07").toISOString(), now, "en")).toBe("09:08:07");
    expect(when(new Date("2026-11-20T09:08:07").toISOString(), now, "en")).toMatch(/^Nov 20/);
  });

  it("says what came of it", () => {
    const row = { accepted: false, status: null, fault: "not connected" } as Row;
    expect(result(row)).toBe("Failed: not connected");
    expect(result({ ...row, fault: "" })).toBe("Failed");
    expect(result({ ...row, status: 404, fault: "" })).toBe("Failed 404");
    expect(result({ ...row, accepted: true, status: 200 })).toBe("Accepted 200");
  });

  it("shows bytes", () => {
    expect(shown({ text: "a", base64: null })).toBe("a");
    expect(shown({ text: "", base64: null })).toBe("(empty)");
    expect(shown({ text: null, base64: "/w==" })).toContain("/w==");
  });
});

describe("phases", () => {
  it("lie one behind the other and fill the whole", () => {
    const found = phases({ resolve_ms: 1, connect_ms: 2, tls_ms: 0, first_byte_ms: 5, total_ms: 10 });
    expect(found.map(({ name, start, share }) => [name, start, share])).toEqual([
      ["Name", 0, 10],
      ["Connection", 10, 20],
      ["Waiting", 30, 50],
      ["Answer", 80, 20],
    ]);
  });

  it("names what ended without an answer", () => {
    const found = phases({ resolve_ms: 0, connect_ms: 1, tls_ms: 0, first_byte_ms: 0, total_ms: 5 });
    expect(found.map(({ name }) => name)).toEqual(["Connection", "Until it ended"]);
  });

  it("are none where nothing was sent", () => {
    expect(phases({ resolve_ms: 0, connect_ms: 0, tls_ms: 0, first_byte_ms: 0, total_ms: 0 })).toEqual([]);
  });
});
