// A replica returns to the VM that its original was restored as.

import { axe, expect, test } from "../helpers/fixtures";
import { act, failBack, next, productionContent, state, toSummary, verify } from "../helpers/wizard";

test("a recovered VM takes the original's place, proved equal, and jobs follow at commit", async ({ open, server }) => {
  const page = await open("/");
  const original = productionContent(server, "tiny-a");
  await failBack(page, "tiny-a", { recovered: true, mode: "Auto" });
  await state(page, "Failback");
  await expect(page.getByText("Record the production VM").first()).toBeVisible();
  const { equal, text } = verify(server);
  expect(text).toMatch(/tiny-a-restored +system +equal/);
  expect(equal, text).toBe(true);
  await page.goto(`${server.url}/jobs`);
  await expect(page.getByRole("row", { name: /Backup weekly/ })).not.toContainText("tiny-a-restored");
  await page.goBack();
  await state(page, "Failback");
  const said = await act(page, "Commit");
  expect(said).toContain("Every job that named the original VM names tiny-a-restored");
  await state(page, "Committed");
  await axe(page);
  await page.goto(`${server.url}/jobs`);
  for (const job of [/Backup weekly/, /Gold hourly/]) {
    const row = page.getByRole("row", { name: job });
    await expect(row).toContainText("tiny-a-restored at Production site");
    await expect(row).not.toContainText("tiny-a at Production site");
  }
  await axe(page);
  await page.goto(server.url);
  const row = page.getByRole("row", { name: /tiny-a-replica/ }).first();
  await expect(row).toContainText("tiny-a-restored");
  await expect(row).toContainText("Ready");
  expect(productionContent(server, "tiny-a")).toEqual(original);
});

test("undo leaves the recovered VM, the original and the jobs as they were", async ({ open, server }) => {
  const page = await open("/");
  const before = [productionContent(server, "tiny-b"), productionContent(server, "tiny-b-restored")];
  await failBack(page, "tiny-b", { recovered: true, mode: "Auto" });
  await state(page, "Failback");
  expect(productionContent(server, "tiny-b-restored")).not.toEqual(before[1]);
  await act(page, "Undo");
  await state(page, "Undone");
  const after = [productionContent(server, "tiny-b"), productionContent(server, "tiny-b-restored")];
  expect(after).toEqual(before);
  await page.goto(server.url);
  const row = page.getByRole("row", { name: /tiny-b-replica/ }).first();
  await expect(row).toContainText("Failover");
  await expect(row).not.toContainText("tiny-b-restored");
  await page.goto(`${server.url}/jobs`);
  await expect(page.getByRole("row", { name: /Gold hourly/ })).not.toContainText("restored");
});

test("a layout that does not fit is shown disk by disk and stops Next", async ({ open, page }) => {
  await open("/");
  await page.getByRole("row", { name: /tiny-c/ }).getByRole("button", { name: "Fail back" }).click();
  await next(page, "destination");
  await page.getByRole("radio", { name: /^Recovered VM/ }).check();
  await next(page, "target");
  await page.getByRole("combobox", { name: /VM to return to/ }).selectOption("production/tiny-c-restored");
  await expect(page.getByText(/24 MiB on the replica and 32 MiB on production/).first()).toBeVisible();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toContainText("tiny-c-replica does not fit");
  await expect(page).toHaveURL(/target/);
  await axe(page);
});

test("another destination and back keeps what was chosen", async ({ open, page, server }) => {
  await open("/");
  await toSummary(page, "tiny-a", { recovered: true });
  const summary = page.url();
  await page.goto(summary.replace("summary", "destination"));
  await page.getByRole("radio", { name: /original VM/i }).first().check();
  await next(page, "mode");
  await expect(page.getByRole("navigation", { name: "Steps" }).getByText("Target VM")).toHaveCount(0);
  await expect(page.getByRole("radio", { name: "Manual" })).toBeChecked();
  await page.goto(summary.replace("summary", "destination"));
  await page.getByRole("radio", { name: /^Recovered VM/ }).check();
  await next(page, "target");
  await expect(page.getByRole("combobox", { name: /VM to return to/ })).toHaveValue("production/tiny-a-restored");
  await expect(page.getByText("1 of 1 chosen")).toBeVisible();
  void server;
});

test("a dry run measures the VM that was chosen", async ({ open, server }) => {
  const page = await open("/");
  await toSummary(page, "tiny-b", { recovered: true });
  const before = productionContent(server, "tiny-b-restored");
  await page.getByRole("button", { name: "Start a dry run" }).click();
  await expect(page.getByText(/would be sent\. Nothing was written/)).toBeVisible();
  expect(productionContent(server, "tiny-b-restored")).toEqual(before);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing on the Target VM step, ${colorScheme}`, async ({ open, page }) => {
    await page.emulateMedia({ colorScheme });
    await open("/");
    await toSummary(page, "tiny-b", { recovered: true });
    await page.goto(page.url().replace("summary", "target"));
    await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
    await axe(page);
  });
}
