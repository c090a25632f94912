// A VM comes home: the whole way with commit, with undo, with each mode, and stopped in between.

import { Server, axe, expect, hydrated, test } from "../helpers/fixtures";
import { act, failBack, post, productionContent, state, toSummary, verify } from "../helpers/wizard";

test("a whole failback on command, proved equal, and committed", async ({ open, server }) => {
  const page = await open("/");
  await failBack(page, "tiny-a");
  await state(page, "Ready to switch");
  await axe(page);
  const said = await act(page, "Switch over now");
  expect(said).toContain("tiny-a");
  await state(page, "Failback");
  const { equal, text } = verify(server);
  expect(text).toMatch(/tiny-a +system +equal/);
  expect(text).toMatch(/0 missing, 0 damaged/);
  expect(equal, text).toBe(true);
  await act(page, "Commit");
  await state(page, "Committed");
  await axe(page);
  await page.goto(server.url);
  await expect(page.getByRole("row", { name: /tiny-a/ }).first()).toContainText("Ready");
});

test("undo leaves both sides as they were", async ({ open, server }) => {
  const page = await open("/");
  const before = productionContent(server, "tiny-b");
  await failBack(page, "tiny-b", { mode: "Auto" });
  await state(page, "Failback");
  expect(productionContent(server, "tiny-b")).not.toEqual(before);
  await act(page, "Undo");
  await state(page, "Undone");
  expect(productionContent(server, "tiny-b")).toEqual(before);
  await page.goto(server.url);
  const row = page.getByRole("row", { name: /tiny-b/ }).first();
  await expect(row).toContainText("Failover");
  await expect(row).toContainText("production off");
});

test("undo in Ready to switch never touches the running replica", async ({ open, server }) => {
  const page = await open("/");
  const before = productionContent(server, "tiny-a");
  await failBack(page, "tiny-a");
  await state(page, "Ready to switch");
  await act(page, "Undo");
  await state(page, "Undone");
  expect(productionContent(server, "tiny-a")).toEqual(before);
  await expect(page.getByText("Shut down the replica")).toHaveCount(0);
});

test("a scheduled switchover comes by itself at its time", async ({ open, server }) => {
  test.setTimeout(180_000);
  const page = await open("/");
  const id = await failBack(page, "tiny-a");
  await state(page, "Ready to switch");
  // The next full minute that is at least ten seconds away.
  const at = new Date(Math.ceil((Date.now() + 10_000) / 60_000) * 60_000).toISOString().slice(0, 16);
  const status = await post(page, server, id, {
    operation: "change_mode", mode: "scheduled", at, zone: "UTC", not_later_minutes: "60",
  });
  expect(status).toBeLessThan(400);
  await expect(page.getByText(/Scheduled/).first()).toBeVisible();
  await state(page, "Failback", 120_000);
  expect(verify(server).equal).toBe(true);
});

test("a running production VM is announced, and a deaf guest is powered off", async ({ open, server }) => {
  const page = await open("/");
  await toSummary(page, "tiny-c", { mode: "Auto" });
  await expect(page.getByText(/powered off/).first()).toBeVisible();
  await page.getByRole("button", { name: "Finish" }).click();
  await state(page, "Failback");
  await expect(page.getByText(/did not shut down within/).first()).toBeVisible();
  expect(verify(server).equal).toBe(true);
});

test("a dry run says what would be sent, and writes nothing", async ({ open, server }) => {
  const page = await open("/");
  await toSummary(page, "tiny-a");
  const before = productionContent(server, "tiny-a");
  await page.getByRole("button", { name: "Start a dry run" }).click();
  await expect(page.getByText(/would be sent\. Nothing was written/)).toBeVisible();
  const row = page.getByRole("table", { name: /dry run/ }).getByRole("row", { name: /tiny-a/ });
  await expect(row).toContainText(/[1-9][0-9.]* [KM]iB/);
  await axe(page);
  expect(productionContent(server, "tiny-a")).toEqual(before);
});

test("the link breaks with the server and comes back with it", async ({ server, context }) => {
  // Not the page of the fixture: the browser notes each try to reach a server that is gone.
  const page = await context.newPage();
  await page.goto(server.url);
  await hydrated(page);
  await failBack(page, "tiny-b");
  await state(page, "Ready to switch");
  await server.kill();
  await expect(page.getByText(/^Reconnecting, shown as of/)).toBeVisible({ timeout: 20_000 });
  const again = await Server.start(server.dataDir, ["--lab-scale", "tiny"], new URL(server.url).host);
  try {
    await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });
    await act(page, "Switch over now");
    await state(page, "Failback");
    expect(verify(again).equal).toBe(true);
  } finally {
    await again.stop();
  }
});

test("what the state does not allow is refused and changes nothing", async ({ open, page, server }) => {
  await open("/");
  const id = await failBack(page, "tiny-a");
  await state(page, "Ready to switch");
  const answer = await page.request.post(`${server.url}/api/console/session/act`, {
    form: { id, operation: "commit" },
    headers: { Origin: server.url, "Sec-Fetch-Site": "same-origin" },
    maxRedirects: 0,
  });
  expect(answer.status()).toBe(409);
  expect(await answer.text()).toContain("Commit follows the switchover");
  const foreign = await page.request.post(`${server.url}/api/console/session/act`, {
    form: { id, operation: "undo" },
    headers: { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" },
    maxRedirects: 0,
  });
  expect(foreign.status()).toBe(403);
  await page.reload();
  await state(page, "Ready to switch");
});

test.describe("in the sample lab", () => {
  test.use({ scale: "sample" });

  test("pause, limit, reload, a second tab, and cancel in the middle of a transfer", async ({ open, server, context }) => {
    test.setTimeout(120_000);
    const page = await open("/");
    const before = productionContent(server, "web-01");
    const id = await failBack(page, "web-01");
    await post(page, server, id, { operation: "set_limit", limit_mib: "1" });
    await post(page, server, id, { operation: "pause" });
    await state(page, "Paused");
    await page.reload();
    await state(page, "Paused");
    const second = await context.newPage();
    await second.goto(page.url());
    await state(second, "Paused");
    if (process.env.LANDFALL_SCREENSHOTS) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.screenshot({ path: "../docs/session.png" });
    }
    await post(page, server, id, { operation: "resume" });
    await state(second, "Synchronizing");
    await act(page, "Cancel this failback");
    await state(second, "Cancelled");
    expect(productionContent(server, "web-01")).toEqual(before);
  });

  test("a disk of another size blocks with both sizes and the way out", async ({ open }) => {
    const page = await open("/");
    await toSummary(page, "files-01");
    await page.getByRole("button", { name: "Finish" }).click();
    await expect(page).toHaveURL(/summary/);
    await expect(page.getByRole("alert").first()).toContainText("files-01");
    await axe(page);
  });

  test("drift is ticked by name before Finish", async ({ open }) => {
    const page = await open("/");
    await toSummary(page, "app-01");
    await expect(page.getByText(/data2/).first()).toBeVisible();
    await page.getByRole("button", { name: "Finish" }).click();
    await expect(page).toHaveURL(/summary/);
    for (const box of await page.getByRole("checkbox").all()) await box.check();
    await page.getByRole("button", { name: "Finish" }).click();
    await expect(page).toHaveURL(/sessions/);
  });

  test("the lab is made anew on demand", async ({ open }) => {
    const page = await open("/lab");
    await axe(page);
    await act(page, "Reset the lab");
    await expect(page.getByText(/as it was at the beginning/)).toBeVisible({ timeout: 45_000 });
  });
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing on any step of the wizard, ${colorScheme}`, async ({ open, page }) => {
    await page.emulateMedia({ colorScheme });
    await open("/");
    await toSummary(page, "tiny-a");
    const summary = page.url();
    for (const step of ["replica", "destination", "mode", "summary"]) {
      await page.goto(summary.replace("summary", step));
      await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
      await axe(page);
    }
  });
}
