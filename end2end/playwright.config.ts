// Debian's Chromium, one fresh server per test, and two ways to read every page.
//
// Specs named `*.spec.ts` run twice, without and with JavaScript: reading and forms work in both.
// Specs named `*.hydrate.spec.ts` need JavaScript and run once.

import { defineConfig, devices } from "@playwright/test";

export default defineConfig({
  testDir: "./tests",
  outputDir: "./test-results",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: !!process.env.CI,
  timeout: 90_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    ...devices["Desktop Chrome"],
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    {
      name: "reading-nojs",
      testIgnore: "**/*.hydrate.spec.ts",
      use: { javaScriptEnabled: false },
    },
    { name: "hydrate" },
  ],
});
