import { describe, expect, it } from "vitest";
import { Follower } from "../src/follow.ts";
import type { Page, Row } from "../src/types.ts";

type Query = Record<string, string | number | boolean | undefined>;

const row = (id: string, more: Partial<Row> = {}): Row =>
  ({ id, bucket: "mine", accepted: false, ...more }) as Row;
const page = (ids: string, older: string | null = null): Page => ({
  callbacks: [...ids].map((id) => row(id)),
  next_before: older,
  latest: ids[0] ?? "latest",
});

/** A server whose long polls wait until the test answers. */
function world() {
  const asked: Query[] = [];
  const waiting: ((answer: Page | Error) => void)[] = [];
  const troubles: (string | null)[] = [];
  let pauses = 0;
  const follower = new Follower(
    (query) => {
      asked.push(query);
      return new Promise((resolve, reject) =>
        waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
      );
    },
    () => {},
    (error) => troubles.push(error?.message ?? null),
    async () => void pauses++,
  );
  const answer = async (given: Page | Error): Promise<void> => {
    waiting.shift()?.(given);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const ids = (): string => follower.rows.map(({ id }) => id).join("");
  return { follower, asked, troubles, answer, ids, pauses: () => pauses };
}

async function started(answerTo: Page, filter = { bucket: "", failed: false }) {
  const it = world();
  const start = it.follower.start(filter);
  await it.answer(answerTo);
  await start;
  return it;
}

describe("following", () => {
  it("asks for what is newer than the newest", async () => {
    const it = await started(page("cb"));
    expect(it.asked).toEqual([
      { bucket: "", accepted: undefined, limit: 50 },
      { bucket: "", accepted: undefined, after: "c", wait: 15 },
    ]);
    await it.answer(page("ed"));
    expect(it.ids()).toBe("edcb");
    expect(it.asked.at(-1)?.["after"]).toBe("e");
  });

  it("shows nothing twice", async () => {
    const it = await started(page("cb"));
    it.follower.add(row("d"));
    await it.answer(page("ed"));
    expect(it.ids()).toBe("edcb");
  });

  it("adds only what the filter covers", async () => {
    const it = await started(page("a"), { bucket: "mine", failed: true });
    expect(it.asked[0]).toEqual({ bucket: "mine", accepted: false, limit: 50 });
    it.follower.add(row("x", { accepted: true }));
    it.follower.add(row("y", { bucket: "theirs" }));
    it.follower.add(row("z"));
    expect(it.ids()).toBe("za");
  });

  it("fetches older rows and keeps the order", async () => {
    const it = await started(page("dc", "c"));
    const more = it.follower.more();
    expect(it.asked.at(-1)).toEqual({ bucket: "", accepted: undefined, limit: 50, before: "c" });
    await it.answer(page(""));
    await it.answer(page("ba"));
    await more;
    expect(it.ids()).toBe("dcba");
    expect(it.follower.older).toBeNull();
  });

  it("rests after a failure, says so, and goes on", async () => {
    const it = await started(page("a"));
    await it.answer(new Error("gone"));
    expect([it.troubles, it.pauses()]).toEqual([["gone"], 1]);
    await it.answer(page("b"));
    expect(it.troubles).toEqual(["gone", null]);
    expect(it.ids()).toBe("ba");
  });

  it("forgets answers to an older filter", async () => {
    const it = await started(page("a"));
    const again = it.follower.start({ bucket: "theirs", failed: false });
    await it.answer(page("z"));
    await it.answer(page("b"));
    await again;
    expect(it.ids()).toBe("b");
  });

  it("stops", async () => {
    const it = await started(page("a"));
    it.follower.stop();
    await it.answer(page("b"));
    expect(it.ids()).toBe("a");
    expect(it.asked.length).toBe(2);
  });
});
