/** What a filter's file gives to the order of filters. */
import type { Any } from "@bufbuild/protobuf/wkt";
import type { HttpHandler, Route, RouteTableItem, TcpHandler } from "../../compile/ir.ts";

export interface HttpFilterFile {
  /** Unique in a chain; route tables speak to the filter by it. */
  readonly name: string;
  /** Its configuration in a chain; undefined: it is not in that chain. */
  chain(handler: HttpHandler): Any | undefined;
  /** What a route table tells it; undefined: nothing. */
  table?(table: Pick<RouteTableItem, "access" | "rateLimit">): Any | undefined;
  /** What a route tells it; undefined: nothing. */
  route?(route: Route): Any | undefined;
}

export interface TcpFilterFile {
  readonly name: string;
  chain(handler: TcpHandler): Any | undefined;
}
