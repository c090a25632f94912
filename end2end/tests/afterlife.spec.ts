// What happens by itself around a switchover: chosen in the wizard and changed on the session page
// by forms, with and without JavaScript.

import { type Page } from "@playwright/test";
import { expect, test } from "../helpers/fixtures";
import { act, next, reach, toMode } from "../helpers/wizard";

interface Typed {
  passes: string;
  after: string;
  gates: string;
  agreed: boolean;
}

/** Fills the step Failback mode: on command, with a timer that undoes. */
async function fill(page: Page, typed: Typed): Promise<void> {
  await page.getByRole("radio", { name: /^Manual/ }).check();
  await page.getByRole("textbox", { name: /^Catch-up passes while it waits/ }).fill(typed.passes);
  await page.getByRole("radio", { name: /^Undo/ }).check();
  await fillTimer(page, typed);
}

async function fillTimer(page: Page, typed: Omit<Typed, "passes">): Promise<void> {
  await page.getByRole("textbox", { name: /^How long, in minutes/ }).fill(typed.after);
  await page.getByRole("textbox", { name: /^Health gates/ }).fill(typed.gates);
  await page.getByRole("checkbox", { name: /^I agree that it undoes/ }).setChecked(typed.agreed);
}

test("catch-up passes and a timer are chosen in the wizard and changed on the session page", async ({ open }) => {
  const page = await open("/");
  await toMode(page, "tiny-a");
  const good = { passes: "5", after: "10", gates: "tcp://10.0.0.5:443\nhttp://10.0.0.5/health", agreed: true };
  for (const [bad, says] of [
    [{ passes: "soon" }, /"soon" is not a time/],
    [{ after: "" }, /No time is given/],
    [{ gates: "https://10.0.0.5/" }, /gates do not speak/],
    [{ gates: "" }, /no health gate whose failure/],
    [{ agreed: false }, /nobody agreed to it/],
  ] as const) {
    await fill(page, { ...good, ...bad });
    await page.getByRole("button", { name: "Next" }).click();
    await expect(page.getByRole("alert").first()).toContainText(says);
    await expect(page).toHaveURL(/mode/);
  }
  await fill(page, good);
  await next(page, "summary");
  await expect(page.getByText(/A catch-up pass 5 min after the last one/)).toBeVisible();
  await expect(page.getByText(/Undoes by itself once a health gate has failed for 10 min/)).toBeVisible();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  await reach(page, "Ready to switch");
  const around = page.getByRole("region", { name: "Around the switchover" });
  await expect(around).toContainText("A catch-up pass 5 min after the last one");
  await expect(around).toContainText("Downtime if switched over now");
  await expect(around).toContainText("tcp://10.0.0.5:443");

  await page.getByRole("link", { name: "Change the catch-up passes" }).click();
  const passes = page.getByRole("dialog").getByRole("textbox", { name: /^Catch-up passes/ });
  await expect(passes).toHaveValue("5");
  await passes.fill("2 h");
  await page.getByRole("dialog").getByRole("button", { name: "Change the catch-up passes" }).click();
  await expect(around).toContainText("A catch-up pass 2 h after the last one");

  await page.getByRole("link", { name: "Set the timer" }).click();
  await page.getByRole("dialog").getByRole("radio", { name: /^Nothing/ }).check();
  await page.getByRole("dialog").getByRole("button", { name: "Set the timer" }).click();
  await expect(around).toContainText("Nothing follows the switchover by itself");
  await act(page, "Undo");
  await reach(page, "Undone");
});
