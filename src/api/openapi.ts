/** The API's description as data (OpenAPI 3.1): what routes/ serves, in the order a reader asks. */

type Schema = Readonly<Record<string, unknown>>;

const string: Schema = { type: "string" };
const integer: Schema = { type: "integer" };
const boolean: Schema = { type: "boolean" };
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: Schema): Schema => ({ type: "array", items });
const map = (values: Schema): Schema => ({ type: "object", additionalProperties: values });

function object(properties: Readonly<Record<string, Schema>>, required = Object.keys(properties)): Schema {
  return { type: "object", properties, required };
}

type Parameters = Readonly<Record<string, { readonly description: string; readonly schema?: Schema }>>;

interface Operation {
  readonly summary: string;
  readonly query?: Parameters;
  readonly headers?: Parameters;
  readonly body?: Readonly<Record<string, Schema>>;
  /** Media type → schema of the answer. */
  readonly answer: Readonly<Record<string, Schema>>;
  readonly status?: 200 | 201;
}

const json = (schema: Schema): Readonly<Record<string, Schema>> => ({ "application/json": schema });
const events = { "text/event-stream": string };
const dryRun = { description: "check everything, store nothing", schema: boolean };
const namespaceDefault = { description: "namespace of documents that name none" };
const atLeast = { description: "a revision: the answer is not older" };

const documents = {
  "application/yaml": { ...string, description: "one or many documents" },
  "application/json": { description: "one document, a List, or many as YAML" },
  "application/vnd.weft.apply+json": object({ files: list(object({ name: string, text: string })) }),
};

const idempotencyKey = {
  "idempotency-key": { description: "the caller's own; repeated under it, at any node, the call is done once" },
};
const preconditions = {
  "if-match": { description: "a generation in quotes: refused (412) unless the object stands there" },
  "if-none-match": { description: "*: refused (412) if the object exists" },
};

const listQuery = {
  namespace: { description: "all of them when left out" },
  selector: { description: "labels: app=reviews,version!=v1" },
  atLeast,
};

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/v1/apply": {
    post: {
      summary: "Apply objects: all of them as one revision, or none. Every mistake is answered at once (422).",
      query: { dryRun, namespace: namespaceDefault },
      headers: idempotencyKey,
      body: documents,
      answer: json(ref("Applied")),
    },
  },
  "/v1/delete": {
    post: {
      summary: "Delete the named objects, or those of the documents, as one revision.",
      query: { dryRun, namespace: namespaceDefault },
      body: { ...documents, "application/vnd.weft.refs+json": object({ refs: list(ref("Ref")) }) },
      answer: json(ref("Deleted")),
    },
  },
  "/v1/resources": { get: { summary: "All objects.", query: listQuery, answer: json(ref("Objects")) } },
  "/v1/resources/{kind}": {
    get: {
      summary: "Objects of a kind, or of several: vs,dr; services and workloads too.",
      query: listQuery,
      answer: json(ref("Objects")),
    },
  },
  "/v1/resources/{kind}/{namespace}/{name}": {
    get: { summary: "One object.", query: { atLeast }, answer: json(ref("Object")) },
    put: {
      summary: "Apply one document.",
      headers: { ...idempotencyKey, ...preconditions },
      body: { "application/yaml": string },
      answer: json(ref("Applied")),
    },
    delete: { summary: "Delete one object.", answer: json(ref("Deleted")) },
  },
  "/v1/endpoints/{namespace}/{service}": {
    get: { summary: "What every source says of a service.", answer: json({ type: "object" }) },
    put: {
      summary: "Replace the whole set of endpoints that one source knows of a service.",
      query: { source: { description: 'who says so ("api")' } },
      headers: idempotencyKey,
      body: json(ref("EndpointSet")),
      answer: json(object({ token: string, warnings: list(ref("Problem")) })),
    },
  },
  "/v1/wait": {
    get: {
      summary: "Answers once every connected proxy concerned has acknowledged a revision, refused it, or time is up.",
      query: {
        revision: { description: "what a write answered; without it and a token: the newest of both" },
        endpoints: { description: "token that a PUT of endpoints answered" },
        timeoutMs: { description: "30000 unless given", schema: integer },
      },
      answer: json(
        object(
          {
            kind: { enum: ["distributed", "refused", "held", "pending"] },
            revision: { ...string, description: "waited for; absent when only a token was asked for" },
            endpointsToken: { ...string, description: "waited for; absent when only a revision was asked for" },
            proxies: { description: "distributed: how many; pending: which" },
            refusals: list(object({ proxy: string, type: string, message: string })),
            holds: list(ref("Hold")),
          },
          ["kind"],
        ),
      ),
    },
  },
  "/v1/watch": {
    get: {
      summary: "Changes as they are committed: position, and object, workload, endpoints with what each is now.",
      answer: events,
    },
  },
  "/v1/proxies": {
    get: {
      summary: "What each proxy has acknowledged. Nodes that do not answer are named in the header weft-silent-nodes.",
      answer: json(list({ type: "object" })),
    },
  },
  "/v1/proxies/{proxy}/config": {
    get: {
      summary: "What a proxy is told, by section.",
      query: { section: { description: "cluster, listener, route, endpoint, secret or all" } },
      answer: json(object({ proxy: string, meshd: string, config: map(list({ type: "object" })) })),
    },
  },
  "/v1/proxies/{proxy}/why": {
    post: {
      summary: "What a workload's proxy does with a request, and which part of which object made it so.",
      body: json(object({ method: string, url: string, headers: list(string) }, ["method", "url"])),
      answer: json({ type: "object" }),
    },
  },
  "/v1/members": { get: { summary: "The nodes of the control plane.", answer: json(list({ type: "object" })) } },
  "/v1/topology": {
    get: { summary: "Who calls whom, from the proxies' own counts.", answer: json({ type: "object" }) },
  },
  "/v1/topology/events": { get: { summary: "The same, each second.", answer: events } },
  "/v1/check": { get: { summary: "What this node finds well or broken.", answer: json(list({ type: "object" })) } },
  "/v1/freeze": {
    get: { summary: "Whether the mesh is frozen, and what is held at this node.", answer: json(ref("Frozen")) },
    put: {
      summary: "Freeze: what is applied from now on is stored and reaches no proxy; endpoints go on unless asked.",
      body: json(object({ reason: string, endpoints: boolean }, [])),
      answer: json(ref("Frozen")),
    },
    delete: { summary: "Lift the freeze: what waited goes.", answer: json(ref("Frozen")) },
  },
  "/v1/freeze/release": {
    post: { summary: "Let go what the brake holds now.", answer: json(ref("Frozen")) },
  },
  "/v1/tokens": {
    post: {
      summary: "A token with which one host joins.",
      body: json(object({ ttlMs: integer, hostName: string }, [])),
      answer: json(object({ token: string, id: string, expiresAtMs: integer })),
      status: 201,
    },
  },
  "/v1/backup": {
    post: {
      summary:
        "Everything that is declared, the authority's sealed keys and the hosts, sealed with the key that is sent.",
      body: json(object({ key: string, derivation: { type: "object" } })),
      answer: { "application/vnd.weft.backup": string },
    },
  },
  "/v1/restore": {
    post: {
      summary: "Puts a backup in the place of what is there, in one step; header weft-backup-key: the file's key.",
      query: {
        force: { description: "also when there is something", schema: boolean },
        newAuthority: { description: "leave the backup's certificate authority out", schema: boolean },
        dryRun,
      },
      body: { "application/vnd.weft.backup": string },
      answer: json(
        object({ manifest: { type: "object" }, revision: string, records: integer, warnings: list(string) }),
      ),
    },
  },
  "/healthz": { get: { summary: "Whether the process lives.", answer: json({ type: "object" }) } },
  "/readyz": { get: { summary: "Whether it can do its work (503 when not).", answer: json({ type: "object" }) } },
  "/metrics": { get: { summary: "Prometheus metrics.", answer: { "text/plain": string } } },
};

const objectRef = { kind: string, namespace: string, name: string };

const schemas: Readonly<Record<string, Schema>> = {
  Ref: object(objectRef),
  Object: object({ apiVersion: string, kind: string, metadata: { type: "object" }, spec: { type: "object" } }, [
    "apiVersion",
    "kind",
    "metadata",
  ]),
  Objects: object({ revision: string, items: list(ref("Object")) }),
  Applied: object({
    revision: string,
    applied: list(
      object({
        ...objectRef,
        generation: integer,
        result: { enum: ["created", "configured", "unchanged", "ignored"] },
      }),
    ),
    warnings: list(ref("Problem")),
  }),
  Deleted: object({
    revision: string,
    deleted: list(object({ ...objectRef, result: { enum: ["deleted", "not-found"] } })),
  }),
  EndpointSet: object({
    ports: list(object({ name: string, port: integer, protocol: string })),
    endpoints: list(
      object(
        {
          id: string,
          address: string,
          ports: map(integer),
          health: { enum: ["healthy", "unhealthy", "draining"] },
          weight: integer,
          locality: string,
          network: string,
          labels: map(string),
          serviceAccount: string,
        },
        ["id", "address", "ports"],
      ),
    ),
  }),
  Problem: object(
    {
      code: string,
      severity: { enum: ["error", "warning", "info"] },
      position: object({ file: string, line: integer, column: integer }, ["line", "column"]),
      object: string,
      field: string,
      message: string,
    },
    ["code", "severity", "message"],
  ),
  Hold: object({
    reason: { enum: ["frozen", "drop", "missing", "quarantined"] },
    changes: integer,
    message: string,
    next: string,
  }),
  Frozen: object(
    {
      revision: { ...string, description: "of the change" },
      frozen: boolean,
      freeze: object({ who: string, reason: string, since: string, revision: string, endpoints: boolean }),
      holds: list(ref("Hold")),
    },
    ["frozen", "holds"],
  ),
  ProblemDetails: object(
    { type: string, title: string, status: integer, code: string, detail: string, problems: list(ref("Problem")) },
    ["type", "title", "status", "code", "detail"],
  ),
};

export function openApiDocument(): object {
  return {
    openapi: "3.1.0",
    info: { title: "Weft", version: "1", description: "A service mesh's control plane." },
    paths: Object.fromEntries(Object.entries(operations).map(([path, methods]) => [path, pathItem(path, methods)])),
    components: { schemas },
  };
}

function pathItem(path: string, methods: Readonly<Record<string, Operation>>): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: string }));
  return Object.fromEntries(
    Object.entries(methods).map(([method, operation]) => [
      method,
      {
        summary: operation.summary,
        parameters: [...inPath, ...given("query", operation.query), ...given("header", operation.headers)],
        ...(operation.body && { requestBody: { required: true, content: contentOf(operation.body) } }),
        responses: {
          [operation.status ?? 200]: { description: "done", content: contentOf(operation.answer) },
          default: {
            description: "RFC 9457 problem details; `code` is stable",
            content: contentOf({ "application/problem+json": ref("ProblemDetails") }),
          },
        },
      },
    ]),
  );
}

function given(place: "query" | "header", parameters: Parameters = {}): readonly object[] {
  return Object.entries(parameters).map(([name, { description, schema = string }]) => ({
    name,
    in: place,
    description,
    schema,
  }));
}

function contentOf(schemaByType: Readonly<Record<string, Schema>>): object {
  return Object.fromEntries(Object.entries(schemaByType).map(([type, schema]) => [type, { schema }]));
}
