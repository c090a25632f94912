// What the start page needs JavaScript for: hydration itself, and axe.

import { axe, expect, test } from "../helpers/fixtures";

test("the start page hydrates under the content security policy", async ({ open, server }) => {
  const page = await open("/");
  const response = await page.request.get(server.url);
  const policy = response.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("'nonce-");
  expect(policy).not.toContain("unsafe-inline");
});

test("the start page has no accessibility violation", async ({ open }) => {
  await axe(await open("/"));
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`the start page is readable in ${colorScheme}`, async ({ page, open }) => {
    await page.emulateMedia({ colorScheme });
    await axe(await open("/"));
  });
}
