"""The conversation with a person, as a resumable state machine (no HTTP here).

A driver (the browser pages, a challenge endpoint, a back channel) begins an interaction, shows its challenge, hands in
answers, and receives the authorization response at the end. Everything between two messages is in the store.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from grantd.core.errors import (
    AccessDeniedError,
    ConsentRequiredError,
    InteractionRequiredError,
    LoginRequiredError,
    OAuthError,
)
from grantd.core.random import random_id
from grantd.server.accounts.sessions import NewSession, open_session
from grantd.server.extension.points import (
    AuthorizationResponseParameter,
    ConsentSection,
    InteractionStep,
    ResponseMode,
    ResponseType,
    Step,
)
from grantd.server.pipeline.model import (
    Advance,
    AuthorizationRequest,
    AuthorizationResponse,
    Challenge,
    GrantDraft,
    InteractionContext,
    InteractionState,
    PendingError,
    Retry,
    Stop,
    Wait,
)
from grantd.server.pipeline.pages import WaitView
from grantd.storage.records import Client, Interaction, SessionView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_SILENT_ERRORS: Mapping[str, type[OAuthError]] = {
    "login_required": LoginRequiredError,
    "consent_required": ConsentRequiredError,
    "interaction_required": InteractionRequiredError,
}


class InteractionGoneError(Exception):
    """There is no such interaction any more: finished, expired, or never begun."""


class OtherUserAgentError(Exception):
    """The interaction belongs to another browser."""


class StaleAnswerError(Exception):
    """The answer was made on an older page of the interaction (posted twice, or from a second tab)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a driver knows about the message at hand.

    Args:
        address: IP address of the person's device.
        user_agent: its name for the session list.
        correlation_id: of this message.
    """

    address: str = ""
    user_agent: str = ""
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The authorization response is ready; ``new_session`` has a cookie to set."""

    response: AuthorizationResponse
    new_session: NewSession | None = None


@dataclass(frozen=True, slots=True)
class Ongoing:
    """The person has to answer ``challenge`` (or to wait)."""

    record: Interaction
    state: InteractionState
    challenge: Challenge
    new_session: NewSession | None = None


class Interactions:
    """The state machine of one issuer, prepared at start."""

    def __init__(self, issuer: "Issuer") -> None:
        registry = issuer.registry
        self._issuer = issuer
        self._steps: tuple[tuple[InteractionStep, Step], ...] = tuple(
            (step, step.build(issuer)) for step in sorted(registry.of(InteractionStep), key=lambda step: step.order)
        )
        self._sections = tuple(
            (section.name, section.build(issuer))
            for section in sorted(registry.of(ConsentSection), key=lambda section: section.order)
        )
        self._response_types = {r.name: r.build(issuer) for r in registry.of(ResponseType)}
        self._modes = {mode.name: mode for mode in registry.of(ResponseMode)}
        self._parameters = tuple(
            (parameter.name, value)
            for parameter in registry.of(AuthorizationResponseParameter)
            if (value := parameter.value(issuer)) is not None
        )
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(InteractionState).decode

    # --- Beginning ---

    async def begin(
        self, client: Client, request: AuthorizationRequest, session: SessionView | None, facts: Facts
    ) -> Finished | InteractionState:
        """Decide a request at once if nobody has to be asked, else return the state of a new interaction."""
        state = InteractionState(
            client=client,
            request=request,
            session_id=session.session.session_id if session else None,
            created_at=self._issuer.clock.now(),
        )
        context = self._context(state, session, facts)
        pending = self._pending(context)
        if pending is None:
            return Finished(await self._decide(context))
        if request.silent:
            # OpenID Connect Core section 3.1.2.1: no page, an error instead.
            declaration, _ = pending
            error = _SILENT_ERRORS[declaration.silent_error]("the request cannot be answered without the person")
            return Finished(self.refuse(request, error))
        return state

    def begin_refusal(self, client: Client, pending: PendingError) -> InteractionState:
        """Return the state of an interaction that signs the person in before a refusal travels by redirect.

        OAuth 2.1 section 7.13.2: no automatic redirect before the user is authenticated.
        """
        return InteractionState(client=client, error=pending, created_at=self._issuer.clock.now())

    async def keep(self, state: InteractionState, user_agent_key: bytes) -> Interaction:
        """Write a new interaction, bound to a user agent.

        Args:
            state: where the conversation begins.
            user_agent_key: secret that the user agent (or native app) holds; only its hash is kept.
        """
        issuer = self._issuer
        record = Interaction(
            issuer=issuer.identifier,
            interaction_id=random_id(),
            user_agent_hash=hashlib.sha256(user_agent_key).digest(),
            body=self._encode(state),
            expires_at=issuer.clock.now() + issuer.settings.lifetimes.interaction,
        )
        await issuer.store.insert_interaction(record)
        return record

    # --- Going on ---

    async def resume(self, interaction_id: str, user_agent_key: bytes | None, facts: Facts) -> Ongoing | Finished:
        """Return what the person has to answer now.

        Raises:
            InteractionGoneError: there is none.
            OtherUserAgentError: it belongs to another browser.
        """
        record, context = await self._load(interaction_id, user_agent_key, facts)
        return await self._proceed(record, context, changed=False)

    async def answer(
        self,
        interaction_id: str,
        user_agent_key: bytes | None,
        *,
        step: str,
        version: int,
        fields: Mapping[str, tuple[str, ...]],
        facts: Facts,
    ) -> Ongoing | Finished:
        """Take the answer to the current step.

        Args:
            interaction_id: which interaction.
            user_agent_key: what the user agent holds; its hash has to match.
            step: the step that was answered.
            version: the version of the interaction that the person saw.
            fields: the answer, by field name.
            facts: what is known about the message.

        Raises:
            InteractionGoneError: there is none.
            OtherUserAgentError: it belongs to another browser.
            StaleAnswerError: another answer was first, or another step is due.
        """
        record, context = await self._load(interaction_id, user_agent_key, facts)
        pending = self._pending(context)
        if pending is None or pending[0].name != step or record.version != version:
            raise StaleAnswerError
        declaration, handler = pending
        result = await handler.submit(context, fields)
        if isinstance(result, Retry):
            challenge = await handler.present(context)
            return Ongoing(
                record,
                context.state,
                Challenge(
                    step=challenge.step,
                    view=challenge.view,
                    problem=result.problem,
                    status=result.status,
                    retry_after=result.retry_after,
                ),
            )
        if isinstance(result, Stop):
            await self._take(record)
            return Finished(self._tell(context.state, result.error))
        if isinstance(result, Wait):
            # Under the step's own name, so that the next look is an answer to it.
            view = result.view or WaitView(seconds=result.seconds)
            wait = Challenge(step=declaration.name, view=view, retry_after=result.seconds)
            return Ongoing(record, context.state, wait)
        return await self._advance(record, context, declaration.name, result)

    async def cancel(self, interaction_id: str, user_agent_key: bytes | None, facts: Facts) -> Finished:
        """End the interaction as the person wishes; the client hears ``access_denied``."""
        record, context = await self._load(interaction_id, user_agent_key, facts)
        await self._take(record)
        return Finished(self._tell(context.state, AccessDeniedError("the person ended the request")))

    # --- Answers to the client ---

    def refuse(self, request: AuthorizationRequest, error: OAuthError) -> AuthorizationResponse:
        """Return the error response to a validated request."""
        return self._response(
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            mode=request.response_mode,
            state=request.state,
            members=(("error", error.code), ("error_description", error.description)),
        )

    def tell(self, client_id: str, pending: PendingError) -> AuthorizationResponse:
        """Return the error response to a request that failed validation."""
        return self._response(
            client_id=client_id,
            redirect_uri=pending.redirect_uri,
            mode=pending.response_mode,
            state=pending.state,
            members=(("error", pending.code), ("error_description", pending.description)),
        )

    def _response(
        self, *, client_id: str, redirect_uri: str, mode: str, state: str | None, members: tuple[tuple[str, str], ...]
    ) -> AuthorizationResponse:
        parameters = [(name, value) for name, value in members if value]
        # OAuth 2.1 section 4.1.2: state exactly when it was sent, exactly as it was sent.
        if state is not None:
            parameters.append(("state", state))
        if not self._modes[mode].carries_issuer:
            parameters.extend(self._parameters)
        return AuthorizationResponse(
            client_id=client_id, redirect_uri=redirect_uri, response_mode=mode, parameters=tuple(parameters)
        )

    # --- Inside ---

    def _context(
        self, state: InteractionState, session: SessionView | None, facts: Facts, interaction_id: str = ""
    ) -> InteractionContext:
        return InteractionContext(
            issuer=self._issuer,
            state=state,
            session=session,
            now=self._issuer.clock.now(),
            interaction_id=interaction_id,
            address=facts.address,
            user_agent=facts.user_agent,
            correlation_id=facts.correlation_id,
        )

    def _pending(self, context: InteractionContext) -> tuple[InteractionStep, Step] | None:
        for declaration, step in self._steps:
            if step.needed(context):
                return declaration, step
        return None

    async def _load(
        self, interaction_id: str, user_agent_key: bytes | None, facts: Facts
    ) -> tuple[Interaction, InteractionContext]:
        issuer = self._issuer
        now = issuer.clock.now()
        record = await issuer.store.find_interaction(issuer.identifier, interaction_id, now=now)
        if record is None:
            raise InteractionGoneError
        presented = hashlib.sha256(user_agent_key or b"").digest()
        if user_agent_key is None or not hmac.compare_digest(presented, record.user_agent_hash):
            raise OtherUserAgentError
        state = self._decode(record.body)
        session = None
        if state.session_id is not None:
            session = await issuer.store.find_session(
                issuer.identifier, state.session_id, state.client.client_id, now=now
            )
        return record, self._context(state, session, facts, interaction_id)

    async def _advance(
        self, record: Interaction, context: InteractionContext, name: str, result: Advance
    ) -> Ongoing | Finished:
        state = context.state
        new_session = None
        if result.result is not None:
            state.results[name] = result.result
        if result.authentication is not None:
            # A new identifier at every sign-in: one that was known before is worth nothing (session fixation).
            new_session = await open_session(self._issuer, result.authentication, context, replacing=state.session_id)
            state.session_id = new_session.session.session_id
            state.fresh_sign_in = True
            context.session = await self._issuer.store.find_session(
                self._issuer.identifier, state.session_id, state.client.client_id, now=context.now
            )
        return await self._proceed(record, context, changed=True, new_session=new_session)

    async def _proceed(
        self, record: Interaction, context: InteractionContext, *, changed: bool, new_session: NewSession | None = None
    ) -> Ongoing | Finished:
        pending = self._pending(context)
        if pending is not None:
            if changed:
                record = msgspec.structs.replace(record, body=self._encode(context.state), version=record.version + 1)
                if not await self._issuer.store.replace_interaction(record):
                    raise StaleAnswerError
            _, handler = pending
            return Ongoing(record, context.state, await handler.present(context), new_session)
        # Whoever takes the record decides; a second tab or a doubled form finds it gone.
        await self._take(record)
        if context.state.request is None:
            return Finished(self._tell(context.state, None), new_session)
        try:
            response = await self._decide(context)
        except OAuthError as error:
            response = self.refuse(context.state.request, error)
        return Finished(response, new_session)

    async def _take(self, record: Interaction) -> None:
        taken = await self._issuer.store.take_interaction(
            self._issuer.identifier, record.interaction_id, version=record.version
        )
        if not taken:
            raise StaleAnswerError

    def _tell(self, state: InteractionState, error: OAuthError | None) -> AuthorizationResponse:
        if state.error is not None:
            return self.tell(state.client.client_id, state.error)
        if state.request is None or error is None:
            raise InteractionGoneError
        return self.refuse(state.request, error)

    async def _decide(self, context: InteractionContext) -> AuthorizationResponse:
        request, session = context.state.request, context.session
        if request is None or session is None:
            raise InteractionGoneError
        draft = GrantDraft(
            request=request,
            client=context.client,
            user=session.user,
            session=session,
            scopes=request.scopes,
            resources=request.resources,
            evidence=dict(request.evidence),
        )
        decision = context.state.results.get("consent")
        for name, section in self._sections:
            section.apply(context, decision["sections"].get(name) if decision else None, draft)
        if decision:
            draft.consent = decision["evidence"]
        members = await self._response_types[request.response_type](draft)
        return self._response(
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            mode=request.response_mode,
            state=request.state,
            members=members,
        )
