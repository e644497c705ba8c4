"""The sign-in step of the interaction; the ways to sign in are contributions of other features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import InteractionStep, SessionRule, SignInMethod, Step
from grantd.server.pipeline.browser import client_view
from grantd.server.pipeline.model import Challenge, InteractionContext, Retry, StepResult
from grantd.server.pipeline.pages import SignInView

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

METHOD_FIELD = "method"


class SignInStep:
    """Needed until there is a session that every rule accepts (OAuth 2.1 section 3.1)."""

    def __init__(self, issuer: "Issuer") -> None:
        registry = issuer.registry
        self._methods = {
            method.name: method.build(issuer)
            for method in sorted(registry.of(SignInMethod), key=lambda method: method.order)
        }
        self._rules = tuple(rule.satisfied for rule in registry.of(SessionRule))

    def needed(self, context: InteractionContext) -> bool:
        """Return whether the person has to sign in (again)."""
        return context.session is None or not all(satisfied(context) for satisfied in self._rules)

    async def present(self, context: InteractionContext) -> Challenge:
        """Return the sign-in page with every method."""
        state = context.state
        redirect_uri = state.request.redirect_uri if state.request else state.error.redirect_uri if state.error else ""
        return Challenge(
            step="sign_in",
            view=SignInView(
                client=client_view(context.client, redirect_uri),
                methods={name: method.present(context) for name, method in self._methods.items()},
            ),
        )

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> StepResult:
        """Hand the answer to the method that it names; the only method needs no name."""
        named = fields.get(METHOD_FIELD, ())
        name = named[0] if named else next(iter(self._methods))
        method = self._methods.get(name)
        if method is None:
            return Retry("form_incomplete")
        return await method.submit(context, fields)


def _build(issuer: "Issuer") -> Step:
    return SignInStep(issuer)


FEATURE = Feature(
    name="sign_in",
    specification=Specification(
        title="The OAuth 2.1 Authorization Framework, authenticating the resource owner",
        number="draft-ietf-oauth-v2-1",
        version="-15",
        status="standard",
        link="https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
        prefixes=("OA21",),
    ),
    summary="Nobody decides before the server knows who it is.",
    contributions=(InteractionStep(name="sign_in", order=100, build=_build, silent_error="login_required"),),
    requires=("interaction_pages",),
)
