"""The browser's driver of the interaction: one page a step, one form a page."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Endpoint
from grantd.server.features.interaction_pages.endpoint import InteractionEndpoint

FEATURE = Feature(
    name="interaction_pages",
    specification=Specification(
        title="Pages of the interaction",
        number="grantd",
        version="1",
        status="house",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
    ),
    summary="Sign-in and consent as plain HTML forms, bound to one browser, safe against framing and forged posts.",
    contributions=(
        Endpoint(
            name="interaction",
            path="/interaction",
            methods=frozenset({"GET", "POST"}),
            build=InteractionEndpoint,
        ),
    ),
    requires=("authorization_code",),
)
