// @vitest-environment jsdom
// Tests the task list: changes appear immediately and are reverted if they are rejected.
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { TasksPanel } from "@/features/tasks/TasksPanel";
import type { Status } from "@/lib/api";
import { later, refusal, serve, task } from "./support";

afterEach(cleanup);

async function open(startWith: Status = "all") {
  render(<TasksPanel startWith={startWith} />);
  await waitFor(() => expect(screen.queryByText("Loading the tasks")).toBeNull());
}

const titles = () => screen.queryAllByRole("checkbox").map((box) => box.closest("label")?.textContent);
const box = (title: string) => screen.getByRole<HTMLInputElement>("checkbox", { name: title });
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const field = () => screen.getByLabelText<HTMLInputElement>("New task");

function add(title: string) {
  fireEvent.change(field(), { target: { value: title } });
  press("Add");
}

describe("loading", () => {
  it("shows what the server has, in its order", async () => {
    serve(task(1, "Milk"), task(2, "Bread", { completed: true, description: "Rye" }));
    await open();
    expect(titles()).toEqual(["Milk", "BreadRye"]);
    expect(screen.getByText("1 of 2 done")).toBeTruthy();
  });

  it("says that there is nothing yet", async () => {
    serve();
    await open();
    expect(screen.getByText("Nothing to do yet")).toBeTruthy();
  });

  it("names a failure, and tries again when asked", async () => {
    serve(task(1, "Milk")).instead.push(refusal(503, "The database does not answer."));
    await open();
    const alert = screen.getByRole("alert");
    expect(alert.textContent).toContain("The database does not answer.");
    expect(alert.textContent).toContain("id-of-the-request");
    press("Try again");
    await waitFor(() => expect(titles()).toEqual(["Milk"]));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("starts with what the address asks for, and keeps it there", async () => {
    serve(task(1, "Milk"), task(2, "Bread", { completed: true }));
    await open("done");
    expect(titles()).toEqual(["Bread"]);
    fireEvent.click(within(screen.getByRole("group", { name: "Show" })).getByText("Open"));
    expect(titles()).toEqual(["Milk"]);
    expect(window.location.search).toBe("?status=open");
  });
});

describe("adding", () => {
  it("is shown before it is saved, and cannot be changed until then", async () => {
    const server = serve();
    await open();
    const { answer, give } = later();
    server.instead.push(answer);
    add("  Milk\t and  bread ");
    expect(box("Milk and bread").disabled).toBe(true);
    expect(field().value).toBe("");
    give(Response.json(task(7, "Milk and bread"), { status: 201 }));
    await waitFor(() => expect(box("Milk and bread").disabled).toBe(false));
    expect(titles()).toHaveLength(1);
  });

  it("goes back into the field when it is refused", async () => {
    const server = serve();
    await open();
    server.instead.push(refusal(422, "title: no"));
    add("Milk");
    await screen.findByText("title: no");
    expect(titles()).toEqual([]);
    expect(field().value).toBe("Milk");
    // A second retry button would add the task twice.
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });

  it("asks nothing for an empty title", async () => {
    const server = serve();
    await open();
    add("   ");
    expect(server.asked).toEqual(["GET /api/tasks?status=all"]);
  });
});

describe("changing", () => {
  it("completes at once, and opens again when refused", async () => {
    const server = serve(task(1, "Milk"));
    await open();
    const { answer, give } = later();
    server.instead.push(answer);
    fireEvent.click(box("Milk"));
    expect(box("Milk").checked).toBe(true);
    give(refusal(503, "not now"));
    await waitFor(() => expect(box("Milk").checked).toBe(false));
    expect(screen.getByRole("alert").textContent).toContain("“Milk” could not be changed");
    press("Try again");
    await waitFor(() => expect(server.tasks[0]?.completed).toBe(true));
    expect(box("Milk").checked).toBe(true);
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("puts back only the change that was refused", async () => {
    const server = serve(task(1, "Milk"), task(2, "Bread"));
    await open();
    const { answer, give } = later();
    server.instead.push(answer);
    fireEvent.click(box("Milk"));
    fireEvent.click(box("Bread"));
    await waitFor(() => expect(server.tasks[1]?.completed).toBe(true));
    give(refusal(503, "not now"));
    await waitFor(() => expect(box("Milk").checked).toBe(false));
    expect(box("Bread").checked).toBe(true);
  });

  it("sends changes of one task one after the other", async () => {
    const server = serve(task(1, "Milk"));
    await open();
    const { answer, give } = later();
    server.instead.push(answer);
    fireEvent.click(box("Milk"));
    fireEvent.click(box("Milk"));
    expect(box("Milk").checked).toBe(false);
    await waitFor(() => expect(server.asked).toHaveLength(2));
    give(Response.json(task(1, "Milk", { completed: true })));
    await waitFor(() => expect(server.asked).toHaveLength(3));
    await waitFor(() => expect(box("Milk").checked).toBe(false));
  });

  it("renames by Enter, and leaves the title alone by Escape", async () => {
    const server = serve(task(1, "Milk"));
    await open();
    press("Edit “Milk”");
    fireEvent.keyDown(screen.getByLabelText("New title of “Milk”"), { key: "Escape" });
    expect(titles()).toEqual(["Milk"]);
    press("Edit “Milk”");
    const title = screen.getByLabelText("New title of “Milk”");
    fireEvent.change(title, { target: { value: "Oat milk" } });
    fireEvent.submit(title);
    expect(titles()).toEqual(["Oat milk"]);
    await waitFor(() => expect(server.tasks[0]?.title).toBe("Oat milk"));
  });
});

describe("deleting", () => {
  it("takes it away at once, puts it back when refused", async () => {
    const server = serve(task(1, "Milk"), task(2, "Bread"));
    await open();
    const { answer, give } = later();
    server.instead.push(answer);
    press("Delete “Milk”");
    expect(titles()).toEqual(["Bread"]);
    expect(document.activeElement).toBe(box("Bread"));
    give(refusal(503, "not now"));
    await waitFor(() => expect(titles()).toEqual(["Milk", "Bread"]));
  });

  it("takes a task that is gone already for deleted", async () => {
    const server = serve(task(1, "Milk"));
    await open();
    server.instead.push(refusal(404, "There is no such task."));
    press("Delete “Milk”");
    await screen.findByText("“Milk” is deleted");
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

it("does not believe a list that is older than the last change", async () => {
  const server = serve(task(1, "Milk"));
  await open();
  const { answer, give } = later();
  server.instead.push(answer);
  fireEvent(document, new Event("visibilitychange"));
  fireEvent.click(box("Milk"));
  await waitFor(() => expect(server.tasks[0]?.completed).toBe(true));
  await screen.findByText("“Milk” is done");
  give(Response.json([task(1, "Milk"), task(2, "Just arrived")]));
  await waitFor(() => expect(server.asked.filter((asked) => asked.startsWith("GET"))).toHaveLength(3));
  await waitFor(() => expect(titles()).toEqual(["Milk"]));
  expect(box("Milk").checked).toBe(true);
});

it("reloads when the page becomes visible again", async () => {
  const server = serve(task(1, "Milk"));
  await open();
  server.tasks.push(task(2, "From the chat"));
  fireEvent(document, new Event("visibilitychange"));
  await waitFor(() => expect(titles()).toEqual(["Milk", "From the chat"]));
});
