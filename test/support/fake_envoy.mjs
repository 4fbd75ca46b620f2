// Stands in for Envoy towards the agent: takes its flags, opens the admin page that its bootstrap names (or ends, when it
// cannot), says that it is live at once, and ends when asked. It proxies nothing and listens nowhere else.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const flags = process.argv.slice(2);
const bootstrap = JSON.parse(readFileSync(flags[flags.indexOf("--config-path") + 1], "utf8"));
const { address, port_value: port } = bootstrap.admin.address.socket_address;
const pages = { "/server_info": { state: "LIVE" }, "/listeners?format=json": {}, "/clusters?format=json": {} };
const admin = createServer((request, response) => response.end(JSON.stringify(pages[request.url] ?? { stats: [] })));
admin.on("error", () => process.exit(1));
admin.listen(port, address);
process.on("SIGTERM", () => process.exit(0));
