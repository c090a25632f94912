// What every spec starts from: `test` gives a fresh server and a page that must not complain.

import { type Page, test as base } from "@playwright/test";
import { Server } from "./server";

export { expect } from "@playwright/test";
export { axe } from "./axe";
export { Server } from "./server";

interface Options {
  /** How large the lab of the test's server is. */
  scale: "tiny" | "sample";
  /** How many VMs it has; those beyond the scale's own are generated. */
  vms: number;
}

interface Fixtures {
  /** A Landfall of this test's own, with an empty data directory. */
  server: Server;
  /** Opens an address of the server; with JavaScript, waits until the console has hydrated. */
  open: (path: string) => Promise<Page>;
}

export const test = base.extend<Fixtures & Options>({
  scale: ["tiny", { option: true }],
  vms: [0, { option: true }],

  server: async ({ scale, vms }, use, testInfo) => {
    const server = await Server.start(undefined, ["--lab-scale", scale, "--lab-vms", String(vms)]);
    await use(server);
    await server.dispose();
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach("server.log", { body: server.log, contentType: "text/plain" });
    }
  },

  // A page that logs an error or a warning fails its test. It goes before its server does.
  page: async ({ page, server, javaScriptEnabled }, use) => {
    void server;
    const complaints: string[] = [];
    page.on("console", (message) => {
      // A refusal is an answer, which the browser notes as an error.
      if (/status of (409|422)/.test(message.text())) return;
      // A form that is filled slowly without scripts has no use for what scripts would need.
      if (javaScriptEnabled === false && /was preloaded .* but not used/.test(message.text())) return;
      if (message.type() === "error" || message.type() === "warning") {
        complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
    await use(page);
    base.expect(complaints, "what the browser's console said").toEqual([]);
  },

  open: async ({ page, server, javaScriptEnabled }, use) => {
    await use(async (path) => {
      await page.goto(server.url + path);
      if (javaScriptEnabled !== false) await hydrated(page);
      return page;
    });
  },
});

/** Waits until the console owns the page: before that, clicks are plain links and form posts. */
export async function hydrated(page: Page): Promise<void> {
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
}
