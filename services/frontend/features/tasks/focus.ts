// Moves the keyboard focus when the focused element is removed.

/** Moves the focus to the heading; else it would fall back to the top of the page. */
export function focusHeading(): void {
  document.getElementById("tasks")?.focus();
}

/** Does what removes the focused element. */
export function leaving(act: () => void): void {
  focusHeading();
  act();
}

/** Moves the focus from an entry to its neighbor, or to the heading if there is none. */
export function focusNeighbour(element: HTMLElement): void {
  const entry = element.closest("li");
  const neighbour = entry?.nextElementSibling ?? entry?.previousElementSibling;
  const next = neighbour?.querySelector<HTMLElement>("input:enabled");
  if (next) next.focus();
  else focusHeading();
}
