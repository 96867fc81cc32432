// JSON that keeps every digit: numbers JavaScript cannot hold exactly stay text inside payloads and results.
import { isLosslessNumber, LosslessNumber, parse, stringify } from "lossless-json";

/** The fields whose content belongs to the user and passes through unchanged, digit by digit. */
const VERBATIM = new Set(["payload", "result", "payload_schema", "result_schema", "detail"]);

/** Parse JSON text; a number that is not exactly what JavaScript would print is a LosslessNumber. */
export function parseJson(text: string): unknown {
  return parse(text, null, (digits) => {
    const value = Number(digits);
    return String(value) === digits ? value : new LosslessNumber(digits);
  });
}

/** Write a value as JSON text, every digit as it came; `indent` spaces per level, none for one line. */
export function stringifyJson(value: unknown, indent?: number): string {
  return stringify(value, null, indent) ?? "null";
}

/** Write JSON text in readable lines; what is not JSON comes back as it is. */
export function prettyJson(text: string): string {
  try {
    return stringifyJson(parseJson(text), 2);
  } catch {
    return text;
  }
}

/** Parse an answer of the API: its own numbers become plain numbers, payloads and results keep their digits. */
export function parseAnswer(text: string): unknown {
  return plain(parseJson(text));
}

function plain(value: unknown): unknown {
  if (isLosslessNumber(value)) return Number(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, VERBATIM.has(key) && typeof inner === "object" ? inner : plain(inner)]),
  );
}
