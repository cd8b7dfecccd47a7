// `npm test` runs tests/unit; `npm run test:server` runs tests/server against what `npm run build` made.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL(".", import.meta.url)) } },
  test: { restoreMocks: true, unstubGlobals: true, unstubEnvs: true },
});
