// Express 4 or 5, with both of its parsers of queries and of forms, since an application may choose
// either.
'use strict';

const bodyParser = require('body-parser');
const cookieParser = require('cookie-parser');

const express = require(process.argv[2]);

function reader(parser, extended) {
  const app = express();
  app.set('query parser', parser);
  app.use(cookieParser());
  app.use(bodyParser.urlencoded({ extended }));
  app.use((request, response) => {
    const query = request.query?.access_token ?? null;
    const form = request.body?.access_token ?? null;
    const cookie = request.cookies.sts_token ?? null;
    const header = request.get('X-Target') ?? null;
    response.json({ query, form, both: [query, form], cookie, header });
  });
  return app;
}

// A body can be read once, so requests go to either in turn.
const readers = [reader('extended', true), reader('simple', false)];
let number = 0;
const server = require('node:http').createServer((request, response) => {
  number += 1;
  readers[number % readers.length](request, response);
});
server.keepAliveTimeout = 600000;
server.listen(Number(process.env.PORT), '127.0.0.1');
