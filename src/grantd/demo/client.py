"""The demo client: the steps of an OAuth 2.1 client, one function each, without the page around them."""

import hmac
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from grantd.core.issuers import well_known_paths
from grantd.core.pkce import s256
from grantd.core.random import random_token
from grantd.demo.folder import PUBLIC_CLIENT, SCOPES, Demo
from grantd.demo.loopback import Answer, LoopbackError, call, fetch

_OK = 200


class ClientError(Exception):
    """The flow cannot go on; the message is for the person at the page."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization request that waits for its response."""

    state: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token response as it came."""

    access_token: str
    refresh_token: str
    response: dict[str, Any]


class DemoClient:
    """A public client: it has no secret, PKCE binds the code to it (OAuth 2.1 section 4.1).

    Args:
        demo: addresses.
    """

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._metadata: dict[str, Any] = {}

    async def metadata(self) -> dict[str, Any]:
        """Return the server's metadata (RFC 8414 section 3).

        Raises:
            ClientError: it cannot be read, or is of another issuer.
        """
        if not self._metadata:
            path = well_known_paths(self._demo.issuer, "oauth-authorization-server").inserted
            try:
                document = msgspec.json.decode(await fetch(self._demo.issuer + path))
            except (LoopbackError, msgspec.DecodeError) as error:
                raise ClientError(f"The server's metadata cannot be read: {error}") from error
            # RFC 8414 section 3.3.
            if not isinstance(document, dict) or document.get("issuer") != self._demo.issuer:
                raise ClientError("The server's metadata is of another issuer.")
            self._metadata = document
        return self._metadata

    async def start(self) -> tuple[str, Pending]:
        """Return where to send the user agent, and what to keep until it comes back."""
        pending = Pending(state=random_token(), verifier=random_token())
        query = {
            "response_type": "code",
            "client_id": PUBLIC_CLIENT,
            "redirect_uri": self._demo.callback,
            "scope": " ".join(SCOPES),
            "resource": self._demo.resource,
            "state": pending.state,
            "code_challenge": s256(pending.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = (await self.metadata())["authorization_endpoint"]
        return f"{endpoint}?{urlencode(query)}", pending

    async def finish(self, pending: Pending | None, response: dict[str, str]) -> Tokens:
        """Check an authorization response and redeem its code.

        Args:
            pending: what ``start`` returned for this user agent.
            response: the parameters of the redirect, each once.

        Raises:
            ClientError: the response is not the answer to our request, or the server refused.
        """
        # OAuth 2.1 section 7.6: the response belongs to the request of this very user agent.
        if pending is None or not hmac.compare_digest(pending.state.encode(), response.get("state", "").encode()):
            raise ClientError("This answer belongs to no sign-in that began here. Start again.")
        # RFC 9207 section 2.4: and it comes from the server that was asked; errors too.
        if response.get("iss") != self._demo.issuer:
            raise ClientError("This answer comes from another server than the one that was asked.")
        if "error" in response:
            raise ClientError(f"The server answers {response['error']}: {response.get('error_description', '')}")
        if not response.get("code"):
            raise ClientError("The answer has no code.")
        return await self._token(
            {
                "grant_type": "authorization_code",
                "code": response["code"],
                "redirect_uri": self._demo.callback,
                "code_verifier": pending.verifier,
            }
        )

    async def refresh(self, tokens: Tokens) -> Tokens:
        """Exchange the refresh token (OAuth 2.1 section 4.3).

        Raises:
            ClientError: the server refused; sign in again.
        """
        return await self._token({"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}, tokens)

    async def revoke(self, tokens: Tokens) -> None:
        """Give the tokens back (RFC 7009); ending the refresh token ends the grant and all its tokens.

        Raises:
            ClientError: the server did not take them.
        """
        endpoint = (await self.metadata())["revocation_endpoint"]
        form = {"client_id": PUBLIC_CLIENT, "token": tokens.refresh_token or tokens.access_token}
        answer = await self._post(endpoint, form)
        if answer.status != _OK:
            raise ClientError(f"The server answers {answer.status} to the revocation.")

    async def call_api(self, tokens: Tokens, method: str, note: str = "") -> Answer:
        """Call the demo API with the access token (OAuth 2.1 section 5.1.1).

        Raises:
            ClientError: the API does not answer.
        """
        headers = {"authorization": f"Bearer {tokens.access_token}", "accept": "application/json"}
        body = b""
        if method == "POST":
            headers["content-type"] = "application/json"
            body = msgspec.json.encode({"text": note})
        try:
            return await call(method, f"{self._demo.resource}notes", headers=headers, body=body)
        except LoopbackError as error:
            raise ClientError(f"The API cannot be reached: {error}") from error

    async def _token(self, form: dict[str, str], before: Tokens | None = None) -> Tokens:
        endpoint = (await self.metadata())["token_endpoint"]
        answer = await self._post(endpoint, {"client_id": PUBLIC_CLIENT, **form})
        try:
            content = msgspec.json.decode(answer.body)
        except msgspec.DecodeError as error:
            raise ClientError(f"The server answers {answer.status} and no JSON.") from error
        if answer.status != _OK or not isinstance(content, dict):
            raise ClientError(f"The server answers {answer.status}: {content}")
        # OAuth 2.1 section 3.2.3: a client uses no token whose type it does not understand.
        if str(content.get("token_type", "")).lower() != "bearer" or not content.get("access_token"):
            raise ClientError("The server answers with tokens of another type than Bearer.")
        kept = before.refresh_token if before is not None else ""
        return Tokens(content["access_token"], content.get("refresh_token") or kept, content)

    async def _post(self, url: str, form: dict[str, str]) -> Answer:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        try:
            return await call("POST", url, headers=headers, body=urlencode(form).encode())
        except LoopbackError as error:
            raise ClientError(f"The server cannot be reached: {error}") from error


def decoded(token: str) -> list[dict[str, Any]]:
    """Return header and claims of a JWT for a curious person; a client itself never looks into an access token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 section 3.1
        return []
    try:
        return [msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]]
    except (ValueError, msgspec.DecodeError):
        return []
