// What `STSStatus` answers as JSON, made up: the same numbers each time.

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, '+Inf'];
const OUTCOMES = [
  'hit', 'miss', 'coalesced', 'refreshed', 'stale', 'negative', 'minted', 'bypassed', 'passed', 'failed',
];
const ERRORS = [
  'missing_token', 'bad_token', 'repeated_token', 'form_too_large', 'unsupported_form', 'bad_header', 'refused',
  'step_up', 'denied', 'gateway_refused', 'bad_answer', 'busy', 'unreachable', 'timeout',
];
const RESULTS = ['ok', 'refused', 'failed', 'abandoned'];
const CAUSES = ['queue', 'value', 'breaker', 'pause'];
const SUSPECTS = ['forgotten', 'replaced', 'kept'];

const counters = (words, given = {}) => ({ ...Object.fromEntries(words.map((word) => [word, 0])), ...given });

/** A histogram of so many calls for each bound, as far as they are given. */
export function histogram(counts = [], sum = 0) {
  let below = 0;
  const buckets = BOUNDS.map((bound, i) => [bound, (below += counts[i] ?? 0)]);
  return { buckets, sum, count: below };
}

export function exchange(name, given = {}) {
  const { requests, failures, calls, notMade, suspects, ...others } = given;
  return {
    name,
    type: 'otx',
    endpoint: 'https://sts.example.com/token',
    requests: counters(OUTCOMES, requests),
    failures: counters(ERRORS, failures),
    calls: counters(RESULTS, calls),
    calls_not_made: counters(CAUSES, notMade),
    suspect_tokens: counters(SUSPECTS, suspects),
    retries: 0,
    calls_active: 0,
    calls_queued: 0,
    call_seconds: histogram(),
    wait_seconds: histogram(),
    breaker: null,
    ...others,
  };
}

export function answer(exchanges, given = {}) {
  return {
    version: 1,
    module: '0.1.0',
    nginx: '1.22.1',
    time: 1_790_000_000.123,
    pid: 4242,
    workers: 2,
    exchanges,
    zones: [],
    connections: { active: 0, idle: 0 },
    stores: [],
    credential_reloads: { ok: 0, failed: 0 },
    ...given,
  };
}

export const zone = (name, given = {}) => ({
  name, size_bytes: 16_777_216, used_bytes: 0, entries: 0, evictions: 0, expirations: 0, purges: 0, ...given,
});

const fine = (each) => {
  const bounds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, '+Inf'];
  let below = 0;
  const buckets = bounds.map((bound, i) => [bound, below += each[i] ?? 0]);
  return { buckets, sum: 0.05, count: below };
};

/** A store behind a cache. */
export function store(name, { operations = {}, ...others } = {}) {
  const ends = { ok: 0, failed: 0, timeout: 0 };
  const none = {
    get: { hit: 0, miss: 0, elsewhere: 0, failed: 0, timeout: 0, skipped: 0 },
    put: ends, lease: ends, forget: ends, purge: { ok: 0, failed: 0 },
  };
  return {
    name, type: 'redis', place: 'redis.example.com:6379', operations: { ...none, ...operations },
    seconds: fine([]), breaker: { state: 'closed', workers: 0 }, ...others,
  };
}

export const empty = answer([], { zones: [zone('default')] });

/** One of each outcome and word, for numbers that a test knows. */
export const busy = answer([
  exchange('orders', {
    requests: { hit: 9000, miss: 400, coalesced: 300, refreshed: 200, stale: 100, failed: 12, passed: 3, negative: 5 },
    failures: { refused: 11, timeout: 6, missing_token: 3 },
    calls: { ok: 400, refused: 6, failed: 6, abandoned: 1 },
    notMade: { queue: 2, value: 1, breaker: 17 },
    suspects: { forgotten: 3, kept: 1 },
    retries: 2,
    calls_active: 3,
    calls_queued: 2,
    // 400 calls: half of them within 50 ms, 95 % within 100 ms.
    call_seconds: histogram([0, 0, 100, 100, 180, 20], 24),
    wait_seconds: histogram([0, 50, 150, 200, 250, 50], 42),
    breaker: { state: 'open' },
  }),
  exchange('stock', {
    type: 'wstrust',
    endpoint: 'https://adfs.example.com/adfs/services/trust/13/usernamemixed',
    requests: { hit: 50, miss: 50 },
    calls: { ok: 50 },
    call_seconds: histogram([50], 0.1),
    breaker: { state: 'closed' },
  }),
  exchange('batch', { type: 'jwt', endpoint: 'minted here', requests: { minted: 7, bypassed: 1 } }),
], {
  zones: [
    zone('default', { used_bytes: 4_194_304, entries: 1234, evictions: 5, expirations: 67, purges: 8 }),
    zone('partners', { size_bytes: 1_048_576, used_bytes: 1_040_000, entries: 990, evictions: 44 }),
  ],
  connections: { active: 3, idle: 4 },
  stores: [
    store('default', {
      operations: { get: { hit: 75, miss: 20, elsewhere: 5, failed: 3, timeout: 2, skipped: 40 }, put: { ok: 19, failed: 1, timeout: 0 } },
      // 100 questions: half of them within 0.25 ms, all within 1 ms.
      seconds: fine([50, 0, 50]),
      breaker: { state: 'open', workers: 1 },
    }),
    store('partners', { type: 'file', place: '/var/cache/sts' }),
  ],
  credential_reloads: { ok: 2, failed: 1 },
});

export const ODD_NAMES = [
  '<b>bold</b>',
  '<img src=x onerror="window.stolen = 1">',
  '"\'`&amp;&lt;</script><script>window.stolen = 1</script>',
  '__proto__',
  'constructor',
  ' ',
  'Überweisung \u202Ertl\u202C 漢字 🔑',
  'x'.repeat(300),
  'twice',
  'twice',
];

/** Names that are markup, no words, or there twice. */
export const odd = answer(
  ODD_NAMES.map((name, i) => exchange(name, { type: name, endpoint: name, requests: { hit: i + 1 } })),
  { module: '<i>0.1.0</i>', nginx: '<i>1.22.1</i>', zones: ODD_NAMES.map((name) => zone(name)), stores: ODD_NAMES.map((name) => store(name, { type: name, place: name })) },
);

/** A number from 0 to 1 that only the seed decides. */
function noise(seed) {
  const x = Math.sin(seed * 12.9898) * 43758.5453;
  return x - Math.floor(x);
}

/**
 * A gateway at work: what it answers at each step of two seconds. The third exchange has an outage for a
 * while.
 */
export function* working(exchanges = SHOPS, scale = 1) {
  const counts = exchanges.map(() => ({ requests: counters(OUTCOMES), failures: counters(ERRORS), calls: counters(RESULTS), call: [], wait: [], callSum: 0, waitSum: 0 }));
  for (let step = 0; ; step += 1) {
    const list = exchanges.map(([name, type, endpoint, load, slow], i) => {
      const of = counts[i];
      const wave = 1 + 0.35 * Math.sin(step / 17 + i * 2) + 0.25 * noise(step + 1000 * i);
      const requests = Math.round(load * wave * scale);
      const isOut = i % 10 === 2 && step > 95 && step < 120;
      const calls = Math.ceil(requests * (0.06 + 0.04 * noise(step * 3 + i)));
      const failed = isOut ? calls : noise(step * 7 + i) > 0.9 ? 1 : 0;
      const ok = calls - failed;
      const coalesced = Math.floor(ok * 0.4);
      of.requests.hit += requests - calls;
      of.requests.miss += ok - coalesced;
      of.requests.coalesced += coalesced;
      of.requests.refreshed += Math.floor(requests * 0.02);
      of.requests.failed += failed;
      if (isOut) of.requests.stale += Math.floor(requests * 0.1);
      of.failures[isOut ? 'unreachable' : ['refused', 'missing_token', 'timeout'][(step + i) % 3]] += failed;
      of.calls.ok += ok - coalesced;
      of.calls[isOut ? 'failed' : 'refused'] += failed;
      for (let call = 0; call < ok; call += 1) {
        const seconds = slow * (0.5 + 2 * noise(step * 31 + call * 17 + i) ** 3);
        const bucket = BOUNDS.findIndex((bound) => bound === '+Inf' || seconds <= bound);
        const own = call < ok - coalesced;
        const [to, sum] = own ? [of.call, 'callSum'] : [of.wait, 'waitSum'];
        to[bucket] = (to[bucket] ?? 0) + 1;
        of[sum] += seconds;
      }
      return exchange(name, {
        type, endpoint,
        requests: { ...of.requests }, failures: { ...of.failures }, calls: { ...of.calls },
        calls_active: Math.round(calls * slow * 3),
        calls_queued: isOut ? 2 : 0,
        call_seconds: histogram(of.call, of.callSum),
        wait_seconds: histogram(of.wait, of.waitSum),
        breaker: i % 10 === 2 ? { state: isOut ? 'open' : step >= 120 && step < 125 ? 'probing' : 'closed' } : null,
      });
    });
    yield answer(list, {
      time: 1_790_000_000 + 2 * step,
      zones: [
        zone('default', { used_bytes: 5_400_000 + 3000 * step, entries: 4120 + 2 * step, expirations: 17 * step }),
        zone('partners', { size_bytes: 4_194_304, used_bytes: 3_980_000, entries: 3011, evictions: 3 * step, expirations: 4 * step, purges: 12 }),
      ],
      connections: { active: list.reduce((n, { calls_active }) => n + calls_active, 0), idle: 11 + (step % 3) },
      credential_reloads: { ok: 3, failed: 0 },
    });
  }
}

const SHOPS = [
  ['orders', 'otx', 'https://keycloak.example.com/realms/shop/protocol/openid-connect/token', 120, 0.03],
  ['stock', 'jwt_bearer', 'https://login.example.com/tenant/oauth2/v2.0/token', 64, 0.11],
  ['payments', 'otx', 'https://sts.payments.example/token', 31, 0.06],
  ['legacy invoices', 'wstrust', 'https://adfs.example.com/adfs/services/trust/13/usernamemixed', 9, 0.4],
  ['batch', 'cc', 'https://keycloak.example.com/realms/shop/protocol/openid-connect/token', 2, 0.03],
];

/** A hundred exchanges, each with a load of its own. */
export const many = () => working(Array.from({ length: 100 }, (_, i) => [
  `service ${String(i + 1).padStart(3, '0')}`, ['otx', 'jwt_bearer', 'wstrust'][i % 3],
  `https://sts-${i % 7}.example.com/token`, 1 + Math.round(80 * noise(i)), 0.02 + 0.3 * noise(i + 500),
]));
