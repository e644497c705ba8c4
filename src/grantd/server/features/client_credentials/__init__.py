"""Client credentials: a client acts for itself (OAuth 2.1 section 4.2)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import GrantType
from grantd.server.features.client_credentials.handler import ClientCredentials

FEATURE = Feature(
    name="client_credentials",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, client credentials grant",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="A confidential client gets tokens for itself, under a subject that no user can have.",
    contributions=(GrantType(name="client_credentials", build=ClientCredentials, public_clients=False),),
)
