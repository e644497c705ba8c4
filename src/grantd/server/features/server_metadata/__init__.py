"""Authorization server metadata and the key set (RFC 8414)."""

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import Document, Metadata
from grantd.server.features.server_metadata.documents import (
    OWN_MEMBERS,
    build_key_set,
    build_metadata,
    key_set_paths,
    metadata_paths,
    own_members,
)

FEATURE = Feature(
    name="server_metadata",
    specification=Specification(
        title="OAuth 2.0 Authorization Server Metadata",
        number="RFC 8414",
        version="2018-06",
        status="standard",
        link="https://www.rfc-editor.org/rfc/rfc8414",
        prefixes=("ASM",),
    ),
    summary="One document says what the server offers, composed from the features that are really installed.",
    contributions=(
        Metadata(names=OWN_MEMBERS, members=own_members),
        Document(name="metadata", paths=metadata_paths, build=build_metadata),
        Document(name="jwks", paths=key_set_paths, build=build_key_set, metadata_member="jwks_uri"),
    ),
)
