// Normalizes input for the API.

/** Collapses white space and line breaks: a title is one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
