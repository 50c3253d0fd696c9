/** One attempt with everything that is known about it. */

import { find, make } from "../../shared/dom.ts";
import { duration, phases, result, shown, when } from "./format.ts";
import type { Detail, Mistake } from "./types.ts";

const ASKS_WHO = new Set([400, 401, 403]);

export interface Actions {
  back(): void;
  replay(detail: Detail, url: string): Promise<void>;
}

export class DetailView {
  private readonly place = find("detail");

  constructor(private readonly actions: Actions) {}

  clear(text = "Choose a callback to see what happened."): void {
    this.place.replaceChildren(make("p", { class: "quiet" }, text));
  }

  show(detail: Detail): void {
    this.place.replaceChildren(
      this.head(detail),
      explanation(detail),
      this.replay(detail),
      timings(detail),
      section("Request", [
        pair("To", `POST ${detail.url}`),
        ...Object.entries(detail.headers).map(([name, value]) => pair(name, value)),
      ], shown(detail.body), detail.is_cut),
      ...(detail.status === null
        ? []
        : [
            section(
              `Answer ${detail.status}`,
              Object.entries(detail.reply_headers).map(([name, value]) => pair(name, value)),
              shown(detail.reply_body),
            ),
          ]),
      signature(detail),
    );
  }

  private head(detail: Detail): HTMLElement {
    const back = make("button", { type: "button", class: "button back" }, "All callbacks");
    back.onclick = () => this.actions.back();
    return make(
      "header",
      { class: "detail-head" },
      back,
      make(
        "p",
        { class: "badge", "data-tone": detail.accepted ? "good" : "bad" },
        result(detail),
      ),
      make("h2", { class: "name" }, `${detail.bucket}/${detail.key}`),
      make(
        "p",
        { class: "quiet" },
        `${when(detail.at, new Date())} · ${detail.kind}, attempt ${detail.attempt} · ` +
          `${detail.operation} · request ${detail.request_id}`,
      ),
    );
  }

  private replay(detail: Detail): HTMLElement {
    const url = make("input", {
      id: "replay-url",
      type: "text",
      inputmode: "url",
      value: detail.url,
      spellcheck: "false",
      autocapitalize: "off",
    });
    const button = make("button", { type: "submit", class: "button primary" }, "Replay");
    const error = make("p", { class: "error", role: "alert", id: "replay-error" });
    error.hidden = true;
    const form = make(
      "form",
      { class: "replay", autocomplete: "off" },
      make("div", { class: "field grow" }, make("label", { for: "replay-url" }, "Send it again to"), url),
      button,
      error,
    );
    form.onsubmit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      error.hidden = true;
      try {
        const typed = url.value.trim();
        await this.actions.replay(detail, typed === detail.url ? "" : typed);
      } catch (refused) {
        error.textContent = (refused as Error).message;
        error.hidden = false;
      } finally {
        button.disabled = false;
      }
    };
    return form;
  }
}

function explanation(detail: Detail): HTMLElement {
  const [cause = "", ...rest] = detail.explanation;
  const told = detail.verdict ? [make("p", { class: "quiet" }, `The uploader was told: ${detail.verdict}`)] : [];
  return make(
    "section",
    { class: "explanation", "data-tone": detail.accepted ? "good" : "bad", "aria-label": "Explanation" },
    make("p", { class: "cause" }, ...inline(cause)),
    ...rest.map((line) => make("p", {}, ...inline(line))),
    ...told,
  );
}

/** What stands in backticks is code. */
function inline(text: string): (Node | string)[] {
  return text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

function timings(detail: Detail): HTMLElement {
  const found = phases(detail.timings);
  const svg = "http://www.w3.org/2000/svg";
  const bar = document.createElementNS(svg, "svg");
  bar.setAttribute("class", "bar");
  bar.setAttribute("viewBox", "0 0 100 6");
  bar.setAttribute("preserveAspectRatio", "none");
  bar.setAttribute("aria-hidden", "true");
  const legend = make("ul", { class: "legend" });
  found.forEach((phase) => {
    const tone = phase.name.split(" ")[0]?.toLowerCase() ?? "";
    const part = document.createElementNS(svg, "rect");
    part.setAttribute("class", `phase-${tone}`);
    part.setAttribute("x", String(phase.start));
    part.setAttribute("width", String(Math.max(phase.share, 0.6)));
    part.setAttribute("height", "6");
    bar.append(part);
    legend.append(
      make("li", {}, make("span", { class: `key phase-${tone}` }), `${phase.name} ${duration(phase.ms)}`),
    );
  });
  const total = found.length ? `Time: ${duration(detail.timings.total_ms)}` : "Time: nothing was sent";
  return make("section", { class: "timings" }, make("h3", {}, total), ...(found.length ? [bar, legend] : []));
}

function pair(name: string, value: string): [string, string] {
  return [name, value];
}

function section(title: string, pairs: [string, string][], body: string, isCut = false): HTMLElement {
  const list = make("dl", { class: "headers" });
  for (const [name, value] of pairs) list.append(make("dt", {}, name), make("dd", {}, value));
  return make(
    "section",
    {},
    make("h3", {}, title),
    make("pre", { class: "code", tabindex: "0" }, isCut ? `${body}\n… (the log holds only the beginning)` : body),
    make("details", {}, make("summary", {}, `Headers (${pairs.length})`), list),
  );
}

function signature(detail: Detail): HTMLElement {
  const { string_to_sign, command, mistakes } = detail.signature;
  const block = make(
    "details",
    { class: "signature" },
    make("summary", {}, "Signature: string to sign, check, usual mistakes"),
    make("h3", {}, "String to sign"),
    make("pre", { class: "code", tabindex: "0" }, shown(string_to_sign)),
  );
  if (command) {
    const copy = make("button", { type: "button", class: "button" }, "Copy");
    // The clipboard, too, exists only in secure contexts.
    copy.hidden = !navigator.clipboard;
    copy.onclick = () =>
      void navigator.clipboard.writeText(command).then(() => (copy.textContent = "Copied"));
    block.append(
      make("div", { class: "title-row" }, make("h3", {}, "Check it in a shell"), copy),
      make("pre", { class: "code", tabindex: "0" }, command),
    );
  }
  block.append(make("h3", {}, "Usual mistakes"), make("ul", { class: "mistakes" }, ...mistakes.map(mistakeItem)));
  block.open = !detail.accepted && detail.status !== null && ASKS_WHO.has(detail.status);
  return block;
}

function mistakeItem(mistake: Mistake): HTMLElement {
  return make(
    "li",
    { "data-likelihood": mistake.likelihood },
    make("span", { class: "tag" }, mistake.likelihood),
    make("span", {}, make("strong", {}, mistake.name), ` ${mistake.text}`),
  );
}
