// The map of a disk with JavaScript: drawn on a canvas, live, moved by keys, wheel and clicks.

import { type Page, type Locator } from "@playwright/test";
import { axe, expect, hydrated, test } from "../helpers/fixtures";
import { failBack, state } from "../helpers/wizard";

/** How many different colours the canvas shows. */
async function colours(canvas: Locator): Promise<number> {
  return canvas.evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<number>();
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 255) seen.add((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
    }
    return seen.size;
  });
}

function picture(page: Page): Locator {
  return page.locator("canvas[role=img]");
}

async function toMap(page: Page, vm: string): Promise<void> {
  await failBack(page, vm);
  await page.getByRole("link", { name: /^Map of disk / }).first().click();
  await expect(page).toHaveURL(/\/map$/);
}

test("the map follows the transfer by itself, and stays afterwards", async ({ open, page, server }) => {
  await open("/");
  await toMap(page, "tiny-a");
  const session = page.url().replace(/\/disks\/.*$/, "");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  // Whatever the first look saw, it comes to the end of the pass without being loaded again.
  await expect(page.getByText(/^Pass 1, .*: as it was kept at /)).toBeVisible({ timeout: 60_000 });
  const verified = page.getByRole("listitem").filter({ hasText: /^Verified / });
  await expect(verified).not.toContainText(/Verified 0 B/);
  await expect(page.getByRole("listitem").filter({ hasText: /^Unread 0 B/ })).toBeVisible();
  expect(await colours(picture(page))).toBeGreaterThan(2);

  // The same after the server was started anew, and once the session is over.
  await page.reload();
  await hydrated(page);
  await expect(verified).not.toContainText(/Verified 0 B/);
  await page.goto(session);
  await hydrated(page);
  await state(page, "Ready to switch");
  const answer = await page.request.post(`${server.url}/api/console/session/act`, {
    form: { id: session.split("/").pop() ?? "", operation: "undo" },
    headers: { Origin: server.url, "Sec-Fetch-Site": "same-origin" },
    maxRedirects: 0,
  });
  expect(answer.status()).toBeLessThan(400);
  await state(page, "Undone");
  await page.getByRole("link", { name: /^Map of disk / }).first().click();
  await expect(page.getByText("Final", { exact: true })).toBeVisible();
  await expect(verified).not.toContainText(/Verified 0 B/);
});

test("keys, wheel and clicks move the picture, and the focus stays on it", async ({ open, page }) => {
  await open("/");
  await toMap(page, "tiny-a");
  const canvas = picture(page);
  await expect(page.getByText(/^Pass 1, .*: as it was kept at /)).toBeVisible({ timeout: 60_000 });
  await canvas.focus();
  await page.keyboard.press("+");
  await expect(page).toHaveURL(/from=\d+&to=\d+$/);
  await expect(canvas).toHaveAccessibleName(/^[\d.]+ \S+ to /);
  await expect(canvas).toBeFocused();
  const inside = page.url();
  await page.keyboard.press("ArrowLeft");
  await expect(page).not.toHaveURL(inside);
  await page.keyboard.press("Home");
  await expect(page).toHaveURL(/\/map$/);
  await expect(canvas).toHaveAccessibleName(/^The whole disk/);
  await expect(page.getByRole("link", { name: "Zoom out" })).toHaveAttribute("aria-disabled", "true");

  await canvas.hover({ position: { x: 40, y: 8 } });
  await expect(page.locator(".map-under")).toHaveText(/^[\d.]+ \S+ to [\d.]+ \S+: /);
  await page.mouse.wheel(0, -200);
  await expect(page).toHaveURL(/from=\d+&to=\d+$/);
  await expect(canvas).toHaveAccessibleName(/^[\d.]+ \S+ to /);
  await page.mouse.wheel(0, 200);
  await expect(page).toHaveURL(/\/map$/);
  await canvas.click({ position: { x: 200, y: 8 } });
  await expect(page).toHaveURL(/from=\d+&to=\d+$/);
  await page.getByRole("link", { name: "Whole disk" }).press("Enter");
  await expect(page).toHaveURL(/\/map$/);
  await expect(page.getByRole("link", { name: "Whole disk" })).toBeFocused();
});

for (const width of [1280, 390]) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`the map in ${colorScheme} at ${width} px`, async ({ open, page }, testInfo) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await open("/");
      await toMap(page, "tiny-a");
      await expect(page.getByText(/^Pass 1, .*: as it was kept at /)).toBeVisible({ timeout: 60_000 });
      await expect.poll(() => colours(picture(page))).toBeGreaterThan(2);
      await axe(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, "scrolls sideways").toBe(0);
      const file = `map-${colorScheme}-${width}.png`;
      const path = process.env.LANDFALL_SCREENSHOTS ? `../docs/screens/${file}` : testInfo.outputPath(file);
      await page.screenshot({ path, fullPage: true });
    });
  }
}
