// Serves the page as the module does: with its Content-Security-Policy, and numbers at `?format=json`.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

export const PAGE = readFileSync(new URL('../../ngx-http-sts/src/status/page.html', import.meta.url));

/** The digest of what stands in the one element of this name. */
function digest(element) {
  const found = [...PAGE.toString().matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs'))];
  if (found.length !== 1) throw new Error(`the page has ${found.length} <${element}>`);
  return `'sha256-${createHash('sha256').update(found[0][1]).digest('base64')}'`;
}

export const POLICY =
  `default-src 'none'; connect-src 'self'; style-src ${digest('style')}; script-src ${digest('script')}`;

/** Starts a server. `next` says what it answers: an object, or a function that is given the response. */
export async function serve() {
  const state = { next: {}, asked: 0 };
  const server = createServer((request, response) => {
    if (!request.url.endsWith('?format=json')) {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.setHeader('Content-Security-Policy', POLICY);
      response.end(PAGE);
      return;
    }
    state.asked += 1;
    const next = state.next;
    if (typeof next === 'function') {
      next(response);
    } else {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(next.next ? next.next().value : next));
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    state,
    address: `http://127.0.0.1:${server.address().port}/status`,
    stop: () => new Promise((stopped) => {
      server.close(stopped);
      server.closeAllConnections();
    }),
  };
}
