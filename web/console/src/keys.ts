/**
 * The key of this tab, until the tab or the day ends.
 *
 * IndexedDB keeps it as the browser holds it, the secret unreadable; sessionStorage knows which entry
 * is this tab's.  Where the browser does not hold the secret, a reload asks for it again.
 */

import { isHeld } from "./secret.ts";
import type { Key } from "./sign.ts";

const TAB = "ossia-tab";
const DATABASE = "ossia-console";
const STORE = "keys";
const KEPT_MS = 12 * 3600 * 1000;

interface Kept extends Key {
  at: number;
}

export async function keptKey(): Promise<Key | null> {
  try {
    const tab = sessionStorage.getItem(TAB);
    await within("readwrite", (store) => forgetOld(store));
    const kept = tab ? await within<Kept>("readonly", (store) => store.get(tab)) : undefined;
    return kept ? { id: kept.id, token: kept.token, secret: kept.secret } : null;
  } catch {
    return null;
  }
}

export async function keep(key: Key): Promise<void> {
  if (!isHeld(key.secret)) return;
  const tab = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
  try {
    await within("readwrite", (store) => store.put({ ...key, at: Date.now() }, tab));
    sessionStorage.setItem(TAB, tab);
  } catch {
    // A private window may keep nothing: then a reload asks again.
  }
}

export async function forget(): Promise<void> {
  const tab = sessionStorage.getItem(TAB);
  sessionStorage.removeItem(TAB);
  try {
    if (tab) await within("readwrite", (store) => store.delete(tab));
  } catch {
    // Nothing was kept.
  }
}

/** Those of tabs that were closed, and of days that are over. */
function forgetOld(store: IDBObjectStore): void {
  const cursors = store.openCursor();
  cursors.onsuccess = () => {
    const cursor = cursors.result;
    if (!cursor) return;
    if ((cursor.value as Kept).at < Date.now() - KEPT_MS) cursor.delete();
    cursor.continue();
  };
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What *work* asked of the store, once its transaction is done. */
async function within<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest | void,
): Promise<T | undefined> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result as T | undefined);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
