"""How answers to browsers can turn out, as assertions."""

from tests.support.asgi import Answer
from tests.support.harness import ISSUER, WEB_REDIRECT


def assert_error_page(answer: Answer, *statuses: int) -> None:
    """A page for the person: readable, and it leads nowhere by itself."""
    assert answer.status in (statuses or (400,)), answer.text
    assert answer.header("location") is None
    assert answer.header("refresh") is None
    assert (answer.header("content-type") or "").startswith("text/html")
    assert "http-equiv" not in answer.text.lower()


def assert_refused(
    answer: Answer, error: str, *, redirect_uri: str = WEB_REDIRECT, state: str | None = "k9Vv-2"
) -> str:
    """An error by redirect, complete; return its description."""
    assert answer.status == 303, answer.text
    assert answer.location.startswith(redirect_uri + ("&" if "?" in redirect_uri else "?")), answer.location
    query = answer.query
    assert query.get("error") == error, answer.location
    assert query.get("state") == state
    assert query["iss"] == ISSUER
    assert "code" not in query
    assert not {"access_token", "token_type", "id_token"} & query.keys()
    return query.get("error_description", "")


def assert_asks(answer: Answer) -> None:
    """The person is sent to a page of ours before anything else happens."""
    assert answer.status == 303, answer.text
    assert answer.location.startswith("/interaction?i="), answer.location
