// A user with a cookie jar, for the account tests.

export const SECRET = "a-secret-of-the-tests-0123456789-abcdefghijk";
export const PASSWORD = "correct horse battery canary";

export interface Person {
  cookies: Map<string, string>;
  ask: (path: string, init?: RequestInit) => Promise<Response>;
  post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;
  signUp: (email?: string) => Promise<Response>;
  logIn: (password?: string, email?: string) => Promise<Response>;
  token: () => Promise<string>;
}

export const EMAIL = "ada@example.org";

export function someone(url: string, always: Record<string, string> = {}): Person {
  const cookies = new Map<string, string>();

  async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ ...always, ...(init.headers as Record<string, string> | undefined) });
    if (cookies.size > 0) headers.set("Cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const answer = await fetch(`${url}${path}`, { redirect: "manual", ...init, headers });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/max-age=0(;|$)/i.test(cookie) || value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  }

  function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const own = { "Content-Type": "application/json", Origin: url, "Sec-Fetch-Site": "same-origin", ...headers };
    return ask(path, { method: "POST", headers: own, body: JSON.stringify(body) });
  }

  return {
    cookies,
    ask,
    post,
    signUp: (email = EMAIL) => post("/auth/sign-up/email", { name: "Ada", email, password: PASSWORD }),
    logIn: (password = PASSWORD, email = EMAIL) => post("/auth/sign-in/email", { email, password }),
    token: async () => ((await (await ask("/auth/token")).json()) as { token: string }).token,
  };
}
