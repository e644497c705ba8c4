"""Authlib and requests-oauthlib, unmodified."""

import pytest
from authlib.integrations.httpx_client import OAuth2Client
from requests_oauthlib import OAuth2Session
from tests.support.browser import Browser
from tests.support.quickstart import (
    API,
    CONFIDENTIAL_CLIENT,
    PASSWORD,
    PUBLIC_CLIENT,
    REDIRECT_URI,
    SCOPE,
    USERNAME,
    Quickstart,
)

pytestmark = pytest.mark.interop


def test_authlib_runs_the_code_flow(quickstart: Quickstart) -> None:
    metadata, resource = quickstart.metadata(), quickstart.resource(API)
    secret = quickstart.client_secret(CONFIDENTIAL_CLIENT)
    with (
        Browser() as browser,
        OAuth2Client(
            client_id=CONFIDENTIAL_CLIENT,
            client_secret=secret,
            token_endpoint_auth_method="client_secret_basic",
            revocation_endpoint_auth_method="client_secret_basic",
            scope=SCOPE,
            redirect_uri=REDIRECT_URI,
            code_challenge_method="S256",
            trust_env=False,
        ) as client,
        OAuth2Client(client_id=API, client_secret=quickstart.resource_secret(API), trust_env=False) as api,
    ):
        verifier = "v" * 43
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, resource=resource
        )
        callback = browser.authorize(url, username=USERNAME, password=PASSWORD)
        first = client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=callback,
            state=state,
            code_verifier=verifier,
            resource=resource,
        )
        found = api.introspect_token(metadata["introspection_endpoint"], token=first["access_token"])
        assert found.json()["active"] is True
        assert found.json()["client_id"] == CONFIDENTIAL_CLIENT
        second = dict(client.refresh_token(metadata["token_endpoint"], refresh_token=first["refresh_token"]))
        assert second["access_token"] != first["access_token"]
        newest = second.get("refresh_token", first["refresh_token"])
        revoked = client.revoke_token(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            metadata["revocation_endpoint"], token=newest
        )
        assert revoked.status_code == 200
        gone = api.introspect_token(metadata["introspection_endpoint"], token=second["access_token"])
        assert gone.json() == {"active": False}


def test_authlib_uses_client_credentials(quickstart: Quickstart) -> None:
    secret = quickstart.client_secret(CONFIDENTIAL_CLIENT)
    with OAuth2Client(client_id=CONFIDENTIAL_CLIENT, client_secret=secret, trust_env=False) as client:
        token = client.fetch_token(
            quickstart.metadata()["token_endpoint"],
            grant_type="client_credentials",
            scope="notes.read",
            resource=quickstart.resource(API),
        )
        assert token["token_type"].lower() == "bearer"
        assert "refresh_token" not in token


def test_requests_oauthlib_runs_the_code_flow(quickstart: Quickstart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # http on loopback
    metadata, resource = quickstart.metadata(), quickstart.resource(API)
    redirect_uri = REDIRECT_URI.replace("127.0.0.1", "127.0.0.1:49153")
    with (
        Browser() as browser,
        OAuth2Session(PUBLIC_CLIENT, redirect_uri=redirect_uri, scope=SCOPE.split(), pkce="S256") as session,
    ):
        session.trust_env = False
        url, _ = session.authorization_url(metadata["authorization_endpoint"], resource=resource)
        callback = browser.authorize(url, username=USERNAME, password=PASSWORD)
        first = dict(
            session.fetch_token(
                metadata["token_endpoint"],
                authorization_response=callback,
                include_client_id=True,
                resource=resource,
            )
        )
        second = dict(
            session.refresh_token(
                metadata["token_endpoint"], client_id=PUBLIC_CLIENT, refresh_token=first["refresh_token"]
            )
        )
        assert second["access_token"] != first["access_token"]
        # The successor replaces the presented token of a public client.
        assert second["refresh_token"] != first["refresh_token"]
