/** examples/bookinfo and examples/hello on a live mesh: each file does what examples/README.md says of it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { Mesh } from "../support/mesh.ts";
import { meshctlInside } from "../support/meshctl_inside.ts";
import { type Answer, countBy, type RequestOptions, send, sendMany } from "../support/requests.ts";
import { Workloads } from "../support/workload.ts";

const sample = 400;
/** Of a share of the sample: five times its standard deviation at most, so that a sound mesh fails once in a million. */
const points = 0.125;

let mesh: Mesh;
let ingress: string;

before(async () => {
  mesh = await Mesh.start();
  ingress = new URL(mesh.ready.ingress).host;
});

after(() => mesh?.remove());

async function apply(...files: readonly string[]): Promise<void> {
  await meshctlInside(mesh, ["apply", ...files.flatMap((file) => ["-f", `examples/${file}.yaml`])]);
  await meshctlInside(mesh, ["wait", "--for=distributed"]);
}

async function remove(...words: readonly string[]): Promise<void> {
  await meshctlInside(mesh, ["delete", ...words]);
  await meshctlInside(mesh, ["wait", "--for=distributed"]);
}

/** Who got which share of the requests. */
async function assertShares(
  options: RequestOptions,
  who: (answer: Answer) => string,
  wanted: Readonly<Record<string, number>>,
): Promise<void> {
  const counts = countBy(await sendMany(options, sample), who);
  const shares = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / sample]));
  const told = `${JSON.stringify(shares)}, not ${JSON.stringify(wanted)}`;
  for (const name of Object.keys(shares)) assert.ok(name in wanted, told);
  for (const [name, share] of Object.entries(wanted)) {
    const off = Math.abs((shares[name] ?? 0) - share);
    assert.ok(share === 0 || share === 1 ? off === 0 : off <= points, told);
  }
}

async function timed<T>(work: Promise<T>): Promise<readonly [T, number]> {
  const before = performance.now();
  const result = await work;
  return [result, performance.now() - before];
}

// They share nothing but the mesh, and one of them waits for seconds.
describe("examples", { concurrency: true }, () => {
  describe("bookinfo", { concurrency: false }, () => {
    /** The page, signed in as `user`. */
    function page(user?: string): Promise<Answer> {
      return send({
        via: ingress,
        path: "/productpage",
        headers: user === undefined ? {} : { cookie: `user=${user}` },
      });
    }

    async function assertPage(
      user: string | undefined,
      version: string,
      stars: "black" | "red" | "none",
    ): Promise<void> {
      const { status, body } = await page(user);
      assert.equal(status, 200);
      assert.equal(/served by reviews (v\d)/.exec(body)?.[1], version);
      assert.equal(/color:(black|red)">★/.exec(body)?.[1] ?? "none", stars);
    }

    function assertReviews(wanted: Readonly<Record<string, number>>): Promise<void> {
      const via = mesh.workload("productpage-v1").outbound ?? "";
      return assertShares(
        { via, host: "reviews:9080", path: "/reviews/0" },
        ({ status, body }) => (status === 200 ? JSON.parse(body).version : String(status)),
        wanted,
      );
    }

    test("gateway, destination-rule-all: the page from outside, and nothing that is not the page's", async () => {
      await apply("bookinfo/gateway", "bookinfo/destination-rule-all");
      assert.equal((await page()).status, 200);
      assert.equal((await send({ via: ingress, path: "/api/v1/products" })).status, 200);
      assert.equal((await send({ via: ingress, path: "/health" })).status, 404);
    });

    test("virtual-service-all-v1: v1 alone, and no stars", async () => {
      await apply("bookinfo/virtual-service-all-v1");
      for (let time = 0; time < 10; time++) await assertPage(undefined, "v1", "none");
      await assertReviews({ v1: 1 });
    });

    test("virtual-service-reviews-test-v2: jason has v2 and black stars, the others v1", async () => {
      await apply("bookinfo/virtual-service-reviews-test-v2");
      for (let time = 0; time < 5; time++) {
        await assertPage("jason", "v2", "black");
        await assertPage("other", "v1", "none");
        await assertPage(undefined, "v1", "none");
      }
    });

    test("virtual-service-ratings-test-delay: seven seconds for jason, whose page does not wait that long", async () => {
      await apply("bookinfo/virtual-service-ratings-test-delay");
      const ratings = { via: mesh.workload("reviews-v2").outbound ?? "", host: "ratings:9080", path: "/ratings/0" };
      const [[slow, slowMs], [quick, quickMs], [failed, failedMs], other] = await Promise.all([
        timed(send({ ...ratings, headers: { "end-user": "jason" } })),
        timed(send(ratings)),
        timed(page("jason")),
        page("other"),
      ]);
      assert.equal(slow.status, 200);
      assert.ok(slowMs >= 6_995, `${slowMs} ms`);
      assert.equal(quick.status, 200);
      assert.ok(quickMs < 7_000, `${quickMs} ms`);
      assert.match(failed.body, /class="error">(reviews|ratings) answered 502/);
      assert.ok(failedMs < 7_000, `${failedMs} ms`);
      assert.equal(other.status, 200);
    });

    test("virtual-service-ratings-test-abort: jason's page comes at once, and says that it has no ratings", async () => {
      await apply("bookinfo/virtual-service-ratings-test-abort");
      const { status, body } = await page("jason");
      assert.equal(status, 200);
      assert.match(body, /served by reviews v2/);
      assert.match(body, /ratings answered 500/);
      await assertPage("other", "v1", "none");
      await apply("bookinfo/virtual-service-all-v1");
      assert.doesNotMatch((await page("jason")).body, /answered/);
    });

    for (const [name, wanted] of [
      ["50-v3", { v1: 0.5, v3: 0.5 }],
      ["80-20", { v1: 0.8, v2: 0.2 }],
      ["90-10", { v1: 0.9, v2: 0.1 }],
      ["v2-v3", { v2: 0.5, v3: 0.5 }],
      ["v3", { v3: 1 }],
    ] as const) {
      test(`virtual-service-reviews-${name}: ${JSON.stringify(wanted)}`, async () => {
        await apply(`bookinfo/virtual-service-reviews-${name}`);
        await assertReviews(wanted);
      });
    }

    test("virtual-service-reviews-jason-v2-v3: jason's stars are black, the others' red", async () => {
      await apply("bookinfo/virtual-service-reviews-jason-v2-v3");
      await assertPage("jason", "v2", "black");
      await assertPage(undefined, "v3", "red");
    });

    test("destination-rule-reviews: without a VirtualService any version, and the subsets are as they were", async () => {
      await apply("bookinfo/destination-rule-reviews", "bookinfo/virtual-service-reviews-v2-v3");
      await assertReviews({ v2: 0.5, v3: 0.5 });
      await remove("virtualservice", "reviews");
      await assertReviews({ v1: 1 / 3, v2: 1 / 3, v3: 1 / 3 });
    });
  });

  describe("hello", { concurrency: false }, () => {
    const applications = new Map<string, Echo>();
    let workloads: Workloads;
    let outbound: string;

    before(async () => {
      workloads = new Workloads(mesh);
      const start = async (version: string): Promise<void> => {
        const application = await startHttpEcho({ "x-by": version });
        applications.set(version, application);
        const ports = [{ name: "http", port: 80, appPort: application.port }];
        await workloads.sidecar({ service: "hello", labels: { version }, ports });
      };
      const [client] = await Promise.all([workloads.sidecar({ service: "curl" }), start("v1"), start("v2")]);
      outbound = client.outbound;
      await apply("hello/destination-rule");
    });

    after(async () => {
      await workloads?.stop();
      for (const application of applications.values()) application.close();
    });

    function hello(headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
      return send({ via: outbound, host: "hello", path: "/hello", headers });
    }

    function by({ status, headers }: Answer): string {
      return status === 200 ? String(headers["x-by"]) : String(status);
    }

    for (const [name, wanted] of [
      ["90-10", { v1: 0.9, v2: 0.1 }],
      ["50-50", { v1: 0.5, v2: 0.5 }],
      ["0-100", { v2: 1 }],
    ] as const) {
      test(`canary-${name}: ${JSON.stringify(wanted)}`, async () => {
        await apply(`hello/canary-${name}`);
        await assertShares({ via: outbound, host: "hello", path: "/hello" }, by, wanted);
      });
    }

    test("by-header: v2 for who asks for the canary, v1 for the others", async () => {
      await apply("hello/by-header");
      for (let time = 0; time < 5; time++) {
        assert.equal(by(await hello({ "x-canary": "true" })), "v2");
        assert.equal(by(await hello({ "x-canary": "false" })), "v1");
        assert.equal(by(await hello()), "v1");
      }
    });

    test("delay: two seconds for who asks for them", async () => {
      await apply("hello/delay");
      const [[slow, slowMs], [quick, quickMs]] = await Promise.all([
        timed(hello({ "x-test": "delay" })),
        timed(hello()),
      ]);
      assert.deepEqual([by(slow), by(quick)], ["v1", "v1"]);
      assert.ok(slowMs >= 1_995 && quickMs < 1_995, `${slowMs} ms, ${quickMs} ms`);
    });

    test("abort: three of ten are 503", async () => {
      await apply("hello/abort");
      await assertShares({ via: outbound, host: "hello", path: "/hello" }, by, { v1: 0.7, 503: 0.3 });
    });

    test("mirror: v1 answers, v2 is sent as many copies", async () => {
      await apply("hello/mirror");
      const canary = applications.get("v2") ?? assert.fail("there is no v2");
      canary.takeReached();
      await assertShares({ via: outbound, host: "hello", path: "/hello" }, by, { v1: 1 });
      const first = canary.takeReached();
      assert.ok(first.every(({ headers }) => headers.includes("hello-shadow")));
      let copies = first.length;
      // They may come after the answers.
      for (let tries = 0; copies < sample && tries < 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        copies += canary.takeReached().length;
      }
      assert.equal(copies, sample);
    });

    test("gateway: hello.example.com from outside, beside bookinfo's page", async () => {
      await apply("hello/gateway");
      const outside = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
        send({ via: ingress, host: "hello.example.com", path, headers });
      assert.equal(by(await outside("/hello")), "v1");
      assert.equal(by(await outside("/hello", { "x-canary": "true" })), "v2");
      assert.equal((await outside("/other")).status, 404);
      assert.equal((await outside("/productpage")).status, 404);
      assert.equal((await send({ via: ingress, path: "/productpage" })).status, 200);
    });
  });
});
