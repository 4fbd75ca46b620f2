/** The answer to "why" as the lines of a table, in the order in which things happen: what, how, and who says so. */
import type { WhyAnswer, WhyDestination, WhyHashed, WhyPart } from "./why_answer.ts";

type Row = readonly [what: string, is: string, by: string];

export function whyRows(answer: WhyAnswer): readonly Row[] {
  const { virtualHost, route, faults, crossOrigin } = answer;
  if (answer.outcome.kind === "not-listened-for") return outcomeRows(answer);
  const { treatment } = route ?? {};
  return [
    ["host", virtualHost ?? "none that is known", ""],
    ...routeRows(answer),
    ...(faults?.delay ? [row("delay", `${faults.delay.ms} ms${shareText(faults.delay.share)}`, treatment?.delay)] : []),
    ...(faults?.abort ? [row("abort", abortText(faults.abort), treatment?.abort)] : []),
    ...outcomeRows(answer),
    ...headerRows("answer header", crossOrigin),
  ];
}

function routeRows({ virtualHost, route }: WhyAnswer): readonly Row[] {
  if (!route) return virtualHost === undefined ? [] : [["route", "none that matches", ""]];
  const { name = "", madeBy, delegatedBy } = route;
  if (madeBy?.kind === "destination") return [["route", "the host's own: no VirtualService routes it", ""]];
  if (madeBy?.kind !== "object" || !madeBy.object || madeBy.field === undefined)
    return [["route", "the mesh's own", ""]];
  const own = row("route", name, { ...madeBy, object: madeBy.object, field: madeBy.field });
  return delegatedBy ? [own, row("delegated", "", delegatedBy)] : [own];
}

function outcomeRows({ outcome, route }: WhyAnswer): readonly Row[] {
  const { kind, status = 0, location = "", body = "", headers, destinations = [], mirrors = [], retries } = outcome;
  switch (kind) {
    case "not-listened-for":
      return [["answer", "none: the proxy does not listen for it", ""]];
    case "redirect":
      return [["redirect", `${status} ${location}`, ""]];
    case "respond":
      return [["answer", `${status} ${body}`.trim(), ""]];
    case "preflight":
      return [["answer", `${status}, a preflight`, ""], ...headerRows("answer header", headers)];
    case "forward": {
      const { timeoutMs = 0 } = outcome;
      const tries = retries
        ? `${retries.attempts}${perTry(retries.perTryTimeoutMs)} on ${retries.on.join(",")}`
        : "none";
      return [
        row("timeout", timeoutMs === 0 ? "none" : `${timeoutMs} ms`, route?.treatment.timeout),
        row("retries", tries, route?.treatment.retries),
        ...destinations.flatMap(destinationRows),
        ...mirrors.map(({ cluster, percent }): Row => ["copy", `${cluster} ${percent} %`, ""]),
      ];
    }
  }
}

function perTry(ms: number | undefined): string {
  return ms === undefined ? "" : `, ${ms} ms each,`;
}

function destinationRows(to: WhyDestination): readonly Row[] {
  const { cluster, share, exists, endpoints, declaredBy, settings, request, hashed } = to;
  const { healthy = 0, unhealthy = 0, draining = 0 } = endpoints ?? {};
  const counted = endpoints ? `${healthy} healthy, ${unhealthy} unhealthy, ${draining} draining` : "found by DNS";
  return [
    row("cluster", `${cluster}${shareText(share)}`, declaredBy[0]),
    ["endpoints", exists ? counted : "no such cluster: 503", ""],
    ["sent as", `${request.authority} ${request.path}`, ""],
    ...hashed.map((one): Row => ["hashed", hashedText(one), ""]),
    ...settings.map((one) => row("settings", one.fields.join(", "), one)),
  ];
}

function hashedText({ key: { kind, name }, is, value = "" }: WhyHashed): string {
  const what = [kind, ...(name === undefined ? [] : [name])].join(" ");
  if (is === "value") return `${what}: ${value}`;
  const because = { absent: "not in the request", given: "a cookie is given", address: "the caller's address" };
  return `${what}: ${because[is]}`;
}

function abortText({ status, grpc, share }: { status: number; grpc?: number; share: number }): string {
  return `${grpc === undefined ? status : `gRPC status ${grpc}`}${shareText(share)}`;
}

function shareText(share: number): string {
  return share === 1 ? "" : `, ${Number((share * 100).toFixed(4))} %`;
}

function headerRows(what: string, headers: Readonly<Record<string, string>> = {}): readonly Row[] {
  return Object.entries(headers).map(([name, value]): Row => [what, `${name}: ${value}`, ""]);
}

function row(what: string, is: string, by: WhyPart | undefined): Row {
  return [what, is, by ? partText(by) : ""];
}

/** file:line:column first, as editors follow it. */
function partText({ object: { kind, namespace, name }, field, position, origin }: WhyPart): string {
  const where = position ? `${position.file ?? "input"}:${position.line}:${position.column}` : origin;
  return `${where === undefined ? "" : `${where} `}${kind} ${namespace}/${name} ${field}`;
}
