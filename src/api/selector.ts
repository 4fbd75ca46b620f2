/** Label selectors, as kubectl writes them: app=reviews,version!=v1,canary,!old,tier in (a,b),tier notin (c). Pure. */

type Labels = Readonly<Record<string, string>>;
export type LabelTest = (labels: Labels) => boolean;

const key = "[A-Za-z0-9]([A-Za-z0-9._/-]{0,252}[A-Za-z0-9])?";
const word = "[A-Za-z0-9]?[A-Za-z0-9._-]{0,62}";
const equality = new RegExp(`^(?<key>${key})\\s*(?<sign>==|=|!=)\\s*(?<value>${word})$`);
const membership = new RegExp(`^(?<key>${key})\\s+(?<sign>in|notin)\\s*\\((?<values>[^()]*)\\)$`);
const presence = new RegExp(`^(?<not>!?)\\s*(?<key>${key})$`);

/** @returns the test, or the part that is no selector. */
export function parseSelector(text: string): LabelTest | string {
  const tests: LabelTest[] = [];
  for (const part of text.split(/,(?![^(]*\))/)) {
    const test = parsePart(part.trim());
    if (!test) return part.trim();
    tests.push(test);
  }
  return (labels) => tests.every((test) => test(labels));
}

function parsePart(part: string): LabelTest | undefined {
  const equal = equality.exec(part)?.groups;
  if (equal) {
    const { key: name = "", sign, value = "" } = equal;
    return (labels) => (labelOf(labels, name) === value) === (sign !== "!=");
  }
  const member = membership.exec(part)?.groups;
  if (member) {
    const { key: name = "", sign, values = "" } = member;
    const allowed = new Set(values.split(",").map((value) => value.trim()));
    return (labels) => allowed.has(labelOf(labels, name) ?? "\0") === (sign === "in");
  }
  const present = presence.exec(part)?.groups;
  if (!present) return undefined;
  const { not, key: name = "" } = present;
  return (labels) => (labelOf(labels, name) !== undefined) === (not === "");
}

/** Never a property that the label map merely inherits. */
function labelOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
