import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../src/outcome.ts";
import { AT_A_TIME, isBusy, Queue, type Item, type Plan } from "../src/queue.ts";
import { Cancelled } from "../src/send.ts";

const PLAN: Plan = { version: "v1", path: "${filename}" };
const DONE: Outcome = { kind: "done", answer: "{}" };
const REFUSED: Outcome = { kind: "refused", status: 403, code: "X", message: "", requestId: "" };

const UNTOLD: Outcome = { kind: "untold", reached: false, text: "", requestId: "" };

interface Running {
  item: Item;
  end: (outcome: Outcome) => void;
  fail: (error: unknown) => void;
  progress: (sent: number) => void;
}

let running: Running[];
let queue: Queue;

const file = (name: string) => new File(["12345"], name);
const settled = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  running = [];
  queue = new Queue(
    (item, signal, onProgress) =>
      new Promise((end, fail) => {
        signal.addEventListener("abort", () => fail(new Cancelled()));
        const progress = (sent: number) => onProgress({ sent, total: 5 });
        running.push({ item, end, fail, progress });
      }),
    () => undefined,
  );
});

describe("the queue", () => {
  test("sends a few at a time, in order", async () => {
    const items = ["a", "b", "c", "d"].map((name) => queue.add(file(name), PLAN));
    expect(running.map((each) => each.item)).toEqual(items.slice(0, AT_A_TIME));
    expect(items[3]?.state.kind).toBe("waiting");
    running[1]?.end(DONE);
    await settled();
    expect(items[1]?.state).toEqual(DONE);
    expect(running.at(-1)?.item).toBe(items[3]);
  });

  test("shows progress", () => {
    const item = queue.add(file("a"), PLAN);
    running[0]?.progress(3);
    expect(item.state).toEqual({ kind: "sending", progress: { sent: 3, total: 5 } });
  });

  test("does not send what is unacceptable", () => {
    const filter = { extensions: [], maxBytes: 1 };
    const item = queue.add(file("a"), PLAN, { kind: "unacceptable", refusal: "size", filter });
    expect(running).toEqual([]);
    queue.retry(item);
    expect(running).toEqual([]);
  });

  test("cancels what is being sent, and goes on", async () => {
    const items = ["a", "b", "c", "d"].map((name) => queue.add(file(name), PLAN));
    queue.cancel(items[0] as Item);
    await settled();
    expect(items[0]?.state).toEqual({ kind: "cancelled" });
    expect(running.at(-1)?.item).toBe(items[3]);
  });

  test("cancels what waits", async () => {
    const items = ["a", "b", "c", "d"].map((name) => queue.add(file(name), PLAN));
    queue.cancel(items[3] as Item);
    expect(items[3]?.state).toEqual({ kind: "cancelled" });
    running[0]?.end(DONE);
    await settled();
    expect(running).toHaveLength(AT_A_TIME);
  });

  test("tries again what was refused, untold, cancelled or has failed", async () => {
    const item = queue.add(file("a"), PLAN);
    running[0]?.end(REFUSED);
    await settled();
    queue.retry(item);
    running[1]?.fail(new Error("net"));
    await settled();
    expect(item.state.kind).toBe("failed");
    queue.retry(item);
    queue.cancel(item);
    await settled();
    queue.retry(item);
    running[3]?.end(UNTOLD);
    await settled();
    queue.retry(item);
    running[4]?.end(DONE);
    await settled();
    expect(item.state).toEqual(DONE);
    queue.retry(item);
    expect(running).toHaveLength(5);
  });

  test("forgets what has ended, and nothing else", async () => {
    const [first, second] = ["a", "b"].map((name) => queue.add(file(name), PLAN));
    running[0]?.end(DONE);
    await settled();
    expect(queue.clear()).toEqual([first]);
    expect(queue.items).toEqual([second]);
    expect(isBusy((second as Item).state)).toBe(true);
  });
});
