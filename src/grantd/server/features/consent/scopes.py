"""The consent section of scopes: grouped by resource, in the resource's own words."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from grantd.core.errors import AccessDeniedError
from grantd.server.extension.points import Section
from grantd.server.features.consent.remembering import may_remember
from grantd.server.pipeline.model import ConsentContent, ConsentItem, GrantDraft, InteractionContext
from grantd.server.pipeline.targets import ResourceIndex

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


NO_RESOURCE = ""
"""Where scopes stand that belong to no resource."""


def scopes_by_resource(index: ResourceIndex, scopes: Iterable[str], resources: Iterable[str]) -> dict[str, list[str]]:
    """Return what is asked where: a scope allowed at one resource says nothing about its namesake elsewhere."""
    wanted = tuple(scopes)
    asked = {
        resource: [scope for scope in wanted if scope in server.scopes]
        for resource in resources
        if (server := index.by_identifier.get(resource)) is not None
    }
    placed = {scope for own in asked.values() for scope in own}
    free = [scope for scope in wanted if scope not in placed]
    return {**asked, NO_RESOURCE: free} if free else asked


class ScopeSection:
    """One group of choices a resource; a scope that belongs to no resource stands in a group of its own."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer

    def needed(self, context: InteractionContext) -> bool:
        """Return whether something is asked that no remembered consent covers."""
        request, session = context.state.request, context.session
        if request is None:
            return False
        if context.client.metadata.first_party and context.client.metadata.skip_consent:
            return False
        consent = session.consent if session else None
        # OAuth 2.1 section 7.3.1: kept for an address or a client type that may have changed since.
        if consent is None or not may_remember(context.client, request.redirect_uri):
            return True
        remembered = consent.details.get("scopes_by_resource", {})
        asked = scopes_by_resource(self._issuer.resources, request.scopes, request.resources)
        return any(not set(scopes) <= set(remembered.get(resource, ())) for resource, scopes in asked.items())

    def present(self, context: InteractionContext) -> tuple[ConsentContent, ...]:
        """Return the groups."""
        request = context.state.request
        if request is None:
            return ()
        index = self._issuer.resources
        shown: set[str] = set()
        contents = []
        for resource in request.resources:
            server = index.by_identifier.get(resource)
            if server is None:
                continue
            own = [scope for scope in request.scopes if scope in server.scopes and scope not in shown]
            shown.update(own)
            contents.append(
                ConsentContent(
                    section="scopes",
                    title=server.name,
                    subtitle=urlsplit(resource).hostname or resource,
                    items=tuple(
                        ConsentItem(value=scope, text=index.words(scope, server), detail=scope) for scope in own
                    ),
                )
            )
        free = tuple(ConsentItem(value=s, text=s, detail=s) for s in request.scopes if s not in shown)
        if free:
            contents.append(ConsentContent(section="scopes", title=self._issuer.brand.name, items=free))
        return tuple(contents)

    def decide(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """Read the ticked scopes; what was not asked for cannot be ticked."""
        request = context.state.request
        ticked = set(fields.get("scopes", ()))
        return {"scopes": [scope for scope in request.scopes if scope in ticked] if request else []}

    def apply(self, _context: InteractionContext, decision: dict[str, Any] | None, draft: GrantDraft) -> None:
        """Narrow the grant to what was ticked (OAuth 2.1 section 1.4.1).

        Raises:
            AccessDeniedError: nothing is left.
        """
        if decision is None:
            return
        draft.scopes = tuple(scope for scope in draft.scopes if scope in decision["scopes"])
        if not draft.scopes:
            raise AccessDeniedError("the person allowed none of the scopes")


def build_scope_section(issuer: "Issuer") -> Section:
    """Return the section."""
    return ScopeSection(issuer)
