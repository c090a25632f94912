// What is said before anything is written, and what came of it: one plan for preview, dry run and run.

import { axe, expect, test } from "../helpers/fixtures";
import { failBack, state, toSummary } from "../helpers/wizard";

test("the report lists what passes and what is to be known, and is there as text", async ({ open, server }) => {
  const page = await open("/");
  await toSummary(page, "tiny-c", { mode: "Manual" });
  const check = (words: RegExp) => page.getByRole("listitem").filter({ hasText: words });
  await expect(check(/Pass: Production VM: tiny-c is there/)).toBeVisible();
  await expect(check(/Warning: Power: tiny-c is powered on/)).toBeVisible();
  for (const name of ["Expected to differ", "On the wire", "Phase 1, while the replica serves", "Downtime of the switchover"]) {
    await expect(page.getByText(name, { exact: true })).toBeVisible();
  }
  await axe(page);
  const link = page.getByRole("link", { name: "The plan as text" });
  const answer = await page.request.get(server.url + (await link.getAttribute("href")));
  expect(answer.status()).toBe(200);
  expect(answer.headers()["content-type"]).toContain("text/plain");
  const text = await answer.text();
  expect(text).toContain("tiny-c");
  expect(text).toMatch(/Checks: \d+ pass, [1-9]\d* warn, 0 fail/);
  expect(text).toMatch(/Downtime +about/);
});

test("a dry run makes the estimate exact, and the session shows it beside what came", async ({ open }) => {
  const page = await open("/");
  await toSummary(page, "tiny-a");
  const expected = page.locator("dt", { hasText: "Expected to differ" }).locator("xpath=following-sibling::dd[1]");
  await expect(expected).not.toContainText("measured by the dry run");
  await page.getByRole("button", { name: "Start a dry run" }).click();
  await expect(page.getByText(/would be sent\. Nothing was written/)).toBeVisible();
  await page.reload();
  await expect(expected).toContainText("measured by the dry run");
  await page.getByRole("button", { name: "Finish" }).click();
  await state(page, "Ready to switch");
  const row = page.getByRole("table", { name: "Estimate and actual" }).getByRole("row", { name: /Different in phase 1/ });
  const [estimate, actual] = await row.getByRole("cell").allInnerTexts();
  // The replica goes on writing, so a little may have come since.
  const mib = (text: string) => Number(text.match(/([0-9.]+) MiB/)?.[1]);
  expect(mib(estimate)).toBeGreaterThan(0);
  expect(mib(actual)).toBeGreaterThanOrEqual(mib(estimate));
  expect(mib(actual)).toBeLessThan(mib(estimate) * 1.25);
});

test("a session without a dry run shows a band around what came", async ({ open }) => {
  const page = await open("/");
  await failBack(page, "tiny-b", { mode: "Auto" });
  await state(page, "Failback");
  const table = page.getByRole("table", { name: "Estimate and actual" });
  await expect(table.getByRole("row", { name: /^Downtime/ })).toContainText(/\d+ s/);
  await expect(table.getByRole("row", { name: /Phase 1/ }).last()).not.toContainText("not over");
});
