"""Resource indicators: the client says where a token will be used, and the token works nowhere else (RFC 8707)."""

from collections.abc import Mapping
from typing import Any

from grantd.core.scopes import parse_scope
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuthorizationCheck, TokenResponseMember
from grantd.server.pipeline.model import AuthorizationDraft, Issuance, TokenRequest
from grantd.server.pipeline.targets import plan_authorization


def settle_target(draft: AuthorizationDraft) -> None:
    """Settle scopes and resources of an authorization request.

    Raises:
        InvalidScopeError: OAuth 2.1 section 4.1.2.1.
        InvalidTargetError: RFC 8707 section 2.1.
    """
    scope = draft.parameters.get("scope")
    issuer = draft.issuer
    target = plan_authorization(
        issuer.resources,
        draft.client,
        scopes=None if scope is None else parse_scope(scope),
        resources=draft.parameters.all("resource"),
        issuer_default_scope=issuer.settings.clients.default_scope,
        require_resource=issuer.settings.clients.require_resource,
    )
    draft.request.scopes = target.scopes
    draft.request.resources = target.resources


def name_resource(request: TokenRequest, issuance: Issuance) -> Mapping[str, Any]:
    """Tell which resources the token is for, so that a client notices when its wish was not heard."""
    if not request.issuer.settings.clients.resource_in_token_response:
        return {}
    return {"resource": list(issuance.plan.audience)}


FEATURE = Feature(
    name="resource_indicators",
    specification=Specification(
        title="Resource Indicators for OAuth 2.0",
        number="RFC 8707",
        version="2020-02",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc8707",
        prefixes=("RI",),
    ),
    summary="resource at the authorization and token endpoints decides the audience; the answer says which it was.",
    contributions=(
        AuthorizationCheck(
            parameters=frozenset({"scope", "resource"}), repeatable=frozenset({"resource"}), check=settle_target
        ),
        TokenResponseMember(names=frozenset({"resource"}), contribute=name_resource),
    ),
)
