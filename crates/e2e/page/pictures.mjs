// The pictures of the page that the documents have: `UPDATE=1 make test-page`.
// usage: pictures.mjs <directory>

import { setTimeout as pause } from 'node:timers/promises';

import { NARROW, WIDE, launch, open } from './browser.mjs';
import { working } from './fixtures.mjs';
import { serve } from './server.mjs';

const [directory] = process.argv.slice(2);
const browser = await launch();
const server = await serve();
for (const [name, scheme, size, opened] of [
  ['status-light.png', 'light', WIDE, 'payments'], ['status-dark.png', 'dark', NARROW, null],
]) {
  server.state.next = working();
  server.state.asked = 0;
  const { page, close } = await open(browser, { scheme, size });
  await page.goto(server.address);
  await page.locator('main').waitFor();
  // Five minutes and a half of the page's time.
  for (let asked = 1; asked < 165; asked += 1) {
    await page.clock.runFor(2000);
    while (server.state.asked <= asked) await pause(2);
  }
  if (opened) await page.getByRole('button', { name: opened }).click();
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement.blur());
  // The whole page, or its beginning where one below the other makes it long.
  const clip = { x: 0, y: 0, width: size.width, height: 1220 };
  await page.screenshot({ path: `${directory}/${name}`, fullPage: true, ...(opened ? {} : { clip }) });
  await close();
}
await browser.close();
await server.stop();
