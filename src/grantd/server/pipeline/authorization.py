"""The one validator of authorization requests, for every road by which they come (OAuth 2.1 section 4.1.1).

The order matters: until the client and its redirect URI are trusted, an error is a page; afterwards it travels to the
redirect URI.
"""

from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError, OAuthError, UnauthorizedClientError, UnsupportedResponseTypeError
from grantd.core.redirect_uris import match_redirect_uri
from grantd.server.extension.points import AuthorizationCheck, ResponseMode, ResponseType
from grantd.server.http.forms import Parameters
from grantd.server.pipeline.model import AuthorizationDraft, AuthorizationRequest, PendingError
from grantd.server.pipeline.pages import ErrorKey
from grantd.storage.records import Client

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class UntrustedRequestError(Exception):
    """The request cannot be answered by redirect: the person gets a page (OAuth 2.1 section 4.1.2.1).

    Args:
        key: which page.
        developer: a sentence for the developer, folded away.
    """

    def __init__(self, key: ErrorKey, developer: str) -> None:
        super().__init__(developer)
        self.key: ErrorKey = key
        self.developer = developer


class RefusedRequestError(Exception):
    """The request is refused, and the redirect URI is trusted to hear it."""

    def __init__(self, client: Client, pending: PendingError, *, silent: bool, error: OAuthError) -> None:
        super().__init__(pending.description)
        self.client = client
        self.pending = pending
        self.silent = silent
        self.error = error


class AuthorizationValidator:
    """Prepared at start from the contributions of an issuer's features.

    Args:
        issuer: whose requests.
        redirects: whether answers travel by redirect. A road that answers its caller directly (a challenge endpoint, a
            back channel) takes requests without a redirect URI; one that is sent has to be registered all the same.
    """

    def __init__(self, issuer: "Issuer", *, redirects: bool = True) -> None:
        self._issuer = issuer
        self._redirects = redirects
        registry = issuer.registry
        self._checks = tuple(contribution.check for contribution in registry.of(AuthorizationCheck))
        self._response_types = frozenset(contribution.name for contribution in registry.of(ResponseType))
        self._response_modes = frozenset(contribution.name for contribution in registry.of(ResponseMode))
        self.repeatable = frozenset(name for c in registry.of(AuthorizationCheck) for name in c.repeatable)

    async def __call__(self, parameters: Parameters) -> tuple[Client, AuthorizationRequest]:
        """Validate ``parameters``.

        Raises:
            UntrustedRequestError: client or redirect URI cannot be trusted.
            RefusedRequestError: anything else that is wrong.
        """
        client = await self._identify_client(parameters)
        redirect_uri, sent = self._resolve_redirect_uri(client, parameters)
        request = AuthorizationRequest(
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            redirect_uri_sent=sent,
            response_type="",
            response_mode="query",
        )
        draft = AuthorizationDraft(issuer=self._issuer, client=client, parameters=parameters, request=request)
        try:
            request.state = parameters.peek("state")
            self._settle_response_mode(draft)
            parameters.check()
            self._settle_response_type(draft)
            for check in self._checks:
                check(draft)
        except OAuthError as error:
            pending = PendingError(
                code=error.code,
                description=error.description,
                redirect_uri=redirect_uri,
                response_mode=request.response_mode,
                state=request.state,
            )
            silent = request.silent or parameters.peek("prompt") == "none"
            raise RefusedRequestError(client, pending, silent=silent, error=error) from error
        return client, request

    async def _identify_client(self, parameters: Parameters) -> Client:
        # OAuth 2.1 section 4.1.2.1: a missing or unknown client never leads to a redirect.
        if "client_id" in parameters.faults:
            raise UntrustedRequestError(
                "bad_request", "client_id is repeated or unreadable; send it once, form-encoded in UTF-8"
            )
        client_id = parameters.peek("client_id")
        if client_id is None:
            raise UntrustedRequestError("client_unknown", "client_id is missing")
        client = await self._issuer.clients.find(client_id)
        if client is None or client.status != "active":
            raise UntrustedRequestError("client_unknown", "client_id is not known to this server")
        return client

    def _resolve_redirect_uri(self, client: Client, parameters: Parameters) -> tuple[str, bool]:
        if "redirect_uri" in parameters.faults:
            raise UntrustedRequestError(
                "bad_request", "redirect_uri is repeated or unreadable; send it once, form-encoded in UTF-8"
            )
        requested = parameters.peek("redirect_uri")
        registered = client.metadata.redirect_uris
        if requested is None:
            if not self._redirects:
                return "", False
            # OAuth 2.1 section 2.3.2: only a single registered one can be meant.
            if len(registered) == 1:
                return registered[0], False
            raise UntrustedRequestError(
                "redirect_uri_mismatch",
                "redirect_uri is missing; this client has "
                + ("several registered, name one" if registered else "none registered"),
            )
        # OAuth 2.1 section 4.1.1: code point by code point, but for the port of loopback addresses.
        if any(match_redirect_uri(requested, candidate) for candidate in registered):
            return requested, True
        raise UntrustedRequestError(
            "redirect_uri_mismatch",
            "redirect_uri is not one of the client's registered URIs; they are compared character by character",
        )

    def _settle_response_mode(self, draft: AuthorizationDraft) -> None:
        mode = draft.parameters.peek("response_mode") or "query"
        allowed = draft.client.metadata.response_modes
        if mode not in self._response_modes or (allowed and mode not in allowed):
            raise InvalidRequestError("response_mode is not supported for this client")
        draft.request.response_mode = mode

    def _settle_response_type(self, draft: AuthorizationDraft) -> None:
        value = draft.parameters.require("response_type")
        # OAuth 2.1 section 4.1.1: values with spaces are unordered sets.
        name = " ".join(sorted(value.split(" "))) if " " in value else value
        if name not in self._response_types:
            raise UnsupportedResponseTypeError("response_type is not supported; this server offers code")
        metadata = draft.client.metadata
        if name not in metadata.response_types or "authorization_code" not in metadata.grant_types:
            raise UnauthorizedClientError("this client is not registered for this response_type")
        draft.request.response_type = name
