/** The delivery log: sign in, look, filter, follow, replay. */

import { find } from "../../shared/dom.ts";
import { Api, Refused } from "./api.ts";
import { DetailView } from "./detail-view.ts";
import { Follower } from "./follow.ts";
import { forget, keep, keptKey } from "./keys.ts";
import { ListView } from "./list-view.ts";
import { secretOf } from "./secret.ts";
import type { Key } from "./sign.ts";
import type { Detail } from "./types.ts";

let api: Api | null = null;
let follower: Follower | null = null;
/** Of several answers under way, the one that was asked for last is shown. */
let asked = 0;

const bucket = find<HTMLInputElement>("bucket");
const failed = find<HTMLInputElement>("failed");
const list = new ListView((id) => (location.hash = id));
const detail = new DetailView({
  back: () => {
    const id = chosen();
    history.pushState(null, "", location.pathname);
    void showChosen();
    focusRow(id);
  },
  replay,
});

function chosen(): string {
  return /^#[0-9a-z]{1,64}$/.test(location.hash) ? location.hash.slice(1) : "";
}

async function signIn(key: Key): Promise<void> {
  const tried = new Api(key);
  const found = new Follower(
    (query, signal) => tried.list(query, signal),
    () => {
      list.show(found.rows, chosen());
      find("more").hidden = !found.older;
    },
    showTrouble,
  );
  await found.start(filter());
  await keep(key);
  api = tried;
  follower = found;
  show(true);
  showTrouble(null);
  await showChosen();
}

function signOut(): void {
  void forget();
  follower?.stop();
  api = follower = null;
  show(false);
  list.show([], "");
  detail.clear();
  history.replaceState(null, "", location.pathname);
  for (const id of ["key-id", "secret", "token"]) find<HTMLInputElement>(id).value = "";
  find("key-id").focus();
}

function show(isIn: boolean): void {
  find("sign-in").hidden = isIn;
  for (const id of ["log", "sign-out", "live"]) find(id).hidden = !isIn;
}

function filter(): { bucket: string; failed: boolean } {
  return { bucket: bucket.value.trim(), failed: failed.checked };
}

async function refilter(): Promise<void> {
  try {
    await follower?.start(filter());
    showTrouble(null);
  } catch (error) {
    if ((error as Error).name !== "AbortError") showTrouble(error as Error);
  }
}

function showTrouble(error: Error | null): void {
  const live = find("live");
  live.textContent = error ? "Not connected" : "Live";
  live.dataset["tone"] = error ? "bad" : "good";
  const place = find("log-error");
  place.hidden = !error;
  place.textContent = error ? words(error) : "";
}

/** `fetch` fails with a different text in every browser. */
function words(error: Error): string {
  return error instanceof Refused ? error.message : "The server does not answer.";
}

async function showChosen(): Promise<void> {
  const id = chosen();
  list.mark(id);
  find("log").classList.toggle("has-chosen", id !== "");
  const turn = ++asked;
  if (!id || !api) {
    detail.clear();
    return;
  }
  try {
    const found = await api.get(id);
    if (turn === asked) open(found);
  } catch (error) {
    if (turn === asked) detail.clear(words(error as Error));
  }
}

function open(found: Detail): void {
  detail.show(found);
  find("detail").focus({ preventScroll: true });
  if (matchMedia("(max-width: 56rem)").matches) scrollTo({ top: 0 });
}

function focusRow(id: string): void {
  const rows = [...document.querySelectorAll<HTMLElement>("#rows .row")];
  const place = follower?.rows.findIndex((row) => row.id === id) ?? -1;
  rows[place]?.focus();
}

async function replay(row: Detail, url: string): Promise<void> {
  if (!api) return;
  const made = await api.replay(row.id, url);
  follower?.add(made);
  location.hash = made.id;
}

let typing = 0;

function listen(): void {
  find<HTMLFormElement>("sign-in").onsubmit = async (event) => {
    event.preventDefault();
    const [id, secret, token] = ["key-id", "secret", "token"].map((name) =>
      find<HTMLInputElement>(name).value.trim(),
    ) as [string, string, string];
    const error = find("sign-in-error");
    error.hidden = true;
    try {
      await signIn({ id, secret: await secretOf(secret), token });
      find<HTMLInputElement>("secret").value = "";
    } catch (refused) {
      error.textContent = words(refused as Error);
      error.hidden = false;
    }
  };
  find("filters").onsubmit = (event) => event.preventDefault();
  failed.onchange = () => void refilter();
  bucket.oninput = () => {
    clearTimeout(typing);
    typing = window.setTimeout(() => void refilter(), 300);
  };
  find("more").onclick = () => void follower?.more().catch(showTrouble);
  find("sign-out").onclick = signOut;
  // Going back and forth changes it, too: once is enough, or a second answer replaces what is typed.
  window.onhashchange = () => void showChosen();
}

listen();
find("server").textContent = location.host;
const kept = await keptKey();
if (kept) {
  signIn(kept).catch((error: unknown) => {
    show(false);
    find("sign-in-error").textContent = words(error as Error);
    find("sign-in-error").hidden = false;
  });
} else {
  find("key-id").focus();
}
