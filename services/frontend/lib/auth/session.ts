// The session of the current request.
import { headers } from "next/headers";
import { cache } from "react";
import { accounts } from "./accounts";
import { accountsOn } from "./config";
import { ownOrigin } from "./origin";

export interface Person {
  name: string;
  email: string;
}

/** Null without a session or without accounts. Evaluated once per request. */
export const person = cache(async (): Promise<Person | null> => {
  if (!accountsOn()) return null;
  const given = await headers();
  const { config, by } = await accounts();
  const own = ownOrigin(given, config.origins);
  if (!own) return null;
  // A page cannot set cookies; the session is extended when the browser fetches its token.
  const session = await by(own).api.getSession({ headers: given, query: { disableRefresh: true } });
  return session && { name: session.user.name, email: session.user.email };
});
