/** A worker entry for tests: dies on every task, as a native crash would have it. */
export default function run(): never {
  process.exit(7);
}
