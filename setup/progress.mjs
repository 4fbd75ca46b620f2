// What set-up says while it works. Everything goes to stderr: stdout belongs to the program that is started afterwards.

const started = Date.now();
let steps = 0;

/** One line of progress. */
export function say(text) {
  process.stderr.write(`weft set-up: ${text}\n`);
}

/** Announces a step, runs it, and says how long it took. While it runs, a line every 15 s shows that it is alive. */
export async function step(title, work) {
  steps += 1;
  say(`${title} …`);
  const began = Date.now();
  const alive = setInterval(() => say(`  still at it (${seconds(Date.now() - began)})`), 15_000);
  try {
    const outcome = await work();
    say(`  done in ${seconds(Date.now() - began)}${outcome ? `: ${outcome}` : ""}`);
  } finally {
    clearInterval(alive);
  }
}

/** The last line, if there were any before it. */
export function sayTotal() {
  if (steps > 0) say(`ready after ${seconds(Date.now() - started)}`);
}

/** A size for people: 36857864 → "36.9 MB". */
export function megabytes(bytes) {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** What the user can mend: printed as one line, without a stack. */
export class SetupError extends Error {
  name = "SetupError";
}
