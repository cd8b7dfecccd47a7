// The start page: tasks and chat. With accounts, it requires a log-in.
import { redirect } from "next/navigation";
import { Dashboard } from "@/features/Dashboard";
import { asStatus } from "@/features/tasks/status";
import { accountsOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";

export default async function Page({ searchParams }: PageProps<"/">) {
  if (accountsOn() && !(await person())) redirect("/log-in");
  const { status } = await searchParams;
  return <Dashboard startWith={asStatus(status)} />;
}
