// Versions as people write them: "v1.40.0", "nats-server: v2.15.1".

/** The first x.y.z in a text, or undefined. */
export function versionIn(text) {
  return /\d+\.\d+\.\d+/.exec(text)?.[0];
}

export function atLeast(version, minimum) {
  const [a, b] = [version, minimum].map((text) => text.split(".").map(Number));
  for (let part = 0; part < 3; part += 1) {
    if (a[part] !== b[part]) return a[part] > b[part];
  }
  return true;
}
