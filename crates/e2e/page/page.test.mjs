// What the status page shows and does, in Chromium: `make test-page`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { NARROW, WIDE, launch, open, violations } from './browser.mjs';
import * as fixtures from './fixtures.mjs';
import { PAGE, serve } from './server.mjs';

const PERIOD = 2000;

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

/** Runs `body` with a page that was answered with `next` once, and looks for errors afterwards. */
async function visit(next, body, { expected = [], ...options } = {}) {
  const server = await serve();
  server.state.next = next;
  const { page, wrong, close } = await open(browser, options);
  try {
    await page.goto(server.address);
    await page.locator('main').waitFor();
    await body(page, server, () => step(page, server));
    const unexpected = wrong.filter((text) => !expected.some((one) => text.includes(one)));
    assert.deepEqual(unexpected, [], 'errors of the console, violations of the policy');
  } finally {
    await close();
    await server.stop();
  }
}

/** Waits until a condition holds. */
async function until(condition, what) {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await condition()) return;
    await pause(10);
  }
  assert.fail(`in vain: ${what}`);
}

/** Lets the time of the page go on until it has asked again. */
async function step(page, server) {
  const { asked } = server.state;
  await page.clock.runFor(PERIOD);
  await until(() => server.state.asked > asked, 'it asks again');
}

const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('button', { name, exact: true }) });
const texts = async (locator) => (await locator.allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
const tile = (page, title) => page.locator('#tiles section').filter({ has: page.getByRole('heading', { name: title }) });
const names = (page) => page.locator('#exchanges > tbody > tr:not(.below):visible .name b').allInnerTexts();
const state = (page) => page.getByRole('status').first();
const later = (answer, seconds) => ({ ...answer, time: answer.time + seconds });

test('the page is one small file', () => {
  assert.ok(PAGE.length < 43 * 1024, `${PAGE.length} bytes`);
  assert.doesNotMatch(PAGE.toString(), /\s(src|style|on[a-z]+)=/, 'a resource, a style or a handler of an element');
});

test('each number is where it belongs', () => visit(fixtures.busy, async (page) => {
  assert.equal(await page.locator('#build').innerText(), '0.1.0 on NGINX 1.22.1, 2 workers');
  assert.deepEqual(await texts(row(page, 'orders').getByRole('cell')), ['', '–', '93.0 %', '3 + 2 queued', '100 ms', '20 11 refused']);
  assert.equal(await row(page, 'orders').locator('.breaker').innerText(), 'breaker open');
  assert.deepEqual(await texts(row(page, 'stock').getByRole('cell')), ['', '–', '50.0 %', '0', '4.8 ms', '0']);
  assert.deepEqual(await texts(row(page, 'batch').getByRole('cell')), ['', '–', '–', '0', '–', '0']);
  assert.equal(await row(page, 'batch').locator('.breaker').isVisible(), false);

  assert.deepEqual(await texts(page.locator('#legend li')), [
    'hit 9,050 89.4 %', 'refreshed 200 2.0 %', 'stale 100 1.0 %', 'coalesced 300 3.0 %', 'miss 450 4.4 %', 'minted 7 < 0.1 %',
    'bypassed 1 < 0.1 %', 'passed 3 < 0.1 %', 'negative 5 < 0.1 %', 'failed 12 0.1 %',
  ]);
  assert.match(await tile(page, 'Hit ratio').innerText(), /92\.6 %\s+9,350 of 10,100/);
  assert.match(await tile(page, 'Requests').innerText(), /10,128 in all/);
  assert.match(await tile(page, 'Failures').innerText(), /20, 0\.2 % of requests/);
  assert.match(await tile(page, 'Calls in flight').innerText(), /3\s+2 queued/);
  assert.match(await tile(page, 'Connections to STSs').innerText(), /7\s+3 busy, 4 idle/);
  assert.match(await tile(page, '95 % of calls within').innerText(), /99 ms\s+mean 54 ms/);

  assert.deepEqual(await texts(page.locator('#zones tbody tr').first().locator('th, td')),
    ['default', '4.0 MiB of 16.0 MiB, 25.0 %', '1,234', '67', '5', '8']);
  assert.deepEqual(await texts(page.locator('#stores tbody tr').first().locator('th, td')),
    ['default', 'redis redis.example.com:6379 left alone', '75.0 %', '19', '1.0 ms', '6', '40']);
  assert.deepEqual(await texts(page.locator('#stores tbody tr').nth(1).locator('th, td')),
    ['partners', 'file /var/cache/sts', '–', '0', '–', '0', '0']);
  assert.equal(await page.locator('#credentials').innerText(), 'Credentials read again: 2, in vain 1');

  await page.getByRole('button', { name: 'orders' }).click();
  const numbers = (title) => texts(page.getByRole('table', { name: title }).locator('tbody tr'));
  assert.deepEqual((await numbers('Requests by outcome')).slice(0, 3), ['hit 9,000 89.8 %', 'refreshed 200 2.0 %', 'stale 100 1.0 %']);
  assert.deepEqual((await numbers('Failures by $sts_error')).filter((text) => !text.endsWith(' 0')),
    ['missing_token 3 15.0 %', 'refused 11 55.0 %', 'timeout 6 30.0 %']);
  assert.equal((await numbers('Failures by $sts_error')).length, 14);
  assert.deepEqual(await numbers('Calls by result'), ['ok 400 96.9 %', 'refused 6 1.5 %', 'failed 6 1.5 %', 'abandoned 1 0.2 %']);
  assert.deepEqual(await numbers('Calls not made'), ['queue 2 10.0 %', 'value 1 5.0 %', 'breaker 17 85.0 %', 'pause 0']);
  assert.deepEqual(await numbers('Tokens that a backend did not take'), ['forgotten 3 75.0 %', 'replaced 0', 'kept 1 25.0 %']);
  assert.deepEqual((await numbers('Time of calls')).slice(1, 7),
    ['≤ 10 ms 0', '≤ 25 ms 100 25.0 %', '≤ 50 ms 100 25.0 %', '≤ 100 ms 180 45.0 %', '≤ 250 ms 20 5.0 %', '≤ 500 ms 0']);
  assert.equal((await numbers('Time of calls')).at(-1), '> 20 s 0');
  assert.equal((await numbers('Time that requests waited'))[4], '≤ 100 ms 250 35.7 %');
  const facts = await texts(page.locator('.facts'));
  assert.deepEqual(facts, [
    'in flight now 3 queued now 2 breaker open requests sent again 2', 'mean 60 ms 50 % 50 ms 95 % 100 ms 99 % 220 ms', 'mean 60 ms 50 % 44 ms 95 % 145 ms 99 % 229 ms',
  ]);
}));

test('a rate is that of the last ten seconds, and the last minutes can be looked at alone', () => {
  const at = (seconds, hit, failed) => fixtures.answer(
    [fixtures.exchange('orders', { requests: { hit: 5000 + hit, failed }, failures: { timeout: failed } })],
    { time: fixtures.empty.time + seconds },
  );
  return visit(at(0, 0, 7), async (page, server, next) => {
    for (const [seconds, hit] of [[2, 100], [4, 200], [10, 500], [12, 700]]) {
      server.state.next = at(seconds, hit, 7);
      await next();
    }
    // From 100 after 2 seconds to 700 after 12.
    await until(async () => (await tile(page, 'Requests').locator('.figure').innerText()).replace(/\s/g, '') === '60.0/s', '60 a second');
    assert.equal(await row(page, 'orders').getByRole('cell').nth(1).innerText(), '60.0');
    assert.equal(await row(page, 'orders').locator('.number.across').innerText().then((text) => text.replace(/\s+/g, ' ')), '7 7 timeout');
    await page.getByText('Last 5 minutes').click();
    assert.deepEqual(await texts(page.locator('#legend li:not(.none)')), ['hit 700 100 %']);
    assert.equal(await row(page, 'orders').locator('.number.across').innerText(), '0');
    await page.getByText('Since the start').click();
    assert.deepEqual(await texts(page.locator('#legend li:not(.none)')), ['hit 5,700 99.9 %', 'failed 7 0.1 %']);
  });
});

test('what is older than five minutes is not among the last minutes, and no memory is kept for it', () => {
  const at = (seconds) => fixtures.answer([fixtures.exchange('orders', { requests: { hit: seconds } })],
    { time: fixtures.empty.time + seconds });
  return visit(at(0), async (page, server, next) => {
    await page.getByText('Last 5 minutes').click();
    for (let seconds = 20; seconds <= 1000; seconds += 20) {
      server.state.next = at(seconds);
      await next();
    }
    // The marks lie 40 seconds apart here, so the oldest that counts is at most 340 seconds old.
    await until(async () => Number(await page.locator('#legend b').first().innerText()) <= 340, 'only the last minutes');
    assert.ok(Number(await page.locator('#legend b').first().innerText()) >= 300);
    const line = await page.locator('#exchanges .spark .line').first().getAttribute('d');
    assert.ok(line.split('L').length <= 17, line);
    assert.ok(Number(line.match(/^M([\d.]+)/)[1]) >= 0, line);
  });
});

test('counters that begin anew show no negative number', () => visit(fixtures.busy, async (page, server, next) => {
  await page.getByText('Last 5 minutes').click();
  const anew = fixtures.answer([fixtures.exchange('orders', { requests: { hit: 4 } })], { time: fixtures.busy.time + 2 });
  server.state.next = anew;
  await next();
  server.state.next = fixtures.answer([fixtures.exchange('orders', { requests: { hit: 24 } })], { time: fixtures.busy.time + 4 });
  await next();
  await until(async () => (await texts(page.locator('#legend li:not(.none)')))[0] === 'hit 20 100 %', 'twenty since');
  assert.equal(await row(page, 'orders').getByRole('cell').nth(1).innerText(), '10.0');
  assert.doesNotMatch(await page.locator('main').innerText(), /NaN|undefined|Infinity|-\d/);
  // So does the clock.
  server.state.next = fixtures.answer([fixtures.exchange('orders', { requests: { hit: 30 } })], { time: fixtures.busy.time - 3600 });
  await next();
  server.state.next = fixtures.answer([fixtures.exchange('orders', { requests: { hit: 40 } })], { time: fixtures.busy.time - 3598 });
  await next();
  await until(async () => (await row(page, 'orders').getByRole('cell').nth(1).innerText()) === '5.0', 'the rate since');
  const places = await page.locator('.spark .line').evaluateAll((lines) => lines.flatMap((line) => line.getAttribute('d').match(/(?<=[ML])[\d.-]+/g) ?? []));
  assert.ok(places.length > 0 && places.every((x) => x >= 0 && x <= 101), places.join());
}));

test('exchanges come and go with the configuration', () => visit(fixtures.busy, async (page, server, next) => {
  await page.getByRole('button', { name: 'stock' }).click();
  server.state.next = fixtures.answer([fixtures.exchange('orders'), fixtures.exchange('new')], { time: fixtures.busy.time + 2 });
  await next();
  await until(async () => (await names(page)).join() === 'orders,new', 'the new ones');
  assert.equal(await page.locator('#exchanges > tbody > tr').count(), 4);
  server.state.next = fixtures.empty;
  await next();
  await until(async () => (await page.locator('#found').innerText()) === 'none is configured', 'none');
  assert.doesNotMatch(await page.locator('main').innerText(), /NaN|undefined|Infinity/);
}));

test('a name is text, whatever it is', () => visit(fixtures.odd, async (page) => {
  const shown = fixtures.ODD_NAMES.map((name) => name.trim() || '(no name)');
  const written = (selector) => page.locator(selector).evaluateAll((nodes) => nodes.map((node) => node.textContent));
  assert.deepEqual(await written('#exchanges .name b'), shown);
  assert.deepEqual(await written('#zones tbody th'), shown);
  assert.deepEqual(await written('#stores tbody th'), shown);
  assert.equal(await page.locator('#build').textContent(), '<i>0.1.0</i> on NGINX <i>1.22.1</i>, 2 workers');
  for (const button of await page.locator('.name').all()) await button.click();
  assert.equal(await page.locator('main img, main script, main i:not(.mark), main b b').count(), 0);
  assert.equal(await page.evaluate(() => window.stolen), undefined);
  // Two of one name are two, and each keeps its own numbers.
  const rows = await texts(page.locator('#exchanges > tbody > tr.below').locator('.bars').filter({ hasText: 'Requests by outcome' }));
  assert.deepEqual(rows.map((text) => text.match(/hit (\d+)/)[1]), fixtures.ODD_NAMES.map((_, i) => String(i + 1)));
}));

test('a hundred exchanges can be filtered and sorted', () => visit(fixtures.many(), async (page, server, next) => {
  await next();
  await until(async () => (await texts(page.locator('.pair span')))[0] !== '–', 'a rate');
  await page.getByRole('button', { name: 'Pause' }).click();
  assert.equal((await names(page)).length, 100);
  await page.getByRole('searchbox').fill('SERVICE 09');
  assert.equal(await page.locator('#found').innerText(), '10 of 100');
  assert.deepEqual(await names(page), Array.from({ length: 10 }, (_, i) => `service 09${i}`));
  await page.getByRole('searchbox').fill('sts-3.example.com');
  assert.equal((await names(page)).length, 14);
  await page.getByRole('searchbox').fill('nothing like it');
  assert.equal(await page.locator('#found').innerText(), '0 of 100');
  await page.getByRole('searchbox').fill('');

  const failing = await page.locator('#exchanges .across span span').evaluateAll((nodes) => nodes.filter((node) => node.textContent !== '0').length);
  assert.ok(failing > 0 && failing < 100, `${failing} failing`);
  await page.getByLabel('Failing only').check();
  assert.equal((await names(page)).length, failing);
  await page.getByLabel('Failing only').uncheck();

  const column = (i) => page.locator('#exchanges > tbody > tr:not(.below)').evaluateAll((rows, i) => rows.map((row) => row.children[i].innerText), i);
  const number = (text) => {
    const value = text.startsWith('–') ? -1 : Number(text.replace(/[^\d.].*$/s, ''));
    return / s$/.test(text) ? 1000 * value : value;
  };
  await page.getByRole('button', { name: 'Failures', exact: true }).click();
  for (const [title, i, direction] of [['Exchange', 0, 1], ['Requests/s', 2, -1], ['Hit ratio', 3, 1], ['In flight', 4, -1], ['95 % of calls', 5, -1], ['Failures', 6, -1]]) {
    const heading = page.getByRole('columnheader', { name: title });
    for (const sign of [direction, -direction]) {
      await heading.getByRole('button').click();
      assert.equal(await heading.getAttribute('aria-sort'), sign === 1 ? 'ascending' : 'descending');
      assert.equal(await page.locator('[aria-sort]').count(), 1);
      const values = await column(i);
      const sorted = [...values].sort((a, b) => sign * (i ? number(a) - number(b) : a < b ? -1 : 1));
      assert.deepEqual(values.map((text) => (i ? number(text) : text)), sorted.map((text) => (i ? number(text) : text)), title);
    }
  }
}));

test('an answer about a hundred exchanges takes less than a fifth of a second', () => visit(fixtures.many(), async (page, server, next) => {
  // Time of the processor: the machine may do other things.
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const taken = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  };
  const before = await taken();
  for (let i = 0; i < 20; i += 1) await next();
  const milliseconds = 1000 * (await taken() - before) / 20;
  console.log(`${milliseconds.toFixed(1)} ms of the processor`);
  assert.ok(milliseconds > 0 && milliseconds < 200, `${milliseconds} ms`);
}));

test('a server that fails is told, and its old values stay', () => visit(fixtures.busy, async (page, server, next) => {
  assert.equal(await state(page).innerText(), 'Live');
  const old = 'What is shown is old, from 14:13:20.';
  const kinds = [
    [(response) => { response.statusCode = 502; response.end(); }, 'it answered with HTTP 502'],
    [(response) => response.end('<html>'), 'its answer is no JSON'],
    [(response) => response.end('{"version":1}'), 'no connection, or an answer that does not fit'],
    [(response) => response.end('{"version":2}'), 'the module has changed; load this page again'],
    [(response) => response.destroy(), 'no connection, or an answer that does not fit'],
  ];
  for (const [answer, why] of kinds) {
    server.state.next = answer;
    await next();
    await until(async () => (await state(page).innerText()) === `The server cannot be asked: ${why}. ${old}`, why);
    assert.equal(await page.locator('body.old').count(), 1);
    assert.deepEqual(await texts(row(page, 'stock').getByRole('cell')), ['', '–', '50.0 %', '0', '4.8 ms', '0']);
  }
  server.state.next = later(fixtures.busy, 60);
  await next();
  await until(async () => (await state(page).innerText()) === 'Live', 'it is live again');
  assert.equal(await page.locator('body.old').count(), 0);
}, { expected: ['Failed to load resource'] }));

test('a server that is silent is given up after five seconds, and asked again', () => visit(fixtures.busy, async (page, server, next) => {
  const silent = [];
  server.state.next = (response) => silent.push(response);
  await next();
  await page.clock.runFor(3000);
  assert.equal(await state(page).innerText(), 'Live');
  await page.clock.runFor(2000);
  await until(async () => (await state(page).innerText()).includes('no answer in time'), 'it is told');
  await next();
  assert.equal(silent.length, 2);
}));

test('a page that opens while the server fails says so, and shows what comes later', async () => {
  const server = await serve();
  server.state.next = (response) => { response.statusCode = 503; response.end(); };
  const { page, close } = await open(browser);
  await page.goto(server.address);
  await until(async () => (await state(page).innerText()) === 'The server cannot be asked: it answered with HTTP 503. Nothing is known yet.', 'it says so');
  assert.equal(await page.locator('main').isVisible(), false);
  server.state.next = fixtures.busy;
  await step(page, server);
  await page.locator('main').waitFor();
  await close();
  await server.stop();
});

test('a page that is hidden or paused asks nothing, and asks at once when it is not', () => visit(fixtures.busy, async (page, server) => {
  const hide = (yes) => page.evaluate((yes) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => yes });
    document.dispatchEvent(new Event('visibilitychange'));
  }, yes);
  const { asked } = server.state;
  await hide(true);
  await page.clock.runFor(60_000);
  await pause(100);
  assert.equal(server.state.asked, asked);
  await hide(false);
  await until(() => server.state.asked === asked + 1, 'it asks');

  await page.getByRole('button', { name: 'Pause' }).click();
  assert.equal(await state(page).innerText(), 'Paused.');
  await page.clock.runFor(60_000);
  await hide(true);
  await hide(false);
  await pause(100);
  assert.equal(server.state.asked, asked + 1);
  server.state.next = (response) => { response.statusCode = 502; response.end(); };
  await page.getByRole('button', { name: 'Go on' }).click();
  await until(async () => (await state(page).innerText()).startsWith('The server cannot be asked'), 'it asks again');
  // What is wrong stays to be read.
  await page.getByRole('button', { name: 'Pause' }).click();
  assert.match(await state(page).innerText(), /^Paused\. The server cannot be asked: /);
  assert.equal(await page.locator('body.old').count(), 1);
  server.state.next = fixtures.busy;
  await page.getByRole('button', { name: 'Go on' }).click();
  await until(async () => (await state(page).innerText()) === 'Live', 'it is live');
}, { expected: ['Failed to load resource'] }));

test('all of it can be reached and used with the keyboard, and the focus stays where it is', () => visit(fixtures.working(), async (page, server, next) => {
  const reached = [];
  for (let i = 0; i < 30; i += 1) {
    await page.keyboard.press('Tab');
    const { name, outline } = await page.evaluate(() => {
      const node = document.activeElement;
      const shown = node.matches('[type=radio]') ? node.nextElementSibling : node;
      return { name: node === document.body ? '' : node.ariaLabel ?? node.closest('label')?.textContent.trim() ?? node.textContent.trim(), outline: getComputedStyle(shown).outlineWidth };
    });
    if (!name) break;
    assert.equal(outline, '2px', `the focus on "${name}" shows`);
    reached.push(name);
  }
  assert.deepEqual(reached, [
    'Pause', 'Since the start', 'Failing only', 'Filter exchanges by name, type or endpoint',
    'Exchange', 'Requests/s', 'Hit ratio', 'In flight', '95 % of calls', 'Failures',
    'orders', 'stock', 'payments', 'legacy invoices', 'batch', 'These numbers as JSON', 'for Prometheus',
  ]);

  await page.getByRole('radio', { name: 'Since the start' }).focus();
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.getByRole('radio', { name: 'Last 5 minutes' }).isChecked());
  await page.getByRole('button', { name: 'Exchange' }).focus();
  await page.keyboard.press('Enter');
  assert.deepEqual(await names(page), ['batch', 'legacy invoices', 'orders', 'payments', 'stock']);
  const stock = page.getByRole('button', { name: 'stock' });
  await stock.focus();
  await page.keyboard.press('Enter');
  assert.equal(await stock.getAttribute('aria-expanded'), 'true');
  assert.ok(await page.locator(`#${await stock.getAttribute('aria-controls')}`).isVisible());
  for (let i = 0; i < 5; i += 1) await next();
  assert.ok(await stock.evaluate((node) => node === document.activeElement));
  await page.keyboard.press('Space');
  assert.equal(await stock.getAttribute('aria-expanded'), 'false');
}));

test('a sorted list does not move while the focus is in it', () => {
  const at = (seconds, a, b) => fixtures.answer(
    [fixtures.exchange('a', { failures: { timeout: a } }), fixtures.exchange('b', { failures: { timeout: b } })],
    { time: fixtures.empty.time + seconds },
  );
  return visit(at(0, 5, 1), async (page, server, next) => {
    const failures = () => page.locator('#exchanges .across span span').allInnerTexts();
    await page.getByRole('button', { name: 'Failures' }).click();
    assert.deepEqual(await names(page), ['a', 'b']);
    await page.mouse.move(0, 0);
    await page.getByRole('button', { name: 'b', exact: true }).focus();
    server.state.next = at(2, 5, 9);
    await next();
    await until(async () => (await failures()).join() === '5,9', 'the new numbers');
    assert.deepEqual(await names(page), ['a', 'b']);
    assert.ok(await page.getByRole('button', { name: 'b', exact: true }).evaluate((node) => node === document.activeElement));
    await page.getByRole('searchbox').focus();
    await next();
    await until(async () => (await names(page)).join() === 'b,a', 'the new order');
  });
});

test('only what has to be told is told to a screen reader', () => visit(fixtures.working(), async (page, server, next) => {
  await page.evaluate(() => {
    window.told = [];
    new MutationObserver((changes) => window.told.push(...changes.map(({ target }) => target.textContent)))
      .observe(document.querySelector('[role=status]'), { subtree: true, childList: true, characterData: true });
  });
  for (let i = 0; i < 5; i += 1) await next();
  assert.deepEqual(await page.evaluate(() => window.told), []);
  assert.equal(await page.locator('[aria-live]').count(), 0);
  server.state.next = (response) => { response.statusCode = 500; response.end(); };
  for (let i = 0; i < 5; i += 1) await next();
  assert.equal((await page.evaluate(() => window.told)).length, 1);
}, { expected: ['Failed to load resource'] }));

for (const size of [WIDE, NARROW]) {
  test(`pictures have words, and tables are tables, at ${size.width} pixels`, () => visit(fixtures.busy, async (page, server, next) => {
    server.state.next = later(fixtures.busy, 2);
    await next();
    assert.equal(await page.getByRole('img', { name: /^Requests of all exchanges: hit 89\.4 %, miss 4\.4 %/ }).count(), 1);
    assert.equal(await row(page, 'stock').getByRole('img').getAttribute('aria-label'), 'Outcomes: hit 50.0 %, miss 50.0 %');
    await until(async () => await page.getByRole('img', { name: 'Hit ratio: nothing yet' }).count() === 1, 'no ratio yet');
    assert.equal(await page.getByRole('img', { name: 'Calls in flight while this page was open: lowest 3, highest 3' }).count(), 1);
    for (const svg of await page.locator('svg').all()) {
      assert.ok((await svg.getAttribute('aria-hidden')) === 'true' || (await svg.getAttribute('aria-label')), await svg.innerHTML());
    }
    const exchanges = page.getByRole('table', { name: 'Exchanges' });
    assert.equal(await exchanges.getByRole('row').count(), 4);
    assert.equal(await exchanges.getByRole('rowheader').count(), 3);
    assert.equal(await exchanges.getByRole('columnheader').count(), size === WIDE ? 7 : 6);
    assert.equal(await page.getByRole('table', { name: 'Zones of the cache' }).getByRole('rowheader').count(), 2);
  }, { size }));

  for (const scheme of ['light', 'dark']) {
    test(`axe-core finds nothing at ${size.width} pixels, ${scheme}`, async () => {
      // A hundred exchanges take long, and differ in nothing but their number.
      const most = (size === WIDE) === (scheme === 'light') ? [fixtures.many()] : [];
      for (const next of [fixtures.empty, fixtures.odd, ...most]) {
        await visit(next, async (page) => assert.deepEqual(await violations(page), []), { size, scheme });
      }
      await visit(fixtures.busy, async (page, server, next) => {
        for (const button of await page.locator('.name').all()) await button.click();
        assert.deepEqual(await violations(page), [], 'with all open');
        server.state.next = (response) => { response.statusCode = 502; response.end(); };
        await next();
        await page.locator('body.old').waitFor();
        assert.deepEqual(await violations(page), [], 'with old values');
      }, { size, scheme, expected: ['Failed to load resource'] });
    });
  }
}

test('nothing sticks out of a narrow window', async () => {
  for (const width of [320, 390, 768, 1020, 1021]) {
    for (const next of [fixtures.busy, fixtures.odd, fixtures.empty, fixtures.working()]) {
      await visit(next, async (page, server, step) => {
        await step();
        for (const button of await page.locator('.name').all()) await button.click();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} of ${width} pixels`);
        const cut = await page.evaluate(() => [...document.querySelectorAll('main td, main th, main b, main small:not(.place), main h3, main dd')]
          .filter((node) => node.offsetParent && !node.closest('.hidden-text') && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
          .map((node) => node.outerHTML.slice(0, 120)));
        assert.deepEqual(cut, [], `at ${width}`);
      }, { size: { width, height: 800 } });
    }
  }
});

test('nothing moves where motion is not wanted', () => visit(fixtures.busy, async (page) => {
  const moves = () => page.locator('.stack i').first().evaluate((node) => getComputedStyle(node).transitionDuration);
  assert.equal(await moves(), '0s');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  assert.notEqual(await moves(), '0s');
}));

test('bars stay visible with the colours of the system', () => visit(fixtures.busy, async (page) => {
  await page.emulateMedia({ forcedColors: 'active' });
  const colours = await page.locator('#outcomes').evaluate((bar) => [bar, bar.firstElementChild].map((node) => getComputedStyle(node).backgroundColor));
  assert.notEqual(colours[0], colours[1]);
}));
