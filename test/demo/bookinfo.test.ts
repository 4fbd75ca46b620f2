import assert from "node:assert/strict";
import { Agent, createServer, get, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { type AppName, appHandler } from "../../src/demo/bookinfo.ts";
import { serve, stopServing, text } from "../../src/demo/server.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const open: Server[] = [];
const outbound = process.env.MESH_OUTBOUND;

afterEach(async () => {
  if (outbound === undefined) delete process.env.MESH_OUTBOUND;
  else process.env.MESH_OUTBOUND = outbound;
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function app(name: AppName, version = "v1"): Promise<number> {
  const server = await serve(0, appHandler(name, version));
  open.push(server);
  return portOf(server);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Stands for the sidecar: takes requests in absolute form and hands them to the app that the Host names. */
async function sidecar(apps: Readonly<Record<string, number>>): Promise<{ readonly seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    const port = apps[request.headers.host ?? ""];
    const { pathname } = new URL(request.url ?? "");
    if (port === undefined) return void response.writeHead(503).end("no healthy upstream");
    get({ host: "127.0.0.1", port, path: pathname, headers: request.headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 0);
      answer.pipe(response);
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.MESH_OUTBOUND = `http://127.0.0.1:${portOf(server)}`;
  return { seen };
}

function fetchPage(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  agent: Agent | false = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers, agent }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    }).on("error", reject);
  });
}

test("the page shows details and the reviews of the version that answered", async () => {
  const ratings = await app("ratings");
  const [details, reviews] = [await app("details"), await app("reviews", "v3")];
  await sidecar({ "details:9080": details, "reviews:9080": reviews, "ratings:9080": ratings });

  const page = await fetchPage(await app("productpage"), "/productpage");

  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"] ?? "", /text\/html/);
  assert.match(page.body, /William Shakespeare/);
  assert.match(page.body, /served by reviews v3/);
  assert.match(page.body, /color:red">★★★★★/);
});

test("reviews v1 asks no ratings and shows no stars; v2's are black", async () => {
  const { seen } = await sidecar({ "ratings:9080": await app("ratings") });

  const v1 = await fetchPage(await app("reviews", "v1"), "/reviews/0");
  const askedByV1 = seen.length;
  const v2 = await fetchPage(await app("reviews", "v2"), "/reviews/0");

  assert.doesNotMatch(v1.body, /stars/);
  assert.equal(askedByV1, 0);
  assert.match(v2.body, /"color":"black"/);
});

test("a neighbour that fails makes the page fail, and the page says which", async () => {
  await sidecar({ "details:9080": await app("details") });

  const page = await fetchPage(await app("productpage"), "/productpage");

  assert.equal(page.status, 502);
  assert.match(page.body, /reviews answered 503/);
  assert.match(page.body, /William Shakespeare/);
});

test("a sidecar that cannot be reached is a 502 with the reason", async () => {
  process.env.MESH_OUTBOUND = "http://127.0.0.1:1";

  const answer = await fetchPage(await app("productpage"), "/api/v1/products/0");

  assert.equal(answer.status, 502);
  assert.match(answer.body, /details:9080: .*ECONNREFUSED/);
});

test("trace headers are handed on with the Host as the user wrote it", async () => {
  const { seen } = await sidecar({ "details:9080": await app("details") });
  const trace = { "x-request-id": "r-1", traceparent: "00-a-b-01", b3: "a-b-1", "x-other": "stays" };

  await fetchPage(await app("productpage"), "/api/v1/products/0", trace);

  const [call] = seen;
  assert.equal(call?.headers.host, "details:9080");
  assert.equal(call?.headers["x-request-id"], "r-1");
  assert.equal(call?.headers.traceparent, "00-a-b-01");
  assert.equal(call?.headers.b3, "a-b-1");
  assert.equal(call?.headers["x-other"], undefined);
});

test("login takes only a name, and the name is on the page", async () => {
  await sidecar({});
  const port = await app("productpage");

  const login = await fetchPage(port, "/login?username=jason");
  const hostile = await fetchPage(port, "/login?username=%3Cscript%3E");
  const page = await fetchPage(port, "/productpage", { cookie: "user=jason" });

  assert.equal(login.status, 302);
  assert.match(String(login.headers["set-cookie"]), /^user=jason;/);
  assert.doesNotMatch(String(hostile.headers["set-cookie"]), /script/);
  assert.match(page.body, /signed in as jason/);
});

test("what is not there is 404, in every app", async () => {
  for (const name of ["productpage", "details", "reviews", "ratings"] as const) {
    assert.equal((await fetchPage(await app(name), "/nothing/here")).status, 404, name);
  }
});

test("a server that stops answers what it has begun, ends the kept connection, and then is gone", async () => {
  let answer: (() => void) | undefined;
  const begun = Promise.withResolvers<void>();
  const server = await serve(0, async () => {
    await new Promise<void>((resolve) => {
      answer = resolve;
      begun.resolve();
    });
    return text("finished", 200);
  });
  const port = portOf(server);
  const pending = fetchPage(port, "/", {}, new Agent({ keepAlive: true }));
  await begun.promise;

  const stopped = stopServing(server);
  answer?.();

  assert.equal((await pending).body, "finished\n");
  await stopped;
  await assert.rejects(fetchPage(port, "/"), /ECONNREFUSED/);
});
