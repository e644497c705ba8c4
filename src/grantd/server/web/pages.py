"""The Pages port in Jinja2."""

from collections.abc import Sequence
from functools import partial
from gettext import NullTranslations
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from grantd.server.http.messages import Response
from grantd.server.pipeline.model import Challenge
from grantd.server.pipeline.pages import Brand, ErrorKey, Form, WaitView
from grantd.server.web import text
from grantd.server.web.assets import addresses
from grantd.server.web.headers import page_headers
from grantd.server.web.words import ERRORS, OTHER_PROBLEM, PROBLEMS

_TEMPLATES = Path(__file__).parent / "templates"


class JinjaPages:
    """Renders every page; all templates are compiled when the object is made.

    Args:
        translations: the catalogue of one language; ``None`` shows the English of the source.
        language: its tag, for ``<html lang>``.
        folders: further template folders, of features: ``<step>.html`` for the page of a step,
            ``methods/<name>.html`` for the part of a sign-in method. They cannot replace ours.
    """

    def __init__(
        self,
        *,
        translations: NullTranslations | None = None,
        language: str = "en",
        folders: Sequence[Path] = (),
    ) -> None:
        catalogue = translations or NullTranslations()
        self._gettext = catalogue.gettext
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in (_TEMPLATES, *folders)]),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            cache_size=-1,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # comes with the extension
            catalogue.gettext, catalogue.ngettext, newstyle=True
        )
        environment.filters.update(
            plain=text.plain,
            foreign=text.foreign,
            host=text.host,
            initial=text.initial,
            web_link=text.web_link,
            duration=partial(text.duration, ngettext=catalogue.ngettext),
        )
        environment.globals["language"] = language
        self._templates = {name: environment.get_template(name) for name in environment.list_templates(["html"])}

    def challenge(self, challenge: Challenge, *, brand: Brand, form: Form, correlation_id: str) -> Response:
        """Render the page of an interaction step: ``<step>.html``, or the wait page for a ``WaitView``.

        Raises:
            KeyError: no template has the step's name.
        """
        name = "wait.html" if isinstance(challenge.view, WaitView) else f"{challenge.step}.html"
        return self._render(
            name,
            challenge.status,
            brand=brand,
            form=form,
            correlation_id=correlation_id,
            step=challenge.step,
            view=challenge.view,
            problem_key=challenge.problem,
            problem=self._problem(challenge.problem),
        )

    def error(
        self, key: ErrorKey, *, brand: Brand, correlation_id: str, status: int = 400, developer: str = ""
    ) -> Response:
        """Render an error page; nobody may frame it."""
        words = ERRORS[key]
        named = {"issuer": text.plain(brand.name)}
        return self._render(
            "error.html",
            status,
            brand=brand,
            form=None,
            correlation_id=correlation_id,
            key=key,
            title=self._gettext(words.title) % named,
            text=self._gettext(words.text) % named,
            advice=self._gettext(words.advice) % named,
            developer=developer,
        )

    def signed_out(self, *, brand: Brand, correlation_id: str, form: Form | None) -> Response:
        """Render the question whether to sign out (with ``form``), or that it is done."""
        return self._render("signed_out.html", 200, brand=brand, form=form, correlation_id=correlation_id)

    def _problem(self, key: str) -> str:
        # Features may have keys of their own, so the lookup is by any string.
        known: dict[str, str] = {str(name): words for name, words in PROBLEMS.items()}
        return self._gettext(known.get(key, OTHER_PROBLEM)) if key else ""

    def _render(self, name: str, status: int, *, brand: Brand, form: Form | None, **values: object) -> Response:
        assets = {asset: brand.base_path + path for asset, path in addresses(brand.accent).items()}
        page = self._templates[name].render(brand=brand, form=form, assets=assets, **values)
        headers = page_headers(
            has_form=form is not None,
            redirect_source=form.redirect_source if form else "",
            frame_ancestors=form.frame_ancestors if form else (),
        )
        # Half a surrogate pair in a stranger's text must not cost the page.
        return Response(status, headers=headers, body=page.encode("utf-8", "replace"))
