"""Consent: the person sees who wants what where, and decides (OAuth 2.1 sections 7.3 and 7.9)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuditEventTypes, ConsentSection, InteractionStep
from grantd.server.features.consent.scopes import build_scope_section
from grantd.server.features.consent.step import build_consent_step

FEATURE = Feature(
    name="consent",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, the resource owner's decision",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Scopes by resource in words, each to be refused alone; remembered only where that is safe.",
    contributions=(
        InteractionStep(name="consent", order=500, build=build_consent_step, silent_error="consent_required"),
        ConsentSection(name="scopes", order=100, build=build_scope_section),
        AuditEventTypes(
            types={
                "consent.given": "A person allowed a client what the details list.",
                "consent.denied": "A person refused a client.",
            }
        ),
    ),
    requires=("sign_in",),
)
