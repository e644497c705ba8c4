"""A user agent that keeps cookies, follows redirects and fills in sign-in forms: enough to walk a code flow."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from tools import BenchError

_STEPS = 12


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    url: str
    status: int
    location: str
    body: bytes


@dataclass(slots=True)
class Form:
    """A form of a page: its inputs by name, and which of them take a user name or password."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    has_password: bool = False
    has_button: bool = False


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", "")))
        elif self.forms and tag in {"input", "button"}:
            self._control(self.forms[-1], tag, attributes)

    @staticmethod
    def _control(form: Form, tag: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "text" if tag == "input" else "submit")
        form.has_password |= kind == "password"
        if kind == "submit":
            # A browser sends the button that was pressed: the first one.
            if form.has_button:
                return
            form.has_button = True
        if kind in {"checkbox", "radio"} and "checked" not in attributes:
            return
        if name := attributes.get("name"):
            form.fields[name] = attributes.get("value", "")


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    path: str


class Browser:
    """One user agent for one server.

    Args:
        base: scheme, host and port.
        username: who signs in.
        password: the password typed into sign-in forms.
    """

    def __init__(self, base: str, *, username: str, password: str) -> None:
        self.base = base
        self._answers = {"username": username, "password": password}
        self._connection = HTTPConnection(urlsplit(base).netloc, timeout=30)
        self._cookies: dict[str, _Cookie] = {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def cookie_header(self, path: str) -> str:
        """Return the value of the ``Cookie`` header for a path (RFC 6265 section 5.1.4)."""
        return "; ".join(
            f"{name}={cookie.value}"
            for name, cookie in self._cookies.items()
            if path == cookie.path or path.startswith(cookie.path.rstrip("/") + "/")
        )

    def authorize(self, path: str, redirect_uri: str) -> str:
        """Walk from an authorization request to its code, signing in where a page asks for it.

        Args:
            path: path and query of the authorization request.
            redirect_uri: where the walk ends.

        Returns:
            The authorization code.

        Raises:
            BenchError: the walk ended elsewhere.
        """
        page = self.request("GET", path)
        for _ in range(_STEPS):
            if page.location.startswith(redirect_uri):
                parameters = parse_qs(urlsplit(page.location).query)
                if "code" not in parameters:
                    raise BenchError(f"The authorization request was refused: {page.location}")
                return parameters["code"][0]
            page = self._next(page)
        raise BenchError(f"{path} led to no code within {_STEPS} steps; the last page was {page.url}")

    def request(self, method: str, path: str, *, form: dict[str, str] | None = None, authorization: str = "") -> Page:
        """Send one request, without following a redirect."""
        headers: dict[str, str] = {}
        if cookies := self.cookie_header(urlsplit(path).path):
            headers["Cookie"] = cookies
        if authorization:
            headers["Authorization"] = authorization
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            if not authorization:
                # A page's form; with credentials it is the client's own server that speaks.
                headers["Origin"] = self.base
        content = None if form is None else urlencode(form)
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        except ConnectionError:
            # A server may close a connection that was idle while others were measured.
            self._connection.close()
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        body = response.read()
        for header in response.headers.get_all("Set-Cookie") or []:
            self._keep(header)
        return Page(urljoin(self.base, path), response.status, response.headers.get("Location", ""), body)

    def _next(self, page: Page) -> Page:
        if page.location:
            return self.request("GET", self._path(urljoin(page.url, page.location)))
        parser = _Forms()
        parser.feed(page.body.decode())
        form = next((one for one in parser.forms if one.has_password or "username" in one.fields), None)
        if form is None:
            raise BenchError(f"{page.url} answered {page.status} without a sign-in form: {page.body[:400]!r}")
        filled = {name: self._answers.get(name, value) for name, value in form.fields.items()}
        answer = self.request("POST", self._path(urljoin(page.url, form.action)), form=filled)
        if not answer.location:
            raise BenchError(f"Signing in at {page.url} was refused with {answer.status}: {answer.body[:400]!r}")
        return answer

    def _path(self, url: str) -> str:
        if not url.startswith(self.base + "/"):
            raise BenchError(f"The flow leaves {self.base} for {url}")
        return url.removeprefix(self.base)

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if not morsel.value or morsel["max-age"] == "0":
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = _Cookie(morsel.value, morsel["path"] or "/")
