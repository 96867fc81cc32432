// Quick changes: the yes-or-no fields of a task's payload schema, to be switched without typing.

export interface Toggle {
  name: string;
  hint: string;
  /** What a payload that leaves the field out means. */
  fallback: boolean;
}

/** The boolean fields at the top of an object schema, in its order; none for any other schema. */
export function togglesOf(schema: unknown): Toggle[] {
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {};
  return Object.entries(properties).flatMap(([name, field]) => {
    if (!isObject(field) || field.type !== "boolean" || field.const !== undefined) return [];
    return [{ name, hint: typeof field.description === "string" ? field.description : "", fallback: field.default === true }];
  });
}

/** Whether a payload says yes to a toggle; null when it says something else than yes or no. */
export function isOn(payload: unknown, { name, fallback }: Toggle): boolean | null {
  if (!isObject(payload)) return null;
  const value = Object.hasOwn(payload, name) ? payload[name] : fallback;
  return typeof value === "boolean" ? value : null;
}

/** The payload with one field switched, its other fields and their order untouched. */
export function switched(payload: unknown, { name }: Toggle, on: boolean): unknown {
  return isObject(payload) ? { ...payload, [name]: on } : payload;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
