// @vitest-environment jsdom
// Restores a deleted task.
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { TasksPanel } from "@/features/tasks/TasksPanel";
import { refusal, serve, task } from "./support";

afterEach(cleanup);

async function open() {
  render(<TasksPanel startWith="all" />);
  await waitFor(() => expect(screen.queryByText("Loading the tasks")).toBeNull());
}

const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

describe("undoing", () => {
  it("restores a deleted task with its description and state", async () => {
    const server = serve(task(1, "Milk"), task(2, "Bread", { completed: true, description: "Rye" }));
    await open();
    expect(screen.getByText("#2")).toBeTruthy();
    press("Delete “Bread”");
    await screen.findByText("“Bread” is deleted.");
    press("Undo");
    await screen.findByText("Rye");
    await waitFor(() => expect(screen.getAllByRole<HTMLInputElement>("checkbox").at(-1)?.checked).toBe(true));
    expect(screen.queryByText("“Bread” is deleted.")).toBeNull();
    expect(server.tasks.at(-1)).toMatchObject({ title: "Bread", description: "Rye", completed: true });
  });

  it("is not offered for a task that could not be deleted", async () => {
    const server = serve(task(1, "Milk"));
    await open();
    server.instead.push(refusal(503, "The database does not answer."));
    press("Delete “Milk”");
    await screen.findByText("The database does not answer.");
    expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
  });
});
