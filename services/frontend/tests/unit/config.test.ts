// Tests that the environment is read at run time, so that one image works in every environment.
import { expect, it, vi } from "vitest";
import { apiUrl, appTitle } from "@/lib/config";

it("reads the title on each call", () => {
  vi.stubEnv("NEXT_PUBLIC_APP_TITLE", "First");
  expect(appTitle()).toBe("First");
  vi.stubEnv("NEXT_PUBLIC_APP_TITLE", " Second ");
  expect(appTitle()).toBe("Second");
});

it.each([undefined, "", "  "])("takes %j for not set", (value) => {
  vi.stubEnv("NEXT_PUBLIC_APP_TITLE", value);
  vi.stubEnv("NEXT_PUBLIC_API_URL", value);
  expect(appTitle()).toBe("Todo Chatbot");
  expect(apiUrl()).toBe("http://backend:8000");
});
