/** What a workload's Envoy counts of one of its clusters. */
export class ClusterStatistics {
  readonly #admin: string;
  readonly #cluster: string;

  /** @param host the destination's short name, of the default namespace. */
  constructor({ admin }: { readonly admin: string }, host: string, port = 80) {
    this.#admin = admin;
    this.#cluster = `outbound|${port}||${host}.default.svc.cluster.local`;
  }

  /** By the end of its name; 0 of one that is not there. */
  async of(name: string): Promise<number> {
    const filter = encodeURIComponent(name);
    const page = await (await fetch(`http://${this.#admin}/stats?format=json&filter=${filter}`)).json();
    const { stats } = page as { stats: readonly { readonly name?: string; readonly value?: number }[] };
    return stats.find((one) => one.name === `cluster.${this.#cluster}.${name}`)?.value ?? 0;
  }

  ejected(): Promise<number> {
    return this.of("outlier_detection.ejections_active");
  }
}
