// Style, hooks, and which room may import which: app -> features -> components/ui -> lib -> generated.
import js from "@eslint/js";
import reactHooks from "eslint-plugin-react-hooks";
import reactRefresh from "eslint-plugin-react-refresh";
import globals from "globals";
import tseslint from "typescript-eslint";

const UPWARDS = { regex: "^\\.\\./", message: "Leave the folder with @/, so that the lint sees which room you enter." };

export default tseslint.config(
  { ignores: ["src/generated/**", "node_modules/**"] },
  js.configs.recommended,
  tseslint.configs.strict,
  reactHooks.configs.flat["recommended-latest"],
  reactRefresh.configs.vite,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-non-null-assertion": "error",
      "max-lines": ["error", { max: 300 }],
      "max-lines-per-function": ["error", { max: 250, skipBlankLines: true, skipComments: true }],
      "no-console": "error",
      "no-warning-comments": ["error", { terms: ["todo", "fixme", "xxx"] }],
    },
  },
  room("src/lib/**", ["components", "features", "app"]),
  room("src/components/**", ["features", "app"]),
  room("src/features/**", ["features", "app"]),
  { files: ["src/app/**", "src/testing/**", "**/*.test.{ts,tsx}", "*.config.*"], rules: { "react-refresh/only-export-components": "off" } },
  { files: ["**/*.test.{ts,tsx}"], rules: { "max-lines-per-function": "off" } },
);

/** Forbid a room to import the rooms above it; a feature never imports another. */
function room(files, forbidden) {
  const patterns = forbidden.map((name) => ({
    regex: `^@/${name}/`,
    message: `${files} may not import ${name}: app -> features -> components/ui -> lib -> generated.`,
  }));
  return {
    files: [`${files}/*.{ts,tsx}`],
    rules: { "no-restricted-imports": ["error", { patterns: [...patterns, UPWARDS] }] },
  };
}
