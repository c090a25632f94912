// A real VM comes home between two libvirt hosts, all of it in the console.

import { execFileSync } from "node:child_process";
import { type Page } from "@playwright/test";
import { Server, axe, expect, hydrated, test } from "../helpers/fixtures";
import { PATIENCE, RealVm, hosts } from "../helpers/libvirt";
import { act, failBack, state } from "../helpers/wizard";

test.skip(!hosts, "there are no libvirt hosts; `cargo xtask test` said why");

async function connect(page: Page, name: string, role: string, uri: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Role", { exact: true }).selectOption({ label: role });
  await page.getByLabel("Address", { exact: true }).fill(uri);
  await page.getByRole("button", { name: "Connect the site" }).click();
  await expect(page.getByRole("status").filter({ hasText: `${name} is connected: host` })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("table", { name: "Sites" }).getByRole("row", { name })).toBeVisible({ timeout: 30_000 });
}

test("hosts are connected, a pair is registered, and its VM comes home and boots", async ({ page }) => {
  test.setTimeout(10 * 60_000);
  const line = hosts!;
  const vm = new RealVm(line, "shop-real");
  const path = `${line.virsh_dir}:${process.env.PATH}`;
  const server = await Server.start(undefined, ["--lab-scale", "tiny"], "127.0.0.1:0", { PATH: path });
  try {
    await vm.ticks(vm.replica);
    await page.goto(`${server.url}/sites`);
    await hydrated(page);
    await connect(page, "Kiel", "Production", line.prod);
    await connect(page, "Ulm", "Disaster recovery", line.dr);
    await axe(page);
    await page.getByRole("row", { name: vm.replica }).getByRole("link", { name: /Register/ }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Register a pair");
    await expect(page.locator("strong", { hasText: `${vm.name} at Kiel (same name` })).toBeVisible();
    await axe(page);
    await page.getByRole("button", { name: "Register the pair" }).click();
    await expect(page.getByRole("table", { name: /pairs/i }).getByRole("row", { name: vm.replica })).toBeVisible({ timeout: 30_000 });

    await page.goto(server.url);
    await hydrated(page);
    await failBack(page, vm.replica);
    await state(page, "Ready to switch", PATIENCE);
    await act(page, "Switch over now");
    await state(page, "Failback", PATIENCE);
    execFileSync("qemu-img", ["compare", vm.newest(line.prod, vm.name), vm.newest(line.dr, vm.replica)]);
    vm.virsh(line.prod, "start", vm.name);
    await vm.ticks(vm.name);
    expect(vm.said(vm.name)).toMatch(/GUEST-MARKER old=\[boot-marker /);
    await act(page, "Commit");
    await state(page, "Committed", PATIENCE);
    expect(vm.newest(line.prod, vm.name)).toBe(vm.disk(vm.name));
  } finally {
    await server.dispose();
    vm.dispose();
  }
});
