// Quick rollback at Destination, with and without JavaScript.

import { expect, test } from "../helpers/fixtures";
import { next } from "../helpers/wizard";

test("quick rollback says per VM whether it can work, and Summary what it compares", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-b/ }).getByRole("button", { name: "Fail back" }).click();
  await next(page, "destination");
  await expect(page.getByText(/tiny-b-replica: possible, .* to compare on each side/)).toBeVisible();
  await page.getByRole("radio", { name: /^Original VM/ }).check();
  await page.getByRole("checkbox", { name: /Compare only what change tracking names/ }).check();
  await next(page, "mode");
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  await expect(page.getByText(/named by change tracking, and a sample of the rest \(quick rollback\)/)).toBeVisible();
});

test("a declared power loss is a reason against quick rollback", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-b/ }).getByRole("button", { name: "Fail back" }).click();
  await next(page, "destination");
  await page.getByRole("radio", { name: /^Original VM/ }).check();
  await page.getByRole("checkbox", { name: /Compare only what change tracking names/ }).check();
  await page.getByRole("radio", { name: "The power failed" }).check();
  await next(page, "mode");
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  await expect(page.getByText(/Quick rollback is not possible. After a power loss/)).toBeVisible();
  await expect(page.getByText(/estimated from allocation/)).toBeVisible();
});
