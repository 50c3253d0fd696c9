import { describe, expect, test } from "vitest";
import {
  extensionOf,
  formatSize,
  maxBytesOf,
  MEGABYTE,
  parseExtensions,
  refuse,
} from "../src/filters.ts";

const FILTER = { extensions: ["png", "zip"], maxBytes: 10 * MEGABYTE };
const PHOTO = { name: "photo.PNG", size: 5, lastModified: 1 };

describe("a file", () => {
  test("that fits is taken", () => expect(refuse(PHOTO, FILTER, [])).toBeNull());

  test.each(["movie.mp4", "png", "photo.png.exe", "README"])("%s is of the wrong type", (name) =>
    expect(refuse({ ...PHOTO, name }, FILTER, [])).toBe("type"),
  );

  test("of any type is taken where no type is named", () =>
    expect(refuse({ ...PHOTO, name: "x" }, { ...FILTER, extensions: [] }, [])).toBeNull());

  test("of the largest size is taken, one byte more is not", () => {
    expect(refuse({ ...PHOTO, size: 10 * MEGABYTE }, FILTER, [])).toBeNull();
    expect(refuse({ ...PHOTO, size: 10 * MEGABYTE + 1 }, FILTER, [])).toBe("size");
  });

  test("is taken once", () => {
    expect(refuse(PHOTO, FILTER, [{ ...PHOTO }])).toBe("duplicate");
    expect(refuse(PHOTO, FILTER, [{ ...PHOTO, lastModified: 2 }])).toBeNull();
  });
});

test.each([
  ["jpg, .PNG *.zip;rar|gif", ["jpg", "png", "zip", "rar", "gif"]],
  ["jpg,jpg", ["jpg"]],
  [" , ", []],
])("extensions %j", (text, expected) => expect(parseExtensions(text)).toEqual(expected));

test.each([
  ["a.TAR.GZ", "gz"],
  ["a", ""],
])("extension of %s is %j", (name, expected) => expect(extensionOf(name)).toBe(expected));

test.each([
  [10, Infinity, 10 * MEGABYTE],
  [0.5, Infinity, MEGABYTE / 2],
  [10, 1000, 1000],
  [-1, 1000, 0],
  [Number.NaN, 1000, 0],
])("%d MB of at most %d bytes are %d bytes", (megabytes, limit, expected) =>
  expect(maxBytesOf(megabytes, limit)).toBe(expected),
);

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KB"],
  [1536, "1.5 KB"],
  [10 * MEGABYTE, "10 MB"],
  [1048576000, "1000 MB"],
  [5 * 1024 ** 4, "5 TB"],
])("%d bytes are shown as %s", (bytes, shown) => expect(formatSize(bytes)).toBe(shown));
