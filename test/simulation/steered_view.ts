/** A node's membership, as it is; or, while a fault lasts, whatever the node is made to believe. */
import type { NodeName, View } from "../../src/actors/runtime/placement.ts";

export class SteeredView implements View {
  readonly self: NodeName;
  readonly #true: View;
  readonly #listeners = new Set<() => void>();
  #made: readonly NodeName[] | undefined;

  constructor(view: View) {
    this.self = view.self;
    this.#true = view;
    view.onChange(() => {
      if (!this.#made) this.tell();
    });
  }

  members(): readonly NodeName[] {
    return this.#made ?? this.#true.members();
  }

  get hears(): boolean {
    return this.#true.hears ?? true;
  }

  get alone(): boolean {
    return this.#made ? false : (this.#true.alone ?? false);
  }

  /** undefined: the truth again. Its listeners are told by `tell`. */
  believe(members: readonly NodeName[] | undefined): void {
    this.#made = members;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
