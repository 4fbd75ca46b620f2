/** PROXY and WORKLOAD are NAME or NAME.NS. */
export function proxyName(word: string, namespace: string): string {
  return word.includes(".") ? word : `${word}.${namespace}`;
}
