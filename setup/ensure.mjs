// Set-up: does what this checkout is missing and says so on stderr. Every entry point comes through here (see run.sh); with
// nothing missing it says nothing. Plain JavaScript for Node 18 and later, because it runs before anything is installed.
//
// Order: Node first, since it runs the generator; packages before protobuf, whose tools they are; links last, so that a set-up
// that was cut off begins again. Writes only inside the checkout and the user's cache directory.

import { stopChildren } from "./child.mjs";
import { linkTools } from "./links.mjs";
import { withLock } from "./lock.mjs";
import { findNode } from "./node_binary.mjs";
import { ensurePackages } from "./npm_packages.mjs";
import { checkPlatform } from "./platform.mjs";
import { SetupError, say, sayTotal, step } from "./progress.mjs";
import { generateProtobuf, isGenerated, protobufInputs } from "./protobuf/generate.mjs";
import { isUpToDate, touchState, wantedState, writeState } from "./state.mjs";
import { findTool } from "./tools.mjs";

async function main() {
  checkPlatform();
  const wanted = wantedState();
  if (!isUpToDate(wanted)) await withLock(() => (isUpToDate(wanted) ? undefined : setUp(wanted)));
  touchState();
}

async function setUp(wanted) {
  const node = await findNode();
  await ensurePackages();
  const inputs = protobufInputs();
  if (!isGenerated(inputs)) await step("generating Envoy's API types", () => generateProtobuf(inputs, node.path));
  const envoy = await findTool("envoy");
  const natsServer = await findTool("nats-server");
  linkTools({ node, envoy, natsServer });
  writeState(wanted);
  sayTotal();
}

/** The children end first, then the steps clean up behind themselves, then we end. */
let stoppedBy;
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
]) {
  process.on(signal, () => {
    stoppedBy ??= status;
    stopChildren("SIGTERM");
  });
}

try {
  await main();
} catch (error) {
  if (stoppedBy === undefined) {
    say(error instanceof SetupError ? error.message : error.stack);
    process.exitCode = 1;
  }
}
if (stoppedBy !== undefined) process.exitCode = stoppedBy;
