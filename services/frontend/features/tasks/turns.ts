// Requests about the same task, one after the other: answers must not overtake each other.

export class Turns {
  private readonly last = new Map<number, Promise<unknown>>();

  /** Runs `work` when everything before it about `id` has ended, well or not. */
  take<T>(id: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.last.get(id) ?? Promise.resolve()).then(work, work);
    const end = turn
      .catch(() => undefined)
      .finally(() => {
        if (this.last.get(id) === end) this.last.delete(id);
      });
    this.last.set(id, end);
    return turn;
  }
}
