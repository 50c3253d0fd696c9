/** One row of the list of this visit. */

import { make } from "../../shared/dom.ts";
import { formatSize, type Filter, type Refusal } from "./filters.ts";
import { PolicyRefused } from "./policy.ts";
import { isBusy, mayRetry, type Item, type State } from "./queue.ts";
import { Unreachable } from "./send.ts";
import type { Say } from "./texts.ts";

export interface Actions {
  cancel(item: Item): void;
  retry(item: Item): void;
}

const TONES: Record<State["kind"], string> = {
  waiting: "",
  sending: "",
  cancelled: "warn",
  unacceptable: "bad",
  failed: "bad",
  done: "good",
  untold: "warn",
  refused: "bad",
};

export class ItemView {
  readonly element: HTMLLIElement;
  private readonly status = make("p", { class: "status" });
  private readonly progress: HTMLProgressElement;
  private readonly key = make("p", { class: "key" });
  private readonly text = make("pre", { class: "answer" });
  private readonly detail: HTMLDetailsElement;
  private readonly cancel: HTMLButtonElement;
  private readonly retry: HTMLButtonElement;
  private readonly picture: string | null;

  constructor(
    item: Item,
    private readonly say: Say,
    actions: Actions,
  ) {
    const name = item.file.name;
    this.progress = make("progress", { max: "1", "aria-label": say("progressOf", { name }) });
    this.cancel = button(say("cancel"), say("cancelOf", { name }), () => actions.cancel(item));
    this.retry = button(say("retry"), say("retryOf", { name }), () => actions.retry(item));
    this.detail = make("details", { class: "detail" }, make("summary"), this.text);
    this.picture = isPicture(item) ? URL.createObjectURL(item.file) : null;
    this.element = make(
      "li",
      { class: "item" },
      this.thumbnail(name),
      make(
        "div",
        { class: "item-body" },
        make(
          "div",
          { class: "item-head" },
          make("span", { class: "name" }, name),
          make("span", { class: "quiet size" }, formatSize(item.file.size)),
        ),
        this.key,
        this.progress,
        this.status,
      ),
      make("div", { class: "item-actions" }, this.cancel, this.retry),
      this.detail,
    );
    this.show(item);
  }

  show(item: Item): void {
    const { state } = item;
    this.element.dataset["state"] = state.kind;
    this.element.dataset["tone"] = TONES[state.kind];
    this.status.textContent = this.statusOf(state);
    this.progress.hidden = !isBusy(state);
    if (state.kind === "sending") {
      this.progress.value = state.progress.total ? state.progress.sent / state.progress.total : 0;
    }
    this.cancel.hidden = !isBusy(state);
    this.retry.hidden = !mayRetry(state);
    this.key.textContent = item.key;
    this.key.hidden = state.kind !== "done" && state.kind !== "untold";
    const answer = this.detailOf(state);
    this.text.textContent = answer;
    this.detail.hidden = answer === "";
    this.detail.open = true;
    const summary = state.kind === "done" ? "answer" : "details";
    this.detail.firstElementChild?.replaceChildren(this.say(summary));
  }

  /** Make room: the answer stays a click away. */
  fold(): void {
    this.detail.open = false;
  }

  /** What a screen reader is told when the upload ends, or nothing. */
  announcement(item: Item): string {
    const { state } = item;
    const name = item.file.name;
    if (isBusy(state)) return "";
    if (state.kind === "done") return this.say("liveDone", { name });
    return this.say("liveTrouble", { name, text: this.statusOf(state) });
  }

  remove(): void {
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.element.remove();
  }

  private thumbnail(name: string): HTMLElement {
    if (this.picture) {
      const image = make("img", { class: "thumb", src: this.picture, alt: "" });
      image.onerror = () => image.replaceWith(glyph(name));
      return image;
    }
    return glyph(name);
  }

  private statusOf(state: State): string {
    const { say } = this;
    switch (state.kind) {
      case "waiting":
        return say("waiting");
      case "sending": {
        const { sent, total } = state.progress;
        if (total > 0 && sent >= total) return say("telling");
        const percent = total ? Math.floor((100 * sent) / total) : 0;
        return say("sending", { percent, sent: formatSize(sent), total: formatSize(total) });
      }
      case "cancelled":
        return say("cancelled");
      case "unacceptable":
        return this.refusalOf(state.refusal, state.filter);
      case "failed":
        return this.reasonOf(state.reason);
      case "done":
        return say("done");
      case "untold":
        return say(state.reached ? "unconfirmed" : "untold", { text: state.text });
      case "refused":
        return say("refused", { code: state.code });
    }
  }

  private refusalOf(refusal: Refusal, { extensions, maxBytes }: Filter): string {
    if (refusal === "type") return this.say("badType", { types: extensions.join(", ") });
    if (refusal === "size") return this.say("badSize", { size: formatSize(maxBytes) });
    return this.say("duplicate");
  }

  private reasonOf(reason: unknown): string {
    const text = reason instanceof Error ? reason.message : String(reason);
    if (reason instanceof Unreachable) return this.say("unreachable", { host: text });
    if (reason instanceof PolicyRefused) return this.say("noPolicy", { reason: text });
    return text;
  }

  private detailOf(state: State): string {
    if (state.kind === "done") return state.answer;
    if (state.kind !== "refused" && state.kind !== "untold") return "";
    const request = state.requestId && this.say("requestId", { id: state.requestId });
    const message = state.kind === "refused" ? state.message : "";
    return [message, request].filter((line) => line !== "").join("\n");
  }
}

/** Types that a browser can show; SVG may be anything. */
function isPicture(item: Item): boolean {
  return /^image\/(?!svg)/.test(item.file.type);
}

function glyph(name: string): HTMLElement {
  const dot = name.lastIndexOf(".");
  const text = dot < 0 ? "" : name.slice(dot + 1, dot + 5);
  return make("span", { class: "thumb glyph", "aria-hidden": "true" }, text);
}

function button(text: string, label: string, act: () => void): HTMLButtonElement {
  const element = make("button", { class: "button", type: "button", "aria-label": label }, text);
  element.onclick = act;
  return element;
}
