// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";

import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import "@/testing/dom";

const shown = (onConfirm: (reason: string) => void, facts: { pending?: boolean; error?: Error } = {}) => (
  <ConfirmDialog open onOpenChange={() => undefined} title="Cancel this job?" description="It ends." action="Cancel 1 job" onConfirm={onConfirm} {...facts} />
);
const button = () => screen.getByRole("button", { name: /Cancel 1 job/ });

describe("confirming an act", () => {
  it("needs a reason first", () => {
    const onConfirm = vi.fn();
    render(shown(onConfirm));
    fireEvent.click(button());
    expect(onConfirm).not.toHaveBeenCalled();
    expect(button().getAttribute("aria-disabled")).toBe("true");
  });

  it("acts once however fast it is clicked, and again after a refusal", () => {
    const onConfirm = vi.fn();
    const { rerender } = render(shown(onConfirm));
    fireEvent.change(screen.getByLabelText("Reason"), { target: { value: " wrong customer " } });
    fireEvent.click(button());
    fireEvent.click(button());
    expect(onConfirm.mock.calls).toEqual([["wrong customer"]]);
    rerender(shown(onConfirm, { pending: true }));
    fireEvent.click(button());
    expect(onConfirm).toHaveBeenCalledTimes(1);
    rerender(shown(onConfirm, { error: new Error("the job moved") }));
    fireEvent.click(button());
    expect(onConfirm).toHaveBeenCalledTimes(2);
  });
});
