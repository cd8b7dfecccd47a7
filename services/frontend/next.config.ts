// How the application is built; what differs between environments is read when it runs (lib/config.ts).
import type { NextConfig } from "next";

const config: NextConfig = {
  output: "standalone",
  poweredByHeader: false,
  // Optimised images would need a writable cache and a native library; the pages have none.
  images: { unoptimized: true },
  outputFileTracingExcludes: { "next-server": ["**/node_modules/@img/**", "**/node_modules/sharp/**"] },
  // Loaded as it is: the WebAssembly lies beside its script.
  serverExternalPackages: ["node-sqlite3-wasm"],
  outputFileTracingIncludes: { "/auth/[...path]": ["./node_modules/node-sqlite3-wasm/dist/*"] },
  // A running container cannot write to its file system, so nothing is cached on disk.
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
