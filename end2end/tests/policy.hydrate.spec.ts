// The storage policy of an original VM that was given another one since replication.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { axe, expect, test } from "../helpers/fixtures";
import { act, next, state } from "../helpers/wizard";

test.use({ scale: "sample" });

test("a changed policy is asked for after Destination, and what was chosen is associated", async ({ open, server }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /mail-01/ }).getByRole("button", { name: "Fail back" }).click();
  await next(page, "destination");
  await page.getByRole("radio", { name: /^Original VM/ }).check();
  await next(page, "policy");
  await expect(page.getByText("It had Bronze at replication and has Gold now.")).toBeVisible();
  await axe(page);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toContainText("No storage policy is chosen for mail-01");
  await page.getByRole("combobox", { name: /Storage policy for mail-01/ }).selectOption("stored");
  await next(page, "mode");
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  await expect(page.getByText("Bronze, associated at the switchover")).toBeVisible();
  await page.getByRole("checkbox", { name: /Power on the production VM/ }).uncheck();
  await page.getByRole("button", { name: "Finish" }).click();
  await state(page, "Ready to switch");
  await act(page, "Switch over now");
  await state(page, "Failback");
  const vm = join(server.dataDir, "lab/production/mail-01/vm.json");
  const policy = () => JSON.parse(readFileSync(vm, "utf8")).storage_policy;
  expect(policy()).toBe("Bronze");
  await act(page, "Undo");
  await state(page, "Undone");
  expect(policy()).toBe("Gold");
});
