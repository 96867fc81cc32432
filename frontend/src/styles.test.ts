import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

const css = readFileSync("src/styles.css", "utf8");
const THEMES = { light: tokens(/:root \{([^}]*)\}/), dark: tokens(/:root\[data-theme="dark"\] \{([^}]*)\}/) };
const TONES = ["neutral", "blue", "teal", "violet", "amber", "green", "red"];
const GROUNDS = ["bg", "surface", "sunken", "hover"];

/** Pairs of text and ground that appear on pages; AA asks 4.5 to 1 for text. */
const PAIRS = [
  ...["ink", "ink-2", "ink-3", "accent", ...TONES].flatMap((ink) => GROUNDS.map((ground) => [ink, ground])),
  ...TONES.map((tone) => [tone, `${tone}-soft`]),
  ["accent", "accent-soft"],
  ["ink", "accent-soft"],
  ["accent-ink", "accent"],
];

describe.each(Object.entries(THEMES))("the %s theme", (_name, colours) => {
  it.each(PAIRS)("lets %s be read on %s", (ink, ground) => {
    expect(contrast(colour(colours, ink), colour(colours, ground))).toBeGreaterThanOrEqual(4.5);
  });
});

function tokens(block: RegExp): Map<string, string> {
  const body = block.exec(css)?.[1] ?? "";
  return new Map([...body.matchAll(/--([\w-]+): (oklch\([^)]*\));/g)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

function colour(colours: Map<string, string>, name: string | undefined): number {
  const text = colours.get(name ?? "");
  if (!text) throw new Error(`styles.css has no colour --${name}`);
  const [lightness = 0, chroma = 0, hue = 0] = text.slice(6, -1).split(" ").map(Number);
  return luminance(lightness, chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180));
}

/** WCAG's relative luminance of an OKLab colour, clipped to what a screen shows. */
function luminance(L: number, a: number, b: number): number {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(first: number, second: number): number {
  const [dark, light] = [first, second].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
