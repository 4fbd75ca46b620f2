/** Turns of the event loop, for what has no event to wait for. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function turnsUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
