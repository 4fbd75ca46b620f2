// `npm run build`: JavaScript and declarations in dist/, for publishing. Nothing in a checkout needs it.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, runNode, tsc } from "./checkout.mjs";

rmSync(join(root, "dist"), { recursive: true, force: true });
const { ok } = await runNode([...tsc, "-p", "tsconfig.build.json"], { show: true });
process.exitCode = ok ? 0 : 1;
