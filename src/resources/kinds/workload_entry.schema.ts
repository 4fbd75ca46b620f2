/** WorkloadEntry: one instance, where nothing runs that would register it. Also the endpoints of a ServiceEntry. */
import { type Infer, integer, map, object, portNumber, required, string } from "../schema/type.ts";
import { labels } from "./shared.ts";

export const workloadEntrySchema = object({
  description: "One instance that ServiceEntries of the namespace select by its labels.",
  fields: {
    address: required(
      string({
        description: "Its IP address; or its DNS name, for a ServiceEntry that resolves by DNS.",
        format: "endpointAddress",
      }),
    ),
    ports: map({
      description: "The service's port names → the numbers that answer at the address.",
      default: "each port's targetPort, else its number",
      keys: "portName",
      values: portNumber("The number."),
    }),
    labels: labels("Labels; subsets and selectors choose by them."),
    network: string({ description: "The network it is in.", default: "the mesh's own", format: "labelValue" }),
    locality: string({ description: "REGION/ZONE.", default: "none", format: "locality" }),
    weight: integer({
      description: "Its share, in proportion to the others; 0 is 1.",
      default: "1",
      min: 0,
      max: 4_294_967_295,
    }),
    serviceAccount: string({
      description:
        "The account it runs under, in the object's namespace. Where the ServiceEntry is MESH_INTERNAL, it says that a " +
        "sidecar with this identity answers: it gets mTLS, unless the label `security.istio.io/tlsMode` is `disabled`.",
      format: "serviceAccount",
    }),
  },
});

export type WorkloadEntrySpec = Infer<typeof workloadEntrySchema>;
