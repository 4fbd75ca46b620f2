/** A Service document, for golden cases and `meshctl compile`: what the endpoints API would have been told. */
import { endpointsSchema } from "../endpoints/endpoints.schema.ts";
import { list, object, string } from "../schema/type.ts";

const { ports, endpoints } = endpointsSchema.fields;

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
