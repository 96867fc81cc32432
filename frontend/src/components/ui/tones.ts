// The tones of labels and marks: a soft ground, and words on it that can be read.
export type Tone = "neutral" | "blue" | "teal" | "violet" | "amber" | "green" | "red";

export const TONES: Record<Tone, string> = {
  neutral: "bg-neutral-soft text-neutral",
  blue: "bg-blue-soft text-blue",
  teal: "bg-teal-soft text-teal",
  violet: "bg-violet-soft text-violet",
  amber: "bg-amber-soft text-amber",
  green: "bg-green-soft text-green",
  red: "bg-red-soft text-red",
};
