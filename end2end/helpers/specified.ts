// The way to a specified location, for several VMs at once.

import { type Page, expect } from "@playwright/test";
import { next } from "./wizard";

/** From the start page to the Host step with these VMs. */
export async function toHost(page: Page, vms: string[]): Promise<void> {
  await page.getByRole("button", { name: "Start a failback" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  for (const vm of vms) {
    await page.getByRole("row", { name: new RegExp(vm) }).getByRole("checkbox").check();
  }
  await next(page, "destination");
  await page.getByRole("radio", { name: /^Specified location/ }).check();
  await next(page, "host");
}

/** Presses the button that changes the ticked rows. */
export async function change(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Change / }).click();
}

/** Goes through the five steps as they are proposed, to the mode. */
export async function acceptPlaces(page: Page): Promise<void> {
  for (const slug of ["pool", "datastore", "folder", "network", "mode"]) {
    await next(page, slug);
  }
}
