/** The key of this tab: kept in its sessionStorage, and nowhere else. */

import type { Key } from "./sign.ts";

const NAME = "ossia-key";

export function keptKey(): Key | null {
  try {
    const key = JSON.parse(sessionStorage.getItem(NAME) ?? "null") as Key | null;
    return key?.id && key.secret ? key : null;
  } catch {
    return null;
  }
}

export function keep(key: Key): void {
  sessionStorage.setItem(NAME, JSON.stringify(key));
}

export function forget(): void {
  sessionStorage.removeItem(NAME);
}
