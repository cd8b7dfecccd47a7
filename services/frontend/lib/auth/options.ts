// The configuration of Better Auth: e-mail and password, short-lived API tokens, no external providers.
import type { BetterAuthOptions } from "better-auth";
import { jwt } from "better-auth/plugins/jwt";
import { log } from "@/lib/log";
import type { AccountsConfig } from "./config";
import type { AccountsDatabase } from "./database";

/**
 * Attempts per address and minute: too few to guess a password, enough for a classroom behind one address. Each
 * replica counts separately.
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
    // A user who enters the password can delete the account; the API deletes the tasks.
    user: { deleteUser: { enabled: true } },
    rateLimit: {
      enabled: true,
      storage: "memory",
      // The backend requests the keys for all users from one address.
      customRules: { "/sign-in/email": ATTEMPTS, "/sign-up/email": ATTEMPTS, "/jwks": false },
    },
    advanced: {
      useSecureCookies: secure,
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax" },
    },
    telemetry: { enabled: false },
    logger: {
      log: (level, message) => {
        // Not set on purpose: each request determines the origin (lib/auth/origin.ts).
        if (message.includes("Base URL is not set")) return;
        // Log only the message: the arguments may contain user input.
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
          // The API needs only the user's ID.
          definePayload: () => ({}),
        },
        disableSettingJwtHeader: true,
      }),
    ],
  } satisfies BetterAuthOptions;
}
