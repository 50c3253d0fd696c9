import { defineConfig } from "vitest/config";

// The page is served by `ossia serve` under /-/console/: addresses are relative.
export default defineConfig({
  root: "console",
  base: "./",
  build: {
    outDir: "../../src/ossia/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's Content-Security-Policy forbids inline scripts and styles.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: {
    // `npm run dev:console` beside a running `ossia serve`.
    proxy: { "/-/api": "http://127.0.0.1:9000" },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
