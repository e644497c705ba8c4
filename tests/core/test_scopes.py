import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.core.errors import InvalidScopeError
from grantd.core.scopes import MAX_SCOPE_LENGTH, format_scope, is_subset, narrow, parse_scope


def test_reads_an_ordered_set() -> None:
    assert parse_scope("b a b c") == ("b", "a", "c")
    assert parse_scope("") == ()
    assert parse_scope("!#[]~") == ("!#[]~",)


@pytest.mark.parametrize("text", [" a", "a ", "a  b", 'a"b', "a\\b", "a\tb", "a\nb", "a\n", "ä", "a\x7f", " ", "\x00"])
def test_refuses_what_the_grammar_does_not_know(text: str) -> None:
    with pytest.raises(InvalidScopeError):
        parse_scope(text)


def test_refuses_endless_values() -> None:
    assert len(parse_scope("a" * MAX_SCOPE_LENGTH)) == 1
    with pytest.raises(InvalidScopeError):
        parse_scope("a" * (MAX_SCOPE_LENGTH + 1))


def test_subset_and_narrowing() -> None:
    assert is_subset(("a", "b"), {"a", "b", "c"})
    assert not is_subset(("a", "d"), {"a", "b", "c"})
    assert is_subset((), set())
    assert narrow(("c", "x", "a"), ("a", "b", "c")) == ("c", "a")


@given(st.text() | st.text(alphabet='ab \x21"\\'))
def test_reading_and_writing_agree(text: str) -> None:
    try:
        scopes = parse_scope(text)
    except InvalidScopeError:
        return
    assert parse_scope(format_scope(scopes)) == scopes
    assert len(set(scopes)) == len(scopes)
