/** What the application server signs for a form, and how long that is good. */

export type Version = "v1" | "v4";

interface SignedPolicy {
  host: string;
  policy: string;
  signature: string;
  /** Seconds since 1970. */
  expire: number;
  dir: string;
  callback?: string;
}

export interface V1Policy extends SignedPolicy {
  accessid: string;
}

export interface V4Policy extends SignedPolicy {
  x_oss_signature_version: string;
  x_oss_credential: string;
  x_oss_date: string;
  security_token: string;
}

export type Policy = V1Policy | V4Policy;

/** As the sample: a policy that ends within three seconds is fetched again. */
export const MARGIN_S = 3;

export function isV4(policy: Policy): policy is V4Policy {
  return "x_oss_credential" in policy;
}

export function isFresh(policy: Policy, nowS: number): boolean {
  return policy.expire >= nowS + MARGIN_S;
}

/** The largest file that the policy allows; Infinity if it does not say. */
export function sizeLimit(policy: Policy): number {
  try {
    const { conditions } = JSON.parse(decodeBase64(policy.policy)) as { conditions: unknown[] };
    const highs = conditions
      .filter((item): item is [string, number, number] =>
        Array.isArray(item) && item[0] === "content-length-range",
      )
      .map((item) => Number(item[2]));
    return Math.min(Infinity, ...highs);
  } catch {
    return Infinity;
  }
}

function decodeBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}

/** What the application server says instead of a policy. */
export class PolicyRefused extends Error {}

export type Fetch = (url: string) => Promise<Response>;

/** Keeps one policy per signature version and fetches it again in time. */
export class PolicySource {
  private readonly kept = new Map<Version, Policy>();
  /** How far the server's clock is ahead of ours, in seconds. */
  private aheadS = 0;

  constructor(
    private readonly fetch: Fetch,
    private readonly nowS: () => number = () => Date.now() / 1000,
  ) {}

  async get(version: Version): Promise<Policy> {
    const kept = this.kept.get(version);
    if (kept && isFresh(kept, this.nowS() + this.aheadS)) return kept;
    const found = await this.load(version);
    this.kept.set(version, found);
    return found;
  }

  /** The next upload gets a policy of its own. */
  forget(): void {
    this.kept.clear();
  }

  private async load(version: Version): Promise<Policy> {
    const response = await this.fetch(version === "v4" ? "policy?version=v4" : "policy");
    const date = Date.parse(response.headers.get("Date") ?? "");
    if (!Number.isNaN(date)) this.aheadS = date / 1000 - this.nowS();
    const answer = (await response.json()) as Policy & Refused;
    if (!response.ok || answer.ErrorCode) {
      throw new PolicyRefused(`${answer.ErrorCode ?? response.status}: ${answer.ErrorMessage ?? ""}`);
    }
    return { ...answer, expire: Number(answer.expire) };
  }
}

interface Refused {
  ErrorCode?: string;
  ErrorMessage?: string;
}
