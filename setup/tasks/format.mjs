// `npm run format [-- FILE…]`: formats, sorts imports and applies the linter's safe corrections.

import { biome, runNode } from "./checkout.mjs";

const { ok } = await runNode([...biome, "check", "--write", ...process.argv.slice(2)], { show: true });
process.exitCode = ok ? 0 : 1;
