/** The route table of a gateway's servers: those of one plaintext port together, each HTTPS server its own. Pure. */
import { accessOf } from "./authorization.ts";
import { boundHosts, type GatewayPort, type PlacedServer } from "./gateway_port.ts";
import { compare } from "./hosts.ts";
import type { Route, RouteTableItem, VirtualHost } from "./ir.ts";
import { everyRequest, refuseConnect, routesOf } from "./routes.ts";

export function gatewayTable(at: GatewayPort, name: string, servers: readonly PlacedServer[]): RouteTableItem {
  const access = accessOf(at.policies, { number: at.port, layer: "http" });
  return {
    type: "route",
    name,
    anyPort: true,
    ...(access ? { access } : {}),
    virtualHosts: virtualHosts(at, servers),
  };
}

/** Several VirtualServices may speak for one host at a gateway: their routes follow each other, the older's first. */
function virtualHosts(at: GatewayPort, servers: readonly PlacedServer[]): readonly VirtualHost[] {
  const { port, virtualServices } = at;
  const routes = new Map<string, Route[]>();
  for (const virtualService of virtualServices.filter(({ http }) => http.length > 0)) {
    const bound = new Map<string, string>();
    for (const placed of servers) {
      for (const host of boundHosts(virtualService, virtualService.hosts, placed)) {
        if (!bound.has(host)) bound.set(host, placed.gateway);
      }
    }
    for (const [host, gateway] of bound) {
      const known = routes.get(host) ?? [refuseConnect];
      routes.set(host, [...known, ...routesOf(virtualService.http, { ...at, gateway })]);
    }
  }
  for (const host of redirectedHosts(at, servers)) routes.set(host, [refuseConnect, toHttps]);
  return [...routes]
    .sort(([a], [b]) => compare(a, b))
    .map(([host, found]) => ({ name: `${host}:${port}`, domains: [host], routes: found }));
}

/** The servers' own, whether or not anything is bound to them, and narrower ones that are. */
function redirectedHosts({ virtualServices }: GatewayPort, servers: readonly PlacedServer[]): ReadonlySet<string> {
  const redirecting = servers.filter(({ server }) => server.serves.kind === "http" && server.serves.redirect);
  const own = redirecting.flatMap(({ server }) => server.hosts.map(({ host }) => host));
  const bound = redirecting.flatMap((placed) =>
    virtualServices.flatMap((virtualService) => boundHosts(virtualService, virtualService.hosts, placed)),
  );
  return new Set([...own, ...bound]);
}

const toHttps: Route = {
  match: everyRequest,
  action: { kind: "redirect", scheme: "https", status: 301 },
};
