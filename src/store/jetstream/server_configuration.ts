/**
 * A nats-server's configuration for Weft, in the one form that its promises need: JetStream that acknowledges what is on
 * disk, an account of its own, and users who may do what their role does and nothing else. Pure; deploy/nats/ is written
 * by it.
 *
 *   meshd     a node: makes, reads and writes its cluster's two streams, speaks to other nodes
 *   restore   writes records and changes their stream's subjects (replace.ts); reads no record
 *   system    in the system account: asks the servers how they are set up, nothing else
 *
 * Nobody may delete or purge a stream. Agents and meshctl have no role: they never speak NATS. A backup has none either, a
 * node takes it: a role that only reads would have to make consumers, and nats-server does not hold a push consumer's
 * subject against its maker's permissions, so such a role could have records sent anywhere.
 *
 * Each user's answers come to inboxes of its own, so none hears what another was told.
 */
import { limits } from "../../platform/limits.ts";
import { inboxPrefix, type StreamNames, streamNames } from "./names.ts";

export const natsRoles = ["meshd", "restore", "system"] as const;
export type NatsRole = (typeof natsRoles)[number];

/** In the file itself, or the name of a variable that an included file sets. */
export type Password = { readonly text: string } | { readonly variable: string };

export interface ServerConfiguration {
  readonly name: string;
  /** host:port for clients. */
  readonly listen: string;
  readonly storeDirectory: string;
  /** Bytes of disk that JetStream may take, as nats-server writes them: "16GB". */
  readonly maxFileStore: string;
  /** The Weft cluster: its streams and subjects carry the name. */
  readonly cluster: string;
  readonly passwords: Readonly<Record<NatsRole, Password>>;
  /** Files read into this one: those that set the passwords' variables. */
  readonly include?: readonly string[];
  /** host:port of the monitoring pages, which ask nobody who he is. */
  readonly monitor?: string;
  /** For clients and routes both; everybody has to show a certificate of this CA. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** The other servers, and where they find this one. */
  readonly routes?: { readonly listen: string; readonly urls: readonly string[] };
}

interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer what it was asked. */
  readonly answers?: boolean;
}

const inboxOf = (role: NatsRole): string => `${inboxPrefix(role)}.>`;
/** Of a record and its headers, with room: what is larger is refused at the door. */
const maxPayloadBytes = 2 ** Math.ceil(Math.log2(limits.logRecordBytes + 64 * 1024));

export function permissionsOf(role: NatsRole, cluster: string): Permissions {
  const { records, endpoints } = streamNames(cluster);
  const between = [`weft.${cluster.toLowerCase()}.gossip.>`, `weft.${cluster.toLowerCase()}.node.>`];
  const all = ({ subject }: StreamNames): string => `${subject}.>`;
  switch (role) {
    case "meshd": {
      const streams = [records, endpoints].flatMap((names) => [
        all(names),
        ...asks(names, [...reading, "STREAM.CREATE"]),
      ]);
      return { publish: [...streams, ...between], subscribe: [inboxOf(role), ...between], answers: true };
    }
    case "restore":
      return {
        publish: [all(records), ...asks(records, ["STREAM.INFO", "STREAM.UPDATE"])],
        subscribe: [inboxOf(role)],
      };
    case "system":
      return { publish: ["$SYS.REQ.SERVER.PING.VARZ"], subscribe: [inboxOf(role)] };
  }
}

/** Subjects of JetStream's API; those of consumers end in the consumer's name. */
const reading = ["STREAM.INFO", "STREAM.MSG.GET", "CONSUMER.CREATE", "CONSUMER.MSG.NEXT"];

function asks({ stream }: StreamNames, words: readonly string[]): string[] {
  return words.flatMap((word) => {
    const subject = `$JS.API.${word}.${stream}`;
    if (word === "CONSUMER.CREATE") return [subject, `${subject}.>`];
    return [word === "CONSUMER.MSG.NEXT" ? `${subject}.*` : subject];
  });
}

export function serverConfiguration(server: ServerConfiguration): string {
  const { name, listen, include = [], monitor, tls, routes, storeDirectory, maxFileStore } = server;
  const lines = [
    ...include.map((file) => `include ${quoted(file)}`),
    `server_name: ${quoted(name)}`,
    `listen: ${quoted(listen)}`,
    ...(monitor === undefined ? [] : [`http: ${quoted(monitor)}`]),
    "",
    "# An acknowledged write is on disk; the default would sync every two minutes.",
    "jetstream {",
    `  store_dir: ${quoted(storeDirectory)}`,
    "  sync_interval: always",
    `  max_file_store: ${maxFileStore}`,
    "  max_memory_store: 256MB",
    "}",
    "",
    `max_payload: ${maxPayloadBytes}`,
    "max_connections: 256",
    'write_deadline: "5s"',
    // A restart takes this long; the server's own least is 30 s, its default two minutes.
    'lame_duck_duration: "30s"',
    'lame_duck_grace_period: "5s"',
    ...(tls ? ["", ...tlsBlock(tls, "")] : []),
    ...(routes ? ["", ...clusterBlock(server.cluster, routes, tls)] : []),
    "",
    "accounts {",
    "  SYSTEM {",
    ...usersBlock(["system"], server),
    "  }",
    `  ${accountName(server.cluster)} {`,
    "    jetstream: enabled",
    ...usersBlock(["meshd", "restore"], server),
    "  }",
    "}",
    "system_account: SYSTEM",
    "",
  ];
  return lines.join("\n");
}

function accountName(cluster: string): string {
  return `WEFT_${cluster.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * @param verify a route must show the certificate of a host that `routes` names: it is let into every account, so one that
 *   a node holds must not do.
 */
function tlsBlock(
  { ca, cert, key }: NonNullable<ServerConfiguration["tls"]>,
  indent: string,
  verify: "verify" | "verify_cert_and_check_known_urls" = "verify",
): string[] {
  const files = [`cert_file: ${quoted(cert)}`, `key_file: ${quoted(key)}`, `ca_file: ${quoted(ca)}`];
  const inside = [...files, `${verify}: true`, 'min_version: "1.3"', "timeout: 5"];
  return [`${indent}tls {`, ...inside.map((line) => `${indent}  ${line}`), `${indent}}`];
}

function clusterBlock(
  cluster: string,
  { listen, urls }: NonNullable<ServerConfiguration["routes"]>,
  tls: ServerConfiguration["tls"],
): string[] {
  return [
    "cluster {",
    `  name: ${quoted(`weft-${cluster.toLowerCase()}`)}`,
    `  listen: ${quoted(listen)}`,
    "  routes: [",
    ...urls.map((url) => `    ${quoted(url)}`),
    "  ]",
    ...(tls ? tlsBlock(tls, "  ", "verify_cert_and_check_known_urls") : []),
    "}",
  ];
}

function usersBlock(roles: readonly NatsRole[], { cluster, passwords }: ServerConfiguration): string[] {
  const users = roles.flatMap((role) => {
    const { publish, subscribe, answers } = permissionsOf(role, cluster);
    const password = passwords[role];
    return [
      "      {",
      `        user: ${role}`,
      `        password: ${"text" in password ? quoted(password.text) : `$${password.variable}`}`,
      "        permissions {",
      ...listBlock("publish", publish),
      ...listBlock("subscribe", subscribe),
      ...(answers ? ["          allow_responses: true"] : []),
      "        }",
      "      }",
    ];
  });
  return ["    users: [", ...users, "    ]"];
}

function listBlock(name: string, subjects: readonly string[]): string[] {
  return [`          ${name}: [`, ...subjects.map((subject) => `            ${quoted(subject)}`), "          ]"];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
