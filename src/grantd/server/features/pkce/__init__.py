"""PKCE: the code belongs to whoever made the challenge (OAuth 2.1 sections 4.1.1, 4.1.3 and 7.5.1)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuthorizationCheck, Metadata, RedemptionCheck
from grantd.server.features.pkce.rules import check_challenge, check_verifier, supported_methods

FEATURE = Feature(
    name="pkce",
    specification=Specification(
        title="Proof Key for Code Exchange by OAuth Public Clients",
        number="RFC 7636",
        version="2015-09",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc7636",
        prefixes=("OA21",),
    ),
    summary="Every code is bound to a challenge that only the client can answer; S256 and nothing weaker.",
    contributions=(
        AuthorizationCheck(
            parameters=frozenset({"code_challenge", "code_challenge_method"}),
            check=check_challenge,
        ),
        RedemptionCheck(parameters=frozenset({"code_verifier"}), check=check_verifier),
        Metadata(names=frozenset({"code_challenge_methods_supported"}), members=supported_methods),
    ),
    requires=("authorization_code",),
)
