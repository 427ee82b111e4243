// node oidc-provider with a grant of token exchange, which it does not have itself.
//
// usage: node server.mjs <directory of keys> <port> <port of TLS>
//
// Beside the server's own paths: POST /trial/token?user=&life= issues a source token, /trial/revoke?token=
// takes one back, /trial/rotate gives the server new keys and forgets the old ones.

import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import Provider, { errors } from 'oidc-provider';

const [keys, port, portTls] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const file = (name) => readFileSync(`${keys}/${name}`);

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const ORDERS = 'https://orders.example.com/';

function gateway(id, method, more = {}) {
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    grant_types: [EXCHANGE, 'client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...more,
  };
}

const jwk = { ...createPublicKey(file('gw-jwt.key')).export({ format: 'jwk' }), use: 'sig' };
const ec = { ...createPublicKey(file('gw-ec.key')).export({ format: 'jwk' }), use: 'sig' };
const clients = [
  gateway('gateway', 'client_secret_basic', { client_secret: 'gateway-secret' }),
  gateway('gw-post', 'client_secret_post', { client_secret: 'gw-post-secret' }),
  gateway('gw-secret-jwt', 'client_secret_jwt', {
    client_secret: 'a-secret-of-more-than-32-bytes-for-hs256',
  }),
  gateway('gw-jwt', 'private_key_jwt', { jwks: { keys: [jwk] } }),
  gateway('gw-ec', 'private_key_jwt', {
    jwks: { keys: [ec] },
    token_endpoint_auth_signing_alg: 'ES256',
  }),
  gateway('gw-mtls', 'tls_client_auth', { tls_client_auth_subject_dn: 'CN=gw-mtls' }),
  gateway('gw-public', 'none', { grant_types: [EXCHANGE] }),
  // It may not exchange.
  gateway('gw-off', 'client_secret_basic', {
    client_secret: 'gateway-secret',
    grant_types: ['client_credentials'],
  }),
  // Users sign in there.
  {
    client_id: 'shop',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['https://shop.example.com/'],
  },
];

const configuration = {
  clients,
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'tls_client_auth',
    'none',
  ],
  scopes: ['openid', 'orders.read', 'orders.write'],
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  ttl: { AccessToken: 300, ClientCredentials: 300 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo(ctx, resource) {
        if (resource !== ORDERS) throw new errors.InvalidTarget('unknown resource');
        return {
          audience: 'orders',
          scope: 'orders.read orders.write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
    mTLS: {
      enabled: true,
      tlsClientAuth: true,
      getCertificate: (ctx) => ctx.req.socket.getPeerX509Certificate?.()?.toString(),
      certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) =>
        ctx.req.socket.getPeerX509Certificate().subject === expected,
    },
  },
};

// Without a grant of the user to the client no token is active.
function grant(provider, accountId, clientId) {
  const made = new provider.Grant({ accountId, clientId });
  made.addOIDCScope('openid');
  return made.save();
}

// RFC 8693, for access tokens of this server.
async function exchange(ctx) {
  const { provider, client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN) {
    throw new errors.InvalidRequest('unsupported subject_token_type');
  }
  const subject = await provider.AccessToken.find(params.subject_token ?? '');
  if (!subject || subject.isExpired) throw new errors.InvalidGrant('no such token');
  const token = new provider.AccessToken({
    accountId: subject.accountId,
    client,
    grantId: await grant(provider, subject.accountId, client.clientId),
    gty: 'token_exchange',
  });
  if (params.resource !== undefined) {
    const { getResourceServerInfo } = configuration.features.resourceIndicators;
    const resources = [params.resource].flat();
    if (resources.length > 1) throw new errors.InvalidTarget('one resource alone');
    const [resource] = resources;
    token.resourceServer = new provider.ResourceServer(resource, getResourceServerInfo(ctx, resource));
    const allowed = new Set(token.resourceServer.scope.split(' '));
    const scopes = params.scope ? params.scope.split(' ') : [...allowed];
    if (!scopes.every((scope) => allowed.has(scope))) {
      throw new errors.InvalidScope('requested scope is not allowed', params.scope);
    }
    token.scope = scopes.join(' ');
  }
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    expires_in: token.expiration,
    scope: token.scope || undefined,
    token_type: token.tokenType,
  };
}

function provider() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
  const made = new Provider(issuer, { ...configuration, jwks: { keys: [key] } });
  const parameters = [
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
  ];
  made.registerGrantType(EXCHANGE, exchange, parameters, ['audience', 'resource']);
  return made;
}

let current = provider();
let callback = current.callback();

const trial = {
  async token(query) {
    const client = await current.Client.find('shop');
    const token = new current.AccessToken({
      accountId: query.get('user'),
      client,
      grantId: await grant(current, query.get('user'), 'shop'),
      gty: 'authorization_code',
      scope: 'openid',
      expiresIn: Number(query.get('life') ?? 300),
    });
    return token.save();
  },
  async revoke(query) {
    const token = await current.AccessToken.find(query.get('token'));
    await token.destroy();
    return '';
  },
  rotate() {
    current = provider();
    callback = current.callback();
    return '';
  },
};

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, issuer);
  const [, first, name] = pathname.split('/');
  if (first !== 'trial') return callback(request, response);
  return response.end(await trial[name](searchParams));
}

http.createServer(answer).listen(Number(port), '127.0.0.1');
const tls = {
  key: file('server.key'),
  cert: file('server.crt'),
  ca: file('ca.crt'),
  requestCert: true,
  rejectUnauthorized: false,
};
https.createServer(tls, answer).listen(Number(portTls), '127.0.0.1');
