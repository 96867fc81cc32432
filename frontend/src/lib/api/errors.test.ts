import { describe, expect, it } from "vitest";

import { problemOf } from "@/lib/api/errors";

describe("refusals", () => {
  it("become errors with their words, fields and the id of the request", () => {
    const body = { code: "invalid", title: "Not valid", detail: "the payload does not fit", request_id: "r1", problems: [{ at: "payload.a", message: "missing" }] };
    const error = problemOf(new Response(null, { status: 422 }), body);
    expect(error).toMatchObject({ status: 422, code: "invalid", message: "the payload does not fit", requestId: "r1" });
    expect(error.problems).toEqual([{ at: "payload.a", message: "missing" }]);
    expect(error.isPassing).toBe(false);
  });

  it("that come from a proxy say that the API does not answer", () => {
    expect(problemOf(new Response(null, { status: 502 }), "<html>")).toMatchObject({ code: "unreachable", isPassing: true });
  });

  it("tell a question that asks for too much from a database that is away", () => {
    const refused = (detail: string) => problemOf(new Response(null, { status: 503 }), { code: "database_unavailable", title: "Unavailable", detail });
    expect(refused("this takes longer than 5 s; ask for less with more filters")).toMatchObject({ isTooWide: true, isPassing: false });
    expect(refused("the database takes no writes at the moment")).toMatchObject({ isTooWide: false, isPassing: true });
  });

  it("without an explanation keep their status and the id from the header", () => {
    const error = problemOf(new Response(null, { status: 418, headers: { "x-request-id": "r2" } }), null);
    expect(error).toMatchObject({ status: 418, requestId: "r2" });
    expect(error.message).toContain("418");
  });
});
