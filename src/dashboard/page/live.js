// How the page stays live: the topology by server-sent events, each second; while those fail, by asking. Proxies and
// objects are asked for. Tells when the node was last heard of, so that the page can say that what it shows is old.

const askEveryMs = 2_000;
const reopenAfterMs = 2_000;
/** Events come each second; three that are missing mean that the connection is lost. */
const lostAfterMs = 3_500;

/** hear({ topology | proxies | objects | lost }) */
export function keepLive(hear) {
  let heardAtMs = performance.now();
  let streaming = false;
  const heard = (news) => {
    heardAtMs = performance.now();
    hear({ ...news, lost: false });
  };

  const open = () => {
    const events = new EventSource("/v1/topology/events");
    events.addEventListener("topology", ({ data }) => {
      streaming = true;
      heard({ topology: JSON.parse(data) });
    });
    events.addEventListener("error", () => {
      streaming = false;
      // A refused stream is not tried again by the browser itself.
      if (events.readyState !== EventSource.CLOSED) return;
      events.close();
      setTimeout(open, reopenAfterMs);
    });
  };

  const ask = async () => {
    const wanted = [
      ["proxies", "/v1/proxies"],
      ["objects", "/v1/resources"],
    ];
    if (!streaming) wanted.push(["topology", "/v1/topology"]);
    await Promise.all(
      wanted.map(async ([name, path]) => {
        const value = await answerOf(path);
        if (value !== undefined) heard({ [name]: value });
      }),
    );
    setTimeout(ask, askEveryMs);
  };

  setInterval(() => {
    if (performance.now() - heardAtMs > lostAfterMs) hear({ lost: true });
  }, 500);
  open();
  ask();
}

async function answerOf(path) {
  try {
    const response = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(askEveryMs * 2),
    });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
