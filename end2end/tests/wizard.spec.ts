// The wizard's forms, with and without JavaScript.

import { expect, test } from "../helpers/fixtures";
import { failBack, next } from "../helpers/wizard";

test("the wizard leads to a session by forms alone", async ({ open }) => {
  const page = await open("/");
  await failBack(page, "tiny-a");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("tiny-a");
  await expect(page.getByText("Prove identity and layout of the target").first()).toBeVisible();
});

test("Next without a choice says what is missing", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("button", { name: "Start a failback" }).click();
  await expect(page).toHaveURL(/replica/);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toBeVisible();
  await expect(page).toHaveURL(/replica/);
});

test("each destination can be chosen", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-a/ }).getByRole("button", { name: "Fail back" }).click();
  await page.getByRole("button", { name: "Next" }).click();
  const destinations = page.getByRole("group", { name: "Destination" }).getByRole("radio");
  await expect(destinations).toHaveCount(3);
  await expect(page.getByRole("radio", { disabled: true })).toHaveCount(0);
});

test("the VM to return to is proposed, and others are refused where they are chosen", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-b/ }).getByRole("button", { name: "Fail back" }).click();
  await next(page, "destination");
  await page.getByRole("radio", { name: /^Recovered VM/ }).check();
  await next(page, "target");
  const list = page.getByRole("combobox", { name: /VM to return to for tiny-b-replica/ });
  await expect(list).toHaveValue("production/tiny-b-restored");
  await expect(page.getByText(/16 MiB on both sides, at scsi0:0/)).toBeVisible();
  await expect(page.getByText(/32 MiB on both sides, at scsi0:1/)).toBeVisible();
  const byName = page.getByRole("textbox", { name: /another VM, by name for tiny-b-replica/ });
  for (const [name, says] of [
    ["tiny-b-drill", /tiny-b-drill runs/],
    ["tiny-a-replica", /is itself a replica/],
    ["tiny-b", /is the original VM/],
    ["tiny-a", /is the production VM of tiny-a-replica/],
    ["nobody", /There is no VM named/],
  ] as const) {
    await byName.fill(name);
    await page.getByRole("button", { name: "Next" }).click();
    await expect(page.getByRole("alert").first()).toContainText(says);
    await expect(page).toHaveURL(/target/);
  }
  await byName.fill("");
  await list.selectOption("production/tiny-b-restored");
  await next(page, "mode");
  await expect(page.getByText("1 of 1 chosen")).toBeVisible();
});

test("jobs are listed with the VMs that they name", async ({ open }) => {
  const page = await open("/jobs");
  await expect(page.getByRole("row", { name: /Backup weekly/ })).toContainText("3 VMs: tiny-a at Production site");
});
