// @vitest-environment jsdom
// Tests the chat: streaming, tool calls and stopping an answer.
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ChatPanel } from "@/features/chat/ChatPanel";
import { Dashboard } from "@/features/Dashboard";
import { type Chat, serve } from "./chat-server";

afterEach(cleanup);

const field = () => screen.getByLabelText<HTMLTextAreaElement>("Message to the assistant");
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const asks = (chat: Chat) => chat.asked.filter((line) => line.startsWith("POST /api/chat"));

async function ask(chat: Chat, text = "Add milk"): Promise<void> {
  fireEvent.change(field(), { target: { value: text } });
  fireEvent.keyDown(field(), { key: "Enter" });
  await waitFor(() => expect(asks(chat)).toHaveLength(1));
}

async function open(): Promise<ReturnType<typeof vi.fn>> {
  const touched = vi.fn();
  render(<ChatPanel onTasksTouched={touched} />);
  await screen.findByText("Say what is to be done. For example:");
  return touched;
}

describe("an answer", () => {
  it("is shown word by word, with its tools and how they went", async () => {
    const chat = serve();
    const touched = await open();
    await ask(chat);
    expect(asks(chat)).toEqual(['POST /api/chat {"message":"Add milk","conversation_id":null}']);
    chat.say("start", { conversation_id: "c-1", mock: true });
    chat.say("tool_call", { id: "t1", name: "add_task", arguments: { title: "milk", description: "" } });
    expect((await screen.findByText("Working…")).closest("li")?.textContent).toContain("add_task title: milk");
    expect(touched).not.toHaveBeenCalled();
    chat.say("tool_result", { id: "t1", name: "add_task", ok: true, text: "" });
    await screen.findByText("Done");
    expect(touched).toHaveBeenCalledTimes(1);
    chat.say("delta", { text: "Milk " });
    chat.say("delta", { text: "is on the list." });
    const messages = screen.getByRole("list", { name: "Messages" });
    await within(messages).findByText("Milk is on the list.");
    expect(screen.getByText("The assistant is answering")).toBeTruthy();
    chat.say("done", { message_id: "m" });
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Milk is on the list."));
    screen.getByRole("button", { name: "Send" });
  });

  it("shows a tool that failed, and why", async () => {
    const chat = serve();
    await open();
    await ask(chat);
    chat.say("tool_call", { id: "t1", name: "complete_task", arguments: "{bad" });
    chat.say("tool_result", { id: "t1", name: "complete_task", ok: false, text: "There is no task 9." });
    await screen.findByText("Failed");
    screen.getByText("There is no task 9.");
  });

  it("keeps two rounds apart that use the same id", async () => {
    const chat = serve();
    await open();
    await ask(chat);
    for (const ok of [false, true]) {
      chat.say("tool_call", { id: "call_0", name: "add_task", arguments: {} });
      chat.say("tool_result", { id: "call_0", name: "add_task", ok, text: "" });
    }
    await screen.findByText("Done");
    screen.getByText("Failed");
  });

  it("is stopped, and what came of it stays", async () => {
    const chat = serve();
    const touched = await open();
    await ask(chat);
    chat.say("delta", { text: "Once upon" });
    chat.say("tool_call", { id: "t1", name: "list_tasks", arguments: {} });
    await screen.findByText("Working…");
    press("Stop");
    await screen.findByText("You stopped this answer.");
    screen.getByText("Once upon");
    screen.getByText("No answer");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(touched).toHaveBeenCalled();
  });

  it.each([
    ["an error", (chat: Chat) => chat.say("error", { code: "ai_unavailable", message: "The AI does not answer." }), "The AI does not answer."],
    ["a cut", (chat: Chat) => chat.cut(), "The answer was cut off; try again."],
  ])("that ends by %s says so", async (_, end, words) => {
    const chat = serve();
    await open();
    await ask(chat);
    chat.say("delta", { text: "Well" });
    end(chat);
    await waitFor(() => expect(screen.getByRole("alert").textContent).toBe(words));
    screen.getByText("This answer was not finished.");
  });
});

it("puts a question that was refused back into the field", async () => {
  const chat = serve({ refuse: 429 });
  await open();
  await ask(chat);
  await waitFor(() => expect(screen.getByRole("alert").textContent).toBe("Too fast."));
  expect(field().value).toBe("Add milk");
  screen.getByText("Say what is to be done. For example:");
});

it("shows the past, and clears it after it was said twice", async () => {
  const tool = { name: "list_tasks", arguments: { status: "all" }, ok: true };
  const past = [
    { id: 1, role: "user", text: "Show them", tool_calls: [], created_at: "" },
    { id: 2, role: "assistant", text: "There are none.", tool_calls: [tool], created_at: "" },
  ];
  const chat = serve({ past });
  render(<ChatPanel onTasksTouched={() => undefined} />);
  await screen.findByText("There are none.");
  expect(screen.getByRole("status").textContent).toBe("");
  press("Clear history");
  expect(chat.asked.some((line) => line.startsWith("DELETE"))).toBe(false);
  press("Clear it all");
  await screen.findByText("Say what is to be done. For example:");
  expect(chat.asked).toContain("DELETE /api/chat/messages");
});

it.each([true, false])("says whether a mock answers: %s", async (mock) => {
  const chat = serve({ mock });
  await open();
  await waitFor(() => expect(chat.asked).toContain("GET /api/config"));
  await waitFor(() => expect(screen.queryByText(/built-in mock/) !== null).toBe(mock));
});

it("reloads the tasks after a tool was used", async () => {
  const chat = serve();
  const loads = () => chat.asked.filter((line) => line.startsWith("GET /api/tasks")).length;
  render(<Dashboard startWith="all" />);
  await screen.findByText("Nothing to do yet");
  const before = loads();
  await ask(chat);
  chat.say("tool_result", { id: "t1", name: "add_task", ok: true, text: "" });
  await waitFor(() => expect(loads()).toBe(before + 1));
});
