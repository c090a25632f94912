// The help, with and without JavaScript.

import { expect, test } from "../helpers/fixtures";

test("the help says which way out of a failover is the right one", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("link", { name: "Help" }).click();
  await expect(page).toHaveURL(/\/help$/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("which?");
  await expect(page.getByRole("row", { name: /^Failback/ })).toContainText("until commit");
  await expect(page.getByRole("row", { name: /^Commit/ })).toContainText("No way back");
});
