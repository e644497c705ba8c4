"""The Pages port: what the flows ask of the room that renders, and the typed views that they hand over."""

from dataclasses import dataclass
from typing import Literal, Protocol

from grantd.server.http.messages import Response
from grantd.server.pipeline.model import Challenge, ConsentContent

ProblemKey = Literal[
    "wrong_credentials", "throttled", "busy", "stale_form", "form_incomplete", "nothing_chosen", "another_user", ""
]
"""Keys of messages about the last answer; the room that renders has the words."""

ErrorKey = Literal[
    "client_unknown",
    "redirect_uri_mismatch",
    "bad_request",
    "interaction_expired",
    "other_browser",
    "forged_form",
    "not_found",
    "misconfigured",
    "unavailable",
    "unexpected",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """Who is asking.

    Args:
        name: the client's name, or its identifier.
        host: host of its website or redirect URI, or empty.
        standing: ``first_party``, ``registered`` (by the operator), ``unverified`` (registered itself), or
            ``loopback`` (any program on the person's computer could be it).
        developer: who makes it, as far as known: website and contacts.
        policy_uri: privacy policy, or empty.
        tos_uri: terms of service, or empty.
    """

    name: str
    host: str
    standing: Literal["first_party", "registered", "unverified", "loopback"]
    developer: str = ""
    policy_uri: str = ""
    tos_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordView:
    """The password part of the sign-in page.

    Args:
        username: what to fill in.
    """

    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """The sign-in page: method name to its view, in order."""

    client: ClientView
    methods: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """The consent page.

    Args:
        user_name: the person's name, or user name.
        username: user name, shown so that a person with two accounts sees which one decides.
        contents: what the sections show.
        lasting: seconds that the access lasts without coming back, or ``None`` when it ends with the token.
        access_token_lifetime: seconds of one access token.
        return_host: where the browser goes after the decision.
    """

    client: ClientView
    user_name: str
    username: str
    contents: tuple[ConsentContent, ...]
    lasting: int | None
    access_token_lifetime: int
    return_host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitView:
    """A page that waits for something.

    Args:
        seconds: until the page asks again.
    """

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """How an issuer looks.

    Args:
        name: shown name.
        host: the issuer's host.
        accent: ``#rrggbb`` or empty.
        logo_path: path of the logo on this origin, or empty.
        base_path: path of the issuer (``""`` or ``/t/blue``); static files live below it.
    """

    name: str
    host: str
    accent: str = ""
    logo_path: str = ""
    base_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a page posts to, and what proves that the page was ours.

    Args:
        action: path and query of the form's target.
        csrf: token for the hidden input ``csrf``.
        version: version of the interaction for the hidden input ``version``.
        redirect_source: CSP source of the redirect URI, which the answer to the form may lead to, or empty.
        frame_ancestors: origins that may frame this page; empty is nobody.
    """

    action: str
    csrf: str
    version: int
    redirect_source: str = ""
    frame_ancestors: tuple[str, ...] = ()


class Pages(Protocol):
    """Renders pages for people."""

    def challenge(self, challenge: Challenge, *, brand: Brand, form: Form, correlation_id: str) -> Response:
        """Render the page of an interaction step (its ``view`` is one of the views of this module)."""
        ...

    def error(
        self, key: ErrorKey, *, brand: Brand, correlation_id: str, status: int = 400, developer: str = ""
    ) -> Response:
        """Render an error page; ``developer`` is folded away under "Details for developers"."""
        ...

    def signed_out(self, *, brand: Brand, correlation_id: str, form: Form | None) -> Response:
        """Render the sign-out page: a question with ``form``, the confirmation without."""
        ...
