// The rules of Next.js and TypeScript, and the recommended accessibility rules.
import nextVitals from "eslint-config-next/core-web-vitals";
import nextTypeScript from "eslint-config-next/typescript";
import a11y from "eslint-plugin-jsx-a11y";
import { defineConfig, globalIgnores } from "eslint/config";

export default defineConfig([
  globalIgnores([".next/**", "next-env.d.ts"]),
  ...nextVitals,
  ...nextTypeScript,
  // Next.js includes the plugin, but only a few of its rules.
  { files: ["**/*.tsx"], rules: a11y.flatConfigs.recommended.rules },
  {
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "max-lines": ["error", { max: 120, skipComments: true }],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  { files: ["tests/**"], rules: { "max-lines": ["error", 220], "no-console": "off" } },
]);
