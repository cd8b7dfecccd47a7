// Build settings. Settings that differ between environments are read at run time (lib/config.ts).
import type { NextConfig } from "next";

// What todo-bootstrap builds the image for. Source maps show the sources to everybody who can open the page.
const isDev = process.env.BUILD_TARGET === "dev";

const config: NextConfig = {
  output: "standalone",
  productionBrowserSourceMaps: isDev,
  experimental: { serverSourceMaps: isDev },
  poweredByHeader: false,
  // Image optimization needs a writable cache and a native library; the pages have no images.
  images: { unoptimized: true },
  outputFileTracingExcludes: { "next-server": ["**/node_modules/@img/**", "**/node_modules/sharp/**"] },
  // Not bundled: the WebAssembly file is next to its script.
  serverExternalPackages: ["node-sqlite3-wasm"],
  outputFileTracingIncludes: { "/auth/[...path]": ["./node_modules/node-sqlite3-wasm/dist/*"] },
  // The container's file system is read-only, so nothing is cached on disk.
  cacheMaxMemorySize: 0,
  headers: () =>
    Promise.resolve([
      {
        source: "/:path*",
        headers: [
          { key: "X-Content-Type-Options", value: "nosniff" },
          { key: "Referrer-Policy", value: "same-origin" },
        ],
      },
    ]),
};

export default config;
