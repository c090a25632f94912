// The help in a browser.

import { axe, test } from "../helpers/fixtures";

test("axe finds nothing on the help", async ({ open }) => {
  await axe(await open("/help"));
});
