/** ServiceEntries and WorkloadEntries for tests of the compiler: one as it is usual, and any. */
import fc from "fast-check";
import type { InputChange } from "../../src/compile/input.ts";
import type { Host, Locality } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { DeclaredEndpoint, ServiceEntry } from "../../src/model/service_entry.ts";
import { hostOf, ns, setObject } from "./mesh.ts";

type EntryObject = MeshObject & { readonly kind: "ServiceEntry" };

export function declaredEndpoint(address: string, rest: Partial<DeclaredEndpoint> = {}): DeclaredEndpoint {
  const nowhere = { network: "", locality: "" as Locality };
  return { address, isName: !/^[\d.]+$/.test(address), ports: {}, labels: {}, weight: 1, ...nowhere, ...rest };
}

export function serviceEntry(hosts: readonly string[], rest: Partial<ServiceEntry> = {}): EntryObject {
  return {
    kind: "ServiceEntry",
    namespace: ns("default"),
    name: "entry",
    createdAt: 1,
    hosts: hosts as readonly Host[],
    addresses: [],
    ports: [{ name: "http", port: 80, protocol: "http", target: 80 }],
    location: "external",
    resolution: "static",
    endpoints: [declaredEndpoint("10.1.0.1")],
    exportTo: ["*"],
    servers: [],
    ...rest,
  };
}

export function workloadEntry(name: string, rest: Partial<DeclaredEndpoint> = {}): MeshObject {
  const labels = { app: "vm" };
  const own = { kind: "WorkloadEntry", namespace: ns("default"), name, createdAt: 1 } as const;
  return { ...own, ...declaredEndpoint("10.2.0.1", { labels, ...rest }) };
}

const namespaces = fc.constantFrom(ns("default"), ns("shop"));

export const anyEntry: fc.Arbitrary<InputChange> = fc.oneof(
  fc
    .record({
      hosts: fc.subarray(["api.example.com", "*.example.com", hostOf("a")], { minLength: 1 }),
      namespace: namespaces,
      name: fc.constantFrom("one", "two"),
      createdAt: fc.nat(3),
      resolution: fc.constantFrom("none", "static", "dns", "dns-round-robin"),
      location: fc.constantFrom("external", "internal"),
      endpoints: fc.subarray([
        declaredEndpoint("10.1.0.1", { labels: { version: "v1" }, serviceAccount: "vm" }),
        declaredEndpoint("10.1.0.2"),
      ]),
      selector: fc.constantFrom(undefined, { labels: { app: "vm" } }, { labels: { version: "v1" } }),
      exportTo: fc.constantFrom<readonly string[]>(["*"], ["shop"], ["default"]),
    })
    .map(({ hosts, selector, ...rest }) =>
      setObject(serviceEntry(hosts, { ...rest, ...(selector && { selector, endpoints: [] }) })),
    ),
  fc
    .record({ name: fc.constantFrom("one", "two"), address: fc.constantFrom("10.2.0.1", "vm.example.com") })
    .map(({ name, address }) => setObject(workloadEntry(name, declaredEndpoint(address, { labels: { app: "vm" } })))),
  fc
    .record({
      kind: fc.constantFrom("ServiceEntry" as const, "WorkloadEntry" as const),
      namespace: namespaces,
      name: fc.constantFrom("one", "two"),
    })
    .map((ref) => ({ kind: "object-removed" as const, ref })),
);
