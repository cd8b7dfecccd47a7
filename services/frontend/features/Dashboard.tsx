"use client";
// Tasks and chat side by side: the list shows what the assistant does.
import { useCallback, useState } from "react";
import type { Status } from "@/lib/api";
import { ChatPanel } from "./chat/ChatPanel";
import { TasksPanel } from "./tasks/TasksPanel";

export function Dashboard({ startWith }: { startWith: Status }) {
  const [revision, setRevision] = useState(0);
  const onTasksTouched = useCallback(() => setRevision((now) => now + 1), []);
  return (
    <div className="grid items-start gap-x-8 gap-y-6 lg:grid-cols-[minmax(0,1fr)_26rem]">
      {/* On a narrow screen, the chat is below the list. */}
      <a href="#chat" className="justify-self-end font-medium text-accent underline underline-offset-2 lg:hidden">
        Go to the assistant
      </a>
      <TasksPanel startWith={startWith} revision={revision} />
      <ChatPanel onTasksTouched={onTasksTouched} />
    </div>
  );
}
