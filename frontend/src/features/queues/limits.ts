// Reading a limit as someone typed it.

const LARGEST_LIMIT = 1_000_000;

/** The number someone typed, null for none where that is allowed, or what is wrong with it. */
export function limitOf(text: string, mayBeEmpty: boolean): { value: number | null; problem: string | null } {
  const typed = text.trim();
  if (!typed && mayBeEmpty) return { value: null, problem: null };
  const value = /^\d{1,7}$/.test(typed) ? Number(typed) : 0;
  if (value >= 1 && value <= LARGEST_LIMIT) return { value, problem: null };
  return { value: null, problem: "Give a whole number from 1 to 1,000,000." };
}
