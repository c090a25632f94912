// The map of a disk, read with and without JavaScript: picture, legend, table, and zoom by links.

import { expect, test } from "../helpers/fixtures";
import { failBack, reach } from "../helpers/wizard";

test("a disk's map is read as a picture, a legend and a table, and zoomed by links", async ({ open, javaScriptEnabled }) => {
  const page = await open("/");
  await failBack(page, "tiny-a");
  await reach(page, "Ready to switch");
  const map = page.getByRole("link", { name: /^Map of disk / }).first();
  await map.click();
  await expect(page).toHaveURL(/\/sessions\/[^/]+\/disks\/[^/]+\/map$/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(/^Map of disk .* of tiny-a$/);
  await expect(page.getByText(/^Pass \d+, .*: as it was kept at /)).toBeVisible();

  const picture = page.getByRole("img", { name: /^The whole disk of .*The table below has the ranges\.$/ });
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((element) => element.tagName.toLowerCase())).toBe(
    javaScriptEnabled === false ? "svg" : "canvas",
  );
  for (const word of ["Unreadable", "Different", "Sent", "Verified", "Equal", "Hole", "Unread", "Not in this pass"]) {
    await expect(page.getByRole("listitem").filter({ hasText: new RegExp(`^${word} `) })).toBeVisible();
  }
  const table = page.getByRole("table", { name: "Ranges of the disk" });
  await expect(table.getByRole("columnheader")).toHaveText(["From", "Length", "State"]);
  const rows = table.locator("tbody tr");
  expect(await rows.count()).toBeGreaterThan(1);
  expect(await rows.count()).toBeLessThanOrEqual(100);
  await expect(rows.filter({ hasText: "Verified" }).first()).toBeVisible();

  await page.getByRole("link", { name: "Zoom in" }).click();
  await expect(page).toHaveURL(/map\?from=\d+&to=\d+$/);
  await expect(page.getByText(/^[\d.]+ \S+ to [\d.]+ \S+ of .*, in \d+ cells of /)).toBeVisible();
  const part = page.url();
  await page.getByRole("link", { name: "Towards the start" }).click();
  await expect(page).not.toHaveURL(part);
  await page.getByRole("link", { name: "Whole disk" }).click();
  await expect(page).toHaveURL(/\/map$/);
  await expect(page.getByText(/^The whole disk of /)).toBeVisible();
  await page.getByRole("link", { name: "Session", exact: true }).click();
  await expect(page).toHaveURL(/\/sessions\/[^/]+$/);
});

test("a part that is none is refused with a way on", async ({ open, server, page }) => {
  await open("/");
  const id = await failBack(page, "tiny-a");
  const href = await page.getByRole("link", { name: /^Map of disk / }).first().getAttribute("href");
  expect(href).toContain(id);
  const answer = await page.request.get(`${server.url}${href}?from=9&to=4`);
  expect(answer.status()).toBe(422);
  expect(await answer.text()).toContain("no part of disk");
  const unknown = await page.request.get(`${server.url}/sessions/${id}/disks/none/map`);
  expect(unknown.status()).toBe(404);
});
