// Serializes requests about the same task, so that responses cannot overtake each other.

export class Turns {
  private readonly last = new Map<number, Promise<unknown>>();

  /** Runs `work` after all earlier work for `id` has ended, successfully or not. */
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
