// Which tasks are looked at, as words and as a part of the address.
import type { Status } from "@/lib/api";

export const STATUSES: { value: Status; label: string }[] = [
  { value: "all", label: "All" },
  { value: "open", label: "Open" },
  { value: "done", label: "Done" },
];

/** What the address asks for; anything that is no status means all. */
export function asStatus(value: unknown): Status {
  return STATUSES.find((status) => status.value === value)?.value ?? "all";
}

export function addressOf(status: Status): string {
  return status === "all" ? "/" : `/?status=${status}`;
}
