// The filters, as labels and as URL parameters.
import type { Status } from "@/lib/api";

export const STATUSES: { value: Status; label: string }[] = [
  { value: "all", label: "All" },
  { value: "open", label: "Open" },
  { value: "done", label: "Done" },
];

/** The filter in the URL; an unknown value means all tasks. */
export function asStatus(value: unknown): Status {
  return STATUSES.find((status) => status.value === value)?.value ?? "all";
}

export function addressOf(status: Status): string {
  return status === "all" ? "/" : `/?status=${status}`;
}
