// The first script of the page: nonce, theme, then the app.
import "./styles.css";

import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "@/app/App";
import { cspNonce } from "@/lib/base";
import { followTheme } from "@/lib/preferences";

// Radix writes one style while a dialog is open; the page's Content-Security-Policy lets it with this nonce.
setNonce(cspNonce());
followTheme();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
