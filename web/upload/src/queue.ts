/** The files of this visit: each waits, is sent, and ends; a few are sent at a time. */

import type { Filter, Refusal } from "./filters.ts";
import type { Outcome } from "./outcome.ts";
import type { Version } from "./policy.ts";
import { Cancelled, type Progress } from "./send.ts";

export type State =
  | { kind: "waiting" }
  | { kind: "sending"; progress: Progress }
  | { kind: "cancelled" }
  | { kind: "unacceptable"; refusal: Refusal; filter: Filter }
  | { kind: "failed"; reason: unknown }
  | Outcome;

/** What was chosen when the file was added: it stays with it. */
export interface Plan {
  version: Version;
  /** The key behind the policy's own prefix; may hold `${filename}`. */
  path: string;
}

export interface Item {
  readonly id: number;
  readonly file: File;
  readonly plan: Plan;
  /** The key as it will be stored, once that is known. */
  key: string;
  state: State;
}

export type Upload = (
  item: Item,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
) => Promise<Outcome>;

export const AT_A_TIME = 3;

export function isBusy(state: State): boolean {
  return state.kind === "waiting" || state.kind === "sending";
}

const ENDS_THAT_MAY_CHANGE = new Set<State["kind"]>(["cancelled", "failed", "refused", "untold"]);

/** What is stored but untold may be sent again too: that tells the application. */
export function mayRetry(state: State): boolean {
  return ENDS_THAT_MAY_CHANGE.has(state.kind);
}

export class Queue {
  readonly items: Item[] = [];
  private readonly aborts = new Map<number, AbortController>();
  private lastId = 0;

  constructor(
    private readonly upload: Upload,
    private readonly onChange: (item: Item) => void,
  ) {}

  add(file: File, plan: Plan, state: State = { kind: "waiting" }): Item {
    const item: Item = { id: ++this.lastId, file, plan, key: "", state };
    this.items.push(item);
    this.onChange(item);
    this.next();
    return item;
  }

  cancel(item: Item): void {
    const abort = this.aborts.get(item.id);
    if (abort) abort.abort();
    else if (item.state.kind === "waiting") this.become(item, { kind: "cancelled" });
  }

  retry(item: Item): void {
    if (!mayRetry(item.state)) return;
    this.become(item, { kind: "waiting" });
    this.next();
  }

  /** Forget what has ended; the items forgotten. */
  clear(): Item[] {
    const ended = this.items.filter((item) => !isBusy(item.state));
    for (const item of ended) this.items.splice(this.items.indexOf(item), 1);
    return ended;
  }

  private next(): void {
    for (const item of this.items) {
      if (this.aborts.size >= AT_A_TIME) return;
      if (item.state.kind === "waiting" && !this.aborts.has(item.id)) void this.run(item);
    }
  }

  private async run(item: Item): Promise<void> {
    const abort = new AbortController();
    this.aborts.set(item.id, abort);
    let end: State;
    try {
      this.become(item, { kind: "sending", progress: { sent: 0, total: item.file.size } });
      end = await this.upload(item, abort.signal, (progress) => {
        if (!abort.signal.aborted) this.become(item, { kind: "sending", progress });
      });
    } catch (error) {
      const isOurs = error instanceof Cancelled || abort.signal.aborted;
      end = isOurs ? { kind: "cancelled" } : { kind: "failed", reason: error };
    }
    this.aborts.delete(item.id);
    this.become(item, end);
    this.next();
  }

  private become(item: Item, state: State): void {
    item.state = state;
    this.onChange(item);
  }
}
