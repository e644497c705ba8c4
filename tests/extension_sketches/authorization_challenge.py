"""Sketch: the authorization challenge endpoint drives the interaction without a browser (OAuth for first-party apps).

``auth_session`` is an interaction with the secret that its holder proves; the steps are those that the pages show.
"""

import secrets
from typing import ClassVar

import msgspec

from grantd.core.errors import InvalidRequestError, OAuthError, UnauthorizedClientError
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Endpoint
from grantd.server.http.forms import Parameters, form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import json_response
from grantd.server.issuer import Issuer
from grantd.server.pipeline.authorization import AuthorizationValidator, RefusedRequestError, UntrustedRequestError
from grantd.server.pipeline.browser import facts_of
from grantd.server.pipeline.interaction import (
    Finished,
    InteractionGoneError,
    Ongoing,
    OtherUserAgentError,
    StaleAnswerError,
)
from grantd.storage.records import Client

ANSWERS = frozenset({"username", "password", "decision", "scopes"})
"""Members that answer a challenge; everything else belongs to the authorization request."""


class InsufficientAuthorizationError(OAuthError):
    """More is needed; the members say what."""

    code: ClassVar[str] = "insufficient_authorization"


class InvalidSessionError(OAuthError):
    """The ``auth_session`` is unknown, expired, spent, or another client's."""

    code: ClassVar[str] = "invalid_session"


class ChallengeEndpoint:
    """One issuer's challenge endpoint, prepared at start."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._validate = AuthorizationValidator(issuer, redirects=False)
        self._repeatable = self._validate.repeatable | issuer.repeatable_fields

    async def __call__(self, http: Request) -> Response:
        parameters = form_body(http, repeatable=self._repeatable, limits=self._issuer.limits)
        client = (await self._issuer.client_authentication(http, parameters, self._issuer.clients.find_party)).client
        if not client.metadata.first_party:
            raise UnauthorizedClientError("the challenge endpoint is for first-party clients")
        auth_session = parameters.get("auth_session")
        if auth_session is None:
            started = await self._start(http, parameters)
            if isinstance(started, Finished):
                return self._finish(started)
            auth_session = started
        identifier, _, key = auth_session.partition(".")
        try:
            return await self._go_on(http, parameters, client, identifier, key.encode())
        except (InteractionGoneError, OtherUserAgentError, StaleAnswerError):
            raise InvalidSessionError("auth_session is unknown, expired or spent; begin anew without it") from None

    async def _start(self, http: Request, parameters: Parameters) -> Finished | str:
        try:
            client, request = await self._validate(parameters)
        except UntrustedRequestError as error:
            raise InvalidRequestError(error.developer) from error
        except RefusedRequestError as refused:
            raise refused.error from refused
        state = await self._issuer.interactions.begin(client, request, None, facts_of(http))
        if isinstance(state, Finished):
            return state
        key = secrets.token_urlsafe(32)
        record = await self._issuer.interactions.keep(state, key.encode())
        return f"{record.interaction_id}.{key}"

    async def _go_on(
        self, http: Request, parameters: Parameters, client: Client, identifier: str, key: bytes
    ) -> Response:
        interactions, facts = self._issuer.interactions, facts_of(http)
        outcome = await interactions.resume(identifier, key, facts)
        answers = {name: parameters.all(name) for name in parameters if name in ANSWERS}
        if isinstance(outcome, Ongoing):
            if outcome.state.client.client_id != client.client_id:
                raise InvalidSessionError("auth_session belongs to another client")
            # What a message brings answers one step after the other, as long as each advances.
            while answers and isinstance(outcome, Ongoing) and not outcome.challenge.problem:
                step, version = outcome.challenge.step, outcome.record.version
                outcome = await interactions.answer(
                    identifier, key, step=step, version=version, fields=answers, facts=facts
                )
                answers = {name: values for name, values in answers.items() if name in {"decision", "scopes"}}
        if isinstance(outcome, Finished):
            return self._finish(outcome)
        raise self._ask(outcome, f"{identifier}.{key.decode()}")

    def _finish(self, outcome: Finished) -> Response:
        members = dict(outcome.response.parameters)
        if "error" in members:
            return json_response(400, {name: members[name] for name in ("error", "error_description")})
        return json_response(200, {"authorization_code": members["code"], "iss": members["iss"]})

    def _ask(self, outcome: Ongoing, auth_session: str) -> InsufficientAuthorizationError:
        challenge = outcome.challenge
        members = {
            "auth_session": auth_session,
            "challenge": challenge.step,
            "problem": challenge.problem or None,
            "view": msgspec.to_builtins(challenge.view),
        }
        error = InsufficientAuthorizationError("the person has to answer the challenge", members=members)
        if challenge.retry_after is not None:
            error.status = 429
            error.headers.append((b"retry-after", str(challenge.retry_after).encode()))
        return error


FEATURE = Feature(
    name="authorization_challenge",
    specification=Specification(
        title="OAuth 2.0 for First-Party Applications",
        number="draft-ietf-oauth-first-party-apps",
        version="-03",
        status="draft",
        link="https://a.example",
    ),
    summary="A first-party app asks the person itself.",
    contributions=(
        Endpoint(
            name="authorization_challenge",
            path="/authorize-challenge",
            methods=frozenset({"POST"}),
            build=ChallengeEndpoint,
            metadata_member="authorization_challenge_endpoint",
        ),
    ),
    requires=("authorization_code", "sign_in"),
)
