from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.server.pipeline.pages import Brand
from grantd.server.web import accent_problem, brand_css, colours, static_files
from grantd.server.web.colours import DARK_CARD, LIGHT_CARD, READABLE, contrast

STYLE = (Path(colours.__file__).parent / "static" / "app.css").read_text()
LIGHT, DARK = (
    STYLE.split("@media (prefers-color-scheme: dark)")[0],
    STYLE.split("@media (prefers-color-scheme: dark)")[1],
)


def token(sheet: str, name: str) -> str:
    return sheet.split(f"--{name}: ")[1][:7]


def value(sheet: str, name: str) -> str:
    return sheet.split(f"--{name}:")[1][:7]


def branded(accent: str) -> tuple[str, str]:
    sheet = brand_css(Brand(name="B", host="h", accent=accent)).decode()
    return tuple(sheet.split("@media"))  # type: ignore[return-value]  # one media rule makes two parts


def test_contrast_of_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
def test_every_accepted_accent_can_be_read_in_both_schemes(accent: str) -> None:
    if accent_problem(accent) is not None:
        with pytest.raises(ValueError, match="too pale"):
            brand_css(Brand(name="B", host="h", accent=accent))
        return
    light, dark = branded(accent)
    assert contrast(value(light, "accent"), LIGHT_CARD) >= READABLE
    assert contrast(value(light, "on-accent"), value(light, "accent")) >= READABLE
    assert contrast(value(dark, "accent"), DARK_CARD) >= READABLE
    assert contrast(value(dark, "on-accent"), value(dark, "accent")) >= READABLE


def test_a_readable_accent_stays_as_it_is() -> None:
    assert value(branded("#003399")[0], "accent") == "#003399"


def test_a_pale_accent_is_refused_with_a_better_one_that_works() -> None:
    problem = accent_problem("#ffe066")
    assert problem is not None
    assert "too pale" in problem
    assert accent_problem(problem.split("; ")[1][:7]) is None


@pytest.mark.parametrize("accent", ["red", "#abc", "#12345g", "#000;}body{display:none}", "#000000\n"])
def test_what_is_no_colour_is_refused(accent: str) -> None:
    problem = accent_problem(accent)
    assert problem is not None
    assert "#rrggbb" in problem
    with pytest.raises(ValueError, match="#rrggbb"):
        static_files(Brand(name="B", host="h", accent=accent))


def test_surfaces_are_those_of_the_style_sheet() -> None:
    assert (token(LIGHT, "card"), token(DARK, "card")) == (LIGHT_CARD, DARK_CARD)


@pytest.mark.parametrize("sheet", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("surface", ["card", "well", "paper", "danger-well"])
def test_text_has_the_contrast_that_reading_needs(sheet: str, surface: str) -> None:
    assert contrast(token(sheet, "ink"), token(sheet, surface)) >= 7
    if surface != "danger-well":
        assert contrast(token(sheet, "soft"), token(sheet, surface)) >= 4.5
    assert contrast(token(sheet, "danger"), token(sheet, surface)) >= 4.5
    if surface == "card":
        # WCAG 2.2, 1.4.11: the edge of an input.
        assert contrast(token(sheet, "edge"), token(sheet, surface)) >= 3
