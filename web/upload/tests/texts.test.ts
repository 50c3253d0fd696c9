import { expect, test } from "vitest";
import { languageOf, sayIn } from "../src/texts.ts";

test.each([
  ["zh-CN", "zh"],
  ["zh", "zh"],
  ["en-GB", "en"],
  ["de", "en"],
])("%s is served in %s", (preferred, language) => expect(languageOf(preferred)).toBe(language));

test("values are filled in", () => {
  expect(sayIn("en")("badSize", { size: "10 MB" })).toBe("Larger than 10 MB");
  expect(sayIn("zh")("badSize", { size: "10 MB" })).toBe("超过 10 MB");
});

test("a value that looks like a placeholder stays", () =>
  expect(sayIn("en")("refused", { code: "{code}" })).toBe("Refused: {code}"));
