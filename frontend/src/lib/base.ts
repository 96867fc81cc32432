// Where this installation lives: the path prefix and the nonce that the serving page wrote into its head.

/** The path all pages and the API live under, without a slash at its end: "" or "/ops/easyflow". */
export const basePath: string = readBasePath(document.baseURI);

/** The response's nonce for the few styles that libraries write at run time; empty in development. */
export function cspNonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  return meta?.nonce || meta?.getAttribute("nonce") || "";
}

/** Return the path of a base address without the slash at its end. */
export function readBasePath(baseUri: string): string {
  try {
    return new URL(".", baseUri).pathname.replace(/\/+$/, "");
  } catch {
    return "";
  }
}
