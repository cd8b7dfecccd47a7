// The task list.
import { focusNeighbour } from "./focus";
import type { ShownTask } from "./state";
import { TaskItem } from "./TaskItem";

interface Props {
  tasks: ShownTask[];
  onToggle: (task: ShownTask) => void;
  onRename: (task: ShownTask, title: string) => void;
  onRemove: (task: ShownTask) => void;
  /** Whether a task is still listed after it was completed or reopened. */
  staysListed: boolean;
}

export function TaskList({ tasks, onToggle, onRename, onRemove, staysListed }: Props) {
  return (
    <ul aria-label="Tasks" className="panel divide-y divide-line overflow-hidden">
      {tasks.map((task) => (
        <TaskItem
          key={task.id}
          task={task}
          onToggle={(element) => {
            if (!staysListed) focusNeighbour(element);
            onToggle(task);
          }}
          onRename={(title) => onRename(task, title)}
          onRemove={(element) => {
            focusNeighbour(element);
            onRemove(task);
          }}
        />
      ))}
    </ul>
  );
}
