// Ids: short forms for people, and fresh keys that let an act be sent twice and done once.

/** The last 8 characters of an id: the part that differs between jobs of the same moment. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** The name of an error's type without its modules: "app.ledger.Overdrawn" -> "Overdrawn". */
export function shortType(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1) || type;
}

/** A fresh key for one act of one person; keep it over retries of the same act. */
export function newIdempotencyKey(): string {
  // randomUUID exists in secure contexts only; over plain HTTP the page still has getRandomValues.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
