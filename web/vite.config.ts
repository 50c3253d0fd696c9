import { defineConfig } from "vitest/config";

// The page is served by `ossia appserver`, under any path: addresses are relative.
export default defineConfig({
  root: "upload",
  base: "./",
  build: {
    outDir: "../../src/ossia/appserver/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's Content-Security-Policy forbids inline scripts.
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` beside a running `ossia up`.
    proxy: Object.fromEntries(
      ["/policy", "/uploads", "/token"].map((path) => [path, "http://127.0.0.1:7080"]),
    ),
  },
  test: { include: ["tests/**/*.test.ts"] },
});
