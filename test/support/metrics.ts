/** What a node's /metrics say, as a test or a bench reads them. */

/** The sum of a metric over its labels; 0 of one that is not there. */
export function sumOf(exposition: string, name: string): number {
  return exposition
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
