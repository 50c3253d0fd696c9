/** What an answer of the object storage means. */

export type Outcome =
  /** Stored, and the application server's own answer. */
  | { kind: "done"; answer: string }
  /** 203: stored, but the application did not confirm.  *reached*: it answered, and not yes. */
  | { kind: "untold"; reached: boolean; text: string; requestId: string }
  | { kind: "refused"; status: number; code: string; message: string; requestId: string };

export function outcomeOf(status: number, body: string): Outcome {
  if (status === 203) {
    const text = element(body, "Message") || body;
    return { kind: "untold", reached: isAnswer(text), text, requestId: element(body, "RequestId") };
  }
  if (status >= 200 && status < 300) return { kind: "done", answer: pretty(body) };
  return {
    kind: "refused",
    status,
    code: element(body, "Code") || `HTTP ${status}`,
    message: element(body, "Message"),
    requestId: element(body, "RequestId"),
  };
}

/** OSS writes -1 and 502 where nobody answered; every other status is the application's own. */
function isAnswer(text: string): boolean {
  return /status ?: ?(?!502)\d{3}/i.test(text) || text.startsWith("Response body");
}

const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** The text of the first element *name*; errors of OSS are flat. */
export function element(xml: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
  return found
    .replace(/&#x([0-9a-f]{1,6});/gi, (_, hex: string) => character(parseInt(hex, 16)))
    .replace(/&#(\d{1,7});/g, (_, digits: string) => character(Number(digits)))
    .replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity)
    .trim();
}

function character(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : "";
}

/** JSON with line breaks; anything else as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
