"""Composition of features: conflicts and gaps are found here, before anything listens."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from grantd.server.extension.feature import Claim, CompositionError, Contribution, Feature

C = TypeVar("C", bound=Contribution)

REQUIRED: Mapping[str, str] = {
    "pkce": "OAuth 2.1 section 7.5.1 leaves no safe authorization code flow without it",
    "issuer_identification": "OAuth 2.1 section 4.1.2 demands iss in every authorization response",
}
"""Features that may not be taken out, and why."""

CORE = "the core"
RESERVED: tuple[Claim, ...] = (
    *(
        Claim("authorization request parameter", name)
        for name in ("client_id", "redirect_uri", "response_type", "response_mode", "state")
    ),
    *(Claim("authorization response parameter", name) for name in ("error", "error_description", "state")),
    *(Claim("token request parameter", name) for name in ("client_id", "grant_type", "resource", "scope")),
    *(
        Claim("token response member", name)
        for name in ("access_token", "expires_in", "issued_token_type", "refresh_token", "scope", "token_type")
    ),
)
"""Names on the wire that the pipeline itself reads or writes: no feature can take them over."""


class Registry:
    """The features of one issuer, in the order of their list, with their contributions by extension point.

    Args:
        features: the installed features.

    Raises:
        CompositionError: two features own one name, a required feature is missing, or a draft was not acknowledged.
    """

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = tuple(features)
        self._by_type: dict[type[Contribution], list[Contribution]] = {}
        self.names = frozenset(feature.name for feature in self.features)
        self._owners: dict[Claim, str] = dict.fromkeys(RESERVED, CORE)
        self._refuse_gaps()
        for feature in self.features:
            for contribution in feature.contributions:
                self._by_type.setdefault(type(contribution), []).append(contribution)
                for claim in contribution.claims():
                    self._own(claim, feature.name)

    def _own(self, claim: Claim, name: str) -> None:
        owner = self._owners.setdefault(claim, name)
        if owner == CORE:
            raise CompositionError(f"feature {name!r} claims the {claim.kind} {claim.name!r}, which the core owns")
        if owner != name:
            raise CompositionError(
                f"features {owner!r} and {name!r} both claim the {claim.kind} {claim.name!r}; "
                "take one of them out of the list of features"
            )

    def _refuse_gaps(self) -> None:
        if len(self.names) != len(self.features):
            names = [feature.name for feature in self.features]
            twice = next(name for name in names if names.count(name) > 1)
            raise CompositionError(f"two features are called {twice!r}; rename one of them or list it once")
        for feature in self.features:
            for name in feature.requires:
                if name not in self.names:
                    raise CompositionError(f"feature {feature.name!r} needs {name!r}; add it to the list of features")

    def require(self, mandatory: Mapping[str, str] = REQUIRED) -> None:
        """Refuse to go on without the features that security rests on.

        Raises:
            CompositionError: names the missing feature and the reason.
        """
        if "authorization_code" not in self.names:
            return
        for name, reason in mandatory.items():
            if name not in self.names:
                raise CompositionError(f"feature {name!r} may not be taken out: {reason}")

    def of(self, point: type[C]) -> tuple[C, ...]:
        """Return all contributions to one extension point, in the order of the feature list."""
        return tuple(c for c in self._by_type.get(point, ()) if isinstance(c, point))


def select(
    available: Iterable[Feature], *, wanted: Iterable[str] | None, drafts: Mapping[str, str]
) -> tuple[Feature, ...]:
    """Pick the features of an issuer.

    Args:
        available: every feature that this installation has.
        wanted: names from the configuration; ``None`` means every feature that is on by default.
        drafts: draft features that the operator switched on, with the version expected.

    Raises:
        CompositionError: an unknown name, two features of one name, or a draft whose version is not the one that the
            operator named.
    """
    by_name: dict[str, Feature] = {}
    for feature in available:
        if by_name.setdefault(feature.name, feature) is not feature:
            raise CompositionError(f"two features are called {feature.name!r}; rename one of them or list it once")
    unknown = [name for name in (*(wanted or ()), *drafts) if name not in by_name]
    if unknown:
        raise CompositionError(f"unknown feature {unknown[0]!r}; known are: {', '.join(sorted(by_name))}")
    for name, version in drafts.items():
        speaks = by_name[name].specification.version
        if speaks != version:
            raise CompositionError(f"drafts.{name} names version {version!r}, but this release speaks {speaks!r}")
    chosen = []
    for feature in by_name.values():
        is_draft = feature.specification.status == "draft"
        listed = feature.name in drafts if is_draft else (feature.default if wanted is None else feature.name in wanted)
        if is_draft and wanted is not None and feature.name in wanted and not listed:
            raise CompositionError(
                f"feature {feature.name!r} is a draft; switch it on with "
                f'drafts.{feature.name} = "{feature.specification.version}"'
            )
        if listed:
            chosen.append(feature)
    return tuple(chosen)
