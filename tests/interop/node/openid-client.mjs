// openid-client as an OAuth 2 client through the whole life of a grant.
import * as openid from 'openid-client'

import { receive, run, send } from './conversation.mjs'

await run(async (given) => {
  const configure = (id, authentication) =>
    openid.discovery(new URL(given.issuer), id, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests], // http on loopback
    })
  const client = await configure(
    given.client_id,
    given.client_secret
      ? openid[given.method === 'client_secret_post' ? 'ClientSecretPost' : 'ClientSecretBasic'](given.client_secret)
      : openid.None())
  const resourceServer = await configure(
    given.resource_server_id, openid.ClientSecretBasic(given.resource_server_secret))

  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const request = openid.buildAuthorizationUrl(client, {
    redirect_uri: given.redirect_uri,
    scope: given.scope,
    resource: given.resource,
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  send({ authorization_url: request.href })

  const callback = new URL((await receive()).callback_url)
  const redeem = () =>
    openid.authorizationCodeGrant(
      client, callback, { pkceCodeVerifier: verifier, expectedState: state }, { resource: given.resource })
  const first = await redeem()
  const active = await openid.tokenIntrospection(resourceServer, first.access_token)
  const second = await openid.refreshTokenGrant(client, first.refresh_token, { resource: given.resource })
  await openid.tokenRevocation(client, second.refresh_token)
  const afterRevocation = await openid.tokenIntrospection(resourceServer, second.access_token)

  let replay
  try {
    await redeem()
    replay = 'accepted'
  } catch (error) {
    replay = error.error
  }
  send({ first, active, second, after_revocation: afterRevocation, replay })
})
