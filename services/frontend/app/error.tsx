"use client";
// The error page.
import { Icon } from "@/components/Icon";

export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <div role="alert" className="panel flex flex-col items-center gap-3 px-6 py-12 text-center">
      <Icon name="warning" className="size-8 text-danger" />
      <h1 className="text-lg font-semibold">Something went wrong</h1>
      <p className="text-muted">Your tasks are safe on the server.</p>
      <button type="button" className="button-primary" onClick={reset}>
        Try again
      </button>
    </div>
  );
}
