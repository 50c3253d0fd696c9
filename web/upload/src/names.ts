/** Object names: the two modes of the form upload sample. */

export type NameMode = "local_name" | "random_name";

/** 48 characters without look-alikes, as in the sample. */
export const ALPHABET = "ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678";
export const RANDOM_LENGTH = 10;
/** OSS replaces it by the file's own name. */
export const FILENAME = "${filename}";

/** A whole number of 0 … below - 1. */
export type Random = (below: number) => number;

export const secureRandom: Random = (below) => {
  const [value] = crypto.getRandomValues(new Uint32Array(1));
  return (value ?? 0) % below;
};

export function randomName(random: Random = secureRandom): string {
  let name = "";
  for (let at = 0; at < RANDOM_LENGTH; at++) name += ALPHABET[random(ALPHABET.length)];
  return name;
}

/** The last `.…` of a file name, or nothing. */
export function suffixOf(fileName: string): string {
  const dot = fileName.lastIndexOf(".");
  return dot > 0 ? fileName.slice(dot) : "";
}

/** What a person typed as folder, as the part of a key: empty or with a slash at its end. */
export function folderOf(text: string): string {
  const parts = text.replaceAll("\\", "/").split("/").map((part) => part.trim());
  const kept = parts.filter((part) => part !== "" && part !== "." && part !== "..");
  return kept.map((part) => `${part}/`).join("");
}

/** The part of the key behind the folder, as the form carries it. */
export function nameFor(mode: NameMode, fileName: string, random: Random = secureRandom): string {
  return mode === "local_name" ? FILENAME : randomName(random) + suffixOf(fileName);
}

/** The key as it will be stored. */
export function storedKey(key: string, fileName: string): string {
  return key.replaceAll(FILENAME, () => fileName);
}
