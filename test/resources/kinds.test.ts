/** What each kind refuses and warns of beyond its fields' types. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResources } from "../../src/resources/parse.ts";
import { document } from "./support/reading.ts";

interface Case {
  readonly spec: string;
  /** "CODE field" of each problem, in order. */
  readonly told: readonly string[];
}

function check(kind: string, cases: Readonly<Record<string, Case>>): void {
  for (const [name, { spec, told }] of Object.entries(cases)) {
    test(`${kind}: ${name}`, () => {
      const { problems } = parseResources({ text: document(kind, spec) });
      assert.deepEqual(
        problems.map(({ code, field }) => `${code} ${field}`),
        told,
        JSON.stringify(problems, undefined, 1),
      );
    });
  }
}

const to = "route: [{destination: {host: a}}]";

check("VirtualService", {
  "connections by who the caller is": {
    spec: `hosts: [a]
gateways: [g, mesh]
tcp: [{match: [{sourceLabels: {app: b}, sourceNamespace: istio-system}], ${to}}]
tls: [{match: [{sniHosts: [a], sourceLabels: {app: b}, sourceNamespace: c}], ${to}}]`,
    told: ["MSH1333 spec.tls", "MSH1108 spec.tcp[0].match[0].sourceNamespace"],
  },
  "connections by addresses": {
    spec: `hosts: [a]
tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], ${to}}]
tls: [{match: [{sniHosts: [a], destinationSubnets: [10.0.0.1]}], ${to}}]`,
    told: ["MSH1202 spec.tcp[0].match[0].destinationSubnets", "MSH1202 spec.tls[0].match[0].destinationSubnets"],
  },
  "nothing to route": { spec: "hosts: [a]", told: ["MSH1334 spec"] },
  "no hosts, so that others delegate to it, with a gateway and a delegate of its own": {
    spec: `gateways: [g]\nhttp: [{match: [{uri: {prefix: /a}}], delegate: {name: b}}, {${to}}]`,
    told: ["MSH1315 spec.gateways", "MSH1315 spec.http[0].delegate"],
  },
  "an empty list of routes": { spec: "hosts: [a]\nhttp: []", told: ["MSH1210 spec.http"] },
  "a route without destinations": { spec: "hosts: [a]\nhttp: [{route: []}]", told: ["MSH1210 spec.http[0].route"] },
  "a null item": { spec: `hosts: [a]\nhttp:\n  -\n  - ${to}`, told: ["MSH1211 spec.http[0]"] },
  "a host that another covers": {
    spec: `hosts: ['*.shop.com', a.shop.com]\nhttp: [{${to}}]`,
    told: ["MSH1302 spec.hosts[1]"],
  },
  "a host twice": { spec: `hosts: [a, A]\nhttp: [{${to}}]`, told: ["MSH1302 spec.hosts[1]"] },
  "two ways to match a path": {
    spec: `hosts: [a]\nhttp: [{match: [{uri: {exact: /, prefix: /}}], ${to}}]`,
    told: ["MSH1209 spec.http[0].match[0].uri"],
  },
  "a header without a match": {
    spec: `hosts: [a]\nhttp: [{match: [{headers: {x: }}], ${to}}]`,
    told: ["MSH1211 spec.http[0].match[0].headers.x"],
  },
  "weights of 0": {
    spec: "hosts: [a]\nhttp: [{route: [{destination: {host: a}}, {destination: {host: b}, weight: 0}]}]",
    told: ["MSH1303 spec.http[0].route"],
  },
  "a weight below 0": {
    spec: "hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: -1}]}]",
    told: ["MSH1206 spec.http[0].route[0].weight"],
  },
  "odd weights are taken": {
    spec: "hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: 7}, {destination: {host: b}, weight: 2}]}]",
    told: [],
  },
  "retries without attempts": {
    spec: `hosts: [a]\nhttp: [{${to}, retries: {perTryTimeout: 1s}}]`,
    told: ["MSH1304 spec.http[0].retries"],
  },
  "no retries at all are fine": { spec: `hosts: [a]\nhttp: [{${to}, retries: {attempts: 0}}]`, told: [] },
  "an unknown retry condition": {
    spec: `hosts: [a]\nhttp: [{${to}, retries: {attempts: 1, retryOn: '5xx, reset'}}]`,
    told: ["MSH1207 spec.http[0].retries.retryOn"],
  },
  "a timeout of 0 is none; a try without time is refused": {
    spec: `hosts: [a]\nhttp: [{${to}, timeout: 0s, retries: {attempts: 1, perTryTimeout: 0s}}]`,
    told: ["MSH1208 spec.http[0].retries.perTryTimeout"],
  },
  "a timeout without unit": { spec: `hosts: [a]\nhttp: [{${to}, timeout: 3}]`, told: ["MSH1203 spec.http[0].timeout"] },
  "a route behind one that takes all": {
    spec: `hosts: [a]\nhttp: [{${to}}, {match: [{uri: {exact: /}}], ${to}}]`,
    told: ["MSH1314 spec.http[1]"],
  },
  "a method in lower case never matches": {
    spec: `hosts: [a]\nhttp: [{match: [{method: {exact: get}}], ${to}}]`,
    told: ["MSH1313 spec.http[0].match[0].method"],
  },
  "headers that have fields of their own are ignored": {
    spec: `hosts: [a]\nhttp: [{match: [{headers: {method: {exact: GET}, x-a: {}}, withoutHeaders: {Authority: {}}}], ${to}}]`,
    told: ["MSH1319 spec.http[0].match[0].headers.method", "MSH1319 spec.http[0].match[0].withoutHeaders.Authority"],
  },
  "exportTo that contradicts itself": {
    spec: `hosts: [a]\nexportTo: ['.', shop, '*']\nhttp: [{${to}}]`,
    told: ["MSH1305 spec.exportTo[1]", "MSH1305 spec.exportTo"],
  },
  "a gateway by its old name, and the root namespace by its other": {
    spec: `hosts: [a]\ngateways: [edge.istio-system.svc.cluster.local, istio-system/edge]\nhttp: [{${to}}]`,
    told: ["MSH1212 spec.gateways[0]", "MSH1108 spec.gateways[0]", "MSH1108 spec.gateways[1]"],
  },
  "what Istio has and we have not": {
    spec: `hosts: [a]\ntcp: [{match: [{sourceSubnet: 10.0.0.0/8}], ${to}}]\nhttp: [{${to}, delegate: {name: b}}, {delegate: {namespace: istio-system}}, {directResponse: {status: 200, body: {bytes: YQ==}}}]`,
    told: [
      "MSH1202 spec.tcp[0].match[0].sourceSubnet",
      "MSH1209 spec.http[0]",
      "MSH1204 spec.http[1].delegate.name",
      "MSH1202 spec.http[2].directResponse.body.bytes",
    ],
  },
  "a route, a redirect and nothing": {
    spec: `hosts: [a]\nhttp: [{${to}, redirect: {uri: /b}}, {timeout: 1s}, {redirect: {}}]`,
    told: ["MSH1209 spec.http[0]", "MSH1209 spec.http[1]", "MSH1210 spec.http[2].redirect"],
  },
  "a redirect with a fault, or an odd status": {
    spec: "hosts: [a]\nhttp: [{match: [{uri: {prefix: /a}}], redirect: {uri: /b, redirectCode: 304}}, {redirect: {uri: /}, fault: {abort: {httpStatus: 500}}}]",
    told: ["MSH1315 spec.http[0].redirect.redirectCode", "MSH1315 spec.http[1].fault"],
  },
  "headers that cannot be changed so, and a lone percent sign": {
    spec: `hosts: [a]\nhttp: [{${to}, headers: {request: {set: {Host: b, x: "50%"}, add: {host: c}}, response: {remove: [Host]}}}]`,
    told: [
      "MSH1207 spec.http[0].headers.request.set.x",
      "MSH1207 spec.http[0].headers.request.add.host",
      "MSH1207 spec.http[0].headers.response.remove[0]",
    ],
  },
  "routes for connections alone": {
    spec: `hosts: ['*.b.com']\ngateways: [edge]\ntls: [{match: [{sniHosts: [a.b.com]}], ${to}}]\ntcp: [{match: [{port: 80}], ${to}}]`,
    told: [],
  },
  "tls without hosts, and without a match": {
    spec: `hosts: [a]\ngateways: [edge]\ntls: [{${to}}, {match: [], ${to}}, {match: [{port: 443}], ${to}}]`,
    told: ["MSH1204 spec.tls[0].match", "MSH1210 spec.tls[1].match", "MSH1204 spec.tls[2].match[0].sniHosts"],
  },
  "a host in SNI that is not the VirtualService's": {
    spec: `hosts: [a.com, '*.b.com']\ngateways: [edge]\ntls: [{match: [{sniHosts: [x.B.com, c.com]}], ${to}}]`,
    told: ["MSH1332 spec.tls[0].match[0].sniHosts[1]"],
  },
  "tls in the mesh": {
    spec: `hosts: [a.com]\ntls: [{match: [{sniHosts: [a.com]}], ${to}}]`,
    told: ["MSH1333 spec.tls"],
  },
  "tcp behind a route that takes all, and weights of 0": {
    spec: `hosts: [a]\ntcp: [{${to}}, {match: [{port: 1}], route: [{destination: {host: a}}, {destination: {host: b}}]}]`,
    told: ["MSH1314 spec.tcp[1]", "MSH1303 spec.tcp[1].route"],
  },
  "tcp without a destination, and with headers": {
    spec: "hosts: [a]\ntcp: [{match: [{port: 1}]}, {route: [{destination: {host: a}, headers: {}}]}]",
    told: ["MSH1204 spec.tcp[0].route", "MSH1201 spec.tcp[1].route[0].headers"],
  },
  "a delay of more than everybody": {
    spec: `hosts: [a]\nhttp: [{${to}, fault: {delay: {fixedDelay: 1s, percentage: {value: 100.5}}}}]`,
    told: ["MSH1206 spec.http[0].fault.delay.percentage.value"],
  },
});

check("DestinationRule", {
  "no host": { spec: "subsets: []", told: ["MSH1204 spec.host"] },
  "the host of all": { spec: "host: '*'\ntrafficPolicy: {tls: {mode: DISABLE}}", told: [] },
  "an empty policy": { spec: "host: a\ntrafficPolicy: {}", told: ["MSH1210 spec.trafficPolicy"] },
  "an empty pool": {
    spec: "host: a\ntrafficPolicy: {connectionPool: {}}",
    told: ["MSH1210 spec.trafficPolicy.connectionPool"],
  },
  "a subset twice": {
    spec: "host: a\nsubsets: [{name: v1}, {name: v1}]",
    told: ["MSH1306 spec.subsets[1].name"],
  },
  "the old name of a balancer": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {simple: LEAST_CONN}}",
    told: ["MSH1212 spec.trafficPolicy.loadBalancer.simple"],
  },
  "a balancer nobody knows": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {simple: round_robin}}",
    told: ["MSH1205 spec.trafficPolicy.loadBalancer.simple"],
  },
  "a consistent hash of two things, and of none": {
    spec: `host: a
trafficPolicy:
  loadBalancer: {consistentHash: {httpHeaderName: x, useSourceIp: true}}
  portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {ringHash: {}, maglev: {}}}}]`,
    told: [
      "MSH1209 spec.trafficPolicy.loadBalancer.consistentHash",
      "MSH1209 spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash",
      "MSH1209 spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash",
    ],
  },
  "a consistent hash beside a simple balancer": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}",
    told: ["MSH1209 spec.trafficPolicy.loadBalancer"],
  },
  "a source that is not the key, a table that Envoy cannot fill, a warmup for nobody": {
    spec: `host: a
trafficPolicy:
  loadBalancer: {consistentHash: {useSourceIp: false}, warmupDurationSecs: 10s}
  portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 65536}}}}]`,
    told: [
      "MSH1212 spec.trafficPolicy.loadBalancer.warmupDurationSecs",
      "MSH1323 spec.trafficPolicy.loadBalancer.consistentHash.useSourceIp",
      "MSH1324 spec.trafficPolicy.loadBalancer.warmupDurationSecs",
      "MSH1323 spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash.maglev.tableSize",
    ],
  },
  "a cookie's name and path that no cookie has; a lifetime of 0 is a session's": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a=b, path: shop, ttl: 0s}}}}",
    told: [
      "MSH1207 spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.name",
      "MSH1207 spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.path",
    ],
  },
  "attributes of a cookie without a name, and two in one": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: Secure}, {value: x}, {name: SameSite, value: Lax; Secure}]}}}}",
    told: [
      "MSH1204 spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[1].name",
      "MSH1207 spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[2].value",
    ],
  },
  "attributes of a cookie that is not given": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: Secure}]}}}}",
    told: ["MSH1324 spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes"],
  },
  "the old place of the ring's size": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 9}}}",
    told: ["MSH1212 spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize"],
  },
  "shares of localities that overlap, or are not all": {
    spec: `host: a
trafficPolicy:
  loadBalancer:
    simple: RANDOM
    localityLbSetting:
      distribute: [{from: eu/a, to: {eu/a: 60, 'eu/*': 40}}, {from: '*', to: {us: 90}}, {from: us/b/c, to: {eu: 100}}]`,
    told: ["MSH1202 spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[2].from"],
  },
  "shares of localities that contradict themselves": {
    spec: `host: a
trafficPolicy:
  loadBalancer:
    consistentHash: {useSourceIp: true}
    localityLbSetting: {distribute: [{from: eu/a, to: {eu/a: 60, 'eu/*': 40}}, {from: '*', to: {us: 90}}]}`,
    told: [
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.distribute",
      'MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to["eu/*"]',
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[1].to",
    ],
  },
  "failover to itself, twice, and without outlierDetection": {
    spec: `host: a
trafficPolicy:
  loadBalancer: {localityLbSetting: {failover: [{from: eu, to: eu}, {from: eu, to: us}]}}`,
    told: [
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0].to",
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.failover[1].from",
      "MSH1324 spec.trafficPolicy.loadBalancer.localityLbSetting",
    ],
  },
  "shares and failover at once": {
    spec: "host: a\ntrafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [], failover: []}}}",
    told: ["MSH1209 spec.trafficPolicy.loadBalancer.localityLbSetting"],
  },
  "labels that order endpoints, beside shares": {
    spec: `host: a
trafficPolicy:
  loadBalancer: {localityLbSetting: {distribute: [{from: eu, to: {eu: 100}}], failoverPriority: [version]}}`,
    told: ["MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority"],
  },
  "labels that order endpoints: of no form, and places that are not told apart": {
    spec: `host: a
trafficPolicy:
  outlierDetection: {}
  loadBalancer: {localityLbSetting: {failoverPriority: ["a=b=c", "=v", topology.istio.io/subzone, kubernetes.io/hostname=x]}}`,
    told: [
      "MSH1207 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[0]",
      "MSH1207 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[1]",
      "MSH1202 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[2]",
      "MSH1202 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[3]",
    ],
  },
  "a label that orders endpoints twice, a zone beside failover between regions, and no outlierDetection": {
    spec: `host: a
trafficPolicy:
  loadBalancer:
    localityLbSetting:
      failover: [{from: eu, to: us}]
      failoverPriority: [version, topology.istio.io/network, version=v1, topology.kubernetes.io/zone]`,
    told: [
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[2]",
      "MSH1325 spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[3]",
      "MSH1324 spec.trafficPolicy.loadBalancer.localityLbSetting",
    ],
  },
  "TLS that could believe no server, and that has no certificate to show": {
    spec: "host: a\ntrafficPolicy: {tls: {mode: SIMPLE}}\nsubsets: [{name: b, trafficPolicy: {tls: {mode: MUTUAL, insecureSkipVerify: true}}}]",
    told: [
      "MSH1326 spec.trafficPolicy.tls.caCertificates",
      "MSH1326 spec.subsets[0].trafficPolicy.tls.clientCertificate",
      "MSH1326 spec.subsets[0].trafficPolicy.tls.privateKey",
    ],
  },
  "files that are none, and names that no server has": {
    spec: "host: a\ntrafficPolicy: {tls: {mode: SIMPLE, caCertificates: roots.pem, sni: '*.b', subjectAltNames: ['a b']}}",
    told: [
      "MSH1207 spec.trafficPolicy.tls.caCertificates",
      "MSH1207 spec.trafficPolicy.tls.sni",
      "MSH1207 spec.trafficPolicy.tls.subjectAltNames[0]",
    ],
  },
  "what a mode of TLS does not read": {
    spec: `host: a
trafficPolicy:
  proxyProtocol: {version: V1}
  tls: {mode: ISTIO_MUTUAL, sni: b}
  portLevelSettings:
    - {port: {number: 80}, tls: {mode: SIMPLE, privateKey: /k, caCertificates: /r, insecureSkipVerify: true}}`,
    told: [
      "MSH1322 spec.trafficPolicy.tls.sni",
      "MSH1322 spec.trafficPolicy.proxyProtocol",
      "MSH1322 spec.trafficPolicy.portLevelSettings[0].tls.privateKey",
      "MSH1322 spec.trafficPolicy.portLevelSettings[0].tls.caCertificates",
    ],
  },
  "a Secret, which sidecars have none of, and files beside it": {
    spec: `host: a
trafficPolicy:
  tls: {mode: MUTUAL, credentialName: b}
  portLevelSettings:
    - {port: {number: 80}, tls: {mode: SIMPLE, credentialName: b, caCertificates: /r}}
    - {port: {number: 81}, tls: {mode: ISTIO_MUTUAL, credentialName: b}}`,
    told: [
      "MSH1327 spec.trafficPolicy.tls.credentialName",
      "MSH1326 spec.trafficPolicy.portLevelSettings[0].tls.caCertificates",
      "MSH1327 spec.trafficPolicy.portLevelSettings[0].tls.credentialName",
      "MSH1322 spec.trafficPolicy.portLevelSettings[1].tls.credentialName",
    ],
  },
  "a port twice, and one without settings": {
    spec: "host: a\ntrafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}, {port: {number: 80}}]}",
    told: ["MSH1306 spec.trafficPolicy.portLevelSettings[1].port", "MSH1210 spec.trafficPolicy.portLevelSettings[1]"],
  },
  "ejection, whole": {
    spec: `host: a
trafficPolicy:
  outlierDetection:
    consecutive5xxErrors: 0
    consecutiveGatewayErrors: 3
    splitExternalLocalOriginErrors: true
    consecutiveLocalOriginFailures: 4
    interval: 1s
    baseEjectionTime: 15s
    maxEjectionPercent: 100
    minHealthPercent: 50`,
    told: [],
  },
  "ejection of more than everybody, by a word of old": {
    spec: "host: a\ntrafficPolicy: {outlierDetection: {maxEjectionPercent: 101, consecutiveErrors: 5}}",
    told: [
      "MSH1206 spec.trafficPolicy.outlierDetection.maxEjectionPercent",
      "MSH1202 spec.trafficPolicy.outlierDetection.consecutiveErrors",
    ],
  },
  "a port with an ejection alone, and limits of connections": {
    spec: `host: a
trafficPolicy:
  connectionPool:
    tcp: {tcpKeepalive: {probes: 3, time: 1h, interval: 10s}, maxConnectionDuration: 5m}
    http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true, maxConcurrentStreams: 10}
  portLevelSettings: [{port: {number: 80}, outlierDetection: {interval: 1s}}]`,
    told: [],
  },
});

check("PeerAuthentication", {
  "an empty one": { spec: "mtls: {}", told: [] },
  "an unknown mode": { spec: "mtls: {mode: strict}", told: ["MSH1205 spec.mtls.mode"] },
  "ports without a selector": {
    spec: "portLevelMtls: {8080: {mode: DISABLE}}",
    told: ["MSH1307 spec.portLevelMtls"],
  },
  "a port that is none": {
    spec: "selector: {matchLabels: {app: a}}\nportLevelMtls: {80800: {mode: DISABLE}}",
    told: ['MSH1207 spec.portLevelMtls["80800"]'],
  },
  "a selector that selects everything": { spec: "selector: {}\nmtls: {mode: STRICT}", told: ["MSH1311 spec.selector"] },
});

const from = "from: [{source: {principals: [a]}}]";

check("AuthorizationPolicy", {
  "an ALLOW without rules": { spec: "action: ALLOW", told: [] },
  "a DENY without rules": { spec: "action: DENY", told: ["MSH1308 spec"] },
  "a DENY of everything": { spec: "action: DENY\nrules: [{}]", told: [] },
  "a null rule": { spec: "rules:\n  -", told: ["MSH1211 spec.rules[0]"] },
  "an empty from": { spec: "rules: [{from: []}]", told: ["MSH1210 spec.rules[0].from"] },
  "a from without source": { spec: "rules: [{from: [{}]}]", told: ["MSH1204 spec.rules[0].from[0].source"] },
  "an empty source": { spec: "rules: [{from: [{source: {}}]}]", told: ["MSH1210 spec.rules[0].from[0].source"] },
  "an empty operation": { spec: "rules: [{to: [{operation: {}}]}]", told: ["MSH1210 spec.rules[0].to[0].operation"] },
  "an empty list of values": {
    spec: "rules: [{from: [{source: {principals: []}}]}]",
    told: ["MSH1210 spec.rules[0].from[0].source.principals"],
  },
  "a null list of values beside none": {
    spec: "rules: [{from: [{source: {principals: }}]}]",
    told: ["MSH1210 spec.rules[0].from[0].source"],
  },
  "an empty value": {
    spec: "rules: [{from: [{source: {principals: ['']}}]}]",
    told: ["MSH1207 spec.rules[0].from[0].source.principals[0]"],
  },
  "conditions that are not supported yet are never ignored": {
    spec: `rules: [{${from}, when: [{key: source.ip}]}, {from: [{source: {ipBlocks: [10.0.0.0/8], requestPrincipals: ['*']}}]}]`,
    told: [
      "MSH1202 spec.rules[0].when",
      "MSH1202 spec.rules[1].from[0].source.ipBlocks",
      "MSH1202 spec.rules[1].from[0].source.requestPrincipals",
    ],
  },
  "actions that are not supported yet": {
    spec: "action: CUSTOM\nprovider: {name: x}",
    told: ["MSH1202 spec.action", "MSH1202 spec.provider"],
  },
  "a path template": {
    spec: "rules: [{to: [{operation: {paths: ['/a/{*}/b']}}]}]",
    told: ["MSH1202 spec.rules[0].to[0].operation.paths[0]"],
  },
  "a port without quotes": {
    spec: "rules: [{to: [{operation: {ports: [8080]}}]}]",
    told: ["MSH1203 spec.rules[0].to[0].operation.ports[0]"],
  },
  "a DENY by HTTP alone says what it does to TCP": {
    spec: "action: DENY\nrules: [{to: [{operation: {paths: [/admin]}}]}]",
    told: ["MSH1310 spec.rules[0]"],
  },
  "values that never match": {
    spec: "rules: [{from: [{source: {principals: ['spiffe://a', 'a/ns/istio-system/sa/x', 'a*b']}}], to: [{operation: {methods: [get]}}]}]",
    told: [
      "MSH1313 spec.rules[0].from[0].source.principals[0]",
      "MSH1313 spec.rules[0].from[0].source.principals[1]",
      "MSH1312 spec.rules[0].from[0].source.principals[2]",
      "MSH1313 spec.rules[0].to[0].operation.methods[0]",
    ],
  },
});

test("AuthorizationPolicy: a dry run is refused, for it would be enforced", () => {
  const metadata = "{name: x, annotations: {istio.io/dry-run: 'true'}}";
  const { resources, problems } = parseResources({ text: document("AuthorizationPolicy", "action: ALLOW", metadata) });
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["MSH1309"],
  );
  assert.deepEqual(resources, []);
});

const port = "{number: 80, name: http, protocol: HTTP}";

const securePort = "{number: 443, name: https, protocol: HTTPS}";
const pair = "serverCertificate: /c, privateKey: /k";

check("Gateway", {
  "no servers": { spec: "selector: {istio: x}", told: ["MSH1204 spec.servers"] },
  "no hosts": { spec: `servers: [{port: ${port}}]`, told: ["MSH1204 spec.servers[0].hosts"] },
  "no port": { spec: "servers: [{hosts: ['*']}]", told: ["MSH1204 spec.servers[0].port"] },
  "HTTPS without tls, and with nothing of what its mode needs": {
    spec: `servers: [{port: ${securePort}, hosts: [a]}, {port: {number: 444, name: t, protocol: TLS}, hosts: ['*'], tls: {mode: MUTUAL, serverCertificate: /c}}]`,
    told: [
      "MSH1331 spec.servers[0].tls",
      "MSH1331 spec.servers[1].tls.privateKey",
      "MSH1331 spec.servers[1].tls.caCertificates",
    ],
  },
  "what a mode does not have": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {privateKey: /k, caCertificates: /a}}, {port: {number: 444, name: t, protocol: HTTPS}, hosts: [a], tls: {${pair}, mode: SIMPLE, httpsRedirect: true, subjectAltNames: [b]}}]`,
    told: [
      "MSH1331 spec.servers[0].tls.privateKey",
      "MSH1331 spec.servers[0].tls.caCertificates",
      "MSH1331 spec.servers[1].tls.subjectAltNames",
      "MSH1331 spec.servers[1].tls.httpsRedirect",
    ],
  },
  "tls of a server that has none": {
    spec: `servers: [{port: ${port}, hosts: [a], tls: {httpsRedirect: true, mode: SIMPLE}}, {port: {number: 81, name: t, protocol: TCP}, hosts: ['*'], tls: {${pair}, httpsRedirect: true}}]`,
    told: [
      "MSH1331 spec.servers[0].tls.mode",
      "MSH1331 spec.servers[1].tls.serverCertificate",
      "MSH1331 spec.servers[1].tls.privateKey",
      "MSH1331 spec.servers[1].tls.httpsRedirect",
    ],
  },
  "versions in the wrong order, ciphers that Envoy does not know, paths that are none": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: SIMPLE, ${pair}, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}}, {port: {number: 444, name: b, protocol: HTTPS}, hosts: [a], tls: {mode: SIMPLE, ${pair}, cipherSuites: [AES128-SHA, ALL]}}, {port: {number: 445, name: c, protocol: HTTPS}, hosts: [a], tls: {mode: SIMPLE, serverCertificate: c.pem, privateKey: /~/k}}]`,
    told: [
      "MSH1207 spec.servers[1].tls.cipherSuites[1]",
      "MSH1207 spec.servers[2].tls.serverCertificate",
      "MSH1207 spec.servers[2].tls.privateKey",
    ],
  },
  "the newest version before the oldest": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: SIMPLE, ${pair}, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}}]`,
    told: ["MSH1331 spec.servers[0].tls.maxProtocolVersion"],
  },
  "what is not supported yet": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: AUTO_PASSTHROUGH}}, {port: {number: 444, name: b, protocol: HTTPS}, hosts: [a], tls: {mode: SIMPLE, tlsCertificates: [{}]}}, {port: {number: 3306, name: m, protocol: MYSQL}, hosts: ['*']}]`,
    told: [
      "MSH1202 spec.servers[0].tls.mode",
      "MSH1202 spec.servers[1].tls.tlsCertificates",
      "MSH1202 spec.servers[2].port.protocol",
    ],
  },
  "certificates in Secrets": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: SIMPLE, credentialName: a}}, {port: {number: 444, name: b, protocol: HTTPS}, hosts: [a], tls: {mode: MUTUAL, credentialNames: [a, b]}}, {port: {number: 445, name: c, protocol: HTTPS}, hosts: [a], tls: {mode: OPTIONAL_MUTUAL, ${pair}, caCertCredentialName: c}}]`,
    told: [],
  },
  "a Secret of another namespace": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: SIMPLE, credentialName: other/a}}]`,
    told: ["MSH1207 spec.servers[0].tls.credentialName"],
  },
  "a Secret beside what it replaces": {
    spec: `servers: [{port: ${securePort}, hosts: [a], tls: {mode: MUTUAL, ${pair}, credentialName: a, credentialNames: [b, c, d], caCertificates: /a}}, {port: {number: 444, name: b, protocol: TLS}, hosts: [a], tls: {mode: PASSTHROUGH, credentialName: a}}, {port: {number: 445, name: c, protocol: HTTPS}, hosts: [a], tls: {mode: SIMPLE, credentialName: a, caCertCredentialName: a}}]`,
    told: [
      "MSH1331 spec.servers[0].tls.credentialNames",
      "MSH1331 spec.servers[0].tls.credentialNames",
      "MSH1331 spec.servers[0].tls.serverCertificate",
      "MSH1331 spec.servers[0].tls.privateKey",
      "MSH1331 spec.servers[0].tls.caCertificates",
      "MSH1331 spec.servers[1].tls.credentialName",
      "MSH1331 spec.servers[2].tls.caCertCredentialName",
    ],
  },
  "one host with two certificates, two TCP servers": {
    spec: `servers: [{port: ${securePort}, hosts: [a.com], tls: {mode: SIMPLE, ${pair}}}, {port: {number: 443, name: b, protocol: TLS}, hosts: [b.com, ./A.com], tls: {}}, {port: {number: 1, name: c, protocol: TCP}, hosts: ['*']}, {port: {number: 1, name: d, protocol: TCP}, hosts: ['*']}]`,
    told: ["MSH1306 spec.servers[1].hosts[1]", "MSH1306 spec.servers[3].port.number"],
  },
  "two servers for whatever name a client says": {
    spec: `servers: [{port: ${securePort}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL}}, {port: {number: 443, name: b, protocol: TLS}, hosts: [b.com], tls: {mode: ISTIO_MUTUAL}}]`,
    told: ["MSH1306 spec.servers[1].hosts[0]"],
  },
  "a port's name twice": {
    spec: `servers: [{port: ${port}, hosts: [a]}, {port: ${port}, hosts: [b]}]`,
    told: ["MSH1306 spec.servers[1].port.name"],
  },
  "a port with two protocols": {
    spec: `servers: [{port: ${port}, hosts: [a]}, {port: {number: 80, name: g, protocol: grpc}, hosts: [b]}, {port: {number: 80, name: t, protocol: tls}, hosts: [b], tls: {}}]`,
    told: ["MSH1306 spec.servers[2].port.protocol"],
  },
  "a bad namespace before a host": {
    spec: `servers: [{port: ${port}, hosts: ['A B/x.com']}]`,
    told: ["MSH1207 spec.servers[0].hosts[0]"],
  },
});

check("Sidecar", {
  "hosts of namespaces": {
    spec: 'egress: [{hosts: ["./*", "*/reviews.shop.svc.cluster.local", "~/*"]}]\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}',
    told: [],
  },
  nothing: { spec: "{}", told: ["MSH1210 spec"] },
  "hosts without a namespace, and of none": {
    spec: 'egress: [{hosts: ["reviews", "shop/"]}]',
    told: ["MSH1207 spec.egress[0].hosts[0]", "MSH1207 spec.egress[0].hosts[1]"],
  },
  "a short name": { spec: 'egress: [{hosts: ["./reviews"]}]', told: ["MSH1313 spec.egress[0].hosts[0]"] },
  "two lists for all ports": {
    spec: 'egress: [{hosts: ["./*"]}, {hosts: ["shop/*"]}]',
    told: ["MSH1306 spec.egress[1]"],
  },
  "a selector without labels, a mode that is none, ingress of nothing": {
    spec: "workloadSelector: {labels: {}}\negress: [{hosts: ['./*']}]\noutboundTrafficPolicy: {mode: NONE}\ningress: []",
    told: ["MSH1205 spec.outboundTrafficPolicy.mode", "MSH1210 spec.ingress"],
  },
  "where applications listen": {
    spec: `ingress:
  - {port: {number: 1, protocol: HTTP, name: a}, defaultEndpoint: "127.0.0.1:8080", captureMode: NONE}
  - {port: {number: 2, name: grpc-b}, defaultEndpoint: "[::1]:8080", captureMode: DEFAULT}
  - {port: {number: 3, protocol: TCP}, defaultEndpoint: "0.0.0.0:65535", connectionPool: {tcp: {maxConnections: 1}}}
  - {port: {number: 4, protocol: MONGO}, defaultEndpoint: "unix:///run/a.sock"}
inboundConnectionPool: {http: {http1MaxPendingRequests: 1}}`,
    told: [],
  },
  "where no application of the host listens": {
    spec: `ingress:
  - {port: {number: 1, protocol: HTTP}, defaultEndpoint: "10.0.0.1:8080"}
  - {port: {number: 2, protocol: HTTP}, defaultEndpoint: "127.0.0.1:65536"}
  - {port: {number: 3, protocol: HTTP}, defaultEndpoint: "unix://run/a.sock"}
  - {port: {number: 4, protocol: HTTP}, defaultEndpoint: "unix:///${"a".repeat(107)}"}
  - {port: {number: 5, protocol: HTTP}, defaultEndpoint: "localhost:80"}`,
    told: [0, 1, 2, 3, 4].map((index) => `MSH1207 spec.ingress[${index}].defaultEndpoint`),
  },
  "no port": { spec: 'ingress: [{defaultEndpoint: "127.0.0.1:8080"}]', told: ["MSH1204 spec.ingress[0].port"] },
  "a port twice, of no protocol": {
    spec: "ingress: [{port: {number: 1, protocol: HTTP}}, {port: {number: 1, protocol: SMTP}}]",
    told: ["MSH1306 spec.ingress[1].port.number", "MSH1505 spec.ingress[1].port.protocol"],
  },
  "TLS of callers outside": {
    spec: "ingress: [{port: {number: 1, protocol: HTTP}, tls: {mode: SIMPLE}}]",
    told: ["MSH1202 spec.ingress[0].tls"],
  },
  "what can have no effect on the way in": {
    spec: `ingress:
  - port: {number: 1, protocol: HTTP}
    bind: 10.0.0.1
    captureMode: IPTABLES
    connectionPool: {http: {h2UpgradePolicy: UPGRADE}}
inboundConnectionPool: {http: {h2UpgradePolicy: UPGRADE}}`,
    told: [
      "MSH1324 spec.ingress[0].bind",
      "MSH1324 spec.ingress[0].captureMode",
      "MSH1324 spec.ingress[0].connectionPool.http.h2UpgradePolicy",
      "MSH1324 spec.inboundConnectionPool.http.h2UpgradePolicy",
    ],
  },
});

const web = "hosts: [a.example.com]\nports: [{number: 80, name: http}]";

check("ServiceEntry", {
  "the least": { spec: web, told: [] },
  "no hosts, no ports": { spec: "resolution: DNS", told: ["MSH1204 spec.hosts", "MSH1204 spec.ports"] },
  "every host, and one twice": {
    spec: "hosts: ['*', a.com, A.com.]\nports: [{number: 80, name: http}]",
    told: ["MSH1207 spec.hosts[0]"],
  },
  "a host twice": {
    spec: "hosts: [a.com, A.com.]\nports: [{number: 80, name: http}]",
    told: ["MSH1302 spec.hosts[1]"],
  },
  "ports that share what they must not, of no protocol": {
    spec: "hosts: [a.com]\nresolution: DNS\nports: [{number: 80, name: http}, {number: 80, name: http, protocol: SMTP}]",
    told: ["MSH1306 spec.ports[1].name", "MSH1306 spec.ports[1].number", "MSH1505 spec.ports[1].protocol"],
  },
  "by the Host, with what a Host does not say": {
    spec: "hosts: [a.com]\nports: [{number: 80, name: http, targetPort: 81}, {number: 443, name: https, protocol: TLS}]",
    told: ["MSH1321 spec.ports[0].targetPort", "MSH1322 spec.ports[1].protocol"],
  },
  "endpoints that nobody asks": {
    spec: `${web}\nendpoints: [{address: 10.0.0.1}]`,
    told: ["MSH1321 spec.endpoints"],
  },
  "STATIC by a name, of a port that is not there": {
    spec: `${web}\nresolution: STATIC\nendpoints: [{address: b.com, ports: {htp: 1}}]`,
    told: ["MSH1501 spec.endpoints[0].ports.htp", "MSH1321 spec.endpoints[0].address"],
  },
  "STATIC with nobody": { spec: `${web}\nresolution: STATIC`, told: ["MSH1322 spec"] },
  "endpoints and a selector": {
    spec: `${web}\nresolution: STATIC\nendpoints: [{address: 10.0.0.1}]\nworkloadSelector: {labels: {a: b}}`,
    told: ["MSH1209 spec"],
  },
  "a selector of everything": {
    spec: `${web}\nresolution: STATIC\nworkloadSelector: {labels: {}}`,
    told: ["MSH1311 spec.workloadSelector"],
  },
  "DNS of a wildcard, with a network": {
    spec: "hosts: ['*.a.com']\nresolution: DNS\nports: [{number: 80, name: http}]\naddresses: [10.0.0.0/8]",
    told: ["MSH1321 spec.addresses", "MSH1321 spec.resolution"],
  },
  "DNS_ROUND_ROBIN of two": {
    spec: `${web}\nresolution: DNS_ROUND_ROBIN\nendpoints: [{address: b.com}, {address: c.com}]`,
    told: ["MSH1321 spec.endpoints"],
  },
  "DYNAMIC_DNS of one host in the mesh": {
    spec: `${web}\nresolution: DYNAMIC_DNS\nlocation: MESH_INTERNAL`,
    told: ["MSH1321 spec.hosts", "MSH1321 spec.location"],
  },
  "addresses that are none, Unix sockets, names of other certificates": {
    spec: `${web}\nresolution: STATIC\naddresses: [10.0.0.0/33]\nendpoints: [{address: 'unix:///a'}]\nsubjectAltNames: [a.com]`,
    told: ["MSH1207 spec.addresses[0]", "MSH1202 spec.endpoints[0].address", "MSH1202 spec.subjectAltNames[0]"],
  },
});

check("WorkloadEntry", {
  "the least": { spec: "address: 10.0.0.1", told: [] },
  "a network alone": { spec: "network: far", told: ["MSH1204 spec.address"] },
  "mTLS without an account": {
    spec: "address: vm.example.com\nlabels: {security.istio.io/tlsMode: istio}",
    told: ["MSH1504 spec"],
  },
});

check("Telemetry", {
  nothing: { spec: "accessLogging: []", told: [] },
  "all that there is": {
    spec: "accessLogging: [{match: {mode: CLIENT}, providers: [{name: envoy}], disabled: false}, {disabled: true}]",
    told: [],
  },
  "a provider that nobody is, one without a name, a mode that is none": {
    spec: "accessLogging: [{providers: [{name: otel}, {}], match: {mode: INBOUND}}]",
    told: [
      "MSH1205 spec.accessLogging[0].providers[0].name",
      "MSH1204 spec.accessLogging[0].providers[1].name",
      "MSH1205 spec.accessLogging[0].match.mode",
    ],
  },
  "what there is not yet": {
    spec: "accessLogging: [{filter: {expression: 'true'}}]\nmetrics: []\ntracing: []\ntargetRefs: []",
    told: [
      "MSH1202 spec.accessLogging[0].filter",
      "MSH1202 spec.metrics",
      "MSH1202 spec.tracing",
      "MSH1202 spec.targetRefs",
    ],
  },
  "a selector that selects everything": { spec: "selector: {}", told: ["MSH1311 spec.selector"] },
});

test("Telemetry: the root namespace speaks for all, so it selects nobody", () => {
  const spec = "selector: {matchLabels: {app: a}}\naccessLogging: [{}]";
  const { problems } = parseResources({ text: document("Telemetry", spec, "{name: x, namespace: mesh-system}") });
  assert.deepEqual(
    problems.map(({ code, field }) => `${code} ${field}`),
    ["MSH1335 spec.selector"],
  );
});
