import { describe, expect, test } from "vitest";
import {
  ALPHABET,
  folderOf,
  nameFor,
  randomName,
  secureRandom,
  storedKey,
  suffixOf,
} from "../src/names.ts";

describe("random names", () => {
  test("the alphabet is that of the sample: 48 characters without look-alikes", () => {
    expect(new Set(ALPHABET).size).toBe(48);
    expect(ALPHABET).not.toMatch(/[01IOUVLlgouv9]/);
  });

  test("have ten characters of the alphabet", () => {
    for (let at = 0; at < 100; at++) {
      expect(randomName()).toMatch(new RegExp(`^[${ALPHABET}]{10}$`));
    }
  });

  test("reach every character", () => {
    const chosen = [0, 47, 1, 46, 2, 45, 3, 44, 4, 43];
    expect(randomName(() => chosen.shift() ?? 0)).toBe("A8B7C6D5E4");
  });

  test("the source stays below its bound", () => {
    const drawn = new Set(Array.from({ length: 500 }, () => secureRandom(4)));
    expect([...drawn].sort()).toEqual([0, 1, 2, 3]);
  });
});

test.each([
  ["photo.PNG", ".PNG"],
  ["a.tar.gz", ".gz"],
  ["README", ""],
  [".profile", ""],
  ["ends.", "."],
])("suffix of %s is %j", (name, suffix) => expect(suffixOf(name)).toBe(suffix));

test.each([
  ["", ""],
  ["holiday/2026", "holiday/2026/"],
  ["/a//b/", "a/b/"],
  ["\\a\\b", "a/b/"],
  [" a / b ", "a/b/"],
  ["../../etc/./x", "etc/x/"],
  ["照片", "照片/"],
])("folder %j is %j", (text, folder) => expect(folderOf(text)).toBe(folder));

test("a local name is left to OSS", () => {
  expect(nameFor("local_name", "a.png")).toBe("${filename}");
  expect(storedKey("user-dir/${filename}", "a $& b.png")).toBe("user-dir/a $& b.png");
});

test("a random name keeps the suffix", () => {
  expect(nameFor("random_name", "a.png", () => 0)).toBe("AAAAAAAAAA.png");
});
