// oauth4webapi through the whole life of a grant: discovery, code with PKCE and resource, introspection plain and
// signed, refresh, revocation.
import * as oauth from 'oauth4webapi'

import { receive, run, send } from './conversation.mjs'

const insecure = { [oauth.allowInsecureRequests]: true } // http on loopback

await run(async (given) => {
  const issuer = new URL(given.issuer)
  const found = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
  const as = await oauth.processDiscoveryResponse(issuer, found)
  const client = { client_id: given.client_id }
  const authentication = given.client_secret
    ? oauth[given.method === 'client_secret_post' ? 'ClientSecretPost' : 'ClientSecretBasic'](given.client_secret)
    : oauth.None()

  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const request = new URL(as.authorization_endpoint)
  for (const [name, value] of Object.entries({
    client_id: client.client_id,
    redirect_uri: given.redirect_uri,
    response_type: 'code',
    scope: given.scope,
    resource: given.resource,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })) {
    request.searchParams.set(name, value)
  }
  send({ authorization_url: request.href })

  // Checks state and, as the metadata announces it, iss.
  const callback = oauth.validateAuthResponse(as, client, new URL((await receive()).callback_url), state)
  const redeem = () =>
    oauth.authorizationCodeGrantRequest(as, client, authentication, callback, given.redirect_uri, verifier, {
      ...insecure,
      additionalParameters: { resource: given.resource },
    })
  const first = await oauth.processAuthorizationCodeResponse(as, client, await redeem())

  const introspect = async (token) => {
    const caller = { client_id: given.resource_server_id }
    const asked = await oauth.introspectionRequest(
      as, caller, oauth.ClientSecretBasic(given.resource_server_secret), token, insecure)
    return oauth.processIntrospectionResponse(as, caller, asked)
  }
  const introspectSigned = async (token) => {
    const caller = { client_id: given.resource_server_id }
    const asked = await oauth.introspectionRequest(
      as, caller, oauth.ClientSecretBasic(given.resource_server_secret), token,
      { ...insecure, requestJwtResponse: true })
    const answer = await oauth.processIntrospectionResponse(as, caller, asked)
    await oauth.validateApplicationLevelSignature(as, asked, insecure)
    return answer
  }
  const active = await introspect(first.access_token)
  const signed = await introspectSigned(first.access_token)

  const second = await oauth.processRefreshTokenResponse(
    as, client,
    await oauth.refreshTokenGrantRequest(as, client, authentication, first.refresh_token, {
      ...insecure,
      additionalParameters: { resource: given.resource },
    }))

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, authentication, second.refresh_token, insecure))
  const afterRevocation = await introspect(second.access_token)

  let replay
  try {
    await oauth.processAuthorizationCodeResponse(as, client, await redeem())
    replay = 'accepted'
  } catch (error) {
    replay = error.error
  }
  send({ first, active, signed, second, after_revocation: afterRevocation, replay })
})
