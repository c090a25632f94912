// What happens by itself around a switchover, as a person watches it live.

import { axe, expect, test } from "../helpers/fixtures";
import { Gate } from "../helpers/gate";
import { act, next, state, toMode, verify } from "../helpers/wizard";

test("passes predict the downtime, gates are watched, and a red one stops the commit", async ({ open, server }) => {
  test.setTimeout(150_000);
  const gate = await Gate.start();
  try {
    const page = await open("/");
    await toMode(page, "tiny-b");
    await page.getByRole("radio", { name: /^Manual/ }).check();
    await page.getByRole("textbox", { name: /^Catch-up passes while it waits/ }).fill("10 s");
    await page.getByRole("radio", { name: /^Commit/ }).check();
    await page.getByRole("textbox", { name: /^How long, in minutes/ }).fill("30");
    await page.getByRole("textbox", { name: /^Health gates/ }).fill(gate.url);
    await axe(page);
    await next(page, "summary");
    // It would write to its disks, which are compared below.
    await page.getByRole("checkbox", { name: /Power on the production VM/ }).uncheck();
    await page.getByRole("button", { name: "Finish" }).click();
    await state(page, "Ready to switch");
    const around = page.getByRole("region", { name: "Around the switchover" });
    await expect(around).toContainText("Not predicted yet");
    await expect(around).toContainText(/About \d+ s to send the last changes/, { timeout: 45_000 });
    await axe(page);
    await act(page, "Switch over now");
    await state(page, "Failback");
    expect(verify(server).equal).toBe(true);
    await expect(around).toContainText(/health: green, tried at/);
    await expect(around).toContainText(/Commits by itself at .* if all health gates are green then/);

    gate.well = false;
    await expect(around).toContainText(/health: fails: it answered with status 503/);
    await page.getByRole("link", { name: "Set the timer" }).click();
    const dialog = page.getByRole("dialog");
    await axe(page);
    await dialog.getByRole("textbox", { name: /^How long, in minutes/ }).fill("1 s");
    await dialog.getByRole("button", { name: "Set the timer" }).click();
    await expect(dialog).toContainText("has passed already");
    // Late enough to be to come, whatever the time that this test took so far.
    await dialog.getByRole("textbox", { name: /^How long, in minutes/ }).fill("20 s");
    await dialog.getByRole("button", { name: "Set the timer" }).click();
    await expect(dialog).toBeHidden();
    const asks = page.getByRole("region", { name: "The timer asks you" });
    await expect(asks).toContainText("status 503. It does not commit; decide yourself.", { timeout: 30_000 });
    await axe(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await axe(page);
    await act(page, "Commit");
    await state(page, "Committed");
    await expect(asks).toHaveCount(0);
  } finally {
    gate.stop();
  }
});
