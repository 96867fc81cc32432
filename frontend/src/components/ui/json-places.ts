// Where a place that the API names ("payload.items.0.amount") stands in a JSON text.
import type { syntaxTree } from "@codemirror/language";

type Tree = ReturnType<typeof syntaxTree>;
type SyntaxNode = Tree["topNode"];

export interface Place {
  from: number;
  to: number;
}

const VALUES = new Set(["True", "False", "Null", "Number", "String", "Object", "Array"]);

/** Return the stretch of the value at `steps`; of the deepest value on the way when one is missing. */
export function placeOf(tree: Tree, text: string, steps: readonly string[]): Place {
  let value = valueIn(tree.topNode);
  let name: SyntaxNode | null = null;
  for (const step of steps) {
    const inner: Found | null = value && memberOf(value, step, text);
    if (!inner) break;
    ({ value, name } = inner);
  }
  if (!value) return { from: 0, to: 0 };
  // An object with a problem of its own is marked at its brace, or the mark would cover all of it.
  const whole = value.name === "Object" || value.name === "Array";
  return { from: name?.from ?? value.from, to: whole ? (name?.to ?? value.from + 1) : value.to };
}

interface Found {
  value: SyntaxNode | null;
  name: SyntaxNode | null;
}

function memberOf(value: SyntaxNode, step: string, text: string): Found | null {
  if (value.name === "Array") {
    const items = childrenOf(value).filter(({ name }) => VALUES.has(name));
    const item = /^\d+$/.test(step) ? items[Number(step)] : undefined;
    return item ? { value: item, name: null } : null;
  }
  const property = value.getChildren("Property").find((each) => nameOf(each, text) === step);
  return property ? { value: valueIn(property), name: property.getChild("PropertyName") } : null;
}

function nameOf(property: SyntaxNode, text: string): string | null {
  const name = property.getChild("PropertyName");
  if (!name) return null;
  try {
    return String(JSON.parse(text.slice(name.from, name.to)));
  } catch {
    return null;
  }
}

function valueIn(node: SyntaxNode): SyntaxNode | null {
  return childrenOf(node).find(({ name }) => VALUES.has(name)) ?? null;
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}
