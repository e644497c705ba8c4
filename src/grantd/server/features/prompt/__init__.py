"""``prompt`` and ``login_hint``: ask nothing, ask again, ask this person (OpenID Connect Core section 3.1.2.1)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grantd.core.errors import InvalidRequestError
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuthorizationCheck, Metadata, SessionRule
from grantd.server.pipeline.model import AuthorizationDraft, InteractionContext

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

_LONGEST_HINT = 256
VALUES = ("none", "login", "consent", "select_account")


def check_prompt(draft: AuthorizationDraft) -> None:
    """Read ``prompt`` and ``login_hint``.

    Raises:
        InvalidRequestError: an unknown value, or ``none`` beside another one.
    """
    hint = draft.parameters.get("login_hint")
    if hint is not None:
        draft.request.extras["login_hint"] = hint[:_LONGEST_HINT]
    value = draft.parameters.get("prompt")
    if value is None:
        return
    prompt = tuple(dict.fromkeys(value.split(" ")))
    if not set(prompt) <= set(VALUES):
        raise InvalidRequestError(f"prompt has an unknown value; known are {', '.join(VALUES)}")
    if "none" in prompt and len(prompt) > 1:
        raise InvalidRequestError("prompt none stands alone")
    draft.request.prompt = prompt


def fresh_enough(context: InteractionContext) -> bool:
    """Return whether the session satisfies ``prompt``: a new sign-in was asked for, or another account."""
    request = context.state.request
    if request is None or context.state.fresh_sign_in:
        return True
    return "login" not in request.prompt and "select_account" not in request.prompt


def _members(_issuer: "Issuer") -> Mapping[str, object]:
    return {"prompt_values_supported": list(VALUES)}


FEATURE = Feature(
    name="prompt",
    specification=Specification(
        title="OpenID Connect Core 1.0, the prompt parameter",
        number="OpenID Connect Core 1.0",
        version="2023-12",
        status="standard",
        link="https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest",
    ),
    summary="prompt=none never shows a page; login asks for a new sign-in; consent asks for a new decision.",
    contributions=(
        AuthorizationCheck(parameters=frozenset({"prompt", "login_hint"}), check=check_prompt),
        SessionRule(name="prompt", satisfied=fresh_enough),
        Metadata(names=frozenset({"prompt_values_supported"}), members=_members),
    ),
    requires=("authorization_code",),
)
