// Lists of some hundred rows: filtered, sorted and paged, chosen from across their pages, and started.
// With and without JavaScript.

import { axe, expect, test } from "../helpers/fixtures";
import { next } from "../helpers/wizard";

test.use({ vms: 260 });

test("replicas are filtered, sorted and paged by their address", async ({ open }) => {
  const page = await open("/");
  const table = page.getByRole("table", { name: "Replicas" });
  const rows = table.locator("tbody tr");
  await expect(rows).toHaveCount(100);
  await expect(page.getByText("1 to 100 of 260 replicas")).toBeVisible();
  await expect(rows.first()).toContainText("tiny-a");

  const pages = page.getByRole("navigation", { name: "Pages of replicas" });
  await pages.getByRole("link", { name: /^Last: 201 to 260/ }).click();
  await expect(page).toHaveURL(/[?]page=3$/);
  await expect(rows).toHaveCount(60);
  await expect(pages.getByText("Page 3 of 3")).toBeVisible();

  await table.getByRole("link", { name: "VM", exact: true }).click();
  await expect(page).toHaveURL(/[?]sort=name$/);
  await expect(rows.first()).toContainText("app-ber-00001");
  await expect(table.getByRole("columnheader", { name: "VM" })).toHaveAttribute("aria-sort", "ascending");
  await table.getByRole("link", { name: "VM", exact: true }).click();
  await expect(page).toHaveURL(/[?]sort=-name$/);
  await expect(rows.first()).toContainText("web-");

  const search = page.getByRole("search", { name: "Replicas" });
  await search.getByRole("searchbox", { name: "Filter" }).fill("app-ham");
  await search.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/filter=app-ham/);
  await expect(rows.first()).toContainText("app-ham-");
  await expect(search.getByRole("status")).toContainText("260 without the filter");
  // It needs scripts of its own.
  if (test.info().project.name === "hydrate") await axe(page);
  await search.getByRole("searchbox", { name: "Filter" }).fill("nobody");
  await search.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText("Nothing holds this text.")).toBeVisible();
  await search.getByRole("link", { name: "Show all" }).click();
  await expect(rows).toHaveCount(100);
});

test("what is ticked on one page is kept on the others, and all of them start", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("button", { name: "Start a failback" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  const rows = page.getByRole("table", { name: "Replicas to fail back" }).locator("tbody tr");
  const pages = page.getByRole("navigation", { name: "Pages of replicas" });
  const chosen = page.getByRole("status").filter({ hasText: "chosen" });
  await expect(rows).toHaveCount(100);

  // One here, one on the next page, and both are there on the way back.
  await rows.nth(5).getByRole("checkbox").check();
  await pages.getByRole("button", { name: /^After: 101 to 200/ }).click();
  await expect(page).toHaveURL(/[?]page=2$/);
  await expect(pages.getByText("Page 2 of 3")).toBeVisible();
  await rows.nth(3).getByRole("checkbox").check();
  await pages.getByRole("button", { name: /^Before: 1 to 100/ }).click();
  await expect(pages.getByText("Page 1 of 3")).toBeVisible();
  await expect(rows.nth(5).getByRole("checkbox")).toBeChecked();
  await expect(chosen).toContainText("2 replicas chosen");

  // All that a filter lets through, on all pages; then without those of one place.
  const filter = page.getByRole("searchbox", { name: "Filter" });
  await filter.fill("Branch 01");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/filter=Branch%2001/);
  await expect(page.getByText("1 to 100 of 250 replicas, 260 without the filter")).toBeVisible();
  await page.getByRole("button", { name: "Select all (225)" }).click();
  await expect(chosen).toContainText(/22[5-7] replicas chosen/);
  await filter.fill("-ham-");
  await page.getByRole("button", { name: "Clear those shown" }).click();
  await expect(page).toHaveURL(/filter=-ham-/);
  await expect(rows.first().getByRole("checkbox")).not.toBeChecked();
  const count = Number((await chosen.innerText()).match(/(\d+) replicas chosen/)?.[1]);
  expect(count).toBeGreaterThan(100);
  expect(count).toBeLessThan(200);

  await next(page, "destination");
  await page.getByRole("radio", { name: /original VM/i }).first().check();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page).toHaveURL(/\/policy$/);
  // The policy of one in fifty is another now.
  const policies = page.getByRole("combobox", { name: /^Storage policy/ });
  await expect(policies.first()).toBeVisible();
  for (const policy of await policies.all()) {
    await policy.selectOption("current");
  }
  await next(page, "mode");
  await expect(page.getByRole("spinbutton", { name: /^Place of/ })).toHaveCount(100);
  await page.getByRole("radio", { name: /^Manual/ }).check();
  await page.getByRole("spinbutton", { name: /^How many may run at once/ }).fill("1");
  await next(page, "summary");
  await expect(page.getByRole("article")).toHaveCount(50);
  // It needs scripts of its own.
  if (test.info().project.name === "hydrate") await axe(page);
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/batches\//);
  await expect(page.getByText(`${count} sessions`).first()).toBeVisible();
  const sessions = page.getByRole("table", { name: "Sessions of the batch" }).locator("tbody tr");
  await expect(sessions).toHaveCount(100);
  await page.getByRole("navigation", { name: "Pages of sessions" }).getByRole("link", { name: /^After/ }).click();
  await expect(page).toHaveURL(/[?]page=2$/);
  await expect(sessions).toHaveCount(count - 100);
});
