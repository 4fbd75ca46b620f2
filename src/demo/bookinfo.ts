/**
 * The demo's four services, in the shape of the bookshop that service-mesh users know: productpage asks details and
 * reviews; reviews v2 and v3 ask ratings. Each is a handler, so that a test can serve it without a process.
 */
import type { IncomingMessage } from "node:http";
import { call, type Reply } from "./neighbours.ts";
import { type Answer, type Handler, html, json, text } from "./server.ts";

export type AppName = "productpage" | "details" | "reviews" | "ratings";

const book = { id: 0, title: "The Comedy of Errors" };

const details: Handler = (_request, url) => {
  const id = idOf(url, "details");
  if (id === undefined)
    return url.pathname === "/health" ? json({ status: "details is healthy" }) : text("not found", 404);
  return json({
    id,
    author: "William Shakespeare",
    year: 1595,
    type: "paperback",
    pages: 200,
    publisher: "A small press",
    language: "English",
  });
};

const ratings: Handler = (_request, url) => {
  const id = idOf(url, "ratings");
  if (id === undefined)
    return url.pathname === "/health" ? json({ status: "ratings is healthy" }) : text("not found", 404);
  return json({ id, ratings: { Reviewer1: 5, Reviewer2: 4 } });
};

interface Stars {
  readonly stars?: number;
  readonly color?: string;
  readonly error?: string;
}

async function starsFor(version: string, id: number, request: IncomingMessage): Promise<Record<string, Stars>> {
  if (version === "v1") return {};
  const color = version === "v2" ? "black" : "red";
  const reply = await call({ host: "ratings:9080", path: `/ratings/${id}`, from: request.headers }).catch(asReply);
  if (reply.status !== 200) {
    const error = `ratings answered ${reply.status}`;
    return { Reviewer1: { error }, Reviewer2: { error } };
  }
  const found: { ratings: Record<string, number> } = JSON.parse(reply.body);
  return Object.fromEntries(Object.entries(found.ratings).map(([who, stars]) => [who, { stars, color }]));
}

function reviewsOf(version: string): Handler {
  return async (request, url) => {
    const id = idOf(url, "reviews");
    if (id === undefined)
      return url.pathname === "/health" ? json({ status: "reviews is healthy" }) : text("not found", 404);
    const stars = await starsFor(version, id, request);
    return json({
      id,
      version,
      reviews: [
        { reviewer: "Reviewer1", text: "Twins, twice over, and I laughed at both.", rating: stars.Reviewer1 },
        {
          reviewer: "Reviewer2",
          text: "Short, fast, and every mistake is in the right place.",
          rating: stars.Reviewer2,
        },
      ],
    });
  };
}

const productpage: Handler = async (request, url) => {
  const path = url.pathname;
  if (path === "/health") return json({ status: "productpage is healthy" });
  if (path === "/" || path === "/login" || path === "/logout") return redirect("/productpage", path, url);
  if (path === "/static/style.css") return { status: 200, contentType: "text/css", body: style };
  if (path === "/api/v1/products") return json([book]);
  const product = /^\/api\/v1\/products\/(\d+)(?:\/(reviews|ratings))?$/.exec(path);
  if (product) {
    const service = product[2] ?? "details";
    const reply = await call({ host: `${service}:9080`, path: `/${service}/${product[1]}`, from: request.headers });
    return { status: reply.status, contentType: "application/json", body: reply.body };
  }
  if (path !== "/productpage") return text("not found", 404);
  const user = /(?:^|;\s*)user=([a-z0-9-]{1,40})/.exec(request.headers.cookie ?? "")?.[1];
  const from = user ? { ...request.headers, "end-user": user } : request.headers;
  const [about, opinions] = await Promise.all([
    call({ host: "details:9080", path: "/details/0", from }).catch(asReply),
    call({ host: "reviews:9080", path: "/reviews/0", from }).catch(asReply),
  ]);
  // An honest page: when a neighbour fails, so does it, and says which.
  return html(page(about, opinions, user), about.status === 200 && opinions.status === 200 ? 200 : 502);
};

function redirect(to: string, from: string, url: URL): Answer {
  const user = /^[a-z0-9-]{1,40}$/.exec(url.searchParams.get("username") ?? "")?.[0];
  const cookie = from === "/login" && user ? `user=${user}; Path=/` : "user=; Path=/; Max-Age=0";
  const headers: Record<string, string> = from === "/" ? { location: to } : { location: to, "set-cookie": cookie };
  return { status: 302, contentType: "text/plain", body: "", headers };
}

function page(about: Reply, opinions: Reply, user: string | undefined): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${book.title}</title>
<link rel="stylesheet" href="/static/style.css"></head><body><header><h1>${book.title}</h1>
<p>${user ? `signed in as ${user} · <a href="/logout">sign out</a>` : `<a href="/login?username=jason">sign in as jason</a>`}</p></header>
<section><h2>Details</h2>${aboutHtml(about)}</section><section><h2>Reviews</h2>${opinionsHtml(opinions)}</section></body></html>\n`;
}

function aboutHtml(reply: Reply): string {
  if (reply.status !== 200) return `<p class="error">details answered ${reply.status}</p>`;
  const rows = Object.entries(JSON.parse(reply.body) as Record<string, string | number>);
  return `<dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("")}</dl>`;
}

function opinionsHtml(reply: Reply): string {
  if (reply.status !== 200) return `<p class="error">reviews answered ${reply.status}</p>`;
  const found: { version: string; reviews: { reviewer: string; text: string; rating?: Stars }[] } = JSON.parse(
    reply.body,
  );
  const one = (review: (typeof found.reviews)[number]): string =>
    `<blockquote>${review.text}<footer>${review.reviewer} ${starsHtml(review.rating)}</footer></blockquote>`;
  return `<p class="served">served by reviews ${found.version}</p>${found.reviews.map(one).join("")}`;
}

function starsHtml(rating: Stars | undefined): string {
  if (!rating) return "";
  if (rating.error) return `<span class="error">${rating.error}</span>`;
  return `<span style="color:${rating.color}">${"★".repeat(rating.stars ?? 0)}${"☆".repeat(5 - (rating.stars ?? 0))}</span>`;
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d2430}
dl{display:grid;grid-template-columns:8rem 1fr}dd{margin:0}blockquote{border-left:3px solid #8aa;margin:1rem 0;padding-left:1rem}
.served{color:#567;font-size:.9rem}.error{color:#b3261e}\n`;

function idOf(url: URL, service: string): number | undefined {
  const [first, id, ...rest] = url.pathname.split("/").filter(Boolean);
  return first === service && id !== undefined && /^\d{1,6}$/.test(id) && rest.length === 0 ? Number(id) : undefined;
}

function asReply(cause: unknown): Reply {
  return { status: 502, body: cause instanceof Error ? cause.message : String(cause) };
}

export function appHandler(name: AppName, version: string): Handler {
  const handlers: Record<AppName, Handler> = { productpage, details, ratings, reviews: reviewsOf(version) };
  return handlers[name];
}
