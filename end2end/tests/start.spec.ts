// The start page, read with and without JavaScript.

import { expect, test } from "../helpers/fixtures";

test("the start page says what it is", async ({ open }) => {
  const page = await open("/");
  await expect(page).toHaveTitle(/Landfall/);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
});

test("an address that means nothing leads back to the start page", async ({ page, server }) => {
  const response = await page.request.get(`${server.url}/no/such/page`);
  expect(response.status()).toBe(404);
  expect(await response.text()).toContain('href="/"');
});
