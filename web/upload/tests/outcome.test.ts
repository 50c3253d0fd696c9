import { describe, expect, test } from "vitest";
import { element, outcomeOf, pretty } from "../src/outcome.ts";

function failed(message: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Error>
  <Code>CallbackFailed</Code>
  <Message>${message}</Message>
  <RequestId>5C0A</RequestId>
  <HostId>127.0.0.1:9000</HostId>
</Error>`;
}

test("200 is done, with the application's answer", () => {
  expect(outcomeOf(200, '{"Status":"OK"}')).toEqual({
    kind: "done",
    answer: '{\n  "Status": "OK"\n}',
  });
});

describe("203 is stored and untold", () => {
  test.each([
    ["Error status : -1.OSS can not connect to your callbackUrl, please check it.", false],
    ["Error status : 502.", false],
    ["Cost too long time.", false],
    ["Private address is forbidden to callback. 10.0.0.1", false],
    ["Error status : 400.", true],
    ["Error status : 500.", true],
    ["Error Status : 400.User server return too long content-length value", true],
    ["Response body is not valid json format.", true],
  ])("%s (the application answered: %s)", (text, reached) => {
    expect(outcomeOf(203, failed(text))).toEqual({
      kind: "untold",
      reached,
      text,
      requestId: "5C0A",
    });
  });

  test("whatever the text is", () =>
    expect(outcomeOf(203, "plain")).toMatchObject({ kind: "untold", text: "plain" }));
});

test("4xx is a refusal with code and message", () => {
  const body = failed("Policy Condition failed: [&quot;eq&quot;, &#x27;a&#39;] &amp;lt;");
  expect(outcomeOf(403, body)).toEqual({
    kind: "refused",
    status: 403,
    code: "CallbackFailed",
    message: `Policy Condition failed: ["eq", 'a'] &lt;`,
    requestId: "5C0A",
  });
});

test("a refusal without a document shows its status", () =>
  expect(outcomeOf(413, "<html>")).toMatchObject({ kind: "refused", code: "HTTP 413" }));

test("an element that is not there is empty", () => expect(element("<a/>", "Code")).toBe(""));

test("a character that does not exist is left out", () =>
  expect(element("<a>x&#9999999;</a>", "a")).toBe("x"));

test("an answer that is no JSON is shown as it is", () => expect(pretty("<ok/>")).toBe("<ok/>"));
