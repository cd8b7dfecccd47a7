// Where the keyboard's focus goes when what had it leaves the page.

/** To the heading. A focus that falls to the page's top is lost to its user. */
export function focusHeading(): void {
  document.getElementById("tasks")?.focus();
}

/** From an entry of the list to its neighbour, or else to the heading. */
export function focusNeighbour(element: HTMLElement): void {
  const entry = element.closest("li");
  const neighbour = entry?.nextElementSibling ?? entry?.previousElementSibling;
  const next = neighbour?.querySelector<HTMLElement>("input:enabled");
  if (next) next.focus();
  else focusHeading();
}
