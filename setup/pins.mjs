// pins.json as an object. Read by hand, because Node 18 has no syntax for JSON imports that Node 24 would also take.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setupDir } from "./paths.mjs";

export default JSON.parse(readFileSync(join(setupDir, "pins.json"), "utf8"));
