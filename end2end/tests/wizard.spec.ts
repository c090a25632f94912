// The wizard's forms, with and without JavaScript.

import { expect, test } from "../helpers/fixtures";
import { failBack } from "../helpers/wizard";

test("the wizard leads to a session by forms alone", async ({ open }) => {
  const page = await open("/");
  await failBack(page, "tiny-a");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("tiny-a");
  await expect(page.getByText("Prove identity and layout of the target").first()).toBeVisible();
});

test("Next without a choice says what is missing", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("button", { name: "Start a failback" }).click();
  await expect(page).toHaveURL(/replica/);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("alert").first()).toBeVisible();
  await expect(page).toHaveURL(/replica/);
});

test("the destinations that are not built yet say so", async ({ open }) => {
  const page = await open("/");
  await page.getByRole("row", { name: /tiny-a/ }).getByRole("button", { name: "Fail back" }).click();
  await page.getByRole("button", { name: "Next" }).click();
  await expect(page.getByRole("radio")).toHaveCount(3);
  await expect(page.getByRole("radio", { disabled: true })).toHaveCount(2);
});
