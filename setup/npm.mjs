// Runs npm from inside set-up, which itself often runs inside npm (`npm start`).

import { basename } from "node:path";
import { run } from "./child.mjs";

/** npm's own settings for the outer run (its log level, its idea of the local folder) must not steer the inner one; how to reach the registry must. */
const keptSettings =
  /^npm_config_(registry|userconfig|globalconfig|cache|.*proxy|noproxy|ca|cafile|strict_ssl|offline|prefer_offline|fetch_.*|_auth.*|@.*|\/\/.*)$/i;

/**
 * `npm ci` in `cwd`: exactly the lockfile, each package checked against its hash there, and no package's scripts. Uses the npm
 * that started us, or the one on PATH.
 */
export async function npmCi(cwd) {
  const options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const outer = process.env.npm_execpath;
  const asNode = outer && basename(outer) === "npm-cli.js";
  const [command, first] = asNode ? [process.execPath, [outer]] : ["npm", []];
  await run(command, [...first, ...options], { cwd, env: environment(), show: process.stderr.isTTY });
}

function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || keptSettings.test(name));
  return { ...Object.fromEntries(kept), INIT_CWD: undefined, NODE_ENV: undefined };
}
