/** Sends the request where its route says. Always last. */
import { RouterSchema } from "#envoy/envoy/extensions/filters/http/router/v3/router_pb.js";
import { packed } from "../any.ts";
import type { HttpFilterFile } from "./filter.ts";

export const router: HttpFilterFile = {
  name: "envoy.filters.http.router",
  chain: () => packed(RouterSchema, {}),
};
