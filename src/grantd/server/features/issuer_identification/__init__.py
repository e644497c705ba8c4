"""Issuer identification: every authorization response names its server (RFC 9207)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuthorizationResponseParameter, Metadata

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer


def _value(issuer: "Issuer") -> str:
    return issuer.identifier


def _members(issuer: "Issuer") -> Mapping[str, object]:
    # RFC 9207 section 2: only an https URL is an issuer identifier that a client may be told to insist on.
    if issuer.scheme != "https":
        return {}
    return {"authorization_response_iss_parameter_supported": True}


FEATURE = Feature(
    name="issuer_identification",
    specification=Specification(
        title="OAuth 2.0 Authorization Server Issuer Identification",
        number="RFC 9207",
        version="2022-03",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc9207",
        prefixes=("ISS",),
    ),
    summary="Success and error responses carry iss, so that a client notices an answer of another server.",
    contributions=(
        AuthorizationResponseParameter(name="iss", value=_value),
        Metadata(names=frozenset({"authorization_response_iss_parameter_supported"}), members=_members),
    ),
    requires=("authorization_code",),
)
