// A whole failback with the keyboard alone: every control is reached by Tab and used by a key.

import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../helpers/fixtures";
import { state, verify } from "../helpers/wizard";

/** Presses Tab until a control has the focus. */
async function reach(page: Page, control: Locator): Promise<void> {
  await expect(control).toBeVisible();
  for (let presses = 0; presses < 120; presses++) {
    if (await control.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${control}`);
}

async function use(page: Page, control: Locator, key = "Enter"): Promise<void> {
  await reach(page, control);
  await page.keyboard.press(key);
}

/** Goes on to a step: where focus lands there is part of what is tested. */
async function next(page: Page, slug: string): Promise<void> {
  await use(page, page.getByRole("button", { name: "Next" }));
  await expect(page).toHaveURL(new RegExp(`/failback/.*/${slug}`));
  const here = page.getByRole("navigation", { name: "Steps" }).locator("a[aria-current=step]");
  await expect(here).toHaveAttribute("href", new RegExp(`/${slug}$`));
}

/** Opens an action and confirms it. */
async function act(page: Page, name: string): Promise<void> {
  const opens = page.getByRole("link", { name, exact: true }).or(page.getByRole("button", { name, exact: true }));
  await use(page, opens.first());
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  await use(page, dialog.getByRole("button", { name, exact: true }));
  await expect(dialog).toBeHidden();
}

test("from the list of replicas to commit without a mouse", async ({ open, page, server }) => {
  test.setTimeout(120_000);
  await open("/");
  const row = page.getByRole("row", { name: /tiny-a/ });
  await use(page, row.getByRole("button", { name: "Fail back" }));
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  await next(page, "destination");
  await use(page, page.getByRole("radio", { name: /original VM/i }).first(), "Space");
  await next(page, "mode");
  // The radio that has the focus is the chosen one of its group, or the first; arrows choose.
  const modes = page.getByRole("radio", { name: /^(Auto|Scheduled|Manual)/ });
  const first = page.locator("input[type=radio][name$=mode]:checked").or(modes.first()).first();
  await reach(page, first);
  const manual = page.getByRole("radio", { name: "Manual" });
  for (let presses = 0; presses < 4 && !(await manual.isChecked()); presses++) {
    await page.keyboard.press("ArrowDown");
  }
  await expect(manual).toBeChecked();
  await next(page, "summary");
  // Powered on, the production VM writes, and nothing could be compared.
  const powerOn = page.getByRole("checkbox", { name: /Power on the production VM/ });
  await use(page, powerOn, "Space");
  await expect(powerOn).not.toBeChecked();
  const reason = page.getByRole("textbox", { name: /Reason/ });
  await reach(page, reason);
  await page.keyboard.type("By keyboard.");
  await use(page, page.getByRole("button", { name: "Finish" }));
  await expect(page).toHaveURL(/\/sessions\//);
  await state(page, "Ready to switch");
  await act(page, "Switch over now");
  await state(page, "Failback");
  expect(verify(server).equal).toBe(true);
  await act(page, "Commit");
  await state(page, "Committed");
  await expect(page.getByText("By keyboard.")).toBeVisible();
});
