// Fields that the `.proto` tree which npm delivers does not have yet. They are written into set-up's temporary copy of the tree
// before it is compiled; the tree itself is not touched, and no copy of it is kept here.
//
// validate/validate.proto in that tree is older than the Envoy API beside it, which already uses `ignore_empty`. The numbers are
// protoc-gen-validate's own, so that rules read from the options mean the same everywhere.
//
// Each entry: the file, the message, and lines for the end of that message. Fields that are there already are skipped, so a newer
// tree makes an entry superfluous and never wrong.

const validate = "validate/validate.proto";

const numbers = [
  ...["Float", "Double", "Int32", "Int64", "UInt32", "UInt64", "SInt32", "SInt64"],
  ...["Fixed32", "Fixed64", "SFixed32", "SFixed64"],
].map((kind) => ({ file: validate, message: `${kind}Rules`, fields: ["optional bool ignore_empty = 8;"] }));

export const additions = [
  ...numbers,
  { file: validate, message: "StringRules", fields: ["optional bool ignore_empty = 26;"] },
  { file: validate, message: "BytesRules", fields: ["optional bool ignore_empty = 14;"] },
  { file: validate, message: "RepeatedRules", fields: ["optional bool ignore_empty = 5;"] },
  { file: validate, message: "MapRules", fields: ["optional bool ignore_empty = 6;"] },
];

/** The text of `file` with its additions; an addition whose message is not there is an error, since the tree has changed shape. */
export function withAdditions(file, text) {
  let result = text;
  for (const addition of additions) {
    if (addition.file === file) result = insert(result, addition);
  }
  return result;
}

function insert(text, { file, message, fields }) {
  const start = text.search(new RegExp(`^message ${message} \\{`, "m"));
  const end = text.indexOf("\n}", start);
  if (start < 0 || end < 0) throw new Error(`${file}: there is no message ${message} to add to`);
  const body = text.slice(start, end);
  const missing = fields.filter((field) => !body.includes(` ${fieldName(field)} `));
  if (missing.length === 0) return text;
  return `${text.slice(0, end)}\n${missing.map((field) => `  ${field}`).join("\n")}${text.slice(end)}`;
}

function fieldName(field) {
  return /(\w+) = /.exec(field)[1];
}
