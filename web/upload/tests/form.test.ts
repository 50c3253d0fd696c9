import { expect, test } from "vitest";
import { buildForm, formFields } from "../src/form.ts";
import type { V1Policy, V4Policy } from "../src/policy.ts";

const V1: V1Policy = {
  accessid: "LTAI",
  host: "http://127.0.0.1:9000/b",
  policy: "cG9saWN5",
  signature: "c2lnbmF0dXJl",
  expire: 1893456060,
  callback: "Y2FsbGJhY2s=",
  dir: "user-dir/",
};

const V4: V4Policy = {
  host: "http://127.0.0.1:9000/b",
  policy: "cG9saWN5",
  signature: "f2d98d",
  x_oss_signature_version: "OSS4-HMAC-SHA256",
  x_oss_credential: "STS.x/20300101/cn-hangzhou/oss/aliyun_v4_request",
  x_oss_date: "20300101T000000Z",
  security_token: "CAIS",
  expire: 1893456060,
  callback: "Y2FsbGJhY2s=",
  dir: "user-dir/",
};

test("V1 fields are those of the sample, in its order", () => {
  expect(formFields(V1, "user-dir/${filename}", "a.png")).toEqual([
    ["name", "a.png"],
    ["key", "user-dir/${filename}"],
    ["policy", "cG9saWN5"],
    ["OSSAccessKeyId", "LTAI"],
    ["success_action_status", "200"],
    ["callback", "Y2FsbGJhY2s="],
    ["signature", "c2lnbmF0dXJl"],
    ["x:name", "a.png"],
  ]);
});

test("V4 fields carry the session token", () => {
  expect(formFields(V4, "user-dir/a.png", "a.png")).toEqual([
    ["success_action_status", "200"],
    ["policy", "cG9saWN5"],
    ["x-oss-signature", "f2d98d"],
    ["x-oss-signature-version", "OSS4-HMAC-SHA256"],
    ["x-oss-credential", "STS.x/20300101/cn-hangzhou/oss/aliyun_v4_request"],
    ["x-oss-date", "20300101T000000Z"],
    ["key", "user-dir/a.png"],
    ["x-oss-security-token", "CAIS"],
    ["callback", "Y2FsbGJhY2s="],
    ["x:name", "a.png"],
  ]);
});

test("a policy without callback makes a form without one", () => {
  const { callback: _, ...rest } = V1;
  const names = formFields(rest, "k", "a").map(([name]) => name);
  expect(names).not.toContain("callback");
});

test("the file comes last and keeps its name", () => {
  const file = new File(["x"], "图 1.png", { type: "image/png" });
  const entries = [...buildForm(formFields(V1, "k", file.name), file)];
  const [name, value] = entries.at(-1) ?? [];
  expect(name).toBe("file");
  expect((value as File).name).toBe("图 1.png");
  expect(entries).toHaveLength(9);
});
