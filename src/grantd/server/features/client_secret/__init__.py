"""Shared secrets: ``client_secret_basic`` and ``client_secret_post`` (OAuth 2.1 section 2.4.1)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import ClientAuthenticationMethod
from grantd.server.features.client_secret.methods import (
    build_secret_verifier,
    find_basic,
    find_post,
)

FEATURE = Feature(
    name="client_secret",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, client secret",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Clients and resource servers may prove themselves by a secret in the header or in the body.",
    contributions=(
        ClientAuthenticationMethod(
            name="client_secret_basic",
            parameters=frozenset(),
            find=find_basic,
            build=build_secret_verifier,
            reads_authorization=True,
        ),
        ClientAuthenticationMethod(
            name="client_secret_post",
            parameters=frozenset({"client_secret"}),
            find=find_post,
            build=build_secret_verifier,
        ),
    ),
)
