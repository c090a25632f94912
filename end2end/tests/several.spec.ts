// One Finish of several VMs: own modes, an order, how many at once, and the whole batch asked at
// once. With and without JavaScript.

import { expect, test } from "../helpers/fixtures";
import { act, next, settled } from "../helpers/wizard";

test("several VMs have their order and own modes, and are undone together", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("button", { name: "Start a failback" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  for (const vm of ["tiny-a", "tiny-b"]) {
    await page.getByRole("row", { name: new RegExp(`${vm}-replica`) }).getByRole("checkbox").check();
  }
  await next(page, "destination");
  await page.getByRole("radio", { name: /original VM/i }).first().check();
  await next(page, "mode");
  await page.getByRole("radio", { name: /^Manual/ }).check();
  const atOnce = page.getByRole("spinbutton", { name: /^How many may run at once/ });
  await atOnce.fill("1");
  await page.getByRole("spinbutton", { name: "Place of tiny-a-replica" }).fill("2");
  await page.getByRole("spinbutton", { name: "Place of tiny-b-replica" }).fill("1");
  const own = page.getByRole("combobox", { name: "Failback mode of tiny-a-replica" });
  await own.selectOption("Scheduled");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toContainText("No date and time is given");
  await expect(page).toHaveURL(/mode/);

  // Without scripts the page is new, and shows what is kept.
  await page.getByRole("radio", { name: /^Manual/ }).check();
  await atOnce.fill("1");
  await page.getByRole("spinbutton", { name: "Place of tiny-a-replica" }).fill("2");
  await page.getByRole("spinbutton", { name: "Place of tiny-b-replica" }).fill("1");
  await own.selectOption("Auto");
  await next(page, "summary");
  await expect(page.getByText("At most 1 of 2 run at once")).toBeVisible();
  const vms = page.getByRole("article");
  await expect(vms.nth(0)).toContainText("tiny-b-replica");
  await expect(vms.nth(1)).toContainText("tiny-a-replica");
  await expect(vms.nth(1)).toContainText("Auto: switches over as soon as phase 1 is done");
  await page.getByRole("checkbox", { name: /Power on the production VM/ }).uncheck();
  await page.getByRole("button", { name: "Finish" }).click();

  await expect(page).toHaveURL(/\/batches\//);
  const table = page.getByRole("table", { name: "Sessions of the batch" });
  await settled(page, async (timeout) => {
    await expect(table.getByRole("row", { name: /tiny-b/ })).toContainText("Ready to switch", { timeout });
    await expect(table.getByRole("row", { name: /tiny-a/ })).toContainText("Failback", { timeout });
  });
  await expect(page.getByText("2 sessions, 2 waiting for you")).toBeVisible();
  const said = await act(page, "Undo: 2 sessions");
  expect(said).toContain("VMs: tiny-b, tiny-a");
  await settled(page, async (timeout) => {
    await expect(page.getByText("2 sessions, 2 over")).toBeVisible({ timeout });
  });
  await table.getByRole("link", { name: "tiny-a" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  await page.getByRole("link", { name: "All sessions of its batch" }).click();
  await expect(page).toHaveURL(/\/batches\//);
});
