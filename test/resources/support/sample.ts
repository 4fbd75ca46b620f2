/** Values that a schema takes, made from the schema itself: one with every field, and arbitrary ones. */
import fc from "fast-check";
import type { FormatName } from "../../../src/resources/schema/format.ts";
import { groupsOf, type OneOf, type Schema } from "../../../src/resources/schema/type.ts";

/** Some good values of every form of text; a new form does not compile until it has some. */
export const good: Readonly<Record<FormatName, readonly [string, ...string[]]>> = {
  text: ["reviews", "", "x: y # z", "ünïcode", "on", "0123", "null", "- a", "{}", "'", '"', "a\u00a0b"],
  name: ["reviews", "a.b-c"],
  label: ["reviews", "x1"],
  serviceAccount: ["reviews", "build.robot"],
  subsetName: ["v1", "Blue"],
  portName: ["http", "grpc-x"],
  host: ["reviews", "*.example.com", "*", "a.b.", "Reviews.Default.svc.cluster.local"],
  destinationHost: ["reviews", "reviews.default", "example.com"],
  routedHost: ["reviews", "b.example.com", "10.0.0.1"],
  entryHost: ["api.example.com", "*.example.com", "Legacy"],
  fullHost: ["db.example.com"],
  entryAddress: ["10.0.0.1", "10.0.0.0/8", "::1"],
  endpointAddress: ["10.0.0.1", "::1", "db.example.com"],
  spiffeId: ["spiffe://cluster.local/ns/shop/sa/cart"],
  gatewayHost: ["*", "ns/*.example.com", "./a.example.com", "*/b.example.com"],
  sniHost: ["reviews", "b.example.com"],
  egressHost: ["*/*", "./*", "~/*", "shop/*.shop.svc.cluster.local", "mesh-system/Reviews.Shop.svc.cluster.local"],
  gatewayRef: ["mesh", "edge", "other/edge"],
  exportTo: [".", "shop", "*"],
  labelKey: ["app", "example.com/tier", "constructor", "a_b.c"],
  labelValue: ["reviews", "", "V_1.x"],
  annotationValue: ["anything\nat all", ""],
  setHeader: ["x-user", "Host", ":authority"],
  changedHeader: ["x-user", "Via"],
  headerValue: ["reviews", "100%%", "%REQ(x-user)%-%PROTOCOL%", ""],
  responseBody: ["sorry", "", "two\nlines", "ünïcode"],
  queryName: ["page", "q[]"],
  cookieName: ["user", "__Host-x.y"],
  cookieAttribute: ["Strict", "a=b, c"],
  cookiePath: ["/", "/shop/a b"],
  headerName: ["x-user", "constructor", "toString"],
  regex: ["a.*b", "[0-9]+", "(?i)x|y"],
  urlPath: ["/healthz", "/a?b=c"],
  grpcService: ["shop.Cart", "Cart"],
  prefix: ["/api", "#x"],
  retryOn: ["5xx,503", "connect-failure,refused-stream"],
  port: ["8080", "1"],
  policyPort: ["8080", "0"],
  policyValue: ["*", "a*", "*b", "cluster.local/ns/x/sa/y"],
  policyPath: ["/x", "/y/*", "*.html", "*"],
  gatewayProtocol: ["HTTP", "http2", "GRPC"],
  filePath: ["/etc/certs/tls.crt", "/a b"],
  cipherSuite: ["ECDHE-RSA-AES128-GCM-SHA256"],
  protocol: ["http", "tcp"],
  ip: ["10.0.0.1", "::1"],
  applicationAddress: ["127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080", "[::]:8080", "unix:///run/shop/cart.sock"],
  listenAddress: ["127.0.0.1:80", "[::1]:8080"],
  serviceRef: ["reviews", "reviews.shop"],
  serviceHost: ["reviews", "reviews.shop", "reviews.shop.svc.cluster.local"],
  serverName: ["example.com", "reviews"],
  subjectAltName: ["example.com", "*.example.com", "10.0.0.1", "spiffe://other/ns/x/sa/y"],
  localityPattern: ["eu/a", "eu/*", "*", "eu", "eu/a/*"],
  priorityLabel: ["version", "example.com/tier=gold", "topology.istio.io/network", "version="],
  region: ["eu", "us-west.1"],
  locality: ["eu/a", "eu", ""],
  workloadName: ["reviews-v1.default", "a.b"],
  endpointId: ["e1", "10.0.0.1:80"],
};

/** A value with every supported field; of fields that exclude each other, the first. */
export function fullSample(schema: Schema): unknown {
  switch (schema.type) {
    case "object": {
      const left = groupsOf(schema).flatMap(({ fields }) => fields.slice(1));
      const fields = Object.entries(schema.fields).filter(
        ([name, field]) => field.type !== "unsupported" && !left.includes(name),
      );
      return Object.fromEntries(fields.map(([name, field]) => [name, fullSample(field)]));
    }
    case "list":
      return [fullSample(schema.items)];
    case "map":
      return { [good[schema.keys][0]]: fullSample(schema.values) };
    case "string":
      return good[schema.format][0];
    case "enum":
      return Object.keys(schema.values)[0];
    case "integer":
    case "number":
      return Math.max(schema.min, 1);
    case "duration":
      return "1s";
    case "boolean":
      return true;
    case "unsupported":
      return undefined;
  }
}

export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "object":
      return arbitraryObject(schema);
    case "list":
      return fc.array(arbitraryOf(schema.items), { minLength: schema.minItems ?? 0, maxLength: 2 });
    case "map":
      return fc
        .uniqueArray(fc.tuple(fc.constantFrom(...good[schema.keys]), arbitraryOf(schema.values)), {
          minLength: schema.minItems ?? 0,
          maxLength: 2,
          selector: ([key]) => key,
        })
        .map((entries) => Object.fromEntries(entries));
    case "string":
      return fc.constantFrom(...good[schema.format]);
    case "enum":
      return fc.constantFrom(...Object.keys(schema.values));
    case "number":
      return fc.integer({ min: 10 * schema.min, max: 10 * schema.max }).map((tenths) => tenths / 10);
    case "integer":
      return fc.integer({ min: schema.min, max: Math.min(schema.max, 2_000_000) });
    case "duration":
      return fc.constantFrom("1s", "250ms", "1h30m", "1.5s");
    case "boolean":
      return fc.boolean();
    case "unsupported":
      throw new Error("no value is good");
  }
}

function arbitraryObject(schema: Extract<Schema, { type: "object" }>): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.fields).filter(([, field]) => field.type !== "unsupported");
  const groups = groupsOf(schema);
  const isSupported = (name: string): boolean => fields.some(([known]) => known === name);
  const choiceOf = ({ fields: names, required }: OneOf): fc.Arbitrary<string | undefined> =>
    fc.constantFrom(...names.filter(isSupported), ...(required ? [] : [undefined]));
  return fc
    .tuple(...groups.map(choiceOf))
    .chain((chosen) => {
      const isLeft = (name: string): boolean => groups.some((group) => group.fields.includes(name));
      const taken = fields.filter(([name]) => chosen.includes(name) || !isLeft(name));
      const required = taken.filter(([name, field]) => field.required || chosen.includes(name)).map(([name]) => name);
      return fc.record(Object.fromEntries(taken.map(([name, field]) => [name, arbitraryOf(field)])), {
        requiredKeys: required,
      });
    })
    .filter((value) => !schema.notEmpty || Object.keys(value).length > 0);
}
