// The wizard and the session page as a person uses them: by what they read, not by how it is made.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Page, expect } from "@playwright/test";
import type { Server } from "./server";

const program = process.env.LANDFALL_BIN ?? resolve(import.meta.dirname, "../../target/debug/landfall");

export interface Choices {
  mode?: "Auto" | "Manual";
  powerOn?: boolean;
  /** To the VM that the original was restored as, in place of the original. */
  recovered?: boolean;
}

/** From the start page to the step Failback mode of one VM. */
export async function toMode(page: Page, vm: string, choices: Choices = {}): Promise<void> {
  await page.getByRole("row", { name: vm }).getByRole("button", { name: "Fail back" }).click();
  await expect(page).toHaveURL(/\/failback\/.*\/replica/);
  await next(page, "destination");
  if (choices.recovered) {
    await page.getByRole("radio", { name: /^Recovered VM/ }).check();
    await next(page, "target");
  } else {
    await page.getByRole("radio", { name: /original VM/i }).first().check();
  }
  await next(page, "mode");
}

/** From the start page to the summary of one VM. */
export async function toSummary(page: Page, vm: string, choices: Choices = {}): Promise<void> {
  await toMode(page, vm, choices);
  await page.getByRole("radio", { name: choices.mode ?? "Manual" }).check();
  await next(page, "summary");
  const powerOn = page.getByRole("checkbox", { name: /Power on the production VM/ });
  await powerOn.setChecked(choices.powerOn ?? false);
}

/** From the start page to the session of one VM; its id. */
export async function failBack(page: Page, vm: string, choices: Choices = {}): Promise<string> {
  await toSummary(page, vm, choices);
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  return page.url().split("/").pop() ?? "";
}

export async function next(page: Page, slug: string): Promise<void> {
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page).toHaveURL(new RegExp(`/failback/.*/${slug}`));
  // With JavaScript the address changes before the step does, and its Next would be pressed twice.
  const here = page.getByRole("navigation", { name: "Steps" }).locator("a[aria-current=step]");
  await expect(here).toHaveAttribute("href", new RegExp(`/${slug}$`));
}

/** Opens an action, reads its consequence, and confirms it. */
export async function act(page: Page, opens: string, confirms = opens): Promise<string> {
  await page.getByRole("link", { name: opens, exact: true }).or(page.getByRole("button", { name: opens, exact: true })).first().click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  const said = await dialog.innerText();
  await dialog.getByRole("button", { name: confirms, exact: true }).click();
  await expect(dialog).toBeHidden();
  return said;
}

/** Waits until the page says so, live. */
export async function state(page: Page, words: string, timeout = 45_000): Promise<void> {
  const badge = page.locator("main header .badge").filter({ hasText: new RegExp(`^${words}$`) });
  await expect(badge.first()).toBeVisible({ timeout });
}

/** Reads the page again until it holds, for pages without scripts. */
export async function settled(page: Page, holds: (timeout: number) => Promise<void>): Promise<void> {
  await expect(async () => {
    await page.reload();
    await holds(1_000);
  }).toPass({ timeout: 60_000 });
}

/** Reads the page again until the session is in this state. */
export async function reach(page: Page, words: string): Promise<void> {
  await settled(page, (timeout) => state(page, words, timeout));
}

/** Asks something of a session as its form does. */
export async function post(page: Page, server: Server, id: string, fields: Record<string, string>): Promise<number> {
  const answer = await page.request.post(`${server.url}/api/console/session/act`, {
    form: { id, ...fields },
    headers: { Origin: server.url, "Sec-Fetch-Site": "same-origin" },
    maxRedirects: 0,
  });
  return answer.status();
}

/** What `landfall lab verify` says, and whether all is equal. */
export function verify(server: Server): { equal: boolean; text: string } {
  const run = spawnSync(program, ["lab", "verify", "--data-dir", server.dataDir], { encoding: "utf8" });
  return { equal: run.status === 0, text: run.stdout + run.stderr };
}

/** A digest of what the production VM's disks hold, read by qemu-img. */
export function productionContent(server: Server, vm: string): string[] {
  const folder = join(server.dataDir, "lab/production", vm);
  const described = JSON.parse(readFileSync(join(folder, "vm.json"), "utf8"));
  return described.disks.map((disk: { base: string; format: string; layers: { file: string }[] }) => {
    const top = disk.layers.at(-1);
    const image = join(folder, top ? top.file : disk.base);
    const raw = join(server.dataDir, `content-${vm}.raw`);
    execFileSync("qemu-img", ["convert", "-U", "-f", top ? "qcow2" : disk.format, "-O", "raw", image, raw]);
    return createHash("sha256").update(readFileSync(raw)).digest("hex");
  });
}
