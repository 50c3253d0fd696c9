/** The upload page: a file is named, signed for by the application server, and posted to OSS. */

import { find } from "../../shared/dom.ts";
import { formatSize, refuse } from "./filters.ts";
import { buildForm, formFields } from "./form.ts";
import { ItemView } from "./item-view.ts";
import { nameFor, storedKey } from "./names.ts";
import { PolicySource, sizeLimit, type Policy } from "./policy.ts";
import { isBusy, Queue, type Item } from "./queue.ts";
import { RecentUploads } from "./recent.ts";
import { send } from "./send.ts";
import { readSettings } from "./settings.ts";
import { languageOf, sayIn, type Word } from "./texts.ts";

const language = languageOf(navigator.language);
const say = sayIn(language);
const policies = new PolicySource((url) => fetch(url, { cache: "no-store" }));
const recent = new RecentUploads(say, navigator.language);
const views = new Map<number, ItemView>();

const drop = find<HTMLLabelElement>("drop");
const files = find<HTMLInputElement>("files");
let serverLimit = Infinity;
/** The newest result is unfolded, the ones before are not. */
let newest: ItemView | null = null;

const queue = new Queue(async (item, signal, onProgress) => {
  const policy = await policies.get(item.plan.version);
  learn(policy);
  const key = policy.dir + item.plan.path;
  item.key = storedKey(key, item.file.name);
  const form = buildForm(formFields(policy, key, item.file.name), item.file);
  const outcome = await send(policy.host, form, signal, onProgress);
  // A policy that was refused once is not good for the next try.
  if (outcome.kind === "refused") policies.forget();
  return outcome;
}, showItem);

function showItem(item: Item): void {
  const view = views.get(item.id) ?? addView(item);
  view.show(item);
  if (isBusy(item.state)) return;
  find("live").textContent = view.announcement(item);
  if (newest !== view) newest?.fold();
  newest = view;
  if (item.state.kind === "done") void recent.refresh();
}

function addView(item: Item): ItemView {
  const view = new ItemView(item, say, {
    cancel: (each) => queue.cancel(each),
    retry: (each) => queue.retry(each),
  });
  views.set(item.id, view);
  find("queue").prepend(view.element);
  find("queue-section").hidden = false;
  return view;
}

function add(chosen: Iterable<File>): void {
  const { filter, folder, mode, version } = readSettings(serverLimit);
  for (const file of chosen) {
    const taken = queue.items.filter((item) => item.state.kind !== "unacceptable");
    const refusal = refuse(file, filter, taken.map((item) => item.file));
    const plan = { version, path: folder + nameFor(mode, file.name) };
    queue.add(file, plan, refusal ? { kind: "unacceptable", refusal, filter } : undefined);
  }
}

/** Show what the policy says about the place. */
function learn(policy: Policy): void {
  serverLimit = sizeLimit(policy);
  find("target").textContent = say("target", { host: policy.host.replace(/^https?:\/\//, "") });
  find("dir").textContent = policy.dir;
  showSettings();
}

function showSettings(): void {
  const { filter, folder, mode } = readSettings(serverLimit);
  const { extensions, maxBytes } = filter;
  const types = extensions.length > 0 ? extensions.join(", ") : say("anyType");
  find("accepted").textContent = say("accepted", { types, size: formatSize(maxBytes) });
  const name = storedKey(nameFor(mode, "photo.png"), "photo.png");
  find("preview").textContent = say("preview", { key: find("dir").textContent + folder + name });
  find("limit").textContent = Number.isFinite(serverLimit)
    ? say("limit", { size: formatSize(serverLimit) })
    : "";
  files.accept = extensions.map((extension) => `.${extension}`).join(",");
}

function translate(): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as Word);
  }
}

function listen(): void {
  files.onchange = () => {
    add(files.files ?? []);
    // The same file may be chosen again.
    files.value = "";
  };
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer?.files ?? []);
  };
  // A file dropped beside the field must not replace the page.
  document.ondragover = (event) => event.preventDefault();
  document.ondrop = (event) => event.preventDefault();
  find("settings").oninput = showSettings;
  find("settings").onsubmit = (event) => event.preventDefault();
  find("refresh").onclick = () => void recent.refresh();
  find("clear").onclick = () => {
    for (const item of queue.clear()) {
      views.get(item.id)?.remove();
      views.delete(item.id);
    }
    find("queue-section").hidden = queue.items.length === 0;
  };
  window.onbeforeunload = (event) => {
    if (queue.items.some((item) => isBusy(item.state))) event.preventDefault();
  };
}

translate();
listen();
showSettings();
void recent.refresh();
policies.get("v1").then(learn, (error: unknown) => {
  find("target").textContent = say("noPolicy", { reason: (error as Error).message });
});
