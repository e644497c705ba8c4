"""The security headers of every page (OAuth 2.1 sections 7.11 and 7.12)."""

import re

from grantd.server.http.messages import HeaderList

# A space, comma or semicolon would end the source or the directive, so nothing but these forms enters the policy.
_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}:(?://[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?)?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?")
_IPV6 = re.compile(r"(https?:)//\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")

_CAPABILITIES = (
    b"accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), "
    b"geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
    b"publickey-credentials-get=(self), usb=()"
)

_FIXED: HeaderList = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex"),
    (
        b"permissions-policy",
        _CAPABILITIES,
    ),
]


def form_source(source: str) -> str:
    """Return what ``form-action`` may say for a redirect target, or empty when it fits no form of CSP 3.

    Host sources have no IPv6 addresses, so such a target (a program on the person's computer) counts by its scheme.
    """
    if _SOURCE.fullmatch(source):
        return source
    address = _IPV6.fullmatch(source)
    return address[1] if address else ""


def page_headers(
    *, has_form: bool = False, redirect_source: str = "", frame_ancestors: tuple[str, ...] = ()
) -> HeaderList:
    """Return the headers of a page.

    Args:
        has_form: whether the page posts to us.
        redirect_source: CSP source that the answer to the form may redirect to: Chromium applies ``form-action`` to
            that redirect.
        frame_ancestors: origins that may frame the page; whatever is no origin is left out.
    """
    ancestors = [origin for origin in frame_ancestors if _ORIGIN.fullmatch(origin)]
    target = form_source(redirect_source)
    action = f"'self' {target}".rstrip() if has_form else "'none'"
    # OAuth 2.1 section 7.11: framing is refused unless the administrator named who may.
    framing = " ".join(ancestors) or "'none'"
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
        f"form-action {action}; frame-ancestors {framing}"
    )
    headers = [*_FIXED, (b"content-security-policy", policy.encode())]
    if not ancestors:
        headers.append((b"x-frame-options", b"DENY"))
    return headers
