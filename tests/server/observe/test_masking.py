import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.server.observe.masking import MASK, is_secret_name, mask_text, mask_value


@pytest.mark.parametrize(
    "name",
    [
        "password", "new_password", "client_secret", "clientSecret", "access_token", "refresh_token", "token", "tokens",
        "code", "authorization", "Authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "client_assertion",
        "assertion", "code_verifier", "sealing_key", "privateKey", "DPoP", "csrf", "request_uri", "APIKey", "x" * 200,
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "event",
        "client_id",
        "status_code",
        "error_code",
        "token_type",
        "token_endpoint_auth_method",
        "kid",
        "code_challenge",
        "public_key",
        "",
        "é",
        "authorization_details",
    ],
)
def test_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /cb?code=SplxlOBeZQ&state=af0ifjsldkj HTTP/1.1", f"GET /cb?code={MASK}&state={MASK} HTTP/1.1"),
        ("client_secret=hush-hush", f"client_secret={MASK}"),
        ('{"access_token": "abcdef"}', f'{{"access_token": "{MASK}"}}'),
        ("Authorization: Bearer abc.def.ghi", f"Authorization: Bearer {MASK}"),
        ("basic dXNlcjpwYXNzd29yZA==", f"basic {MASK}"),
        ("nothing to see", "nothing to see"),
        ("token: expired", "token: expired"),
        ("status_code=404", "status_code=404"),
    ],
)
def test_running_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_looks_into_values() -> None:
    value = {
        "form": {"client_id": "c", "client_secret": "s"},
        "list": [{"token": "t"}],
        "raw": b"bytes",
        "n": 1.5,
        "none": None,
    }
    assert mask_value(value) == {
        "form": {"client_id": "c", "client_secret": MASK},
        "list": [{"token": MASK}],
        "raw": MASK,
        "n": 1.5,
        "none": None,
    }


def test_masks_what_is_too_deep_and_ends_on_cycles() -> None:
    cycle: dict[str, object] = {}
    cycle["again"] = cycle
    assert MASK in str(mask_value(cycle))


def test_objects_become_masked_text() -> None:
    assert mask_value(ValueError("password=hunter22")) == f"password={MASK}"


@given(
    st.recursive(
        st.text() | st.binary() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_never_fails(value: object) -> None:
    mask_value(value)


@given(st.text(alphabet="abcdefgh", min_size=8, max_size=30))
def test_secrets_under_secret_names_never_come_through(secret: str) -> None:
    marked = f"zz{secret}zz"
    assert marked not in str(mask_value({"x": [{"refresh_token": marked}], "text": f"refresh_token={marked}"}))
