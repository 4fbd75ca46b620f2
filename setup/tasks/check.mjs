// `npm run check`: types, lint and format, and the architecture's rules. They run side by side; each is one line when it is good.

import { biome, runNode, tsc } from "./checkout.mjs";

const checks = [
  { name: "types", args: [...tsc, "-p", "tsconfig.json", "--pretty", "false"], mend: "" },
  {
    name: "lint and format",
    args: [...biome, "check", "--error-on-warnings"],
    mend: "npm run format mends most of these",
  },
  { name: "architecture", args: ["test/run.mjs", "test/architecture/"], mend: "" },
];

const results = await Promise.all(
  checks.map(async ({ name, args, mend }) => {
    const started = performance.now();
    const { ok, output } = await runNode(args);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (!ok) console.log([output.trimEnd(), mend].filter(Boolean).join("\n"));
    console.log(`${ok ? "✔" : "✖"} ${name} (${seconds} s)`);
    return ok;
  }),
);
process.exitCode = results.every(Boolean) ? 0 : 1;
