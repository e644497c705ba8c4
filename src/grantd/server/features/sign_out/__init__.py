"""Signing out of this server: a page that asks, and the confirmation."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuditEventTypes, Endpoint
from grantd.server.features.sign_out.endpoint import SignOutEndpoint

FEATURE = Feature(
    name="sign_out",
    specification=Specification(
        title="Signing out",
        number="grantd",
        version="1",
        status="house",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
    ),
    summary="Ends the session, and with it the refresh tokens that the configuration ties to sessions.",
    contributions=(
        Endpoint(
            name="sign_out",
            path="/sign-out",
            methods=frozenset({"GET", "POST"}),
            build=SignOutEndpoint,
        ),
        AuditEventTypes(types={"session.ended": "A session was ended."}),
    ),
    requires=("interaction_pages",),
)
