/**
 * Traces of the control plane, by OpenTelemetry, when OTEL_EXPORTER_OTLP_ENDPOINT is set; the SDK reads the other OTEL_*
 * variables itself. Without it nothing is loaded, and the API's spans cost nothing.
 */
import { type Span, SpanStatusCode, trace } from "@opentelemetry/api";

export interface Tracing {
  stop(): Promise<void>;
}

export async function startTracing(serviceName: string, environment = process.env): Promise<Tracing> {
  if (!environment.OTEL_EXPORTER_OTLP_ENDPOINT) return { stop: async () => {} };
  const [{ NodeSDK }, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ]);
  const sdk = new NodeSDK({ serviceName, traceExporter: new OTLPTraceExporter() });
  sdk.start();
  return { stop: () => sdk.shutdown() };
}

/** Runs `work` within a span; its failure is the span's. */
export async function traced<T>(
  name: string,
  fields: Record<string, string | number>,
  work: () => Promise<T>,
): Promise<T> {
  return trace.getTracer("weft").startActiveSpan(name, { attributes: fields }, async (span: Span) => {
    try {
      return await work();
    } catch (cause) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: cause instanceof Error ? cause.message : String(cause) });
      throw cause;
    } finally {
      span.end();
    }
  });
}
