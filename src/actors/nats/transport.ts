/** Requests to actors on other nodes, as questions of the topic `actor`. */
import { anything, object, text } from "../../platform/decode.ts";
import type { OperationId } from "../../store/store.ts";
import type { ActorRequest, Answer, RequestHandler, Transport } from "../runtime/transport.ts";
import type { NodeQuestions } from "./node_network.ts";

const topic = "actor";
const address = object({ kind: text(64), id: text(1_024) });
const envelope = object({ address, operation: text(128) }, { payload: anything });

export function actorTransport(network: NodeQuestions): Transport {
  return {
    serve: (handler) => network.answer(topic, (question) => serve(handler, question)),
    request: (node, request, timeoutMs) => network.ask(node, topic, request, timeoutMs),
  };
}

function serve(handler: RequestHandler, question: unknown): Promise<Answer> {
  const { address: to, operation, payload } = envelope(question, "request to an actor");
  const request: ActorRequest = { address: to, operation: operation as OperationId, payload };
  return handler(request);
}
