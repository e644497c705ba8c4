"""Signing in with a password."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from grantd.core.errors import TemporarilyUnavailableError
from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import AuditEventTypes, SignIn, SignInMethod
from grantd.server.pipeline.model import Advance, Authentication, InteractionContext, Retry
from grantd.server.pipeline.pages import PasswordView
from grantd.server.throttle import Throttle
from grantd.storage.records import AuditEvent, User
from grantd.storage.rows import fold

if TYPE_CHECKING:
    from grantd.server.issuer import Issuer

ACR = "urn:grantd:acr:password"
_LONGEST = 1_024


class PasswordSignIn:
    """Checks user name and password; unknown names take the same time and get the same words."""

    def __init__(self, issuer: "Issuer") -> None:
        self._issuer = issuer
        throttle = issuer.settings.throttle
        self._throttle = Throttle(limit=throttle.sign_in_failures, window=throttle.sign_in_window, clock=issuer.clock)

    def present(self, context: InteractionContext) -> PasswordView:
        """Return the form, with the user name that the client hinted at."""
        request = context.state.request
        return PasswordView(username=request.extras.get("login_hint", "") if request else "")

    async def submit(self, context: InteractionContext, fields: Mapping[str, tuple[str, ...]]) -> Advance | Retry:
        """Verify the answer."""
        username = "".join(fields.get("username", ()))[:_LONGEST].strip()
        password = "".join(fields.get("password", ()))
        if not username or not password:
            return Retry("form_incomplete")
        issuer = self._issuer
        # Failures count for the name from one address, so that a stranger elsewhere cannot lock the person out.
        # The name counts as the store compares it: no other spelling gives new guesses.
        key = (fold(username), context.address)
        retry_after = self._throttle.blocked(key)
        if retry_after is not None:
            issuer.metrics.sign_in("throttled").inc()
            return Retry("throttled", status=429, retry_after=retry_after)
        # Counted until it turns out right, so that guesses sent at once do not all pass the check above.
        self._throttle.failed(key)
        user = await issuer.store.find_user_by_name(issuer.identifier, username)
        try:
            if user is None or user.status != "active":
                result = await issuer.passwords.verify_unknown(password)
            else:
                result = await issuer.passwords.verify(user.password_hash, password)
        except TemporarilyUnavailableError:
            return Retry("busy", status=503, retry_after=1)
        if user is None or not result.ok:
            self._tell_failure(context, user)
            return Retry("wrong_credentials", status=401)
        self._throttle.succeeded(key)
        if result.rehash is not None:
            # The parameters moved on since the hash was made; losing the race to another change is fine.
            await issuer.store.put_user(
                msgspec.structs.replace(user, password_hash=result.rehash, version=user.version + 1)
            )
        issuer.metrics.sign_in("success").inc()
        return Advance(authentication=Authentication(user=user, amr=("pwd",), acr=ACR))

    def _tell_failure(self, context: InteractionContext, user: User | None) -> None:
        self._issuer.metrics.sign_in("failure").inc()
        self._issuer.audit.record(
            AuditEvent(
                issuer=self._issuer.identifier,
                at=context.now,
                type="sign_in.failed",
                outcome="failure",
                subject=user.user_id if user else "",
                client_id=context.client.client_id,
                correlation_id=context.correlation_id,
                # What was typed as a name may be a password, so it is not kept.
                details={"method": "password", "address": context.address},
            )
        )


def _build(issuer: "Issuer") -> SignIn:
    return PasswordSignIn(issuer)


FEATURE = Feature(
    name="password",
    specification=Specification(
        title="Signing in with a password",
        number="grantd",
        version="1",
        status="house",
        link="https://pages.nist.gov/800-63-4/sp800-63b.html",
    ),
    summary="argon2id in a bounded pool, equal answers and times for unknown names, failures slowed down.",
    contributions=(
        SignInMethod(name="password", order=200, build=_build),
        AuditEventTypes(
            types={
                "sign_in.succeeded": "Somebody signed in.",
                "sign_in.failed": "Somebody failed to sign in.",
            }
        ),
    ),
    requires=("sign_in",),
)
