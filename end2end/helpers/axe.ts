// Accessibility of a page, by axe-core in the page itself.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Page, expect } from "@playwright/test";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Fails with every violation that axe finds on the page as it is now. */
export async function axe(page: Page): Promise<void> {
  // A page that is still on its way has no content to judge.
  await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
  // Colours on their way from one to another are neither, and would be judged as they pass.
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation instanceof CSSTransition)
        .map((transition) => transition.finished),
    ),
  );
  // Through the debugger, so the page's own content security policy stays as it is.
  await page.evaluate(source);
  const violations = await page.evaluate(async () => {
    const run = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } })
      .axe;
    return (await run.run()).violations;
  });
  const told = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join("\n")}`,
  );
  expect(told, "accessibility violations").toEqual([]);
}
