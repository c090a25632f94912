// VMs that sessions make at a specified location: to commit, to undo, and how the steps look.

import { axe, expect, hydrated, test } from "../helpers/fixtures";
import { acceptPlaces, change, toHost } from "../helpers/specified";
import { act, next, state, verify } from "../helpers/wizard";

test("two VMs are made, one is committed and one undone", async ({ open, server }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica", "tiny-b-replica"]);
  await acceptPlaces(page);
  await page.getByRole("radio", { name: "Auto" }).check();
  await next(page, "summary");
  await page.getByRole("checkbox", { name: /Power on the production VM/ }).setChecked(false);
  const draft = page.url();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).not.toHaveURL(/failback/);
  await page.goto(draft);
  const links = page.getByRole("link", { name: /^Session \d/ });
  await expect(links).toHaveCount(2);
  const sessions = await links.evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
  for (const session of sessions) {
    await page.goto(session);
    await state(page, "Failback");
  }
  const { equal, text } = verify(server);
  expect(text).toMatch(/tiny-a-failback|landfall-/);
  expect(equal, text).toBe(true);
  await page.goto(sessions[0]);
  await act(page, "Commit");
  await state(page, "Committed");
  await page.goto(sessions[1]);
  await act(page, "Undo");
  await state(page, "Undone");
});

test("a disk that begins with a copy of the original's gets only what differs, as a dry run says", async ({ open, server }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica"]);
  await next(page, "pool");
  await next(page, "datastore");
  await page.getByRole("checkbox", { name: "tiny-a-replica", exact: true }).check();
  await page.getByRole("combobox", { name: "Begins with" }).selectOption("original");
  await change(page);
  await expect(page.getByRole("row", { name: /^Disk system/ })).toContainText("A copy of the original's disk");
  await axe(page);
  for (const slug of ["folder", "network", "mode"]) await next(page, slug);
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  await page.getByRole("checkbox", { name: /Power on the production VM/ }).setChecked(false);
  await expect(page.getByText(/begins with a copy of the original's disk/).first()).toBeVisible();
  await page.getByRole("button", { name: "Start a dry run" }).click();
  const told = page.getByText(/would be sent\. Nothing was written/);
  await expect(told).toBeVisible();
  const [, differs] = (await told.innerText()).match(/([\d.]+ \w+) would be sent/) ?? [];
  expect(differs).toBeDefined();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  await state(page, "Ready to switch");
  await expect(page.getByRole("main")).toContainText(`${differs} sent, all verified`);
  await act(page, "Switch over now");
  await state(page, "Failback");
  const { equal, text } = verify(server);
  expect(equal, text).toBe(true);
});

test("the button names how many rows it changes, and one path needs the keyboard alone", async ({ open }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica", "tiny-b-replica"]);
  await next(page, "pool");
  await next(page, "datastore");
  const button = page.getByRole("button", { name: /^Change / });
  await expect(button).toHaveText("Change the ticked rows");
  await page.getByRole("checkbox", { name: "tiny-b-replica", exact: true }).focus();
  await page.keyboard.press("Space");
  await expect(button).toHaveText("Change 3 rows");
  await page.getByRole("checkbox", { name: "Disk data of tiny-b-replica" }).focus();
  await page.keyboard.press("Space");
  await expect(button).toHaveText("Change 3 rows");
  await page.getByRole("combobox", { name: "Disk type" }).focus();
  await page.keyboard.press("t");
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /Disk data/ })).toContainText("Thin");
  await expect(button).toHaveText("Change the ticked rows");
  await expect(page.getByRole("combobox", { name: "Disk type" })).toHaveValue("");
});

for (const [width, colorScheme] of [
  [1280, "light"],
  [1280, "dark"],
  [390, "light"],
] as const) {
  test(`axe finds nothing on the five steps, ${colorScheme}, ${width} px`, async ({ open, page }, testInfo) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await open("/");
    await toHost(page, ["tiny-a-replica", "tiny-b-replica"]);
    const host = page.url();
    await acceptPlaces(page);
    await page.getByRole("radio", { name: "Manual" }).check();
    await next(page, "summary");
    for (const slug of ["host", "pool", "datastore", "folder", "network", "summary"]) {
      await page.goto(host.replace(/host$/, slug));
      await hydrated(page);
      await axe(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, `${slug} scrolls sideways`).toBe(0);
      await page.screenshot({ path: testInfo.outputPath(`${slug}-${colorScheme}-${width}.png`), fullPage: true });
    }
  });
}
