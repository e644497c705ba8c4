"""Public clients: the method ``none`` (OAuth 2.1 section 2.1).

It presents nothing, so there is nothing to find or verify; installing it lets clients that are registered with it name
themselves by ``client_id``.
"""

from typing import TYPE_CHECKING

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import ClientAuthenticationMethod, ClientAuthenticator, Credentials, Party
from grantd.server.http.forms import Parameters
from grantd.server.http.messages import Request

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def _find(_request: Request, _parameters: Parameters) -> tuple[Credentials, ...]:
    return ()


def _build(_issuer: "Issuer") -> ClientAuthenticator:
    async def verify(_credentials: Credentials, _party: Party, _request: Request) -> bool:
        return False

    return verify


FEATURE = Feature(
    name="public_client",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, public clients",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Native and browser-based apps take part without a secret; PKCE and rotation protect them.",
    contributions=(ClientAuthenticationMethod(name="none", parameters=frozenset(), find=_find, build=_build),),
)
