/**
 * What the console says when all is up: where things are, and what to try. Each command works when it is pasted as it
 * is, in the order given, from the directory that is named when it is not the current one. Pure.
 */
export interface NextStepsInput {
  readonly dashboard: string;
  readonly api: string;
  /** undefined: there is no demo. */
  readonly ingress: string | undefined;
  readonly pids: { readonly meshd: number; readonly agent: number; readonly nats: number | undefined };
  /** Given by --state-dir; undefined: the usual one. */
  readonly stateDirectory: string | undefined;
  /** Where `npx meshctl` works; undefined: here. */
  readonly root: string | undefined;
  /** Whether a file of examples/ is there. */
  readonly hasExample: (name: string) => boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

interface Try {
  readonly command: string;
  readonly what: string;
  readonly example?: string;
}

const demoTries: readonly Try[] = [
  { command: "apply -f examples/reviews-90-10.yaml", what: "of reviews, 90 % to v1", example: "reviews-90-10.yaml" },
  { command: "wait --for=distributed", what: "until every proxy has it" },
  { command: "apply -f examples/reviews-50-50.yaml", what: "half and half", example: "reviews-50-50.yaml" },
  { command: "proxy-status", what: "what each proxy has acknowledged" },
  { command: "proxy-config route productpage-v1", what: "what one proxy is told" },
  { command: "apply -f examples/strict.yaml", what: "no plaintext any more", example: "strict.yaml" },
  { command: "apply -f examples/deny-ratings.yaml", what: "nobody may call ratings", example: "deny-ratings.yaml" },
  { command: "delete -f examples/deny-ratings.yaml", what: "everybody may again", example: "deny-ratings.yaml" },
];

const bareTries: readonly Try[] = [
  {
    command: "run --service hello --port http:8000:8001 -- python3 -m http.server 8001",
    what: "a workload with its sidecar",
  },
  { command: "get services", what: "what is there" },
  { command: "proxy-status", what: "what each proxy has acknowledged" },
];

export function nextSteps(input: NextStepsInput): readonly string[] {
  const { ingress, dashboard, api, bold, dim, pids, root } = input;
  const place = (name: string, url: string): string => `  ${name.padEnd(11)}${bold(url)}`;
  const meshctl = `npx meshctl${input.stateDirectory === undefined ? "" : ` --state-dir ${quoted(input.stateDirectory)}`}`;
  const tries = (ingress === undefined ? bareTries : demoTries).filter(
    ({ example }) => example === undefined || input.hasExample(example),
  );
  const kills: Try[] = [
    { command: `kill -9 ${pids.meshd}`, what: "meshd; requests go on, it is started again" },
    { command: `kill -9 ${pids.agent}`, what: "the agent; Envoys go on, a new one adopts them" },
    ...(pids.nats === undefined
      ? []
      : [{ command: `kill -9 ${pids.nats}`, what: "nats-server; everybody serves what it has" }]),
  ];
  const lines = [
    ...(root === undefined ? [] : [{ command: `cd ${quoted(root)}`, what: "" }]),
    ...tries.map((one) => ({ ...one, command: `${meshctl} ${one.command}` })),
    ...kills,
  ];
  const width = Math.max(...lines.map(({ command }) => command.length)) + 2;
  return [
    "",
    place("live page", dashboard),
    ...(ingress === undefined ? [] : [place("bookshop", `${ingress}/productpage`)]),
    place("API", api),
    "",
    bold("Try in another terminal:"),
    ...lines.map(({ command, what }) => `  ${what ? `${command.padEnd(width)}${dim(`# ${what}`)}` : command}`),
    "",
    dim("Ctrl-C stops everything; the state is kept."),
  ];
}

function quoted(word: string): string {
  return /^[\w./:@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
