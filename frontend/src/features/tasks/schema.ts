// A JSON Schema as rows: one per field of its object, with type, default and limits in words.

export interface SchemaField {
  name: string;
  type: string;
  required: boolean;
  note: string;
}

type Node = Record<string, unknown>;

/** The fields of an object schema in its order; empty when the schema describes no object with named fields. */
export function fieldsOf(schema: unknown): SchemaField[] {
  const root = isNode(schema) ? resolved(schema, schema) : {};
  const properties = isNode(root.properties) ? root.properties : {};
  const required = new Set(Array.isArray(root.required) ? root.required : []);
  return Object.entries(properties).map(([name, property]) => {
    const field = isNode(property) ? property : {};
    return { name, type: typeOf(field, isNode(schema) ? schema : {}), required: required.has(name), note: noteOf(field) };
  });
}

function typeOf(field: Node, root: Node): string {
  const node = resolved(field, root);
  if (Array.isArray(node.enum)) return node.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  const choices = node.anyOf ?? node.oneOf;
  if (Array.isArray(choices)) return choices.map((each) => (isNode(each) ? typeOf(each, root) : "any")).join(" | ");
  if (node.type === "array") return `array of ${isNode(node.items) ? typeOf(node.items, root) : "any"}`;
  if (Array.isArray(node.type)) return node.type.join(" | ");
  if (typeof node.type === "string") return typeof node.format === "string" ? `${node.type} (${node.format})` : node.type;
  return "any";
}

const LIMITS: readonly (readonly [key: string, words: string])[] = [
  ["minimum", "at least"],
  ["exclusiveMinimum", "more than"],
  ["maximum", "at most"],
  ["exclusiveMaximum", "less than"],
  ["minLength", "characters at least"],
  ["maxLength", "characters at most"],
  ["minItems", "items at least"],
  ["maxItems", "items at most"],
  ["pattern", "matches"],
];

function noteOf(field: Node): string {
  const parts = typeof field.description === "string" ? [field.description] : [];
  if (field.default !== undefined) parts.push(`default ${JSON.stringify(field.default)}`);
  for (const [key, words] of LIMITS) if (field[key] !== undefined) parts.push(`${words} ${String(field[key])}`);
  return parts.join("; ");
}

/** Follow a local $ref; one that leads nowhere, or in a circle, is the field itself. */
function resolved(node: Node, root: Node, hops = 0): Node {
  if (typeof node.$ref !== "string" || hops > 8) return node;
  let target: unknown = root;
  for (const step of node.$ref.replace(/^#\/?/, "").split("/")) target = isNode(target) ? target[step] : undefined;
  return isNode(target) ? resolved(target, root, hops + 1) : node;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
