// The certificate of a failback: shown, saved, checked offline, and printed with its evidence.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Page } from "@playwright/test";
import { axe, expect, hydrated, test } from "../helpers/fixtures";
import { act, state, toSummary } from "../helpers/wizard";

const program = process.env.LANDFALL_BIN ?? resolve(import.meta.dirname, "../../target/debug/landfall");

/** Nothing is wider than a telephone: roots and fingerprints break. */
async function fitsNarrow(page: Page): Promise<void> {
  const size = page.viewportSize() ?? { width: 1280, height: 720 };
  await page.setViewportSize({ width: 390, height: 800 });
  const wide = await page.evaluate(() => {
    const seen = [document.documentElement, ...document.querySelectorAll("main td, main dd, main li")];
    return seen.filter((it) => it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 0)
      .map((it) => it.outerHTML.slice(0, 200));
  });
  expect(wide, "wider than their place").toEqual([]);
  await page.setViewportSize(size);
}

test("a certificate is shown, saved and proved offline, and the evidence is printed", async ({
  open, server, browser,
}, testInfo) => {
  const page = await open("/");
  await toSummary(page, "tiny-a");
  await page.getByRole("button", { name: "Start a dry run" }).click();
  await expect(page.getByText(/would be sent\. Nothing was written/)).toBeVisible();
  await page.getByRole("button", { name: "Finish" }).click();
  await expect(page).toHaveURL(/\/sessions\//);
  await state(page, "Ready to switch");
  await expect(page.getByRole("link", { name: "Download the certificate" })).toHaveCount(0);
  await act(page, "Switch over now");
  await state(page, "Failback");

  const section = page.getByRole("region", { name: "Certificate" });
  await expect(section).toContainText(/SHA256:[0-9a-f]{64}/);
  await expect(section).toContainText("verified, production still off");
  const row = section.getByRole("row", { name: /system/ });
  await expect(row).toContainText(/[0-9a-f]{64}/);
  await axe(page);
  await fitsNarrow(page);

  const saving = page.waitForEvent("download");
  await section.getByRole("link", { name: "Download the certificate" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toMatch(/^tiny-a-.*-certificate\.json$/);
  const file = join(testInfo.outputDir, "certificate.json");
  await saved.saveAs(file);
  const signer = JSON.parse(readFileSync(file, "utf8")).signer.fingerprint;
  await expect(section).toContainText(signer);
  const said = execFileSync(program, ["certificate", "check", file, "--key", signer], { encoding: "utf8" });
  expect(said).toContain(`Proved: signed by SHA256:${signer}`);

  await section.getByRole("link", { name: "Evidence of this session" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Evidence of tiny-a" })).toBeVisible();
  await hydrated(page);
  const figures = page.getByRole("table", { name: "Estimate and actual" });
  await expect(figures.getByRole("row", { name: /Different in phase 1/ })).toContainText(/[KM]iB/);
  await axe(page);
  await fitsNarrow(page);
  const savingAll = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download as JSON" }).click();
  const bundle = join(testInfo.outputDir, "evidence.json");
  await (await savingAll).saveAs(bundle);
  const evidence = JSON.parse(readFileSync(bundle, "utf8"));
  expect(evidence.format).toBe("landfall evidence 2");
  expect(evidence.certificate_file).toBe(readFileSync(file, "utf8"));
  expect(evidence.report.estimate.different.likely).toBeGreaterThan(0);
  expect(evidence.actual.different).toBeGreaterThan(0);
  expect(evidence.log.length).toBeGreaterThan(5);
  expect(evidence.plan.production_name).toBe("tiny-a");
  expect(evidence.steps.map((step: { step: string }) => step.step)).toContain("certify");

  // On paper: what is to be read, and nothing to press.
  await page.emulateMedia({ media: "print" });
  await expect(page.getByRole("navigation", { name: "Places" })).toBeHidden();
  await expect(page.getByRole("link", { name: "Download as JSON" })).toBeHidden();
  await expect(figures).toBeVisible();
  const pdf = await page.pdf();
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  await page.emulateMedia({ media: null });

  // The same without JavaScript.
  const plain = await browser.newContext({ javaScriptEnabled: false });
  try {
    const reading = await plain.newPage();
    await reading.goto(page.url());
    await expect(reading.getByRole("region", { name: "Certificate" })).toContainText(signer);
    await expect(reading.getByRole("table", { name: "Steps" })).toContainText("Sign the certificate");
    const savingPlain = reading.waitForEvent("download");
    await reading.getByRole("link", { name: "Download as JSON" }).click();
    expect((await savingPlain).suggestedFilename()).toMatch(/-evidence\.json$/);
    await reading.getByRole("link", { name: "Session" }).click();
    await expect(reading.getByRole("link", { name: "Download the certificate" })).toBeVisible();
  } finally {
    await plain.close();
  }
});
