"""Reads the one form of a page, as a browser would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class PageForm:
    """A form: where it goes, its hidden inputs, its ticked boxes, the names of all its inputs."""

    action: str = ""
    method: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    ticked: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(PageForm(action=values.get("action", ""), method=values.get("method", "get").lower()))
        elif tag in {"input", "button"} and self.forms and "name" in values:
            form = self.forms[-1]
            form.names.append(values["name"])
            kind = values.get("type", "text")
            if kind == "hidden":
                form.hidden[values["name"]] = values.get("value", "")
            elif kind == "checkbox" and "checked" in values:
                form.ticked.append((values["name"], values.get("value", "on")))


def form_of(html: str) -> PageForm:
    """Return the page's form; there has to be exactly one."""
    reader = _Reader()
    reader.feed(html)
    assert len(reader.forms) == 1, f"{len(reader.forms)} forms"
    form = reader.forms[0]
    assert form.method == "post"
    return form
