// What an edit changed: field by field for a sentence, line by line for the eye.
import { diffLines } from "diff";

import { parseJson, stringifyJson } from "@/lib/json";

export interface Edit {
  /** The value to send; undefined while the text is no JSON. */
  value: unknown;
  /** What is wrong with the text; null when it is JSON. */
  problem: string | null;
  /** Whether the value differs from the one before, whatever the spaces. */
  changed: boolean;
}

/** Read an edited text against the payload it began as; digits stay as typed. */
export function readEdit(text: string, payload: unknown): Edit {
  try {
    const value = parseJson(text);
    return { value, problem: null, changed: stringifyJson(value) !== stringifyJson(payload) };
  } catch (error) {
    return { value: undefined, problem: error instanceof Error ? error.message : "This is not JSON.", changed: true };
  }
}

const SHOWN_CHARS = 40;
const FIELDS_NAMED = 3;

/** Say what changed between two payloads: "overdraft_approved: false → true"; empty when nothing did. */
export function sayChanges(before: unknown, after: unknown): string {
  if (stringifyJson(before) === stringifyJson(after)) return "";
  if (!isObject(before) || !isObject(after)) return "the whole payload";
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const said = names.map((name) => sayField(name, before, after)).filter((each) => each !== null);
  if (!said.length) return "the order of its fields";
  const more = said.length - FIELDS_NAMED;
  return said.slice(0, FIELDS_NAMED).join(", ") + (more > 0 ? `, and ${more} more ${more === 1 ? "field" : "fields"}` : "");
}

function sayField(name: string, before: Record<string, unknown>, after: Record<string, unknown>): string | null {
  const had = Object.hasOwn(before, name);
  if (!Object.hasOwn(after, name)) return `${name} removed`;
  if (!had) return `${name}: ${short(after[name])} added`;
  return stringifyJson(before[name]) === stringifyJson(after[name]) ? null : `${name}: ${short(before[name])} → ${short(after[name])}`;
}

function short(value: unknown): string {
  const text = stringifyJson(value);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

export interface DiffLine {
  kind: "same" | "removed" | "added" | "gap";
  text: string;
}

const CONTEXT_LINES = 2;

/** The lines that differ, each with two unchanged ones around it; longer unchanged stretches become one gap. */
export function diffOf(before: unknown, after: unknown): DiffLine[] {
  const parts = diffLines(`${stringifyJson(before, 2)}\n`, `${stringifyJson(after, 2)}\n`);
  return parts.flatMap(({ value, added, removed }, index) => {
    const lines = value.split("\n").slice(0, -1);
    if (added || removed) return lines.map((text): DiffLine => ({ kind: added ? "added" : "removed", text }));
    return folded(lines, index === 0, index === parts.length - 1);
  });
}

function folded(lines: string[], first: boolean, last: boolean): DiffLine[] {
  const head = first ? 0 : CONTEXT_LINES;
  const tail = last ? 0 : CONTEXT_LINES;
  const hidden = lines.length - head - tail;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  if (hidden <= 1) return lines.map(same);
  const gap: DiffLine = { kind: "gap", text: `${hidden} unchanged lines` };
  return [...lines.slice(0, head).map(same), gap, ...lines.slice(lines.length - tail).map(same)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("isLosslessNumber" in value);
}
