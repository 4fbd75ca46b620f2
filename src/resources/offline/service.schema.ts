/** A Service document, for golden cases and `meshctl compile`: what the endpoints API would have been told. */
import { endpointsSchema, servicePorts as ports } from "../endpoints/endpoints.schema.ts";
import { list, object, string } from "../schema/type.ts";

const { items: endpoint } = endpointsSchema.fields.endpoints;

const endpoints = list({
  description: endpointsSchema.fields.endpoints.description,
  items: object({
    description: endpoint.description,
    fields: {
      ...endpoint.fields,
      workload: string({
        description: "The workload behind it, NAME.NAMESPACE: its sidecar answers, by mTLS, as the service account.",
        format: "workloadName",
      }),
    },
  }),
});

export const serviceSchema = object({
  description: "A service's ports and endpoints, as one source, or several, tell them.",
  fields: {
    ports,
    endpoints,
    sources: list({
      description: "What further sources say.",
      items: object({
        description: "One source.",
        fields: {
          source: string({ description: "Its name.", default: "api", format: "endpointId" }),
          ports,
          endpoints,
        },
      }),
    }),
  },
});
