import { startHttpEcho } from "../support/echo.ts";
import { joinHost } from "../support/joined_host.ts";
import { Mesh } from "../support/mesh.ts";
import { rawRequest, sendRaw } from "../support/raw_http.ts";
import { runSidecar } from "../support/workload.ts";

const t0 = performance.now();
const lap = (w: string) => console.log(`${((performance.now() - t0) / 1000).toFixed(2)} ${w}`);
const mesh = await Mesh.start({ demo: false });
lap("mesh");
const echo = await startHttpEcho();
const shop = await runSidecar(mesh, { service: "shop", ports: [{ name: "http", port: 80, appPort: echo.port }] });
lap("shop");
const anna = await runSidecar(mesh, { service: "anna" });
lap("anna");
const host = await joinHost(mesh);
const id = await host.identity("prober");
lap("identity " + id.spiffeId);
const apply = async (doc: string) => {
  const a = await mesh.meshctl(["apply", "-f", "-"], doc);
  lap("applied " + a.code + a.stderr + a.stdout);
  const w = await mesh.meshctl(["wait", "--for=distributed"]);
  lap("waited " + w.code + w.stderr);
};
await apply(`apiVersion: security.mesh.io/v1
kind: AuthorizationPolicy
metadata: {name: first}
spec:
  selector: {matchLabels: {app: shop}}
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin, "/admin/*"]}}]
  - to: [{operation: {hosts: [secret.com]}}]
---
apiVersion: networking.mesh.io/v1
kind: VirtualService
metadata: {name: secret}
spec:
  hosts: [secret.com]
  http:
  - route: [{destination: {host: shop}}]
`);
const targets = [
  "/",
  "/admin",
  "/public",
  "//admin",
  "/./admin",
  "/x/../admin",
  "%2Fadmin",
  "/%2Fadmin",
  "%5Cadmin",
  "/%5Cadmin",
  "/x%5C..%5Cadmin",
  "\\admin",
  "/\\admin",
  "/admin#x",
  "/admin?x",
  "/..;p/admin",
  "/x/..;p/admin",
  "/%61dmin",
  "/%41dmin",
  "/a%64min",
  "/adm%69n",
  "/adm%6In",
  "/adm%6",
  "/admin%",
  "/admin%00",
  "/admin%20",
  "/admin%09",
  "/admin;x",
  "/admin/",
  "/admin/x",
  "/ADMIN",
  "/%2e/admin",
  "/%2E%2E/admin",
  "/x/%2e%2E/admin",
  "/x/..%2fadmin",
  "/x/..%2Fadmin",
  "/%252fadmin",
  "/%2561dmin",
  "http://shop//admin",
  "http://shop/admin",
  "http://secret.com/",
  "HTTP://shop/admin",
  "*",
  "admin",
  "/ admin",
  "/admin\t",
  "/.admin",
  "/..admin",
  "/.//admin",
  "/.;/admin",
  "/..%3b/admin",
  "/x/..%3Bp/admin",
  "/%c0%afadmin",
  "/ådmin",
  "/admi\u00ee",
  "/\x01admin",
  "/x/.%2e/admin",
  "/admin/../x",
  "/%2e%2e%2fadmin",
  "/x/...//admin",
  "/%5c%5cadmin",
  "/;/admin",
  "/;p=1/admin",
  "/x;/../admin",
  "https://shop/admin",
  "ftp://shop/admin",
  "http:///admin",
  "//shop/admin",
  "http://shop?/admin",
  "http://shop#/admin",
  "http://u@shop/admin",
  "/?/admin",
  "/x?/../admin",
  "?/admin",
];
for (const [name, o] of [
  ["plain-in", { to: shop.inbound ?? "" }],
  ["mtls-in", { to: shop.inbound ?? "", tls: { identity: id, alpn: ["http/1.1"] } }],
  ["outbound", { to: anna.outbound }],
] as const) {
  for (const target of name === "outbound" ? targets.slice(targets.indexOf("ftp://shop/admin")) : []) {
    const a = await sendRaw({ ...o, bytes: rawRequest({ target, headers: ["Host: shop"] }) });
    lap("");const reached = echo.takeReached();
    console.log(
      name,
      JSON.stringify(target),
      a.kind === "http" ? a.status : JSON.stringify(a),
      reached.map((r) => r.url).join(" "),
      a.kind === "http" && a.status !== 200 ? JSON.stringify(a.text.split("\r\n\r\n")[1]?.slice(0, 60)) : "",
    );
  }
}
const hosts = [
  ["Host: secret.com"],
  ["Host: Secret.com"],
  ["Host: SECRET.COM:80"],
  ["Host: secret.com:80"],
  ["Host: secret.com."],
  ["Host: secret.com.:80"],
  ["Host: secret.com:"],
  ["Host: secret.com:8080"],
  ["Host: secret.com:http"],
  ["Host: secret.com:80:80"],
  ["Host: secret.com:+80"],
  ["Host: secret.com.."],
  ["Host: u@secret.com"],
  ["Host: u:p@secret.com"],
  ["Host:\tsecret.com \t"],
  ["Host: secret.com/"],
  ["Host: secret.com/x"],
  ["Host: secret.com?x"],
  ["Host: secret.com#x"],
  ["Host: secret%2ecom"],
  ["Host: secret.com", "Host: shop"],
  ["Host: shop", "Host: secret.com"],
  ["Host: shop, secret.com"],
  ["Host: secret.com,shop"],
  ["Host: "],
  [],
  ["Host: shop", "host: secret.com"],
  ["Host : secret.com"],
  ["Host: shop", " secret.com"],
  ["Host: shop", ":authority: secret.com"],
  ["Host: shop", "X-Forwarded-Host: secret.com"],
  ["Host: ѕecret.com"],
  ["Host: secret.com\0"],
  ["Host: http://secret.com"],
  ["Host: [::1]"],
  ["Host: shop", "Content-Length: 0", "Transfer-Encoding: chunked"],
  ["Host: shop", "Content-Length: 1", "Content-Length: 2"],
];
for (const [name, o] of [
  ["plain-in", { to: shop.inbound ?? "" }],
  ["outbound", { to: anna.outbound }],
] as const) {
  for (const headers of hosts) {
    const a = await sendRaw({ ...o, bytes: rawRequest({ headers }) });
    lap("");const reached = echo.takeReached();
    console.log(
      name,
      JSON.stringify(headers),
      a.kind === "http" ? a.status : JSON.stringify(a),
      reached.map((r) => JSON.stringify(r.headers.slice(0, 4))).join(" "),
      a.kind === "http" && a.status !== 200 ? JSON.stringify(a.text.split("\r\n\r\n")[1]?.slice(0, 80)) : "",
    );
  }
}
lap("end");
host.close();
await shop.stop();
await anna.stop();
echo.close();
await mesh.remove();
lap("removed");
