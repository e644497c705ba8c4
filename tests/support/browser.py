"""A small browser without script: cookies, redirects, forms. It drives the sign-in and consent pages in flow tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_STEPS = 12


@dataclass(kw_only=True)
class Form:
    """One form of a page.

    Args:
        action: absolute URL that it goes to.
        method: ``get`` or ``post``.
        fields: the pairs that it sends as it stands; a box that is not checked is not among them.
        names: every named control, buttons included.
        buttons: name and value of each submit button.
    """

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self._open: Form | None = None
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(
                action=urljoin(self._url, given.get("action", "")), method=given.get("method", "get").lower()
            )
            self.found.append(self._open)
        elif self._open is not None and tag in {"input", "button"}:
            self._control(self._open, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    @staticmethod
    def _control(form: Form, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        kind = given.get("type", "submit" if tag == "button" else "text")
        if not name or "disabled" in given or kind in {"button", "reset", "image"}:
            return
        form.names.add(name)
        if kind == "submit":
            form.buttons.append((name, given.get("value", "")))
        elif kind not in {"checkbox", "radio"} or "checked" in given:
            form.fields.append((name, given.get("value", "on" if kind in {"checkbox", "radio"} else "")))


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the browser shows.

    Args:
        url: where it came from.
        status: of the response.
        text: the body.
        forms: in the page's order.
        response: with its headers.
    """

    url: str
    status: int
    text: str
    forms: tuple[Form, ...]
    response: httpx.Response

    def form_with(self, *names: str) -> Form:
        """Return the first form that has all these controls."""
        for form in self.forms:
            if form.names.issuperset(names):
                return form
        raise LookupError(f"{self.url} ({self.status}) has no form with {', '.join(names)}:\n{self.text[:2000]}")


class Browser:
    """A user agent with a cookie jar of its own.

    A redirect is followed while it stays at the origin of the first address; :attr:`left_for` holds the address
    outside of it, which is where the answer to the client goes.
    """

    def __init__(self, *, user_agent: str = "grantd-tests/1", timeout: float = 10.0) -> None:
        # Browsers keep Secure cookies of loopback hosts over http too, since those are trustworthy origins.
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.cookies = httpx.Cookies(jar)
        self.client = httpx.Client(headers={"user-agent": user_agent}, timeout=timeout, trust_env=False)
        self.page: Page | None = None
        self.left_for = ""
        self.statuses: list[int] = []
        """Status of each response since the last :meth:`open` or :meth:`submit`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the cookies go with them."""
        self.client.close()

    def open(self, url: str) -> Page | None:
        """Go to an address; return the page, or ``None`` where the browser left for another origin."""
        return self._go(self.client.build_request("GET", url))

    def submit(
        self, form: Form, changes: Mapping[str, str] | None = None, *, button: tuple[str, str] | None = None
    ) -> Page | None:
        """Send a form.

        Args:
            form: of the page.
            changes: values that the person typed, by name.
            button: the button that was pressed.
        """
        typed = dict(changes or {})
        pairs = [(name, typed.pop(name, value)) for name, value in form.fields]
        pairs += typed.items()
        if button is not None:
            pairs.append(button)
        # Browsers state the origin of a form; the page's own where they come from the same place.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.page.url)) if self.page else ""
        if form.method == "post":
            body = urlencode(pairs).encode()
            headers = {"content-type": "application/x-www-form-urlencoded", "origin": origin}
            return self._go(self.client.build_request("POST", form.action, content=body, headers=headers))
        return self._go(self.client.build_request("GET", urljoin(form.action, f"?{urlencode(pairs)}")))

    def _go(self, request: httpx.Request) -> Page | None:
        self.left_for = ""
        self.statuses = []
        for _ in range(_MOST_STEPS):
            self.cookies.set_cookie_header(request)
            response = self.client.send(request)
            self.cookies.extract_cookies(response)
            self.client.cookies.clear()  # its own jar has the usual policy
            self.statuses.append(response.status_code)
            if response.status_code not in _REDIRECTS:
                parser = _Forms(str(request.url))
                parser.feed(response.text)
                self.page = Page(
                    url=str(request.url),
                    status=response.status_code,
                    text=response.text,
                    forms=tuple(parser.found),
                    response=response,
                )
                return self.page
            target = urljoin(str(request.url), response.headers["location"])
            if urlsplit(target)[:2] != urlsplit(str(request.url))[:2]:
                self.left_for = target
                self.page = None
                return None
            keeps_method = response.status_code in {307, 308}
            request = self.client.build_request(
                request.method if keeps_method else "GET", target, content=request.content if keeps_method else None
            )
        raise RuntimeError(f"more than {_MOST_STEPS} redirects, last to {request.url}")

    def authorize(
        self, url: str, *, username: str, password: str, decision: str = "allow", without: frozenset[str] = frozenset()
    ) -> str:
        """Walk through sign-in and consent, as far as the server asks for them; return the redirect to the client.

        Args:
            url: the authorization request.
            username: typed at the sign-in page.
            password: typed at the sign-in page.
            decision: ``allow`` or ``deny``.
            without: values of optional boxes to untick.
        """
        self.open(url)
        for _ in range(_MOST_STEPS):
            if self.left_for:
                return self.left_for
            page = self.page
            if page is None:
                break
            signing_in = next((f for f in page.forms if f.names.issuperset({"username", "password"})), None)
            if signing_in is not None:
                self.submit(signing_in, {"username": username, "password": password})
                again = self.page
                if again is not None and any("password" in f.names for f in again.forms):
                    raise PermissionError(f"the server did not accept the sign-in: {again.text[:2000]}")
                continue
            form = page.form_with("decision")
            form.fields = [pair for pair in form.fields if pair[1] not in without]
            self.submit(form, button=("decision", decision))
        raise RuntimeError("the interaction did not come to an end")
