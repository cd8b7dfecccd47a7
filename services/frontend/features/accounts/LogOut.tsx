"use client";
// The log-out button.
import { useState } from "react";
import { accountsApi } from "./client";

export function LogOut() {
  const [problem, setProblem] = useState<string | null>(null);

  async function leave() {
    const refused = await accountsApi.logOut();
    // Load a new page, so that neither the token nor tasks stay in memory.
    if (refused === null) window.location.replace("/log-in");
    else setProblem(refused);
  }

  return (
    <>
      {problem && (
        <span role="alert" className="min-w-0 truncate text-sm text-danger">
          {problem}
        </span>
      )}
      <button type="button" className="button-quiet h-10 shrink-0 px-3 text-sm" onClick={() => void leave()}>
        Log out
      </button>
    </>
  );
}
