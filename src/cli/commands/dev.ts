/** meshctl dev [--demo] […]: runs and supervises a mesh on this machine, all on loopback, until Ctrl-C. */
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { runMesh } from "../dev/mesh_run.ts";
import { findTools } from "../dev/programs.ts";
import { settingsOf } from "../dev/settings.ts";
import { StopSignal } from "../dev/stop_signal.ts";
import type { ExitStatus } from "../exit.ts";
import { addOutboundTrafficPolicy } from "../mesh_flags.ts";

export const command: CommandModule = {
  define(command) {
    command.option("--demo", "with the bookshop: six workloads, an ingress gateway, a gentle load");
    command.option("--nodes <number>", "nodes of the control plane in each cluster", "1");
    command.option("--clusters <number>", "clusters that do not share a trust root", "1");
    command.option("--nats <embedded|url>", "a nats-server of its own, or nats://USER:PASSWORD@HOST:PORT", "embedded");
    command.option("--config <path>", "a directory or file that is applied at each start");
    command.option("--xds-plaintext <host:port>", "xDS without identity on this address of loopback too");
    addOutboundTrafficPolicy(command);
    command.option("--verbose", "say how long each step of the start took");
  },

  async run(context: CliContext, invocation: Invocation): Promise<ExitStatus> {
    const settings = settingsOf(invocation, context.environment);
    const stop = new StopSignal(context.clock);
    const release = stop.listen();
    try {
      const tools = findTools(process.execPath, settings.nats === undefined, context.environment);
      return await runMesh({ context, settings, tools, stop });
    } finally {
      release();
    }
  },
};
