import { describe, expect, test } from "vitest";
import { isFresh, PolicyRefused, PolicySource, sizeLimit, type V1Policy } from "../src/policy.ts";

const NOW_S = 1_893_456_000;

function encode(policy: unknown): string {
  return btoa(JSON.stringify(policy));
}

function signed(changes: Partial<V1Policy> = {}): V1Policy {
  return {
    accessid: "LTAI",
    host: "http://127.0.0.1:9000/b",
    policy: encode({ conditions: [{ bucket: "b" }, ["content-length-range", 0, 1048576000]] }),
    signature: "c2ln",
    expire: NOW_S + 60,
    dir: "user-dir/",
    ...changes,
  };
}

test.each([
  [NOW_S + 60, true],
  [NOW_S + 3, true],
  [NOW_S + 2, false],
  [NOW_S - 1, false],
])("a policy until %d is fresh: %s", (expire, fresh) =>
  expect(isFresh(signed({ expire }), NOW_S)).toBe(fresh),
);

describe("the size limit", () => {
  test("is in the policy", () => expect(sizeLimit(signed())).toBe(1048576000));

  test.each([
    ["no range", encode({ conditions: [{ bucket: "b" }] })],
    ["no conditions", encode({})],
    ["no policy", "%%%"],
  ])("is unknown where there is %s", (_, policy) =>
    expect(sizeLimit(signed({ policy }))).toBe(Infinity),
  );

  test("is the narrowest range", () => {
    const policy = encode({
      conditions: [
        ["content-length-range", 0, 20],
        ["content-length-range", 1, 10],
      ],
    });
    expect(sizeLimit(signed({ policy }))).toBe(10);
  });
});

describe("the source of policies", () => {
  function source(answers: Response[], clock: { nowS: number }) {
    const asked: string[] = [];
    const policies = new PolicySource(
      (url) => {
        asked.push(url);
        return Promise.resolve(answers.shift() ?? Response.error());
      },
      () => clock.nowS,
    );
    return { policies, asked };
  }

  const json = (content: unknown, init: ResponseInit = {}) =>
    new Response(JSON.stringify(content), init);

  test("keeps a policy until three seconds before its end", async () => {
    const clock = { nowS: NOW_S };
    const { policies, asked } = source([json(signed()), json(signed())], clock);
    await policies.get("v1");
    clock.nowS += 57;
    await policies.get("v1");
    expect(asked).toEqual(["policy"]);
    clock.nowS += 1;
    await policies.get("v1");
    expect(asked).toEqual(["policy", "policy"]);
  });

  test("asks for each version by itself", async () => {
    const { policies, asked } = source([json(signed()), json(signed())], { nowS: NOW_S });
    await policies.get("v1");
    await policies.get("v4");
    expect(asked).toEqual(["policy", "policy?version=v4"]);
  });

  test("believes the server's clock, not ours", async () => {
    const clock = { nowS: NOW_S - 1000 };
    const date = new Date(NOW_S * 1000).toUTCString();
    const answers = [json(signed(), { headers: { Date: date } }), json(signed())];
    const { policies, asked } = source(answers, clock);
    await policies.get("v1");
    clock.nowS += 58;
    await policies.get("v1");
    expect(asked).toHaveLength(2);
  });

  test("reads the text that Java samples give as expire", async () => {
    const text = String(NOW_S + 60) as unknown as number;
    const { policies } = source([json(signed({ expire: text }))], { nowS: NOW_S });
    expect((await policies.get("v1")).expire).toBe(NOW_S + 60);
  });

  test("forgets on demand", async () => {
    const { policies, asked } = source([json(signed()), json(signed())], { nowS: NOW_S });
    await policies.get("v1");
    policies.forget();
    await policies.get("v1");
    expect(asked).toHaveLength(2);
  });

  test.each([200, 502])("tells a refusal with status %d", async (status) => {
    const refused = { StatusCode: 500, ErrorCode: "NoPermission", ErrorMessage: "not allowed" };
    const { policies } = source([json(refused, { status })], { nowS: NOW_S });
    await expect(policies.get("v4")).rejects.toThrow(PolicyRefused);
  });
});
