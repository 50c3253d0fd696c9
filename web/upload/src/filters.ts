/** Which files the page takes.  The policy's own limit is the server's to enforce. */

export interface Filter {
  /** Lower-case extensions without dot; none means any. */
  extensions: readonly string[];
  maxBytes: number;
}

export type Refusal = "type" | "size" | "duplicate";

export interface FileFacts {
  name: string;
  size: number;
  lastModified: number;
}

export const MEGABYTE = 1024 * 1024;

/** "JPG, .png zip" → jpg, png, zip. */
export function parseExtensions(text: string): string[] {
  const found = text
    .toLowerCase()
    .split(/[\s,;|]+/)
    .map((part) => part.replace(/^\*?\.?/, ""));
  return [...new Set(found.filter((part) => part !== ""))];
}

export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Bytes for what a person typed in megabytes, within the server's limit. */
export function maxBytesOf(megabytes: number, serverLimit: number): number {
  const wished = Number.isFinite(megabytes) && megabytes > 0 ? Math.floor(megabytes * MEGABYTE) : 0;
  return Math.min(wished, serverLimit);
}

/** Why a file is not taken, or null. */
export function refuse(
  file: FileFacts,
  filter: Filter,
  present: readonly FileFacts[],
): Refusal | null {
  const { extensions, maxBytes } = filter;
  if (extensions.length > 0 && !extensions.includes(extensionOf(file.name))) return "type";
  if (file.size > maxBytes) return "size";
  const isSame = (other: FileFacts) =>
    other.name === file.name &&
    other.size === file.size &&
    other.lastModified === file.lastModified;
  return present.some(isSame) ? "duplicate" : null;
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${UNITS[unit]}`;
}
