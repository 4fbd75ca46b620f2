/** Changes to headers: fields that routes and weighted clusters have alike. */
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOptionSchema,
} from "#envoy/envoy/config/core/v3/base_pb.js";
import type { HeaderChanges, HeaderEdits } from "../model/route.ts";
import type { Init } from "./any.ts";

interface HeaderFields {
  readonly requestHeadersToAdd?: Init<typeof HeaderValueOptionSchema>[];
  readonly requestHeadersToRemove?: string[];
  readonly responseHeadersToAdd?: Init<typeof HeaderValueOptionSchema>[];
  readonly responseHeadersToRemove?: string[];
}

export function headerChanges({ request, response }: HeaderChanges = {}): HeaderFields {
  return {
    ...(request ? { requestHeadersToAdd: valuesOf(request), requestHeadersToRemove: [...request.remove] } : {}),
    ...(response ? { responseHeadersToAdd: valuesOf(response), responseHeadersToRemove: [...response.remove] } : {}),
  };
}

function valuesOf({ set, add }: HeaderEdits): Init<typeof HeaderValueOptionSchema>[] {
  return [...valued(set, Append.OVERWRITE_IF_EXISTS_OR_ADD), ...valued(add, Append.APPEND_IF_EXISTS_OR_ADD)];
}

function valued(
  headers: Readonly<Record<string, string>>,
  appendAction: Append,
): Init<typeof HeaderValueOptionSchema>[] {
  return Object.entries(headers).map(([key, value]) => ({ header: { key, value }, appendAction }));
}
