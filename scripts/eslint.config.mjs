// What the page's JavaScript is held to: ESLint's own recommendations.

import { createRequire } from "node:module";

const require = createRequire(
  new URL("../.tools/javascript/node_modules/eslint/", import.meta.url),
);
const browser = [
  ...[
    "CustomEvent",
    "HTMLElement",
    "ResizeObserver",
    "URL",
    "clearTimeout",
    "customElements",
    "document",
  ],
  ...["history", "location", "setTimeout", "window"],
];

export default [
  require("@eslint/js").configs.recommended,
  {
    languageOptions: {
      globals: Object.fromEntries(browser.map((name) => [name, "readonly"])),
    },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-implicit-globals": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
      // What is shown is text, and never read as HTML.
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
          property,
        })),
      ],
    },
  },
];
