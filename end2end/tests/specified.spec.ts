// A specified location through its five steps, with and without JavaScript.

import { expect, test } from "../helpers/fixtures";
import { acceptPlaces, change, toHost } from "../helpers/specified";
import { next } from "../helpers/wizard";

test("two VMs are placed at once, changed row by row, and started", async ({ open }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica", "tiny-b-replica"]);
  const a = page.getByRole("row", { name: /tiny-a-replica/ });
  const b = page.getByRole("row", { name: /tiny-b-replica/ });
  await expect(page.getByRole("textbox", { name: "New name of tiny-a-replica" })).toHaveValue("tiny-a-failback");
  await page.getByRole("textbox", { name: "New name of tiny-b-replica" }).fill("tiny-b-new");
  await page.getByRole("checkbox", { name: "All rows" }).check();
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("production/host/prod-host-2");
  await change(page);
  await expect(a).toContainText("prod-host-2.example");
  await expect(b).toContainText("prod-host-2.example");
  await expect(page.getByRole("textbox", { name: "New name of tiny-b-replica" })).toHaveValue("tiny-b-new");
  await next(page, "pool");

  await page.getByRole("checkbox", { name: "tiny-a-replica" }).check();
  await page.getByRole("combobox", { name: "Pool or vApp" }).selectOption("production/prod-vapp-shop");
  await change(page);
  await expect(a).toContainText("Web shop");
  await expect(b).not.toContainText("Web shop");
  await next(page, "datastore");

  await page.getByRole("checkbox", { name: "Disk data of tiny-b-replica" }).check();
  await page.getByRole("combobox", { name: "Datastore" }).selectOption("production/prod-bulk");
  await page.getByRole("combobox", { name: "Disk type" }).selectOption("thick_lazy_zeroed");
  await change(page);
  const disk = page.getByRole("row", { name: /Disk data/ });
  await expect(disk).toContainText("Bulk disk");
  await expect(disk).toContainText("Thick, lazy zeroed");
  await expect(page.getByText(/Bulk disk: all chosen VMs take 32 MiB/)).toBeVisible();
  await next(page, "folder");

  await page.getByRole("checkbox", { name: "All rows" }).check();
  await page.getByRole("combobox", { name: "Folder" }).selectOption("production/prod-folder-2");
  await change(page);
  await expect(b).toContainText("Business/Databases");
  await next(page, "network");

  await page.getByRole("checkbox", { name: "tiny-b-replica", exact: true }).check();
  await page.getByRole("combobox", { name: "Production network" }).selectOption("none");
  await page.getByRole("combobox", { name: "Hardware address" }).selectOption("renew");
  await change(page);
  const adapter = page.getByRole("row", { name: /Adapter 1.* of tiny-b-replica/ });
  await expect(adapter).toContainText("Disconnected");
  await expect(adapter).toContainText("Renewed");
  await next(page, "mode");
  await page.getByRole("radio", { name: "Manual" }).check();
  await next(page, "summary");
  for (const words of ["tiny-a-failback", "tiny-b-new", "Web shop", "Business/Databases", "Bulk disk, thick, lazy zeroed", "with a new hardware address"]) {
    await expect(page.getByRole("main").getByText(words).first()).toBeVisible();
  }
  const draft = page.url();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).not.toHaveURL(/failback/);
  await page.goto(draft);
  await expect(page.getByRole("link", { name: /^Session \d/ })).toHaveCount(2);
});

test("what cannot be is refused at its field, and Next says what stands against a row", async ({ open }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica"]);
  const alert = page.getByRole("alert").first();
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("production/host/prod-edge");
  await change(page);
  await expect(alert).toContainText("No row is ticked");
  await page.getByRole("textbox", { name: "New name of tiny-a-replica" }).fill("TINY-B");
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(alert).toContainText("has a VM named TINY-B already");
  await expect(page).toHaveURL(/host/);
  await page.getByRole("textbox", { name: "New name of tiny-a-replica" }).fill("tiny-a-edge");
  await page.getByRole("checkbox", { name: "tiny-a-replica" }).check();
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("production/host/prod-edge");
  await next(page, "pool");
  await page.getByRole("checkbox", { name: "tiny-a-replica" }).check();
  await page.getByRole("combobox", { name: "Pool or vApp" }).selectOption("production/prod-pool-business");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(alert).toContainText("Business divides Production cluster");
  await page.getByRole("combobox", { name: "Pool or vApp" }).selectOption("");
  await next(page, "datastore");
  await next(page, "folder");
  await expect(page.getByRole("row", { name: /tiny-a-replica/ })).toContainText("None");
  await next(page, "network");
});

test("an earlier choice that changes marks the later ones that no longer apply", async ({ open }) => {
  const page = await open("/");
  await toHost(page, ["tiny-a-replica"]);
  const host = new URL(page.url()).pathname;
  await page.getByRole("checkbox", { name: "All rows" }).check();
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("production/host/prod-host-1");
  await acceptPlaces(page);
  await open(host);
  await page.getByRole("checkbox", { name: "All rows" }).check();
  await page.getByRole("combobox", { name: "Host or cluster" }).selectOption("production/host/prod-edge");
  await next(page, "pool");
  await next(page, "datastore");
  await expect(page.getByText(/Fast SSD is not reached from prod-edge/).first()).toBeVisible();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toContainText("Fast SSD is not reached from prod-edge");
  await page.getByRole("checkbox", { name: "All rows" }).check();
  await page.getByRole("combobox", { name: "Datastore" }).selectOption("production/prod-bulk");
  await next(page, "folder");
});
