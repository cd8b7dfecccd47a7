// The start page: the tasks.
import { asStatus } from "@/features/tasks/status";
import { TasksPanel } from "@/features/tasks/TasksPanel";

export default async function Page({ searchParams }: PageProps<"/">) {
  const { status } = await searchParams;
  return <TasksPanel startWith={asStatus(status)} />;
}
