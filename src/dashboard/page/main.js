// The live page: puts what comes in to where it is shown.

import { byId, setText } from "./elements.js";
import { GraphView } from "./graph_view.js";
import { keepLive } from "./live.js";
import { showCalls, showObjects, showProxies, showSplits, showTiles } from "./panels.js";

const graph = new GraphView(byId("graph"));
let topology;
let proxies;

keepLive((news) => {
  showConnection(news.lost);
  if (news.proxies) {
    proxies = news.proxies;
    showProxies(proxies);
  }
  if (news.objects) showObjects(news.objects);
  if (news.topology) {
    topology = news.topology;
    graph.show(topology);
    showSplits(topology);
    showCalls(topology);
  }
  if (topology) showTiles(topology, proxies);
});

function showConnection(lost) {
  const banner = byId("banner");
  const status = byId("status");
  status.dataset.state = lost ? "lost" : "live";
  setText(status, lost ? "connection lost" : "live");
  document.body.classList.toggle("stale", lost);
  banner.hidden = !lost;
  if (lost) {
    const age = topology ? ` What you see is of ${new Date(topology.atMs).toLocaleTimeString()}.` : "";
    setText(banner, `This node does not answer; trying again.${age} Proxies go on with what they have.`);
  }
}
