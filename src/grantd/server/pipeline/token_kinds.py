"""Recognising a token of any kind; the hint only says where to look first (RFC 7009 section 2.1)."""

from typing import TYPE_CHECKING

from grantd.server.extension.points import TokenKind
from grantd.server.pipeline.model import TokenReference

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


class TokenKinds:
    """All kinds of tokens that the installed features recognise."""

    def __init__(self, issuer: "Issuer") -> None:
        self._kinds = tuple((kind.name, kind.build(issuer)) for kind in issuer.registry.of(TokenKind))

    async def find(self, token: str, hint: str | None) -> tuple[str, TokenReference] | None:
        """Return the kind and the reference of an authentic, unexpired token of ours.

        Args:
            token: what a client or resource server sent.
            hint: ``token_type_hint``; unknown values are ignored.
        """
        kinds = self._kinds
        if hint is not None:
            kinds = tuple(sorted(kinds, key=lambda kind: kind[0] != hint))
        for name, recognise in kinds:
            reference = await recognise(token)
            if reference is not None:
                return name, reference
        return None
