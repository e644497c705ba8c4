"""``response_mode=query``: parameters in the query of the redirect URI (OAuth 2.1 section 4.1.2)."""

from typing import TYPE_CHECKING

from grantd.core.redirect_uris import add_response_parameters
from grantd.server.http.messages import Response
from grantd.server.http.responses import redirect
from grantd.server.pipeline.model import AuthorizationResponse

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def render_query(_issuer: "Issuer", response: AuthorizationResponse) -> Response:
    """Return the redirect: 303, since the request may have carried a password (OAuth 2.1 section 7.5.3)."""
    return redirect(add_response_parameters(response.redirect_uri, response.parameters))
