/** The admin API of the server that this page comes from. */

import { signed, target, type Key } from "./sign.ts";
import type { Detail, Page } from "./types.ts";

/** The server takes any region: its keys are its own. */
const REGION = "cn-hangzhou";

type Fetch = (url: string, init: RequestInit) => Promise<Response>;
type Query = Record<string, string | number | boolean | undefined>;

/** A refusal in the server's words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, string> = {},
  ) {
    super(message);
  }
}

export class Api {
  /** How far the server's clock is ahead of this one. */
  private aheadMs = 0;

  constructor(
    private readonly key: Key,
    private readonly fetching: Fetch = (url, init) => fetch(url, init),
    private readonly now: () => number = Date.now,
  ) {}

  list(query: Query, signal?: AbortSignal): Promise<Page> {
    return this.ask("GET", "callbacks", query, undefined, signal);
  }

  get(id: string): Promise<Detail> {
    return this.ask("GET", `callbacks/${id}`);
  }

  replay(id: string, url: string): Promise<Detail> {
    return this.ask("POST", `callbacks/${id}/replay`, {}, url ? { url } : {});
  }

  private async ask<T>(
    method: string,
    path: string,
    query: Query = {},
    body?: object,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      return await this.send<T>(method, path, query, body, signal);
    } catch (error) {
      const serverTime = error instanceof Refused ? error.details["ServerTime"] : undefined;
      if (!serverTime || !(error instanceof Refused) || error.code !== "RequestTimeTooSkewed") throw error;
      this.aheadMs = Date.parse(serverTime) - this.now();
      return this.send<T>(method, path, query, body, signal);
    }
  }

  private async send<T>(
    method: string,
    path: string,
    query: Query,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const pairs = Object.entries(query)
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]): [string, string] => [name, String(value)]);
    const headers: Record<string, string> = body ? { "content-type": "application/json" } : {};
    const request = { method, bucket: "-", key: `api/${path}`, query: pairs, headers };
    const answer = await this.fetching(target(request), {
      method,
      headers: await signed(request, this.key, REGION, new Date(this.now() + this.aheadMs)),
      cache: "no-store",
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(signal ? { signal } : {}),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as T;
    throw refusal(answer.status, text);
  }
}

function refusal(status: number, text: string): Refused {
  try {
    const { code, message, details } = (JSON.parse(text) as { error: Refused }).error;
    const action = details["AuthAction"];
    const needed = code === "AccessDenied" && action ? ` A policy must allow ${action}.` : "";
    return new Refused(status, code, message + needed, details);
  } catch {
    return new Refused(status, "", `The server answers ${status}.`);
  }
}
