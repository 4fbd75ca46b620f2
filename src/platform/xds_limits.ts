/** The limits of xDS: a part of limits.ts, from where code takes them. */
export const xdsLimits = {
  /** Bytes of one message on an xDS stream from a proxy. Above: the stream ends. Covers 50,000 resumed versions. */
  xdsRequestBytes: 4 * 1024 * 1024,
  /** Names one stream may subscribe to in one type. Above: the stream ends. */
  xdsSubscribedNames: 50_000,
  /** How long a pinned generation may wait for a proxy's acknowledgement before the next one starts, in ms. */
  xdsGenerationMs: 5_000,
  /** Live xDS streams of one node. Above: refused, elsewhere. */
  xdsStreams: 5_000,
  /** TCP connections to one xDS port, handshakes included. Above: dropped at accept, so that a flood costs no TLS. */
  xdsConnections: 6_000,
  /** Streams on one connection to the xDS port; Envoy needs one. Above: HTTP/2 refuses the stream. */
  xdsStreamsPerConnection: 100,
  /** Bytes of one xDS response; what does not fit follows after its acknowledgement. Below gRPC's default of 4 MiB. */
  xdsResponseBytes: 3 * 1024 * 1024,
  /** Bytes handed to one stream and not yet taken by its peer. Above: what is next waits, and the newer replaces it. */
  xdsUnflushedBytes: 64 * 1024,
  /** How long a stream may stay open without saying who it is, in ms; also the TLS handshake's time. After: ended. */
  xdsFirstRequestMs: 10_000,
  /** xDS connections at a time between being accepted and their first request. Above: not read yet. */
  xdsHandshakes: 16,
  /** For how long one counts, in ms: a proxy that comes behind 6,000 that say nothing waits for 4 s. */
  xdsHandshakeMs: 10,
  /** xDS connections taken down in a turn of the event loop. */
  xdsEndsATurn: 32,
  /** How often a silent xDS connection is pinged, and how long its answer may take, in ms. After: closed. */
  xdsKeepaliveMs: 30_000,
  xdsKeepaliveTimeoutMs: 10_000,
  /** Streams whose record or certificate goes end spread over this time, in ms, so that they do not return in step. */
  xdsEndSpreadMs: 2_000,
  /** Large responses kept as bytes, because proxies that connect together are sent the same. Above: the oldest goes. */
  xdsSharedResponses: 4,
  /** Large requests kept as bytes and as what they say, for the same reason. */
  xdsSharedRequests: 8,
  /** Lists of what stacks have in common, kept until the layers change. */
  xdsSharedLists: 512,
  /** Lists of the endpoints that clusters ask for, kept across changes; one for each way in which proxies see the mesh. */
  xdsSharedAsks: 64,
  /** How long a connection that is to end may still carry the status that says why, in ms. */
  xdsLastWordMs: 1_000,
  /** Longest piece of work on the event loop when a change goes out to many streams, in ms. Then others get a turn. */
  xdsSliceMs: 10,
  /** The same while new proxies wait in line: what they cost comes on top. */
  xdsSliceAmongArrivalsMs: 4,
  /** The same of what new streams say: what it makes the node write takes as long again. */
  xdsArrivalSliceMs: 5,
  /** What one stream's turn keeps rounds apart, in ms: to send to it and to read its answer takes the node half as long. */
  xdsApartMs: 0.1,
  /** Requests shorter than this cost less to take than to put in line, in bytes. */
  xdsShortRequestBytes: 4_096,
  /** After so many refusals on end a proxy is sent to only this often, in ms. */
  xdsRefusalsAtOnce: 64,
  xdsRefusedPauseMs: 250,
  /** Proxies that are given their first configuration at a time (xds/arrivals.ts). */
  xdsSeatsAtFirst: 8,
  xdsSeatsAtLeast: 3,
  xdsSeatsAtMost: 64,
  /** How long after a change there are no more than the fewest, in ms: as long as changes come at least so often. */
  xdsFewSeatsMs: 1_000,
  /** How long one may keep its seat, in ms. */
  xdsSeatMs: 250,
  /** How often it is looked how late the event loop runs, and from where on it is late, in ms. */
  xdsLookMs: 10,
  xdsLateMs: 5,
} as const;
