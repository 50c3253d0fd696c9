/** The list of attempts. */

import { find, make } from "../../shared/dom.ts";
import { result, when } from "./format.ts";
import type { Row } from "./types.ts";

export class ListView {
  private readonly list = find<HTMLUListElement>("rows");
  private readonly items = new Map<string, HTMLLIElement>();

  constructor(private readonly choose: (id: string) => void) {}

  show(rows: Row[], chosen: string): void {
    find("empty").hidden = rows.length > 0;
    const ids = new Set(rows.map((row) => row.id));
    for (const [id, item] of this.items) {
      if (ids.has(id)) continue;
      item.remove();
      this.items.delete(id);
    }
    // Elements that are there stay where they are: focus and scroll position with them.
    rows.forEach((row, place) => {
      const item = this.items.get(row.id) ?? this.make(row);
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] ?? null);
    });
    this.mark(chosen);
  }

  mark(chosen: string): void {
    for (const [id, item] of this.items) {
      const button = item.firstElementChild as HTMLElement;
      if (id === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  private make(row: Row): HTMLLIElement {
    const button = make(
      "button",
      { type: "button", class: "row", "data-tone": row.accepted ? "good" : "bad" },
      make("span", { class: "dot", "aria-hidden": "true" }),
      make(
        "span",
        { class: "row-text" },
        make(
          "span",
          { class: "row-head" },
          make("span", { class: "name" }, row.key),
          make("time", { datetime: row.at, class: "quiet" }, when(row.at, new Date())),
        ),
        make("span", { class: "quiet" }, `${row.bucket} → ${row.url}`),
        make(
          "span",
          { class: "outcome" },
          make("span", { class: "result" }, result(row)),
          ...(row.kind === "upload" ? [] : [make("span", { class: "tag" }, row.kind)]),
        ),
      ),
    );
    button.onclick = () => this.choose(row.id);
    const item = make("li", {}, button);
    this.items.set(row.id, item);
    return item;
  }
}
