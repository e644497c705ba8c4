"""Serves an issuer on a database file until somebody kills it. Arguments: port, database file."""

import sys

from grantd.server.app import Server
from grantd.server.http.serve import serve
from grantd.server.settings import (
    IssuerSettings,
    KeySettings,
    LogSettings,
    SecretSettings,
    ServerSettings,
    Settings,
    StoreSettings,
)

SEALING_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    settings = Settings(
        issuers=(IssuerSettings(issuer=f"http://127.0.0.1:{port}", keys=KeySettings(algorithms=("ES256",))),),
        server=ServerSettings(port=port),
        store=StoreSettings(url=f"sqlite:{path}", synchronous="full"),
        secrets=SecretSettings(sealing_key=SEALING_KEY),
        log=LogSettings(level="error", access="none"),
    )
    server = Server(settings)
    serve(server.application, settings.server, on_listening=lambda _host, _port: print("listening", flush=True))  # noqa: T201 - told to the parent


if __name__ == "__main__":
    main()
