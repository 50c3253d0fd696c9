/** Posts a form; XHR, because fetch does not tell how far an upload is. */

import { outcomeOf, type Outcome } from "./outcome.ts";

export class Cancelled extends Error {}
export class Unreachable extends Error {}

export interface Progress {
  sent: number;
  total: number;
}

export function send(
  url: string,
  form: FormData,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onProgress({ sent: event.loaded, total: event.total });
    request.onload = () => resolve(outcomeOf(request.status, request.responseText));
    request.onerror = () => reject(new Unreachable(new URL(url).origin));
    request.onabort = () => reject(new Cancelled());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", url);
    request.send(form);
    if (signal.aborted) request.abort();
  });
}
