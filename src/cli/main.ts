/** meshctl. */
import { start } from "../platform/start.ts";

await start("meshctl", () => import("./process.ts"));
