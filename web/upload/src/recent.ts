/** The list of what the application server has recorded. */

import { find, make } from "../../shared/dom.ts";
import { formatSize } from "./filters.ts";
import type { Say } from "./texts.ts";

interface Recorded {
  when: string;
  object: string;
  size: number | null;
  mimeType: string;
  width: number | null;
  height: number | null;
}

const SHOWN = 10;

export class RecentUploads {
  private readonly list = find<HTMLUListElement>("recent");
  private readonly note = find("recent-note");

  constructor(
    private readonly say: Say,
    private readonly language: string,
  ) {}

  async refresh(): Promise<void> {
    try {
      const response = await fetch(`uploads?limit=${SHOWN}`, {
        headers: { Accept: "application/json" },
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const { uploads } = (await response.json()) as { uploads: Recorded[] };
      this.list.replaceChildren(...uploads.map((upload) => this.row(upload)));
      this.tell(uploads.length === 0 ? this.say("nothing") : "");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.tell(this.say("recentFailed", { reason }));
    }
  }

  private tell(text: string): void {
    this.note.textContent = text;
    this.note.hidden = text === "";
  }

  private row(upload: Recorded): HTMLLIElement {
    const at = new Date(upload.when);
    const shownAt = at.toLocaleString(this.language, { dateStyle: "medium", timeStyle: "short" });
    const facts = [upload.mimeType];
    if (upload.width && upload.height) facts.push(`${upload.width} × ${upload.height}`);
    if (upload.size !== null) facts.push(formatSize(upload.size));
    return make(
      "li",
      {},
      make("span", { class: "name" }, upload.object),
      make("span", { class: "quiet" }, facts.filter((fact) => fact !== "").join(" · ")),
      make("time", { class: "quiet", datetime: upload.when }, shownAt),
    );
  }
}
