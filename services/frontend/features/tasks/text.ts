// What people type, as the API takes it.

/** Without line breaks, tabs and spaces too many: a title is one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
