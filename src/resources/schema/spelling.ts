/** How a field in snake_case may be written where its object takes any case. */

/** snake_case, camelCase and PascalCase, in this order; a word alone has no camelCase of its own. */
export function spellings(field: string): readonly string[] {
  const camel = field.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const pascal = camel.slice(0, 1).toUpperCase() + camel.slice(1);
  return [...new Set([field, camel, pascal])];
}
