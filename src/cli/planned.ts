/** Commands that belong to meshctl and that this version does not have yet, each with what serves meanwhile. */

const page = "the live page, at the API's address, shows who calls whom";
const files = "deploy/ holds what production needs";

/** First word of the command → what to use instead; "": nothing does. */
export const planned: ReadonlyMap<string, string> = new Map([
  ["describe", "meshctl get KIND NAME -o yaml"],
  ["edit", "meshctl get KIND NAME -o yaml, then meshctl apply -f FILE"],
  ["history", ""],
  ["undo", "meshctl apply -f with the files as they were"],
  ["diff", "meshctl apply --dry-run -f FILE says what would change"],
  ["analyze", "meshctl apply --dry-run -f FILE says what is wrong"],
  ["test", ""],
  ["follow", "meshctl wait --revision REVISION, and meshctl proxy-status"],
  ["tap", page],
  ["top", page],
  ["edges", page],
  ["viz", page],
  ["outliers", ""],
  ["dashboard", page],
  ["ca", ""],
  ["trust", ""],
  ["peer", ""],
  ["audit", ""],
  ["install", files],
  ["upgrade", files],
  ["uninstall", files],
]);
