// Looks at the page of an NGINX that runs, and compares it with its JSON: `scripts/page.sh URL`.
// usage: live.mjs <URL of STSStatus> [file for a picture]

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { launch, open, violations } from './browser.mjs';
import { PAGE, POLICY } from './server.mjs';

const [address, picture] = process.argv.slice(2);
const json = async () => (await fetch(`${address}?format=json`)).json();
const sum = (object) => Object.values(object).reduce((a, b) => a + b, 0);

const answer = await fetch(address, { headers: { Accept: 'text/html' } });
assert.equal(answer.status, 200);
assert.equal(Buffer.from(await answer.arrayBuffer()).compare(PAGE), 0, 'the page is that of the sources');
const parts = (policy) => policy.split(';').map((part) => part.trim()).filter((part) => part !== '');
const policy = parts(answer.headers.get('content-security-policy'));
for (const part of parts(POLICY)) assert.ok(policy.includes(part), `${part} is in ${policy.join('; ')}`);

const browser = await launch();
const { page, wrong } = await open(browser, { clock: false });
await page.goto(address);
await page.locator('main').waitFor();

// Numbers between those of the JSON before and after: requests may come at any time.
const before = await json();
await pause(10_000);
const shown = await page.evaluate(() => ({
  names: [...document.querySelectorAll('#exchanges .name b')].map((node) => node.textContent),
  legend: Object.fromEntries([...document.querySelectorAll('#legend li')].map((item) => [
    item.childNodes[1].textContent, Number(item.querySelector('b').textContent.replaceAll(',', '')),
  ])),
  state: document.querySelector('[role=status]').textContent,
}));
const after = await json();
assert.equal(shown.state, 'Live');
assert.deepEqual(shown.names, after.exchanges.map(({ name }) => name));
const total = (answer, outcome) => sum(answer.exchanges.map(({ requests }) => requests[outcome]));
let requests = 0;
for (const [outcome, number] of Object.entries(shown.legend)) {
  assert.ok(total(before, outcome) <= number && number <= total(after, outcome), `${outcome}: ${number}`);
  requests += number;
}
for (const button of await page.locator('.name').all()) await button.click();
assert.deepEqual(await violations(page), []);
if (picture) await page.screenshot({ path: picture, fullPage: true });
assert.deepEqual(wrong, [], 'errors of the console, violations of the policy');
await browser.close();
console.log(`${shown.names.length} exchanges with ${requests} requests are shown as they are counted`);
