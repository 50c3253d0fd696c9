/** What a person has chosen. */

import { find } from "../../shared/dom.ts";
import { maxBytesOf, parseExtensions, type Filter } from "./filters.ts";
import { folderOf, type NameMode } from "./names.ts";
import type { Version } from "./policy.ts";

export interface Settings {
  mode: NameMode;
  version: Version;
  folder: string;
  filter: Filter;
}

export function readSettings(serverLimit: number): Settings {
  const chosen = new FormData(find<HTMLFormElement>("settings"));
  const text = (name: string) => String(chosen.get(name) ?? "");
  return {
    mode: text("mode") === "random_name" ? "random_name" : "local_name",
    version: text("version") === "v4" ? "v4" : "v1",
    folder: folderOf(text("folder")),
    filter: {
      extensions: parseExtensions(text("extensions")),
      maxBytes: maxBytesOf(Number(text("maxSize")), serverLimit),
    },
  };
}
