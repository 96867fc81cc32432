// How the dashboard is served in development, built, and tested.
import { appendFile, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

const compress = promisify(gzip);
const LICENSES = "licenses.md";
const outDir = fileURLToPath(new URL("../backend/easyflow/dashboard/static", import.meta.url));

export default defineConfig({
  // Relative addresses and <base> in index.html let one build serve under any path prefix.
  base: "./",
  plugins: [react(), tailwindcss(), compressed(), stylesheetLicenses()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir,
    emptyOutDir: true,
    manifest: true,
    license: { fileName: LICENSES },
    target: "es2023",
    // A data: font would need a hole in the Content-Security-Policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules\/(react|react-dom|scheduler)\// },
            { name: "tanstack", test: /node_modules\/@tanstack\// },
            { name: "editor", test: /node_modules\/(@codemirror|@lezer|@marijn|style-mod|w3c-keyname|crelt)\// },
            { name: "chart", test: /node_modules\/uplot\// },
          ],
        },
      },
    },
  },
  server: {
    host: "localhost",
    port: Number(process.env.EASYFLOW_DASHBOARD_PORT ?? 3000),
    strictPort: true,
    cors: false,
    allowedHosts: ["localhost", "127.0.0.1", "[::1]"],
    proxy: {
      "/api": {
        target: process.env.EASYFLOW_API_URL ?? "http://localhost:3030",
        changeOrigin: false,
      },
    },
  },
});

/** Write a .gz beside each hashed asset, so that no server has to compress at run time. */
function compressed(): Plugin {
  let folder = "";
  return {
    name: "easyflow-compressed",
    apply: "build",
    configResolved: (config) => void (folder = join(config.build.outDir, "assets")),
    async closeBundle() {
      const names = (await readdir(folder)).filter((name) => /\.(js|css)$/.test(name));
      await Promise.all(
        names.map(async (name) => {
          const path = join(folder, name);
          await writeFile(`${path}.gz`, await compress(await readFile(path), { level: 9 }));
        }),
      );
    },
  };
}

/** Vite collects the licences of scripts only; what the stylesheet brings along is added here. */
function stylesheetLicenses(): Plugin {
  let file = "";
  return {
    name: "easyflow-stylesheet-licenses",
    apply: "build",
    configResolved: (config) => void (file = join(config.build.outDir, LICENSES)),
    async closeBundle() {
      for (const name of ["@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono", "tailwindcss"]) {
        const text = await readFile(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
        await appendFile(file, `\n## ${name}\n\n${text}`);
      }
    },
  };
}
