// Proxies: picked by hand, seen on the session, and lost in the middle of a transfer.

import { type Page } from "@playwright/test";
import { axe, expect, test } from "../helpers/fixtures";
import { act, next, post, state, verify } from "../helpers/wizard";

/** From the start page to the Destination step with one VM, to the original. */
async function toDestination(page: Page, vm: string): Promise<void> {
  await page.getByRole("row", { name: vm }).getByRole("button", { name: "Fail back" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  await next(page, "destination");
  await page.getByRole("radio", { name: /original VM/i }).first().check();
}

async function finish(page: Page): Promise<string> {
  await next(page, "mode");
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  // A guest that runs writes, and its disks could not be compared.
  await page.getByRole("checkbox", { name: /Power on the production VM/ }).uncheck();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  return page.url().split("/").pop() ?? "";
}

test("proxies picked by hand carry the disk, and the session says which and why", async ({ open, server }) => {
  const page = await open("/");
  await toDestination(page, "tiny-a");
  await page.getByRole("radio", { name: /^Pick proxies by hand/ }).check();
  const dr = page.getByRole("group", { name: /they read the replicas' disks/ });
  const production = page.getByRole("group", { name: /they write the production VMs' disks/ });
  await expect(dr.getByText("0 of 2 slots in use").first()).toBeVisible();
  await expect(dr.getByText("Reaches tiny-a-replica by direct storage").first()).toBeVisible();
  await axe(page);

  // One at a site is missing: refused where it is, and what was ticked stays.
  await dr.getByRole("checkbox", { name: /^dr-proxy-2/ }).check();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert")).toContainText("is picked, and one must write");
  await expect(dr.getByRole("checkbox", { name: /^dr-proxy-2/ })).toBeChecked();

  // One at each is enough, and warned of.
  await production.getByRole("checkbox", { name: /^production-proxy-2/ }).check();
  const id = await finish(page);
  await state(page, "Ready to switch");
  const row = page.getByRole("table", { name: "Proxies of each disk" }).getByRole("row").nth(1);
  await expect(row).toContainText("dr-proxy-2");
  await expect(row).toContainText("production-proxy-2");
  await row.getByText("Why").click();
  await expect(row).toContainText("dr-proxy-1 was not taken to read: it was not picked for this failback.");
  await axe(page);
  expect(id).not.toBe("");
  await act(page, "Switch over now");
  await state(page, "Failback");
  expect(verify(server).equal).toBe(true);
});

test("one proxy at a site is warned of beside every later step", async ({ open }) => {
  const page = await open("/");
  await toDestination(page, "tiny-a");
  await page.getByRole("radio", { name: /^Pick proxies by hand/ }).check();
  await page.getByRole("checkbox", { name: /^dr-proxy-1/ }).check();
  await page.getByRole("checkbox", { name: /^production-proxy-1/ }).check();
  await next(page, "mode");
  const beside = page.getByRole("complementary", { name: "Choices so far" });
  await expect(beside).toContainText("only dr-proxy-1, production-proxy-1");
  await expect(beside.getByText(/^Only 1 proxy at .* is picked/)).toHaveCount(2);
});

test.describe("in the middle of a transfer", () => {
  test.use({ scale: "sample" });

  test("a disabled proxy hands its disk over, and both pages say so", async ({ open, server }) => {
    test.setTimeout(120_000);
    const page = await open("/proxies");
    const home = ["production-proxy-1", "production-proxy-2"];
    // Nothing moves until the limit is set, however fast the machine is.
    for (const proxy of home) await act(page, `Drain ${proxy}`, "Drain");
    await page.goto(server.url);
    await toDestination(page, "web-01");
    const id = await finish(page);
    await post(page, server, id, { operation: "set_limit", limit_mib: "1" });
    await page.goto(`${server.url}/proxies`);
    for (const proxy of home) await act(page, `Enable ${proxy}`, "Enable");
    await page.goto(`${server.url}/sessions/${id}`);
    const carriers = page.getByRole("table", { name: "Proxies of each disk" });
    await expect(carriers.getByRole("row")).toHaveCount(2);
    const first = (await carriers.getByRole("row").nth(1).innerText()).match(/production-proxy-\d/)?.[0];
    expect(first).toBeDefined();

    await page.goto(`${server.url}/proxies`);
    const busy = page.getByRole("row", { name: new RegExp(`^${first} `) });
    await expect(busy).toContainText("web-01, disk system");
    await expect(busy).toContainText("1 of 2");
    await axe(page);
    const said = await act(page, `Disable ${first}`, "Disable");
    expect(said).toContain("go on from their last acknowledged range through production-proxy-");
    await expect(busy).toContainText("Disabled");
    await expect(busy).toContainText("0 of 2");

    await page.goto(`${server.url}/sessions/${id}`);
    await expect(carriers).toContainText(`Handed over: ${first} was disabled.`);
    await expect(carriers.getByRole("row")).toHaveCount(3);
    await expect(page.getByText(`is handed over to other proxies: ${first} was disabled.`)).toBeVisible();
    await axe(page);
    await page.screenshot({ path: process.env.LANDFALL_SHOT ?? test.info().outputPath("hand-over.png"), fullPage: true });

    await post(page, server, id, { operation: "set_limit", limit_mib: "0" });
    await state(page, "Ready to switch", 60_000);
    await act(page, "Switch over now");
    await state(page, "Failback", 60_000);
    expect(verify(server).equal).toBe(true);
  });
});

test("a draining proxy says what it means, and an added one takes its place", async ({ open }) => {
  const page = await open("/proxies");
  const said = await act(page, "Drain dr-proxy-1", "Drain");
  expect(said).toContain("dr-proxy-1 carries nothing and gets no tasks until it is enabled again.");
  await expect(page.getByRole("row", { name: /^dr-proxy-1 / })).toContainText("Draining");
  await page.getByLabel("Name").fill("spare");
  await page.getByLabel("Slots", { exact: true }).fill("3");
  await page.getByRole("button", { name: "Add the proxy" }).click();
  await expect(page.getByRole("row", { name: /^spare / })).toContainText("0 of 3");
  await axe(page);
});
