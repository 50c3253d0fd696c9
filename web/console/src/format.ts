/** Values as people read them. */

import type { Bytes, Row, Timings } from "./types.ts";

export function duration(ms: number): string {
  if (ms >= 9_995) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 9.95) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(1)} ms`;
}

/** The time alone for today, otherwise with its day. */
export function when(iso: string, now: Date, locale?: string): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === now.toDateString();
  return at.toLocaleString(locale, {
    ...(isToday ? {} : { month: "short", day: "numeric" }),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

/** What came of an attempt, in two words. */
export function result(row: Row): string {
  if (row.accepted) return `Accepted ${row.status ?? ""}`.trim();
  if (row.status !== null) return `Failed ${row.status}`;
  return row.fault ? `Failed: ${row.fault}` : "Failed";
}

export function shown(bytes: Bytes): string {
  if (bytes.text !== null) return bytes.text || "(empty)";
  return `(not UTF-8; as Base64) ${bytes.base64}`;
}

export interface Phase {
  name: string;
  ms: number;
  /** Where it begins and how long it is, in hundredths of the whole. */
  start: number;
  share: number;
}

/** The phases one behind the other; what is left is the answer's body. */
export function phases(timings: Timings): Phase[] {
  const known: [string, number][] = [
    ["Name", timings.resolve_ms],
    ["Connection", timings.connect_ms],
    ["TLS", timings.tls_ms],
    ["Waiting", timings.first_byte_ms],
  ];
  const rest = timings.total_ms - known.reduce((sum, [, ms]) => sum + ms, 0);
  known.push([timings.first_byte_ms ? "Answer" : "Until it ended", Math.max(0, rest)]);
  let start = 0;
  const found: Phase[] = [];
  for (const [name, ms] of known) {
    if (ms <= 0) continue;
    const share = timings.total_ms ? (100 * ms) / timings.total_ms : 0;
    found.push({ name, ms, start, share });
    start += share;
  }
  return found;
}
