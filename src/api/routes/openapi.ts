/** The description of this API: /openapi.json for programs, /openapi for people. */
import type { FastifyInstance } from "fastify";
import { openApiDocument } from "../openapi.ts";

export function routeOpenApi(app: FastifyInstance): void {
  const document = openApiDocument();
  app.get("/openapi.json", () => document);
  app.get("/openapi", (_request, reply) =>
    reply
      .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
      .type("text/html; charset=utf-8")
      .send(page(document)),
  );
}

function page(document: object): string {
  const text = JSON.stringify("paths" in document ? document.paths : {}, describe, 1);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Weft API</title>
<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}pre{overflow:auto}</style>
<h1>Weft API</h1><p>The whole description is at <a href="/openapi.json">/openapi.json</a>.</p>
<pre>${escapeHtml(text)}</pre></html>`;
}

/** For people: each operation by its summary and parameters' names. */
function describe(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("summary" in value)) return value;
  const parameters = "parameters" in value && Array.isArray(value.parameters) ? value.parameters : [];
  const names = parameters.map((parameter: { readonly name: string }) => parameter.name);
  return names.length > 0 ? `${String(value.summary)} (${names.join(", ")})` : value.summary;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
