// Every step of the wizard and every page, light and dark, wide and narrow: nothing for axe to find,
// nothing that scrolls sideways. With LANDFALL_SCREENSHOTS the pictures of all four go to docs/screens;
// without, each colour and each width is looked at once.

import type { Page } from "@playwright/test";
import { axe, expect, hydrated, test } from "../helpers/fixtures";
import { acceptPlaces } from "../helpers/specified";
import { act, failBack, next, state } from "../helpers/wizard";

test.use({ scale: "sample" });

for (const width of [1280, 390]) {
  for (const colorScheme of ["light", "dark"] as const) {
    if (!process.env.LANDFALL_SCREENSHOTS && (width === 1280) !== (colorScheme === "light")) continue;
    test(`every page and step in ${colorScheme} at ${width} px`, async ({ open, page, server }, testInfo) => {
      test.setTimeout(180_000);
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });

      async function look(name: string): Promise<void> {
        await axe(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wide, `${name} scrolls sideways`).toBe(0);
        const file = `${name}-${colorScheme}-${width}.png`;
        const path = process.env.LANDFALL_SCREENSHOTS ? `../docs/screens/${file}` : testInfo.outputPath(file);
        await page.screenshot({ path, fullPage: true });
      }
      const again = async (address: string): Promise<void> => {
        await page.goto(address);
        await hydrated(page);
      };

      await open("/");
      await look("start");
      for (const place of ["sites", "proxies", "jobs", "lab", "help"]) {
        await again(`${server.url}/${place}`);
        await look(place);
      }
      await again(server.url);
      await beginFor(page, "mail-01");
      const step = page.url().replace(/replica.*$/, "");
      await look("replica");
      await next(page, "destination");
      await page.getByRole("radio", { name: /^Original VM/ }).check();
      await look("destination");
      await next(page, "policy");
      await look("policy");
      await page.getByRole("combobox", { name: /Storage policy/ }).selectOption("stored");
      await next(page, "mode");
      await page.getByRole("radio", { name: "Manual" }).check();
      await look("mode");
      await next(page, "summary");
      await look("summary");
      await again(`${step}destination`);
      await page.getByRole("radio", { name: /^Recovered VM/ }).check();
      await next(page, "target");
      await look("target");
      await again(`${step}destination`);
      await page.getByRole("radio", { name: /^Specified location/ }).check();
      await next(page, "host");
      const host = page.url();
      await acceptPlaces(page);
      for (const slug of ["host", "pool", "datastore", "folder", "network"]) {
        await again(host.replace(/host$/, slug));
        await look(slug);
      }
      await again(server.url);
      await failBack(page, "web-01");
      await state(page, "Ready to switch");
      await look("session");
      await page.getByRole("link", { name: "All sessions of its batch" }).click();
      await expect(page).toHaveURL(/\/batches\//);
      await look("batch");
      await page.goBack();
      await act(page, "Switch over now");
      await state(page, "Failback");
      await look("failback");
      await page.getByRole("link", { name: "Evidence of this session" }).click();
      await expect(page).toHaveURL(/\/evidence$/);
      await expect(page.getByRole("heading", { level: 1 })).toContainText("Evidence");
      await look("evidence");
    });
  }
}

async function beginFor(page: Page, vm: string): Promise<void> {
  await page.getByRole("row", { name: vm }).getByRole("button", { name: "Fail back" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
}
