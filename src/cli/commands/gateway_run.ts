/** meshctl gateway run --name NAME [...]: an ingress, egress or east-west gateway. */
import type { RunGateway } from "../../model/run.ts";
import { shortId } from "../../platform/random.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { collect, type OptionReader } from "../options.ts";
import { readLabels, readPort } from "../run_flags.ts";
import { runWorkload } from "../run_workload.ts";

const defaultLabels = { istio: "ingressgateway" };
const defaultPorts = ["80", "443"];

export const command: CommandModule = {
  define(command) {
    command.requiredOption("--name <name>", "its name");
    command.option("--service-account <name>", "the account in its identity", "default");
    command.option("--label <key=value>", "a label, by which Gateways select it (istio=ingressgateway)", collect);
    command.option("--east-west", "between clusters: routes by SNI and leaves mTLS as it is");
    command.option(
      "--port <port[:host-port]>",
      "a port, on a free one of this host unless named (80 and 443)",
      collect,
    );
    command.option("--locality <region/zone>", "where it runs", "");
  },

  run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    if (args.length > 0) throw new CommandFailure(exit.usage, `gateway run takes no command: ${args.join(" ")}`);
    return runWorkload(context, requestOf(context, options), []);
  },
};

function requestOf(context: CliContext, options: OptionReader): RunGateway {
  const labels = options.list("label");
  const ports = options.list("port");
  return {
    role: "gateway",
    session: shortId(context.random, 20),
    namespace: context.globals.namespace,
    name: options.text("name") ?? "",
    serviceAccount: options.text("serviceAccount") ?? "default",
    labels: labels.length > 0 ? readLabels(labels) : defaultLabels,
    locality: options.text("locality") ?? "",
    eastWest: options.flag("eastWest"),
    ports: (ports.length > 0 ? ports : defaultPorts).map(gatewayPort),
  };
}

function gatewayPort(word: string): RunGateway["ports"][number] {
  const [port = "", hostPort = "0", ...rest] = word.split(":");
  if (rest.length > 0) throw new CommandFailure(exit.usage, `--port ${word}: write PORT[:HOST_PORT]`);
  return { port: readPort(port, `--port ${word}`), hostPort: readPort(hostPort, `--port ${word}`, 0) };
}
