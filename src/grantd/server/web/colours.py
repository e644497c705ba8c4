"""An issuer's accent colour: refused where it cannot be read, corrected where it nearly can."""

import re
from functools import lru_cache

from grantd.server.pipeline.pages import Brand

DEFAULT_ACCENT = "#0b5d4b"
LIGHT_CARD = "#ffffff"
DARK_CARD = "#1b1e1b"
"""The surfaces of app.css that carry text in the accent; a test holds the two files together."""

READABLE = 4.5
"""The smallest contrast of text (WCAG 2.2, 1.4.3)."""
_RECOGNISABLE = 2.0
"""Below this contrast with white, the corrected colour would no longer look like the brand."""
_GLOWING = 6.0
"""What a colour is lightened to for the dark scheme, where the bare minimum looks dull."""
_MARGIN = 1.02
"""Above the target, because the channels are rounded afterwards."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")

_Linear = tuple[float, float, float]


def _linear(colour: str) -> _Linear:
    """Return the channels in linear light, 0 to 1."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the sRGB curve
        for value in (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    )
    return red, green, blue


def _hex(linear: _Linear) -> str:
    channels = (
        value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004 - as above
        for value in linear
    )
    return "#" + "".join(f"{min(255, max(0, round(value * 255))):02x}" for value in channels)


def _luminance(linear: _Linear) -> float:
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(_linear(one)), _luminance(_linear(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _darkened(colour: str, surface: str) -> str:
    """Return the colour, as much darker as text on ``surface`` needs; scaling linear light keeps the hue."""
    if contrast(colour, surface) >= READABLE:
        return colour
    linear = _linear(colour)
    wanted = (_luminance(_linear(surface)) + 0.05) / (READABLE * _MARGIN) - 0.05
    red, green, blue = (channel * wanted / _luminance(linear) for channel in linear)
    return _hex((red, green, blue))


def _lightened(colour: str, surface: str) -> str:
    """Return the colour, as much lighter as text on ``surface`` needs: first brighter, then mixed with white."""
    if contrast(colour, surface) >= READABLE:
        return colour
    linear = _linear(colour)
    wanted = (_luminance(_linear(surface)) + 0.05) * _GLOWING - 0.05
    own = _luminance(linear)
    brighter = min(wanted / own, 1 / max(linear)) if own else 0.0
    share = (wanted - own * brighter) / (1 - own * brighter)
    red, green, blue = (channel * brighter + share * (1 - channel * brighter) for channel in linear)
    return _hex((red, green, blue))


def accent_problem(accent: str) -> str | None:
    """Say what is wrong with an accent colour, for the operator who set it.

    Args:
        accent: the value of the setting; empty means the colour of grantd.

    Returns:
        One sentence that says what would be right, or ``None``. A colour that is only a little too pale (or, for the
        dark scheme, too dark) is no problem: ``brand_css`` corrects it.
    """
    if not accent:
        return None
    if not _HEX.fullmatch(accent):
        return f"accent {accent[:40]!r} is not a colour; write it as #rrggbb, such as {DEFAULT_ACCENT}"
    ratio = contrast(accent, LIGHT_CARD)
    if ratio < _RECOGNISABLE:
        better = f"; {_darkened(accent, LIGHT_CARD)} has the same hue" if _luminance(_linear(accent)) else ""
        return (
            f"accent {accent} is too pale to be read on white (contrast {ratio:.1f}:1, at least "
            f"{_RECOGNISABLE:.0f}:1 can be corrected, {READABLE}:1 is used as it is){better}"
        )
    return None


@lru_cache(maxsize=1024)
def accent_css(accent: str) -> bytes:
    """Return the style sheet of an accent; see ``brand_css``."""
    problem = accent_problem(accent)
    if problem is not None:
        raise ValueError(problem)
    chosen = accent.lower() or DEFAULT_ACCENT
    light = _darkened(chosen, LIGHT_CARD)
    dark = _lightened(chosen, DARK_CARD)
    return (
        f":root{{--accent:{light};--on-accent:{LIGHT_CARD}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{DARK_CARD}}}}}\n"
    ).encode()


def brand_css(brand: Brand) -> bytes:
    """Return the issuer's style sheet: its accent, corrected for reading in both colour schemes.

    Raises:
        ValueError: ``accent_problem`` has something to say.
    """
    return accent_css(brand.accent)
