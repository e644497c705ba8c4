"""The values that pass between the steps of a flow."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from grantd.core.errors import OAuthError
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request
from grantd.storage.records import Client, Grant, ResourceServer, SessionView, User

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class AuthorizationRequest(Struct, kw_only=True):
    """A validated authorization request, whatever road it came by; survives in an interaction as JSON.

    Args:
        evidence: what features checked and need again, by feature name (the code challenge, for example).
        extras: parameters that features asked to keep as they came (``login_hint``, ``ui_locales``).
    """

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    response_type: str
    response_mode: str
    state: str | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, str] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether no page may be shown (``prompt=none``)."""
        return "none" in self.prompt


class AuthorizationDraft(Struct, kw_only=True):
    """An authorization request under examination: the parameters as they came, the request as far as it is trusted."""

    issuer: "Issuer"
    client: Client
    parameters: Parameters
    request: AuthorizationRequest


class AuthorizationResponse(Struct, frozen=True, kw_only=True):
    """What goes to the redirect URI, before a response mode gives it its form."""

    client_id: str
    redirect_uri: str
    response_mode: str
    parameters: tuple[tuple[str, str], ...]


class GrantDraft(Struct, kw_only=True):
    """A decision that becomes a grant: consent sections and features shape it before it is written."""

    request: AuthorizationRequest
    client: Client
    user: User
    session: SessionView
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    authorization_details: tuple[dict[str, Any], ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    consent: dict[str, Any] | None = None


class TokenRequest(Struct, kw_only=True):
    """A token request whose client is authenticated."""

    issuer: "Issuer"
    http: Request
    parameters: Parameters
    client: Client
    grant_type: str
    authenticated: bool
    """False for public clients, which only name themselves."""
    now: int
    confirmation: dict[str, Any] | None = None
    """The ``cnf`` that the sender proved possession for; ``None`` for bearer."""
    token_type: str = "Bearer"


class Reach(Struct, frozen=True, kw_only=True):
    """Where a token will be used and what for: decided before anything is claimed."""

    scopes: tuple[str, ...]
    audience: tuple[str, ...]


class TokenPlan(Reach, frozen=True, kw_only=True):
    """The reach of an access token: its audience are resources of one resource server's kind."""

    resource_server: ResourceServer


class Claimed(Struct, frozen=True, kw_only=True):
    """The outcome of a won claim.

    Args:
        grant_id: the grant that the tokens point to; it is on disk.
        refresh_token: the token to hand out, or ``None``.
    """

    grant_id: str
    refresh_token: str | None = None


class Prepared(Struct, frozen=True, kw_only=True):
    """An access token that a grant type found due on evidence, with nothing consumed yet.

    Args:
        grant: the grant, or its draft when the claim will write it.
        scopes: ceiling of the access token's scopes.
        resources: ceiling of its resources; empty means that the resource directory decides.
        claim: consumes the evidence, atomically; raises the error of the loser.
    """

    grant: Grant
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    claim: Callable[[TokenPlan], Awaitable[Claimed]]


class PreparedProfileToken(Struct, frozen=True, kw_only=True):
    """A token of another profile (a transaction token, an ID-JAG) that is due, with nothing consumed yet.

    The resource directory, the access token's claims and refresh tokens have no part in it.

    Args:
        profile: name of the ``TokenProfile``: it decides ``typ``, the claims allowed, the longest life, ``token_type``
            and whether the sender's key is bound.
        issued_token_type: URN of RFC 8693 section 3.
        grant: what the token rests on.
        reach: its scopes and its audience, as they will stand in it.
        claims: what it says beside ``iss``, ``aud``, ``iat``, ``exp`` and ``jti``, which are set where the profile has
            them.
        expires_at: when it ends, in seconds since the Unix epoch; ``None`` for the profile's longest life.
        claim: consumes the evidence, atomically, and returns the identifier of the grant on disk; raises the error of
            the loser.
    """

    profile: str
    issued_token_type: str
    grant: Grant
    reach: Reach
    claims: dict[str, Any]
    expires_at: int | None = None
    claim: Callable[[], Awaitable[str]]


class Issuance(Struct, kw_only=True):
    """A token in the making; contributions read it and add claims.

    Args:
        grant: what it rests on; a draft may have another identifier than ``grant_id``.
        confirmation: the ``cnf`` that it will carry, or ``None``.
        token_type: of the response.
    """

    issuer: "Issuer"
    client: Client
    grant: Grant
    plan: Reach
    jti: str
    now: int
    expires_at: int
    confirmation: dict[str, Any] | None
    token_type: str

    @property
    def grant_id(self) -> str:
        """The grant on disk that the token points to."""
        return self.jti.partition(".")[0]


class AccessTokenIssuance(Issuance, kw_only=True):
    """An access token in the making."""

    plan: TokenPlan


class TokenReference(Struct, frozen=True, kw_only=True):
    """A token of ours that was recognised: authentic, and not expired.

    Args:
        kind: ``access_token`` or ``refresh_token``, or what a feature adds.
        grant_id: the grant that it points to.
        client_id: the client that it was issued to.
        jti: identifier of an access token, else empty.
        audience: whom it is for.
        expires_at: when it ends by itself.
        claims: what its introspection may tell, before narrowing to the caller.
        live: whether the store says that it may be used.
    """

    kind: str
    grant_id: str
    client_id: str
    jti: str
    audience: tuple[str, ...]
    expires_at: int
    claims: Mapping[str, Any]
    live: bool


# --- The conversation with a person ---


class PendingError(Struct, frozen=True, kw_only=True):
    """A refusal that may be told to the client only after the user signed in (OAuth 2.1 section 7.13.2)."""

    code: str
    description: str
    redirect_uri: str
    response_mode: str
    state: str | None


class InteractionState(Struct, kw_only=True):
    """Everything that an interaction remembers between two messages of the person.

    Args:
        client: snapshot of the client, pinned for this transaction.
        request: the request to decide on; ``None`` when only ``error`` is left to tell.
        session_id: the session established or found, by its hashed identifier.
        results: what finished steps left, by step name.
        fresh_sign_in: whether the sign-in happened inside this interaction.
    """

    client: Client
    request: AuthorizationRequest | None = None
    error: PendingError | None = None
    session_id: bytes | None = None
    results: dict[str, Any] = field(default_factory=dict)
    fresh_sign_in: bool = False
    created_at: int = 0


class InteractionContext(Struct, kw_only=True):
    """An interaction at run time, as steps see it.

    Args:
        interaction_id: key of what a step keeps between two messages (a code that it sent, a request that it waits
            for); empty while nobody has been asked anything.
    """

    issuer: "Issuer"
    state: InteractionState
    session: SessionView | None
    now: int
    interaction_id: str = ""
    address: str = ""
    user_agent: str = ""
    correlation_id: str = ""

    @property
    def client(self) -> Client:
        """The client as it was when the interaction began."""
        return self.state.client


class Challenge(Struct, frozen=True, kw_only=True):
    """What the person (or the native app that asks for it) has to answer next.

    Args:
        step: name of the step, also of its template.
        view: typed data of the step, the same for pages and JSON.
        problem: key of a message about the last answer, or empty.
        status: HTTP status of a page that shows it.
        retry_after: seconds to wait before the next answer, or ``None``.
    """

    step: str
    view: object
    problem: str = ""
    status: int = 200
    retry_after: int | None = None


class Authentication(Struct, frozen=True, kw_only=True):
    """A successful sign-in.

    Args:
        user: who.
        amr: authentication method references (RFC 8176).
        acr: the level reached.
    """

    user: User
    amr: tuple[str, ...]
    acr: str


class Advance(Struct, frozen=True):
    """The step is done; ``authentication`` starts a session, ``result`` is kept under the step's name."""

    result: Any = None
    authentication: Authentication | None = None


class Retry(Struct, frozen=True):
    """The answer was no good: show the step again with a message (``problem`` is its key)."""

    problem: str
    status: int = 400
    retry_after: int | None = None


class Stop(Struct, frozen=True):
    """The interaction ends with an error for the client."""

    error: OAuthError


class Wait(Struct, frozen=True):
    """Another server or device has to act first; ask again after ``seconds``.

    A person's browser is redirected and sees what ``present`` returns then, so that has to be a ``WaitView`` meanwhile.
    """

    seconds: int
    view: object = None


StepResult = Advance | Retry | Stop | Wait


class ConsentItem(Struct, frozen=True, kw_only=True):
    """One thing that the person allows or not.

    Args:
        value: what the form sends back.
        text: in words, completing "… wants to".
        detail: more, folded away.
        optional: whether it can be refused alone.
        checked: initial state.
    """

    value: str
    text: str
    detail: str = ""
    optional: bool = True
    checked: bool = True


class ConsentContent(Struct, frozen=True, kw_only=True):
    """What a section shows.

    Args:
        section: its name; form inputs are called so.
        title: heading, for example the resource's name.
        subtitle: for example its address.
        items: the choices.
    """

    section: str
    title: str
    subtitle: str = ""
    items: tuple[ConsentItem, ...] = ()
