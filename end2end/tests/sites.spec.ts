// Sites read, connected and refused by plain forms, with JavaScript and without.

import type { Page } from "@playwright/test";
import { axe, expect, test } from "../helpers/fixtures";
import { settled } from "../helpers/wizard";

const scripts = (): boolean => test.info().project.name === "hydrate";

/** Fills in the form and sends it. */
async function connect(page: Page, name: string, uri: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Role", { exact: true }).selectOption({ label: "Disaster recovery" });
  await page.getByLabel("Address", { exact: true }).fill(uri);
  await page.getByRole("button", { name: "Connect the site" }).click();
}

/** Waits until the newest request failed with these words; without scripts the page is read again. */
async function failed(page: Page, words: RegExp): Promise<void> {
  const status = page.getByRole("status").filter({ hasText: /^The newest request failed: / });
  const said = (timeout: number) => expect(status).toContainText(words, { timeout });
  // The form was answered: before that, reading the page again would take it back.
  await expect(page.getByRole("status").or(page.getByRole("alert")).first()).toBeVisible();
  await (scripts() ? said(15_000) : settled(page, said));
}

test("the page lists the lab's sites and says what may be done", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: "Sites" }).click();
  await expect(page).toHaveURL(/\/sites$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sites");
  await expect(page.getByText("2 sites; 0 pairs are registered.")).toBeVisible();
  const sites = page.getByRole("table", { name: "Sites" }).locator("tbody").getByRole("row");
  await expect(sites).toHaveCount(2);
  await expect(sites.filter({ hasText: "Disaster recovery" })).toContainText("It is part of the lab.");
  await expect(sites.filter({ hasText: "Production" })).toContainText(" UTC");
  await expect(page.getByText(/^None now\. Only VMs of connected disaster recovery sites are listed/)).toBeVisible();
  // It needs scripts of its own.
  if (scripts()) await axe(page);
});

test("a site that cannot be reached is told and not saved", async ({ open }) => {
  const page = await open("/sites");
  await connect(page, "Lyon", "qemu:///system?socket=/nowhere");
  await failed(page, /libvirt|virsh|connect|socket/i);
  await expect(page.getByRole("table", { name: "Sites" })).not.toContainText("Lyon");
  await expect(page.getByText("2 sites; 0 pairs are registered.")).toBeVisible();
});

test("an address that is not encrypted is refused with the reason", async ({ open }) => {
  const page = await open("/sites");
  await connect(page, "Lyon", "qemu+tcp://h/system");
  await failed(page, /not encrypted.*qemu\+tls/);
  await expect(page.getByRole("table", { name: "Sites" })).not.toContainText("Lyon");
});

test("what is missing is named at its field", async ({ open }) => {
  const page = await open("/sites");
  await page.getByLabel("Name", { exact: true }).fill("Lyon");
  await page.getByRole("button", { name: "Connect the site" }).click();
  await expect(page.getByRole("alert")).toContainText("What the site is for is not chosen.");
  await page.getByRole("alert").getByRole("link").click();
  await expect(page.getByLabel("Role", { exact: true })).toBeFocused();
  if (scripts()) await axe(page);
});

test("there is no form for a VM that is not there", async ({ page, server }) => {
  const answer = await page.request.get(`${server.url}/sites/pair?vm=dr%2Fnobody`);
  expect(answer.status()).toBe(404);
  expect(await answer.text()).toContain("There is no such VM that could be registered.");
});
