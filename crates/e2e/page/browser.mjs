// Chromium without a window, and pages in it that remember what went wrong.

import { createRequire } from 'node:module';

const installed = createRequire(`${process.env.STS_TEST_PAGE}/`);
const { chromium } = installed('playwright-core');

const AXE = installed.resolve('axe-core/axe.min.js');

export const launch = () => chromium.launch({
  executablePath: process.env.STS_TEST_CHROMIUM,
  // Without a user namespace, as in a container, there is no sandbox; the page is our own.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

/**
 * A page of its own, not yet at an address. `wrong` has errors of the console and violations of the policy.
 * With `clock` its time is that of the test.
 */
export async function open(browser, { scheme = 'light', size = WIDE, motion = 'reduce', clock = true } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, reducedMotion: motion, timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const wrong = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  await page.exposeFunction('tellViolation', (text) => wrong.push(text));
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) =>
    window.tellViolation(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
  if (clock) await page.clock.install();
  return { page, wrong, close: () => context.close() };
}

/** What axe-core finds. It is evaluated by the driver, which the policy of the page does not bind. */
export async function violations(page) {
  await page.evaluate(await import('node:fs').then((fs) => fs.readFileSync(AXE, 'utf8')));
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
}
