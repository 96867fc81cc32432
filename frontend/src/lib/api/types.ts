// Short names for what the API answers; the shapes themselves are generated from its OpenAPI document.
import type { components } from "@/generated/api";

type Schemas = components["schemas"];

export type State = Schemas["State"];
export type Effects = Schemas["Effects"];
export type Total = Schemas["Total"];
export type Job = Schemas["Job"];
export type JobDetail = Schemas["JobDetail"];
export type JobEvent = Schemas["JobEvent"];
export type Effect = Schemas["Effect"];
export type Settle = Schemas["Settle"];
export type Attempt = Schemas["Attempt"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeadLetterDetail = Schemas["DeadLetterDetail"];
export type Queue = Schemas["Queue"];
export type QueueChange = Schemas["QueueChange"];
export type Worker = Schemas["Worker"];
export type Task = Schemas["Task"];
export type Overview = Schemas["Overview"];
export type GuardNotice = Schemas["GuardNotice"];
export type Bucket = Schemas["Bucket"];
export type Cause = Schemas["Cause"];
export type Found = Schemas["Found"];
export type NewJob = Schemas["NewJob"];
export type FieldProblem = Schemas["FieldProblem"];

/** All states, in the order in which a job may pass them. */
export const STATES = [
  "SCHEDULED",
  "BLOCKED",
  "READY",
  "RUNNING",
  "WAITING",
  "IN_DOUBT",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "SKIPPED",
] as const satisfies readonly State[];

const ENDS: ReadonlySet<State> = new Set<State>(["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"]);

/** Whether a job in this state will never move on by itself. */
export function hasEnded(state: State): boolean {
  return ENDS.has(state);
}
