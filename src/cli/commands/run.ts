/** meshctl run --service NAME [...] [-- COMMAND…]: one workload with its sidecar. */
import type { RunPort, RunSidecar } from "../../model/run.ts";
import { isLoopback, loopback } from "../../platform/free_ports.ts";
import { shortId } from "../../platform/random.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { collect, type OptionReader } from "../options.ts";
import { readLabels, readPort } from "../run_flags.ts";
import { runWorkload } from "../run_workload.ts";

export const command: CommandModule = {
  define(command) {
    command.argument("[command...]", "what to run beside the sidecar; nothing: the sidecar alone");
    command.requiredOption("--service <name>", "the service that it is an instance of");
    command.option("--name <workload>", "its own name (SERVICE-VERSION, numbered, unless given)");
    command.option("--service-account <name>", "the account in its identity", "default");
    command.option("--label <key=value>", "a label; version says the version", collect);
    command.option("--port <name:port[:app-port]>", "a port; its name says the protocol: http, grpc-x, tcp-y", collect);
    command.option("--locality <region/zone>", "where it runs", "");
    command.option(
      "--upstream <service:port=host:port>",
      "a TCP way out, to a service or a ServiceEntry's host; local port 0: any",
      collect,
    );
  },

  run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    return runWorkload(context, requestOf(context, options), args);
  },
};

function requestOf(context: CliContext, options: OptionReader): RunSidecar {
  const name = options.text("name");
  return {
    role: "sidecar",
    session: shortId(context.random, 20),
    namespace: context.globals.namespace,
    service: options.text("service") ?? "",
    ...(name === undefined ? {} : { name }),
    serviceAccount: options.text("serviceAccount") ?? "default",
    labels: readLabels(options.list("label")),
    ports: options.list("port").map(runPort),
    locality: options.text("locality") ?? "",
    upstreams: options.list("upstream").map(upstream),
  };
}

function runPort(word: string): RunPort {
  const [name = "", port = "", appPort = port, ...rest] = word.split(":");
  if (name === "" || port === "" || rest.length > 0) {
    throw new CommandFailure(exit.usage, `--port ${word}: write NAME:PORT[:APP_PORT], such as http:80:8080`);
  }
  return { name, port: readPort(port, `--port ${word}`), appPort: readPort(appPort, `--port ${word}`) };
}

const upstreamForm = /^(?<service>[^:=]+):(?<port>\d+)=(?<host>\[[^\]]+\]|[^:]+):(?<local>\d+)$/;

function upstream(word: string): RunSidecar["upstreams"][number] {
  const { service, port = "", host = "", local = "" } = upstreamForm.exec(word)?.groups ?? {};
  if (service === undefined) {
    throw new CommandFailure(
      exit.usage,
      `--upstream ${word}: write SERVICE:PORT=HOST:PORT, such as db:5432=127.0.0.1:0`,
    );
  }
  const address = host === "localhost" ? loopback : host.replace(/^\[|\]$/g, "");
  if (!isLoopback(address)) {
    const because = "whoever connects to it speaks with this workload's identity, so it listens on loopback only";
    throw new CommandFailure(exit.usage, `--upstream ${word}: ${because}; write ${service}:${port}=127.0.0.1:${local}`);
  }
  const listen = { address, port: readPort(local, `--upstream ${word}`, 0) };
  return { service, port: readPort(port, `--upstream ${word}`), listen };
}
