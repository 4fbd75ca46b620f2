// Words for what a test file did: one line when it is good, everything that helps when it is not.

export function describeFile(file, { passed, failed, skipped, failures, output, ms }) {
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`].filter(
    Boolean,
  );
  const line = `${failed > 0 ? "✖" : "✔"} ${file}  ${counts.join(", ")} (${(ms / 1000).toFixed(1)} s)`;
  if (failed === 0) return line;
  const parts = failures.map(({ name, text }) => `  ✖ ${name}\n${indent(text)}`);
  if (output.trim() !== "") parts.push(`  what it printed:\n${indent(output.trimEnd())}`);
  return [line, ...parts, ""].join("\n");
}

function indent(text) {
  return text.replace(/^/gm, "      ");
}
