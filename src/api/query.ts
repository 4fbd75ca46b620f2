/** Query parameters: each is known, given once and checked, or the call is refused with the parameter's name. */
import type { FastifyRequest } from "fastify";
import { isDnsLabel, type Namespace } from "../model/names.ts";
import { ApiRefusal } from "./problem_details.ts";

export interface Query {
  text(name: string): string | undefined;
  flag(name: string): boolean;
  integer(name: string, bounds: { readonly least: number; readonly most: number }): number | undefined;
  namespace(): Namespace | undefined;
}

export function queryOf(request: FastifyRequest, known: readonly string[]): Query {
  const given = new URLSearchParams(request.url.split("?").slice(1).join("?"));
  for (const name of new Set(given.keys())) {
    if (!known.includes(name)) throw refuse(name, `not known here; there is ${known.join(", ") || "none"}`);
    if (given.getAll(name).length > 1) throw refuse(name, "given more than once");
  }
  const text = (name: string): string | undefined => given.get(name) ?? undefined;
  return {
    text,
    flag(name) {
      const value = text(name);
      if (value === undefined || value === "false") return false;
      if (value === "true" || value === "") return true;
      throw refuse(name, "must be true or false");
    },
    integer(name, { least, most }) {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) return number;
      throw refuse(name, `must be a whole number from ${least} to ${most}`);
    },
    namespace() {
      const value = text("namespace");
      return value === undefined ? undefined : namespaceOf(value, "namespace");
    },
  };
}

function refuse(name: string, because: string): ApiRefusal {
  return new ApiRefusal("bad-request", `query parameter ${name.slice(0, 64)}: ${because}`);
}

/** A namespace from a path or a query. */
export function namespaceOf(word: string, where: string): Namespace {
  if (isDnsLabel(word)) return word as Namespace;
  throw new ApiRefusal("bad-request", `${where}: ${JSON.stringify(word.slice(0, 64))} is not a namespace`);
}
