// Proxies read and changed by plain forms, with JavaScript and without.

import { expect, test } from "../helpers/fixtures";

test("a proxy is disabled and enabled again by forms", async ({ open }) => {
  const page = await open("/proxies");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Proxies");
  await expect(page.getByText(/^4 of 4 proxies at work; 0 disks are carried\.$/)).toBeVisible();
  const row = page.getByRole("row", { name: /^production-proxy-1 / });
  for (const [verb, after] of [["Disable", "Disabled"], ["Enable", "Enabled"]]) {
    await row.getByRole("link", { name: `${verb} production-proxy-1` }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog).toContainText("production-proxy-1");
    await dialog.getByRole("button", { name: verb, exact: true }).click();
    await expect(row).toContainText(after);
  }
});

test("proxies are picked by hand in the wizard's form", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-a/ }).getByRole("button", { name: "Fail back" }).click();
  await expect(page).toHaveURL(/\/replica/);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page).toHaveURL(/\/destination/);
  await page.getByRole("radio", { name: /original VM/i }).first().check();
  await page.getByRole("radio", { name: /^Pick proxies by hand/ }).check();
  await page.getByRole("checkbox", { name: /^dr-proxy-1/ }).check();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert")).toContainText("one must write the production VMs' disks there");
  await expect(page.getByRole("checkbox", { name: /^dr-proxy-1/ })).toBeChecked();
  await page.getByRole("checkbox", { name: /^production-proxy-1/ }).check();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page).toHaveURL(/\/mode/);
  await expect(page.getByText("only dr-proxy-1, production-proxy-1")).toBeVisible();
});
