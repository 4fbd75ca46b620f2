/**
 * Versions of objects that proxies refuse. Which ones is decided by each object's policy actor, from what nodes tell it;
 * here a node finds whom to blame for a refusal, and which form of an object the compiler is to have.
 *
 * Blamed are the objects that were written in the step in which the refused resource came to be: an apply is one step, so
 * nobody has to trace a resource back to its sources. Security policies are never blamed, and so never withdrawn.
 *
 * The form before the newest is remembered for objects that changed lately, and read from the log for quarantined ones
 * when a node starts. Without one nothing is held: then the newest form is all there is.
 */
import type { ObjectVersion, Quarantined } from "../../actors/kinds/policy.ts";
import type { Position } from "../../compile/layer.ts";
import type { Marks } from "../../model/delivery.ts";
import { isAfter, isSameMark } from "../../model/mark.ts";
import type { ObjectKind } from "../../model/object.ts";
import { limits } from "../../platform/limits.ts";
import { objectOfPolicy } from "../../store/keys.ts";
import type { RecordKey, StoreRecord } from "../../store/store.ts";
import type { MeshRecord } from "../mesh_record.ts";

export interface QuarantineOptions {
  readonly replica: {
    get(key: RecordKey): { readonly object: MeshRecord } | undefined;
    record(key: RecordKey): StoreRecord | undefined;
    list(prefix: string): readonly { readonly key: RecordKey; readonly object: MeshRecord }[];
  };
  readonly incarnation: () => string;
}

interface Remembered {
  readonly version: ObjectVersion;
  /** undefined: there was none. */
  readonly before: MeshRecord | undefined;
}

export interface Suspect {
  readonly key: RecordKey;
  readonly version: ObjectVersion;
}

const security: ReadonlySet<ObjectKind> = new Set(["AuthorizationPolicy", "PeerAuthentication"]);

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #remembered = new Map<RecordKey, Remembered>();
  readonly #steps: { readonly position: Position; readonly suspects: readonly Suspect[] }[] = [];
  #held: ReadonlyMap<RecordKey, Quarantined> = new Map();

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Whose form before is given. */
  get held(): ReadonlyMap<RecordKey, Quarantined> {
    return this.#held;
  }

  /** What a node that starts reads in the log. */
  keep(forms: Iterable<readonly [RecordKey, Remembered]>): void {
    for (const [key, form] of forms) this.#remembered.set(key, form);
  }

  /** Versions that actors have quarantined, for a node that starts: of these the form before is wanted. */
  wanted(): ReadonlyMap<RecordKey, ObjectVersion> {
    return new Map([...this.#quarantined()].map(([key, { version }]) => [key, version]));
  }

  /** @returns objects that are held now, or were before. */
  judge(released: Marks | undefined): readonly RecordKey[] {
    const before = this.#held;
    const now = new Map<RecordKey, Quarantined>();
    for (const [key, quarantine] of this.#quarantined()) {
      const { version } = quarantine;
      const remembered = this.#remembered.get(key);
      if (!remembered || !isSameMark(remembered.version, version)) continue;
      if (!released || isAfter(version, released.records)) now.set(key, quarantine);
    }
    this.#held = now;
    return [...new Set([...before.keys(), ...now.keys()])];
  }

  /** What the compiler is to have. */
  form(key: RecordKey): MeshRecord | undefined {
    return this.#held.has(key) ? this.#remembered.get(key)?.before : this.#options.replica.get(key)?.object;
  }

  /** The compiler was given new forms of these, which it had as `before`, in the step that ends at `position`. */
  stepped(changed: ReadonlyMap<RecordKey, MeshRecord | undefined>, position: Position): void {
    const suspects: Suspect[] = [];
    for (const [key, before] of changed) {
      const version = this.#versionOf(key);
      const known = this.#remembered.get(key);
      // Given back, or read anew: no other version.
      if (!version || this.#held.has(key) || (known && isSameMark(known.version, version))) continue;
      if (isUnchanged(before, this.#options.replica.get(key)?.object)) continue;
      this.#remembered.delete(key);
      this.#remembered.set(key, { version, before });
      if (this.#mayBeHeld(key, before)) suspects.push({ key, version });
    }
    this.#forget();
    if (suspects.length === 0 || suspects.length > limits.suspects) return;
    this.#steps.push({ position, suspects });
    if (this.#steps.length > limits.suspectSteps) this.#steps.shift();
  }

  /** Who may be to blame for a resource that came to be at `since`. */
  suspects(since: Position): readonly Suspect[] {
    const { records, endpoints } = since;
    const step = this.#steps.find(({ position }) => position.records === records && position.endpoints === endpoints);
    return step?.suspects ?? [];
  }

  #mayBeHeld(key: RecordKey, before: MeshRecord | undefined): boolean {
    const form = this.#options.replica.get(key)?.object ?? before;
    return form?.kind === "object" && !security.has(form.object.kind);
  }

  /** What actors say of versions that are the newest. */
  *#quarantined(): Iterable<readonly [RecordKey, Quarantined]> {
    for (const { key, object } of this.#options.replica.list("policy")) {
      const quarantine = object.kind === "policy" ? object.state.quarantine : undefined;
      const of = objectOfPolicy(key);
      const newest = this.#versionOf(of);
      if (quarantine && newest && isSameMark(newest, quarantine.version)) yield [of, quarantine];
    }
  }

  #versionOf(key: RecordKey): ObjectVersion | undefined {
    const record = this.#options.replica.record(key);
    return record && { incarnation: record.incarnation ?? this.#options.incarnation(), sequence: record.sequence };
  }

  #forget(): void {
    for (const key of this.#remembered.keys()) {
      if (this.#remembered.size <= limits.formsRemembered) return;
      if (!this.#held.has(key)) this.#remembered.delete(key);
    }
  }
}

function isUnchanged(before: MeshRecord | undefined, now: MeshRecord | undefined): boolean {
  return before?.kind === "object" && now?.kind === "object" && before.stored.generation === now.stored.generation;
}
