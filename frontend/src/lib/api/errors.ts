// What went wrong with a request, in words for people and with the id the server's log knows.
import type { FieldProblem } from "@/lib/api/types";

export interface ProblemFacts {
  status: number;
  code: string;
  title: string;
  detail: string;
  requestId?: string;
  problems?: FieldProblem[];
}

/** A request that was refused or never answered; `code` is for programs, `message` for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly requestId: string | null;
  readonly problems: readonly FieldProblem[];

  constructor(facts: ProblemFacts) {
    super(facts.detail);
    this.name = "ApiError";
    this.status = facts.status;
    this.code = facts.code;
    this.title = facts.title;
    this.requestId = facts.requestId ?? null;
    this.problems = facts.problems ?? [];
  }

  /** Whether the same request may succeed in a moment: nobody answered, the server could not, or the first is under way. */
  get isPassing(): boolean {
    return !this.isTooWide && (this.status === 0 || this.status === 429 || this.status >= 500 || this.code === "in_flight");
  }

  /** Whether the database gave up on a question because it asks for too much, and not because it is away. */
  get isTooWide(): boolean {
    return this.status === 503 && this.message.includes("takes longer than");
  }
}

/** Nobody answered: the API is down, restarting, or the network is away. */
export function unreachable(): ApiError {
  return new ApiError({
    status: 0,
    code: "unreachable",
    title: "The API does not answer",
    detail: "The API does not answer. It may be restarting; this page tries again by itself.",
  });
}

/** Read a problem+json body; what is none (a proxy's page) still becomes an ApiError with its status. */
export function problemOf(response: Response, body: unknown): ApiError {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  if (isProblem(body)) {
    return new ApiError({
      status: response.status,
      code: body.code,
      title: body.title ?? body.code,
      detail: body.detail,
      requestId: body.request_id ?? requestId,
      problems: body.problems,
    });
  }
  if ([502, 503, 504].includes(response.status) || (response.status === 500 && !requestId)) return unreachable();
  const detail = `The server answered ${response.status} without saying why.`;
  return new ApiError({ status: response.status, code: "unexplained", title: "Unexpected answer", detail, requestId });
}

/** The words to show for anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Problem {
  code: string;
  detail: string;
  title?: string;
  request_id?: string;
  problems?: FieldProblem[];
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}
