/** The rows of the list: the newest page, older ones on request, new ones as they happen. */

import type { Page, Row } from "./types.ts";

export interface Filter {
  bucket: string;
  failed: boolean;
}

type List = (
  query: Record<string, string | number | boolean | undefined>,
  signal?: AbortSignal,
) => Promise<Page>;

const PAGE = 50;
const WAIT_S = 15;
const PAUSE_MS = 3000;

export class Follower {
  rows: Row[] = [];
  /** Where older rows begin; null if there are none. */
  older: string | null = null;
  private latest = "";
  private filter: Filter = { bucket: "", failed: false };
  private running: AbortController | null = null;

  constructor(
    private readonly list: List,
    private readonly changed: () => void,
    private readonly troubled: (error: Error | null) => void,
    private readonly pause: (ms: number) => Promise<void> = (ms) =>
      new Promise((done) => setTimeout(done, ms)),
  ) {}

  /** Begin anew with *filter*, and follow until `stop`. */
  async start(filter: Filter): Promise<void> {
    this.stop();
    const running = (this.running = new AbortController());
    this.filter = filter;
    const page = await this.list({ ...this.query(), limit: PAGE }, running.signal);
    if (this.running !== running) return;
    this.rows = [];
    this.take(page.callbacks);
    this.older = page.next_before;
    this.latest = page.latest;
    this.changed();
    void this.follow(running);
  }

  stop(): void {
    this.running?.abort();
    this.running = null;
  }

  async more(): Promise<void> {
    const running = this.running;
    if (!this.older || !running) return;
    const page = await this.list({ ...this.query(), limit: PAGE, before: this.older }, running.signal);
    if (this.running !== running) return;
    this.take(page.callbacks);
    this.older = page.next_before;
    this.changed();
  }

  /** Show rows that are known already, those of a replay for instance. */
  add(row: Row): void {
    if (this.filter.failed && row.accepted) return;
    if (this.filter.bucket && this.filter.bucket !== row.bucket) return;
    this.take([row]);
    this.changed();
  }

  private async follow(running: AbortController): Promise<void> {
    while (this.running === running) {
      try {
        const query = { ...this.query(), after: this.latest, wait: WAIT_S };
        const page = await this.list(query, running.signal);
        if (this.running !== running) return;
        this.troubled(null);
        this.latest = page.latest;
        if (page.callbacks.length === 0) continue;
        this.take(page.callbacks);
        this.changed();
      } catch (error) {
        if (this.running !== running) return;
        this.troubled(error as Error);
        await this.pause(PAUSE_MS);
      }
    }
  }

  private query(): Record<string, string | boolean | undefined> {
    return { bucket: this.filter.bucket, accepted: this.filter.failed ? false : undefined };
  }

  /** Merge, newest first; what is there already is not shown twice. */
  private take(found: Row[]): void {
    const known = new Set(this.rows.map((row) => row.id));
    this.rows.push(...found.filter((row) => !known.has(row.id)));
    this.rows.sort((one, other) => (one.id < other.id ? 1 : -1));
  }
}
