"""OAuth 2.1 sections 3.2.3, 3.2.4 and 7.5.3: what responses carry."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.errors import InvalidClientError, InvalidRequestError, TemporarilyUnavailableError
from grantd.server.http.responses import empty, error_response, json_response, redirect, text


@pytest.mark.req("OA21-076")
def test_json_is_not_stored() -> None:
    response = json_response(200, {"access_token": "x", "expires_in": 300}, headers=[(b"dpop-nonce", b"n")])
    assert response.status == 200
    assert dict(response.headers) == {
        b"content-type": b"application/json",
        b"cache-control": b"no-store",
        b"dpop-nonce": b"n",
    }
    assert json.loads(response.body) == {"access_token": "x", "expires_in": 300}


def test_json_may_be_ready_bytes_that_caches_keep() -> None:
    response = json_response(200, b"{}", no_store=False, headers=[(b"cache-control", b"max-age=300")])
    assert response.headers == [(b"content-type", b"application/json"), (b"cache-control", b"max-age=300")]
    assert response.body == b"{}"


@pytest.mark.req("OA21-084")
def test_an_error_is_json_with_its_code_and_status() -> None:
    error = InvalidRequestError("the parameter 'x' is missing", detail="private", members={"hint": "h", "error": "no"})
    response = error_response(error)
    assert response.status == 400
    assert (b"content-type", b"application/json") in response.headers
    assert (b"cache-control", b"no-store") in response.headers
    assert json.loads(response.body) == {
        "error": "invalid_request",
        "error_description": "the parameter 'x' is missing",
        "hint": "h",
    }


@pytest.mark.req("OA21-085")
def test_an_error_carries_its_headers_and_another_status() -> None:
    error = InvalidClientError("unknown client")
    error.headers.append((b"www-authenticate", b"Basic"))
    response = error_response(error, status=401)
    assert response.status == 401
    assert (b"www-authenticate", b"Basic") in response.headers


@pytest.mark.req("OA21-087")
def test_an_absent_description_is_left_out() -> None:
    response = error_response(TemporarilyUnavailableError())
    assert response.status == 503
    assert json.loads(response.body) == {"error": "temporarily_unavailable"}


@pytest.mark.req("OA21-086")
@given(st.text())
def test_hostile_descriptions_stay_inside_the_alphabet(hostile: str) -> None:
    body = error_response(InvalidRequestError(f"bad '{hostile}'")).body
    assert all(0x20 <= ord(c) < 0x7F and c not in '"\\' for c in json.loads(body)["error_description"])


@pytest.mark.req("OA21-066")
def test_redirects_are_303_and_leave_no_trace() -> None:
    response = redirect("https://app.example/cb?code=x", headers=[(b"set-cookie", b"a=b")])
    assert response.status == 303
    assert dict(response.headers) == {
        b"location": b"https://app.example/cb?code=x",
        b"cache-control": b"no-store",
        b"referrer-policy": b"no-referrer",
        b"set-cookie": b"a=b",
    }
    assert response.body == b""


@pytest.mark.parametrize("location", ["https://a/\r\nSet-Cookie: x", "https://a/ b", "https://a/ü", "https://a/\x00"])
def test_a_location_cannot_split_the_response(location: str) -> None:
    with pytest.raises(ValueError, match="Location"):
        redirect(location)


def test_text_and_empty() -> None:
    plain = text(421, "wrong host")
    assert plain.status == 421
    assert plain.body == b"wrong host"
    assert (b"x-content-type-options", b"nosniff") in plain.headers
    nothing = empty(200)
    assert nothing.status == 200
    assert nothing.body == b""
