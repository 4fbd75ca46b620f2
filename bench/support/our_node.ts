/** A node of this project as a load program meets it: in plaintext, with services that nobody listens on. */
import { endsWithUs } from "../../test/support/ends_with_us.ts";
import { joinHost } from "../../test/support/joined_host.ts";
import { Mesh } from "../../test/support/mesh.ts";
import type { TlsIdentity } from "../../test/support/raw_http.ts";
import { Api } from "./api.ts";
import { type Declared, declareServices } from "./services.ts";

export interface OurNode {
  /** In plaintext. */
  readonly xds: string;
  readonly xdsMtls: string;
  /** An SVID of this mesh and its key. */
  identity(): Promise<TlsIdentity>;
  readonly api: string;
  readonly pid: number;
  readonly calls: Api;
}

export async function withOurNode<T>(declared: Declared, measure: (node: OurNode) => Promise<T>): Promise<T> {
  const mesh = await Mesh.start({ demo: false, args: ["--xds-plaintext", "127.0.0.1:0"] });
  endsWithUs(mesh);
  const calls = new Api();
  try {
    const [node] = mesh.ready.nodes;
    if (!node?.xdsPlaintext) throw new Error("the node does not listen in plaintext");
    await declareServices(calls, node.api, declared);
    const pid = mesh.pidOf(node.name) ?? node.pid;
    const identity = async (): Promise<TlsIdentity> => {
      const host = await joinHost(mesh);
      return host.identity("bench").finally(() => host.close());
    };
    return await measure({ xds: node.xdsPlaintext, xdsMtls: node.xds, identity, api: node.api, pid, calls });
  } finally {
    calls.close();
    await mesh.remove();
  }
}
