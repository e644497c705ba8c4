// npm oidc-provider with its own in-memory adapter, set up to do the same work as grantd: ES256, JWT access tokens by
// resource indicator, refresh tokens that rotate with every use, introspection.
//
//   node oidc_provider.mjs PORT SETUP.json     SETUP.json comes from peer_targets.py
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, setupFile] = process.argv.slice(2);
const setup = JSON.parse(readFileSync(setupFile, 'utf8'));

const resourceServer = {
  scope: setup.scope,
  accessTokenFormat: 'jwt',
  accessTokenTTL: 300,
  jwt: { sign: { alg: 'ES256' } },
};

async function consentedGrant(ctx) {
  const { client, provider, session } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  const stored = known && (await provider.Grant.find(known));
  if (stored) return stored;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(setup.scope);
  grant.addResourceScope(setup.resource, setup.scope);
  await grant.save();
  return grant;
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clientAuthMethods: ['client_secret_basic'],
  clients: [
    {
      client_id: setup.client_id,
      client_secret: setup.client_secret,
      grant_types: ['authorization_code', 'client_credentials', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
      redirect_uris: [setup.redirect_uri],
      response_types: ['code'],
      scope: setup.scope,
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  cookies: { keys: [setup.cookie_key] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: () => resourceServer },
  },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  jwks: { keys: [setup.signing_key] },
  loadExistingGrant: consentedGrant,
  rotateRefreshToken: () => true,
  scopes: [setup.scope],
});

const endpoints = provider.callback();
let signIns = 0;

// Signing in is set-up work and never measured, so the next bench user is signed in without a page.
async function signIn(request, response) {
  signIns += 1;
  const login = { accountId: `user-${signIns}` };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
}

createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    endpoints(request, response);
    return;
  }
  signIn(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
}).listen(Number(port), '127.0.0.1');
