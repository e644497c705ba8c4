"""Static files: read once, named by their content, kept by browsers for a year."""

import hashlib
from functools import lru_cache
from pathlib import Path

from grantd.server.http.messages import HeaderList
from grantd.server.pipeline.pages import Brand
from grantd.server.web.colours import accent_css

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


def _hashed(name: str, body: bytes) -> str:
    stem, _, extension = name.rpartition(".")
    return f"/static/{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{extension}"


def _headers(name: str) -> HeaderList:
    return [
        (b"content-type", _TYPES[Path(name).suffix]),
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
        # An SVG opened by its address is a document; it gets no rights.
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ]


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}


@lru_cache(maxsize=1024)
def addresses(accent: str) -> dict[str, str]:
    """Return the paths of the static files below the issuer's base path, by plain name (``app.css``)."""
    named = {**_files(), "brand.css": accent_css(accent)}
    return {name: _hashed(name, body) for name, body in named.items()}


def static_files(brand: Brand) -> dict[str, tuple[HeaderList, bytes]]:
    """Return everything that the pages of an issuer load.

    Args:
        brand: whose accent becomes ``brand.css``.

    Returns:
        Path below the issuer's ``base_path`` (``/static/app.1f….css``) to headers and body. The name changes with
        the content, so the answer may be kept for ever.

    Raises:
        ValueError: the accent cannot be used; see ``accent_problem``.
    """
    named = {**_files(), "brand.css": accent_css(brand.accent)}
    return {path: (_headers(name), named[name]) for name, path in addresses(brand.accent).items()}
