/** A store that counts its writes by their outcome, for the metrics. */
import type {
  Append,
  Outcome,
  RecordKey,
  Sequence,
  Store,
  StoreRecord,
  StreamName,
  Tail,
  TailHandler,
} from "../store/store.ts";

export class CountedStore implements Store {
  readonly appends: Record<StreamName, Record<Outcome["kind"], number>> = {
    records: { done: 0, refused: 0, unknown: 0 },
    endpoints: { done: 0, refused: 0, unknown: 0 },
  };
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  incarnation(stream: StreamName): string {
    return this.#store.incarnation(stream);
  }

  async append(stream: StreamName, append: Append, signal?: AbortSignal): Promise<Outcome> {
    const outcome = await this.#store.append(stream, append, signal);
    this.appends[stream][outcome.kind]++;
    return outcome;
  }

  read(stream: StreamName, key: RecordKey, signal?: AbortSignal): Promise<StoreRecord | undefined> {
    return this.#store.read(stream, key, signal);
  }

  lastSequence(stream: StreamName, signal?: AbortSignal): Promise<Sequence> {
    return this.#store.lastSequence(stream, signal);
  }

  tail(stream: StreamName, handler: TailHandler): Tail {
    return this.#store.tail(stream, handler);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
