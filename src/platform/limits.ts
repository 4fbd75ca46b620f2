/**
 * Every limit of Weft in one place: its unit, its reason, and what happens when it is reached. Code takes limits from
 * here and nowhere else; those of xDS stand in xds_limits.ts.
 */
import { xdsLimits } from "./xds_limits.ts";

export const limits = {
  /** Bytes of one store record. Above: the write is refused before it leaves. Keeps a replica's apply step short. */
  recordBytes: 256 * 1024,
  /** Messages in one atomic batch; JetStream's own bound. Above: the apply is refused with this figure. */
  batchMessages: 1_000,
  /** Endpoints in one shard record, so that one changed endpoint rewrites little. Above: another shard. */
  endpointsPerShard: 128,
  /** Endpoints one source may declare for one service. Above: 413. */
  endpointsPerService: 10_000,
  /** Operation ids a record remembers with their results. Older retries become conflicts. */
  operationsRemembered: 32,
  /** Bytes of one apply request. Above: 413, nothing parsed. */
  applyBytes: 8 * 1024 * 1024,
  /** Documents in one apply; each takes up to three batch messages. Above: refused with this figure. */
  applyDocuments: 300,
  /** YAML nesting. Above: refused at that line; a parser's stack is finite. */
  yamlDepth: 64,
  /** Aliases expanded in one YAML document. Above: refused; stops the alias bomb. */
  yamlAliases: 100,
  /** Words and signs of one YAML or JSON text. Above: refused; bounds the parser's time to well under a second. */
  yamlTokens: 400_000,
  /** Values of one text after aliases are expanded. Above: refused. */
  yamlNodes: 200_000,
  /** Errors, and as many warnings, told of one input. What is above is counted. */
  problemsTold: 50,
  /** Characters of a user's regular expression. Above: refused. */
  regexCharacters: 1_024,
  /** Instructions of the program RE2 makes of it, estimated from above. Above: refused; Envoys are told to take twice it. */
  regexProgram: 16_000,
  /** Messages waiting for one actor. Full: the sender gets a retryable refusal. */
  mailboxMessages: 1_024,
  /** How long one actor request may take, in ms. After: unknown outcome. */
  actorRequestMs: 10_000,
  /**
   * How long an activation at least remembers an operation with its reply, ms: as long as anybody may still ask again
   * under it. Older ones beyond operationsRemembered are forgotten; asked again, they are done again.
   */
  actorOperationMs: 20_000,
  /** Operations an actor remembers. Full of younger ones: a retryable refusal. 100 a second, half of a record's bytes. */
  actorOperations: 2_048,
  /** How long one store write may take before its outcome counts as unknown, in ms. */
  storeWriteMs: 5_000,
  /** How long one read at the store's leader may take, in ms. After: unavailable, later. */
  storeReadMs: 2_000,
  /** Atomic batches one node has under way at once; JetStream stages at most 50 a stream. Above: they wait their turn. */
  storeBatchesInFlight: 8,
  /** Bytes of one log record. A longer log is split over several; one change holds a record's before and after. */
  logRecordBytes: 2 * 256 * 1024 + 8 * 1024,
  /** Messages of one pull of a tail, and their bytes: what may be under way to a node that does not read. */
  tailPullMessages: 1_000,
  tailPullBytes: 4 * 1024 * 1024,
  /** A tail reads the leader's last sequence this often, in ms: how fresh a replica can say it is. */
  tailWatchMs: 1_000,
  /** How long a tail may stay behind the leader without progress before its consumer is made anew, in ms. */
  tailStallMs: 2_000,
  /** A replica looks at each object again once a round, at a part of them at a time, ms; of at most so many: 3 ms of work. */
  replicaRoundMs: 120_000,
  replicaLookMs: 1_000,
  replicaLookObjects: 200,
  /** Last positions whose checksum a node keeps to compare with others': at 200 writes a second, two seconds of lag. */
  checksumMarks: 256,
  /** A copy that its leaders last confirmed longer ago than this, ms, takes no new streams while a fresher node is heard. */
  streamStaleMs: 2_000,
  /** How long a new stream may wait for this node's copy to hold what the leaders hold, ms. After: see streamStaleMs. */
  streamCatchUpMs: 500,
  /** How often nodes compare the checksums of their copies, ms. A bit that was flipped is found within that time. */
  checksumCompareMs: 5_000,
  /** How long a tail holds whole what records overwritten meanwhile have torn, in ms. After: handed on, counted. */
  tailHoldMs: 2_000,
  /** How long connecting to one nats-server may take, in ms: a frozen one still accepts. After: the next one. */
  natsConnectMs: 1_000,
  /** Pings to the nats-server, ms apart; the third without an answer ends the connection: seen within 2 s. */
  natsPingMs: 500,
  /** Wait between two attempts to connect, in ms, drawn from this range. */
  natsReconnectMinMs: 100,
  natsReconnectMaxMs: 500,
  /** Items that admission remembers as good, the last of each name. */
  admissionItems: 1_024,
  /** Packed messages up to this size are remembered too. */
  admissionPackedBytes: 4_096,
  ...xdsLimits,
  /** Longest SVID lifetime, ms: the SPIFFE profile's advice and ours. */
  svidLifetimeMs: 24 * 60 * 60 * 1000,
  /** Lifetime of a node's intermediate, ms. Renewed at half. */
  intermediateLifetimeMs: 7 * 24 * 60 * 60 * 1000,
  /** Attestation requests a second from everybody together, and the burst. Above: 429. */
  attestPerSecond: 50,
  attestBurst: 200,
  /** Workloads one agent may register. Above: refused. */
  workloadsPerAgent: 1_000,
  /** Longest `wait` that the API holds open, ms. */
  waitMs: 10 * 60 * 1000,
  /** Bytes of one `PUT endpoints` or agent request. Above: 413. Covers 10,000 endpoints. */
  endpointsBytes: 4 * 1024 * 1024,
  /** Attempts at one API write that somebody else overtook or whose outcome stayed unknown. After: 409 or 503. */
  writeAttempts: 8,
  /** First pause between two of those, ms; doubles, jittered. */
  writeRetryMs: 5,
  /** Live watch and event streams of one node's API. Above: 503. */
  apiStreams: 256,
  /** Bytes waiting for one reader of an API event stream. Above: the stream ends, the reader starts over. */
  apiStreamBytes: 1024 * 1024,
  /** How often an API event stream says that it lives, ms. */
  apiStreamBeatMs: 15_000,
  /** How long a TLS handshake on the agent listener may take, ms. After: the connection is closed. */
  agentHandshakeMs: 10_000,
  /** meshctl run: pause before the agent is asked again, first and longest, ms. */
  runReconnectFirstMs: 100,
  runReconnectLongestMs: 1_000,
  /** meshctl run: how long the agent may take to withdraw a workload, ms. After: its own grace does it. */
  runStopMs: 15_000,
  /** meshctl: how long one API request may take beyond what it waits for, ms. */
  cliRequestMs: 15_000,
  /** Characters that are read of an answer that says what went wrong. */
  problemCharacters: 64 * 1024,
  /**
   * How long a host's agent may be silent, ms: five heartbeats. After: others may take its workloads' names, and its grace
   * begins. A crashed agent is started again by its supervisor within this; an agent's longest way round is 5 s.
   */
  hostLeaseMs: 10_000,
  /** A host's grace before its endpoints are withheld, in leases. With its lease 30 s: an upgrade or a crash loop fits in. */
  hostGraceLeases: 2,
  /** Shortest lease that may be asked for, ms: one heartbeat may be lost. */
  hostLeaseLeastMs: 4_000,
  /** How often a node looks for silent hosts, ms. */
  hostLookMs: 1_000,
  /** Hosts, or one cluster's endpoints, that go within this time, ms, go together; after it they are gone for good. */
  hostsTogetherMs: 10 * 60 * 1_000,
  /** Fewer than this are never too many together; nor is half of all: then the others still say that we hear. */
  hostsTogetherLeast: 3,
  hostsTogetherShare: 0.5,
  /** Hosts withheld at a time, ≈ 100 bytes each in one record. Above: their endpoints stay in force. */
  hostsWithheld: 1_000,
  /** Hosts that one node asks the others about at once. Above: in the next look. */
  hostsAsked: 4_000,
  /** How old what nodes have heard may be when it is decided on, ms: longer than their answers take, shorter than a lease. */
  hostSignsMs: 3_000,
  /** Connections in a row that must fail before a host takes an endpoint for unreachable. */
  verdictFailures: 3,
  /** Hosts that must say so, and how long one's word waits for the other's, ms. */
  verdictObservers: 2,
  verdictWindowMs: 20_000,
  /** How long such a verdict lasts, ms; it doubles each time it comes again, up to the longest, after which it is forgotten. */
  verdictMs: 30_000,
  verdictLongestMs: 5 * 60 * 1_000,
  /** Endpoints of one service that are judged at a time, and words that wait. Above: they stay as they are. */
  verdictsPerService: 256,
  verdictReports: 256,
  /** How long an agent waits for one answer of a node, ms. After: the next address, then a jittered wait. */
  agentRequestMs: 3_000,
  /** Waits between an agent's tries, ms: short enough to be back 10 s after any outage, long enough not to storm. */
  agentRetryBaseMs: 200,
  agentRetryMaxMs: 2_000,
  /** Bytes of one node's answer to an agent. Above: the call fails. A host's whole bundle and workloads fit many times. */
  agentReplyBytes: 4 * 1024 * 1024,
  /** Between two heartbeats of an agent, ms; the longest that the fleet's view and a new gateway port lag behind. */
  agentHeartbeatMs: 2_000,
  /** Certificate requests in one call of an agent. Above: another call. A node signs these in well under a second. */
  svidsPerRequest: 64,
  /** How long an agent keeps a node's address that no node tells any more, ms; as long as nodes remember each other. */
  nodeAddressMs: 10 * 60 * 1_000,
  /** How long a workload outlives its client's vanished stream, ms; a client that was only restarted is back by then. */
  sessionGraceMs: 5_000,
  /** The same after the agent itself was started again, ms: its clients poll for the socket. */
  adoptedSessionGraceMs: 15_000,
  /** How long after its endpoint was withdrawn a workload still serves, ms: callers' proxies learn of it meanwhile. */
  withdrawMs: 1_000,
  /** How long open requests may take to end when a proxy is stopped, ms. After: it is stopped all the same. */
  proxyDrainMs: 3_000,
  /** From SIGTERM to SIGKILL of a proxy, ms. */
  proxyTermMs: 3_000,
  /** How long a proxy may take to be configured before its user is told what is missing, ms. */
  proxyReadyWarnMs: 10_000,
  /** Longest wait before a dead proxy is started again, ms; the first is agentRetryBaseMs. */
  proxyRestartMaxMs: 5_000,
  /** How long one answer of a proxy's admin page may take, ms, and how many bytes it may have. Above: no report this time. */
  proxyAdminMs: 1_500,
  proxyAdminBytes: 32 * 1024 * 1024,
  /** How long an agent waits before it asks again after a refusal for good, ms: the node that refused may be wrong. */
  agentRefusedAgainMs: 30_000,
  /** Shortest wait before an SVID is renewed, ms: a node's clock may be so far behind that what it issues is old at once. */
  svidRenewLeastMs: 1_000,
  /** Bytes of PEM in one Secret: sealed and in base64 they fit a record. Above: the Secret is refused. */
  secretBytes: 128 * 1024,
  /** Secrets of one gateway that are files, and that are stored. Above: the later ones are not answered, and it is told. */
  secretsPerProxy: 256,
  /** Bytes of one of those files. Above: as if it were not there, and it is told. */
  secretFileBytes: 256 * 1024,
  /** Between two looks at them, ms: a certificate that was renewed is in use before anybody asks why not. */
  secretFilePollMs: 2_000,
  /** How long a listener waits for a secret that is not there, ms; then it serves its other hosts without it. */
  secretWaitMs: 2_000,
  /** How long a gateway keeps a port that no Gateway asks for any more, ms: one that is applied anew finds it again. */
  gatewayPortGraceMs: 30_000,
  /** Bytes of the log of a program that we started. Above: it begins anew; the part before is kept beside it once. */
  logBytes: 8 * 1024 * 1024,
  /** Between two looks at those, ms. */
  logCheckMs: 5_000,
  /** Bytes waiting for one client of the agent that does not read. Above: its stream is closed; it may come again. */
  localStreamBytes: 256 * 1024,
  /** Bytes of one request on the agent's local socket. Above: 413. */
  localRequestBytes: 256 * 1024,
  /** Bytes of a Unix socket's path: sun_path has 104 on macOS, 108 on Linux, one is the end mark. */
  socketPathBytes: 103,
  /** Lifetime of a trust domain's root, ms. Rotated long before. */
  rootLifetimeMs: 10 * 365 * 24 * 60 * 60 * 1000,
  /** How far back a certificate begins, ms: for verifiers whose clock is behind the issuer's. */
  certificateSkewMs: 30_000,
  /** Bytes of one CSR. Above: refused before a byte is parsed. One with our key and a dozen SANs has under 2 kB. */
  csrBytes: 8 * 1024,
  /** Bytes of one join token as text. Above: refused unread. */
  joinTokenBytes: 8 * 1024,
  /** How long a challenge's nonce is good, ms. */
  attestNonceMs: 30_000,
  /** Nonces spent and not yet expired that a node remembers; attestPerSecond keeps it below. Full: refused, later. */
  attestNoncesSpent: 8_192,
  /** CSRs in one message to a signing worker: ≈ 10 ms of work, so that a renewal never waits long behind a storm. */
  signBatch: 64,
  /** Messages waiting for a worker. Full: a retryable refusal. 256 × signBatch is over one second of both cores. */
  workerQueue: 256,
  /** An actor without a message for this long leaves memory, ms; the next message brings it back. */
  actorIdleMs: 60_000,
  /** How long a node that hears no other leaves an actor to whoever took it, ms: longer than most cuts need to be seen. */
  actorYieldMs: 10_000,
  /** How often a node looks for due timers and for actors that must always run, ms. The precision of durable timers. */
  actorSweepMs: 500,
  /** Between two heartbeats of a node, ms. Three nodes cost 18 messages a second; a quarter of the suspicion below. */
  memberHeartbeatMs: 500,
  /** Silence of a node, ms, that makes it suspect, and accused. Longer than a garbage collection or a slow start of a worker. */
  memberSuspicionMs: 2_000,
  /** A node that is this overdue is asked for, this often; one that NATS says is not there for so long is accused. */
  memberOverdueMs: 650,
  memberLookMs: 200,
  memberAbsentMs: 500,
  /** Silence, ms, after which a node removes another without a second witness: when there is none to ask. */
  memberAloneMs: 4_000,
  /** How long a node that was removed must be heard before it is a member again, ms; doubles with each removal, up to the longest. */
  memberRejoinMs: 1_000,
  memberRejoinLongestMs: 30_000,
  /** A process that was heard for less than this, ms, died young: one that follows it may do the same. */
  memberYoungMs: 5_000,
  /** A member for this long, ms, has not been removed "again". */
  memberSteadyMs: 60_000,
  /** How long a node that is gone is still shown, ms. */
  memberForgottenMs: 10 * 60 * 1_000,
  /** Wall clocks further apart than this, ms: a node with which most others disagree owns nothing and signs nothing. */
  memberClockOffsetMs: 30_000,
  /** Nodes one node keeps in mind. More are not heard: a cluster has a handful, and names come from outside. */
  members: 64,
  /** Bytes of one message between nodes; NATS itself refuses above 1 MiB. Larger answers go in pages. */
  nodeMessageBytes: 900 * 1024,
  /** Questions of other nodes that a node answers at once, and its own under way. Above: refused, later. */
  nodeCalls: 4_096,
  /** How long a node may take to say what it sees, ms. After: it is named as silent. */
  nodeAnswerMs: 2_000,
  /** One piece of a wait for another node's proxies, ms: how late it is noticed that this node was replaced. */
  nodeWaitMs: 1_000,
  /** Proxies told in one page between nodes, ≈ 0.7 kB each. */
  proxiesPerPage: 500,
  /** Wait before a failed renewal of a node's intermediate is tried again, ms; jittered. It has half of its life left. */
  renewRetryMs: 30_000,
  /** How long an answer waits until this node's own copy holds what was written, ms. After: it is answered anyway. */
  readYourWriteMs: 1_000,
  /** How often the topology is told to whoever listens, ms: it is made of 2 s heartbeats. */
  topologyEventMs: 1_000,
  /** How long an apply may take, its retries included, ms. After: 504, and the next call says what became of it. */
  applyMs: 15_000,
  /** Longest life of a join token, ms: a week. */
  joinTokenLifetimeMs: 7 * 24 * 60 * 60 * 1000,
  /** Bytes of one attestation request: a key, a CSR, a signature. Above: 413. */
  attestBytes: 64 * 1024,
  /** Connections to one node's agent listener, attested or not. Above: closed at once. */
  agentConnections: 2_000,
  /** How long a request on the agent listener may take to arrive, ms. After: 408. */
  agentRequestTimeoutMs: 30_000,
  /** Inbound ports, upstreams or gateway listeners of one workload. Above: refused. */
  portsPerWorkload: 256,
  /** Edges that one heartbeat may report of one proxy. Above: refused. */
  edgesPerProxy: 10_000,
  /** Roots of one trust domain at a time: prepared, active, retiring, and one to spare. Above: no new one is prepared. */
  authoritySlots: 4,
  /** Nodes whose intermediates the authority's record remembers; those that ended go first. A cluster has a handful. */
  authorityIntermediates: 256,
  /** Sources that may claim ports of one service, and ports one source may claim. Keeps the record far under recordBytes. */
  serviceSources: 1_000,
  servicePorts: 64,
  /** dev: how long a part may take to be ready, ms. After: the start fails, or the part is started again. */
  devReadyMs: 30_000,
  /** dev: starts with other ports after another program took one between its choice and its use. Then: it fails. */
  devPortAttempts: 5,
  /** dev: how long the demo's page may take to answer once everything runs, ms. After: said, and waited on. */
  devIngressMs: 60_000,
  /** dev: from SIGTERM to SIGKILL of a part, ms; a node hands over and an agent drains in less. */
  devStopMs: 15_000,
  /** dev: the same for what an earlier, killed run left: there is no node any more with which an agent could settle. */
  devLeftoverStopMs: 1_000,
  /** dev: how long a process may take to be gone after SIGKILL, ms. */
  devKillMs: 5_000,
  /** dev: between two looks at what has no event to wait for, ms. */
  devPollMs: 20,
  /** dev: first wait before what died again is started again, ms, doubled each time; and the longest. */
  devRestartFirstMs: 100,
  devRestartLongestMs: 5_000,
  /** dev, several nodes: how long a dead one stays away, ms, as in deploy/systemd: its start slows those that take its proxies. */
  devRestartNodeMs: 2_000,
  /** dev: what ran this long, ms, has not died "again": its next restart is at once. */
  devSteadyMs: 10_000,
  /** dev: a signal repeated within this time, ms, is the same one: npm and a terminal both send it. */
  devSameSignalMs: 1_000,
  /** dev: lines of a part's log that are shown when it fails, and bytes read of its end. */
  devLogLines: 12,
  devLogBytes: 16 * 1024,
  /** Bytes of log entries in one backup. Above: the oldest are left out, and counted in its manifest. The log only grows. */
  backupLogBytes: 64 * 1024 * 1024,
  /** Bytes of all records in one backup, held in memory while it is taken or restored. Above: refused with this figure. */
  backupBytes: 256 * 1024 * 1024,
  /** How long a node may read for a backup, or check and write a restored one, ms. After: given up, nothing changed. */
  backupMs: 5 * 60 * 1000,
  /** Writes of a restore under way at once. */
  restoreWritesInFlight: 128,
  /** Files named in one apply. Above: refused; documents have their own limit. */
  applyFiles: 1_000,
  /** Hosts whose proxies must refuse a version of an object, and how long one's word waits for another's, ms. */
  refusalHosts: 2,
  refusalWindowMs: 60_000,
  /** Words of hosts that are remembered, of one object and on one node. Above: the oldest go, and may be said again. */
  refusalsRemembered: 1_000,
  /** Objects of one step that may be blamed together. An apply of more is not blamed: too much would be taken back. */
  suspects: 16,
  /** Steps that may be blamed: a proxy answers within a generation, while others follow. */
  suspectSteps: 256,
  /** Objects of which a node remembers the form before. Above: the oldest go, and are not held when they are refused. */
  formsRemembered: 2_000,
  /** Endpoints, or services, below which the brake holds nothing: a mesh on a laptop comes and goes as it likes. */
  brakeLeast: 8,
  /** Sets (what one source says of one service) that must shrink together for a drop: one alone is somebody's scaling. */
  brakeSets: 3,
  /** How far back, ms, the brake looks for the most there was: many hosts' words come one by one, not in one step. */
  brakeWindowMs: 10_000,
  /** How soon a node writes to its own disk which endpoints are held, ms: once for the many steps of one incident. */
  brakeKeepMs: 200,
} as const;
