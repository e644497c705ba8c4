"""An invented feature that touches every kind of extension point: ships ask for a berth.

It stands outside the package, and uses what any feature may use: the points, the records, the neighbours of an issuer.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from grantd.core.errors import InvalidGrantError, InvalidRequestError
from grantd.core.random import random_id
from grantd.core.scopes import parse_scope
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import (
    AuditEventTypes,
    AuthorizationCheck,
    ConsentSection,
    DoctorCheck,
    Ending,
    Endpoint,
    Finding,
    GrantType,
    InteractionStep,
    LifecycleListener,
    Metadata,
    PeriodicJob,
    RecordKind,
    SettingsSection,
    TokenContribution,
    TokenResponseHeader,
    TokenResponseMember,
)
from grantd.server.http.forms import form_body
from grantd.server.http.messages import Request, Response
from grantd.server.http.responses import json_response
from grantd.server.issuer import Issuer
from grantd.server.pipeline.model import (
    Advance,
    AuthorizationDraft,
    Challenge,
    Claimed,
    ConsentContent,
    ConsentItem,
    GrantDraft,
    InteractionContext,
    Issuance,
    Prepared,
    StepResult,
    TokenPlan,
    TokenRequest,
    Wait,
)
from grantd.server.pipeline.pages import WaitView
from grantd.server.pipeline.targets import check_scopes
from grantd.storage.records import AuditEvent, FeatureRecord, Grant, Lease

GRANT_TYPE = "urn:harbour:grant-type:berth-ticket"
TICKET, PILOT, LEFT, ROUND = "berth_ticket", "berth_pilot", "berth_left", "berth_round"


class BerthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``feature_settings.berth``."""

    quays: tuple[str, ...] = ("north",)
    ticket_seconds: int = 120

    def __post_init__(self) -> None:
        if self.ticket_seconds <= 0:
            raise ValueError("ticket_seconds has to be positive")


class TicketEndpoint:
    """A client that authenticates gets a ticket; the ticket is a record."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._settings = issuer.feature_settings(BerthSettings)

    async def __call__(self, http: Request) -> Response:
        issuer = self._issuer
        parameters = form_body(http, repeatable=frozenset(), limits=issuer.limits)
        authenticated = await issuer.client_authentication(http, parameters, self._issuer.clients.find_party)
        quay = parameters.require("quay")
        if quay not in self._settings.quays:
            raise InvalidRequestError(f"quay is not one of {', '.join(self._settings.quays)}")
        ticket = secrets.token_urlsafe(32)
        body = msgspec.json.encode({"client_id": authenticated.client.client_id, "quay": quay})
        expires_at = issuer.clock.now() + self._settings.ticket_seconds
        await issuer.store.insert_record(
            FeatureRecord(issuer=issuer.identifier, kind=TICKET, key=ticket, body=body, expires_at=expires_at)
        )
        return json_response(201, {"ticket": ticket, "expires_in": self._settings.ticket_seconds})


class TicketGrant:
    """The grant type: a ticket is looked at while it can be refused, and taken at the end."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def __call__(self, request: TokenRequest) -> Prepared:
        issuer, ticket = self._issuer, request.parameters.require("ticket")
        record = await issuer.store.find_record(issuer.identifier, TICKET, ticket, now=request.now)
        content = msgspec.json.decode(record.body) if record else {}
        if content.get("client_id") != request.client.client_id:
            raise InvalidGrantError("the ticket is unknown, used, expired, or another client's")
        scopes = parse_scope(request.parameters.require("scope"))
        check_scopes(issuer.resources, request.client, scopes)
        grant = Grant(
            issuer=issuer.identifier,
            grant_id=random_id(),
            grant_type=GRANT_TYPE,
            client_id=request.client.client_id,
            subject=f"client:{request.client.client_id}",
            scopes=scopes,
            evidence={"berth": {"quay": content["quay"]}},
            created_at=request.now,
        )

        async def claim(_plan: TokenPlan) -> Claimed:
            if await issuer.store.take_record(issuer.identifier, TICKET, ticket, now=request.now) is None:
                raise InvalidGrantError("the ticket was used")
            await issuer.store.insert_grant(grant)
            issuer.audit.record(AuditEvent(issuer=issuer.identifier, at=request.now, type="berth.assigned"))
            return Claimed(grant_id=grant.grant_id)

        return Prepared(grant=grant, scopes=scopes, resources=(), claim=claim)


def keep_wish(draft: AuthorizationDraft) -> None:
    quay = draft.parameters.get("quay")
    if quay is None:
        return
    if quay not in draft.issuer.feature_settings(BerthSettings).quays:
        raise InvalidRequestError("quay is not known here")
    draft.request.evidence["berth"] = {"quay": quay}
    draft.request.extras["pilot"] = draft.parameters.get("pilot") or "no"


class PilotStep:
    """Waits until a pilot is on board: somebody else writes the record."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def needed(self, context: InteractionContext) -> bool:
        request = context.state.request
        return request is not None and request.extras.get("pilot") == "yes" and "pilot" not in context.state.results

    async def present(self, context: InteractionContext) -> Challenge:
        return Challenge(step="pilot", view=WaitView(seconds=5))

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> StepResult:
        record = await self._issuer.store.take_record(
            self._issuer.identifier, PILOT, context.interaction_id, now=context.now
        )
        return Wait(5) if record is None else Advance(record.body.decode())


class BerthSection:
    """A part of the consent page with a choice of its own."""

    def needed(self, context: InteractionContext) -> bool:
        request, session = context.state.request, context.session
        if request is None or "berth" not in request.evidence:
            return False
        return session is None or session.consent is None or "berth" not in session.consent.details

    def present(self, context: InteractionContext) -> tuple[ConsentContent, ...]:
        request = context.state.request
        if request is None or "berth" not in request.evidence:
            return ()
        quay = request.evidence["berth"]["quay"]
        items = (ConsentItem(value="moor", text=f"moor at the {quay} quay"), ConsentItem(value="bunker", text="bunker"))
        return (ConsentContent(section="berth", title="The harbour master", items=items),)

    def decide(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        return {"allowed": [one for one in ("moor", "bunker") if one in fields.get("berth", ())]}

    def apply(self, context: InteractionContext, decision: dict[str, Any] | None, draft: GrantDraft) -> None:
        if "berth" not in draft.evidence:
            return
        consent = context.session.consent if context.session else None
        chosen = decision or (consent.details.get("berth") if consent else None) or {"allowed": []}
        pilot = context.state.results.get("pilot", "")
        draft.evidence["berth"] = {**draft.evidence["berth"], "allowed": chosen["allowed"], "pilot": pilot}


def say_berth(issuance: Issuance) -> Mapping[str, Any]:
    berth = issuance.grant.evidence.get("berth")
    return {"berth": berth} if berth else {}


def answer_quay(_request: TokenRequest, issuance: Issuance) -> Mapping[str, Any]:
    berth = issuance.grant.evidence.get("berth")
    return {"quay": berth["quay"]} if berth else {}


def harbour_header(_request: TokenRequest) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"harbour", b"open"),)


def build_listener(issuer: Issuer) -> Callable[[Ending], Awaitable[None]]:
    async def hear(ending: Ending) -> None:
        for key in (*ending.grants, *ending.tokens):
            await issuer.store.insert_record(
                FeatureRecord(issuer=issuer.identifier, kind=LEFT, key=key, body=ending.reason.encode())
            )

    return hear


def build_broken_listener(issuer: Issuer) -> Callable[[Ending], Awaitable[None]]:
    async def fail(ending: Ending) -> None:
        raise RuntimeError("the radio is broken")

    return fail


async def do_round(issuer: Issuer, lease: Lease) -> None:
    before = await issuer.store.find_record(issuer.identifier, ROUND, "last", now=issuer.clock.now())
    record = FeatureRecord(
        issuer=issuer.identifier,
        kind=ROUND,
        key="last",
        body=str(lease.fence).encode(),
        version=before.version + 1 if before else 1,
    )
    await (issuer.store.replace_record(record) if before else issuer.store.insert_record(record))


async def look_at_quays(issuer: Issuer) -> tuple[Finding, ...]:
    quays = issuer.feature_settings(BerthSettings).quays
    if quays:
        return (Finding(level="ok", subject="berth", text=f"{len(quays)} quays"),)
    return (Finding(level="error", subject="berth", text="no quay", remedy="name one in feature_settings.berth.quays"),)


JOB = PeriodicJob(name="berth-round", seconds=60, run=do_round)

FEATURE = Feature(
    name="berth",
    specification=Specification(
        title="Berths", number="harbour", version="1", status="house", link="https://harbour.example/berths"
    ),
    summary="Ships ask for a berth.",
    contributions=(
        SettingsSection(feature="berth", model=BerthSettings),
        Endpoint(
            name="berth_ticket",
            path="/berth/tickets",
            methods=frozenset({"POST"}),
            build=TicketEndpoint,
            metadata_member="berth_ticket_endpoint",
            client_authentication=True,
        ),
        Metadata(
            names=frozenset({"berth_quays_supported"}),
            members=lambda issuer: {"berth_quays_supported": list(issuer.feature_settings(BerthSettings).quays)},
        ),
        GrantType(name=GRANT_TYPE, build=TicketGrant, public_clients=False),
        AuthorizationCheck(parameters=frozenset({"quay", "pilot"}), check=keep_wish),
        InteractionStep(name="pilot", order=150, build=PilotStep),
        ConsentSection(name="berth", order=500, build=lambda _issuer: BerthSection()),
        TokenContribution(names=frozenset({"berth"}), contribute=say_berth),
        TokenResponseMember(names=frozenset({"quay"}), contribute=answer_quay),
        TokenResponseHeader(name="harbour", contribute=harbour_header),
        RecordKind(kind=TICKET, description="tickets that can still be used"),
        RecordKind(kind=PILOT, description="pilots on board"),
        RecordKind(kind=LEFT, description="berths that are free again"),
        RecordKind(kind=ROUND, description="the last round"),
        LifecycleListener(name="broken radio", build=build_broken_listener),
        LifecycleListener(name="berth", build=build_listener),
        JOB,
        DoctorCheck(name="berth", run=look_at_quays),
        AuditEventTypes(types={"berth.assigned": "A ship got a berth."}),
    ),
    requires=("token_endpoint",),
)
