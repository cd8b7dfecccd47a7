// How Better Auth is set up: e-mail and password, short-lived tokens for the API, nothing from elsewhere.
import type { BetterAuthOptions } from "better-auth";
import { jwt } from "better-auth/plugins/jwt";
import { log } from "@/lib/log";
import type { AccountsConfig } from "./config";
import type { AccountsDatabase } from "./database";

/**
 * Attempts per address and minute: too few to guess a password, enough for a classroom behind one address. Better
 * Auth counts them in each replica.
 */
const ATTEMPTS = { window: 60, max: 30 };
const LEVELS = { debug: "debug", info: "debug", success: "debug", warn: "warning", error: "error" } as const;

export function authOptions(config: AccountsConfig, database: AccountsDatabase, secure: boolean) {
  return {
    appName: "Todo Chatbot",
    basePath: "/auth",
    secret: config.secret,
    database: database.forBetterAuth,
    trustedOrigins: config.origins,
    emailAndPassword: { enabled: true, minPasswordLength: 8, maxPasswordLength: 128 },
    // Who gives the password may leave for good; their tasks are the API's to delete.
    user: { deleteUser: { enabled: true } },
    rateLimit: {
      enabled: true,
      storage: "memory",
      // The backend asks for the keys of all its users from one address.
      customRules: { "/sign-in/email": ATTEMPTS, "/sign-up/email": ATTEMPTS, "/jwks": false },
    },
    advanced: {
      useSecureCookies: secure,
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax" },
    },
    telemetry: { enabled: false },
    logger: {
      log: (level, message) => {
        // There is none on purpose: every request names its own (lib/auth/origin.ts).
        if (message.includes("Base URL is not set")) return;
        // Only the sentence: what comes with it may be what a person sent.
        log(LEVELS[level], message, { part: "better-auth" });
      },
      level: "debug",
    },
    onAPIError: { errorURL: "/log-in" },
    plugins: [
      jwt({
        jwks: { keyPairConfig: { alg: "EdDSA", crv: "Ed25519" } },
        jwt: {
          issuer: config.issuer,
          audience: config.audience,
          expirationTime: "15m",
          // The API needs to know who it is, and nothing else about them.
          definePayload: () => ({}),
        },
        disableSettingJwtHeader: true,
      }),
    ],
  } satisfies BetterAuthOptions;
}
