// The configuration of Better Auth: e-mail and password, short-lived API tokens, no external providers.
import type { BetterAuthOptions } from "better-auth";
import { APIError, createAuthMiddleware } from "better-auth/api";
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

/** Endpoints that the application does not use. */
const UNUSED = [
  "/delete-user/callback",
  "/request-password-reset",
  "/reset-password",
  "/send-verification-email",
  "/verify-email",
  "/change-email",
  "/sign-in/social",
  "/link-social",
  "/unlink-account",
  "/get-access-token",
  "/refresh-token",
];

/** What happens with the API's data of a user whose account is deleted. */
export type DeleteData = (user: string) => Promise<void>;

export function authOptions(config: AccountsConfig, database: AccountsDatabase, secure: boolean, deleteData: DeleteData) {
  return {
    appName: "Todo Chatbot",
    basePath: "/auth",
    secret: config.secret,
    database: database.forBetterAuth,
    trustedOrigins: config.origins,
    emailAndPassword: {
      enabled: true,
      disableSignUp: !config.signUp,
      minPasswordLength: 8,
      maxPasswordLength: 128,
    },
    disabledPaths: UNUSED,
    user: {
      deleteUser: {
        enabled: true,
        // First: if it fails, the account is kept, and the user can try again.
        beforeDelete: async (user) => {
          try {
            await deleteData(user.id);
          } catch (error) {
            log("error", "the data of a user could not be deleted", { cause: String(error) });
            throw new APIError("SERVICE_UNAVAILABLE", {
              code: "DATA_NOT_DELETED",
              message: "Your tasks cannot be deleted at the moment, so your account is kept; try again.",
            });
          }
        },
      },
    },
    hooks: {
      before: createAuthMiddleware((context) => {
        // Better Auth does not ask for it within a day after the login.
        const body = context.body as { password?: unknown } | undefined;
        if (context.path === "/delete-user" && !body?.password) {
          throw new APIError("BAD_REQUEST", {
            code: "PASSWORD_REQUIRED",
            message: "Enter your password to delete your account.",
          });
        }
        return Promise.resolve();
      }),
    },
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
