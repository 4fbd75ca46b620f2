/** meshd. */
import { start } from "../platform/start.ts";

await start("meshd", () => import("./process.ts"));
