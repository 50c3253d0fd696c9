/** What the admin API answers; see /-/api/openapi.json. */

export interface Row {
  id: string;
  at: string;
  kind: string;
  attempt: number;
  message_id: string;
  request_id: string;
  bucket: string;
  key: string;
  operation: string;
  requester: string;
  url: string;
  status: number | null;
  fault: string;
  accepted: boolean;
  verdict: string;
  ec: string;
  total_ms: number;
  explanation: string[];
}

export interface Bytes {
  text: string | null;
  base64: string | null;
}

export interface Timings {
  resolve_ms: number;
  connect_ms: number;
  tls_ms: number;
  first_byte_ms: number;
  total_ms: number;
}

export interface Mistake {
  name: string;
  likelihood: "likely" | "possible" | "no";
  text: string;
}

export interface Detail extends Row {
  urls: string[];
  address: string;
  headers: Record<string, string>;
  body: Bytes;
  is_cut: boolean;
  reply_headers: Record<string, string>;
  reply_body: Bytes;
  detail: string;
  timings: Timings;
  signature: { string_to_sign: Bytes; command: string; mistakes: Mistake[] };
}

export interface Page {
  callbacks: Row[];
  next_before: string | null;
  latest: string;
}
