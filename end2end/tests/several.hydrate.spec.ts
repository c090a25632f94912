// The queue of a batch, live, and what axe says of its pages.

import { axe, expect, test } from "../helpers/fixtures";
import { next } from "../helpers/wizard";

test.use({ scale: "sample" });

test("a queue moves on live, and the rest of the batch is cancelled at once", async ({ open, page, server }) => {
  test.setTimeout(150_000);
  await open("/");
  await page.getByRole("button", { name: "Start a failback" }).click();
  for (const vm of ["web-01", "mail-01", "wiki-01"]) {
    await page.getByRole("row", { name: new RegExp(`${vm}-replica`) }).getByRole("checkbox").check();
  }
  await next(page, "destination");
  await page.getByRole("radio", { name: /original VM/i }).first().check();
  await next(page, "policy");
  for (const vm of ["mail-01", "wiki-01"]) {
    await page.getByRole("combobox", { name: new RegExp(`Storage policy for ${vm}`) }).selectOption("current");
  }
  await next(page, "mode");
  await page.getByRole("radio", { name: /^Manual/ }).check();
  await page.getByRole("spinbutton", { name: /^How many may run at once/ }).fill("1");
  await page.getByRole("spinbutton", { name: "Place of web-01-replica" }).fill("1");
  await axe(page);
  await next(page, "summary");
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/batches\//);
  const table = page.getByRole("table", { name: "Sessions of the batch" });
  const queued = table.getByRole("row").filter({ hasText: "In the queue" });
  await expect(queued).toHaveCount(2);
  await expect(queued.first()).toContainText("1 may run at once: it is next");
  await axe(page);
  const first = await table.getByRole("link").first().getAttribute("href");
  await page.request.post(`${server.url}/api/console/session/act`, {
    form: { id: first?.split("/").pop() ?? "", operation: "pause" },
    headers: { Origin: server.url, "Sec-Fetch-Site": "same-origin" },
    maxRedirects: 0,
  });
  await page.getByRole("link", { name: /^Cancel: / }).click();
  await axe(page);
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /^Cancel: / }).click();
  await expect(dialog).toBeHidden();
  await expect(table.getByRole("row").filter({ hasText: "Cancelled" }).first()).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole("status").filter({ hasText: /3 over/ })).toBeVisible({ timeout: 60_000 });
  await page.emulateMedia({ colorScheme: "dark" });
  await axe(page);
});
