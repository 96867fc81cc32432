// Buttons: what they do is their text; one that is disabled says why.
import { LoaderCircle } from "lucide-react";
import { type ComponentProps, type MouseEvent, type ReactNode, useId } from "react";

import { cx } from "@/lib/cx";

type Kind = "primary" | "secondary" | "quiet" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-accent-ink hover:brightness-110",
  secondary: "border border-line-strong bg-surface text-ink hover:bg-hover",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "border border-red/40 bg-red-soft text-red hover:border-red",
};

const SIZES = {
  small: "h-6 px-2 text-xs [&_svg]:size-3.5",
  normal: "h-8 px-3 text-sm [&_svg]:size-3.5",
  icon: "size-8 [&_svg]:size-4",
};

export interface ButtonProps extends Omit<ComponentProps<"button">, "disabled"> {
  kind?: Kind;
  size?: "small" | "normal" | "icon";
  icon?: ReactNode;
  loading?: boolean;
  /** Why the button cannot be used now; null or undefined when it can. Shown on hover and focus, read out aloud. */
  disabledReason?: string | null;
}

/** A button; while `loading` or with a `disabledReason` it stays focusable and does nothing. */
export function Button(props: ButtonProps) {
  const { kind = "secondary", size = "normal", icon, loading, disabledReason, onClick, children, className, ...rest } = props;
  const reasonId = useId();
  const idle = Boolean(loading || disabledReason);
  const act = (event: MouseEvent<HTMLButtonElement>) => {
    if (idle) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button
      type="button"
      {...rest}
      onClick={act}
      aria-disabled={idle || undefined}
      aria-busy={loading || undefined}
      aria-describedby={disabledReason ? reasonId : rest["aria-describedby"]}
      title={disabledReason ?? rest.title}
      className={cx(
        "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors",
        SIZES[size],
        KINDS[kind],
        "aria-disabled:cursor-not-allowed aria-disabled:opacity-55 aria-busy:opacity-100",
        className,
      )}
    >
      {loading ? <LoaderCircle className="animate-spin" aria-hidden /> : icon}
      {children}
      {disabledReason ? <span id={reasonId} className="sr-only">{disabledReason}</span> : null}
    </button>
  );
}

export interface IconButtonProps extends ButtonProps {
  label: string;
}

/** A square button that shows an icon; `label` is its name and its hint. */
export function IconButton({ label, className, ...rest }: IconButtonProps) {
  return <Button kind="quiet" aria-label={label} title={label} size="icon" className={className} {...rest} />;
}
