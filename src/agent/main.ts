/** mesh-agent. */
import { start } from "../platform/start.ts";

await start("mesh-agent", () => import("./process.ts"));
