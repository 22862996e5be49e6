"""Whatever is typed, an expression has a value or an error with a reason."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import COMPILE_TIME
from pratique.delivery.expressions.lexer import tokens
from pratique.delivery.expressions.macros import replaced
from pratique.delivery.expressions.parser import parse
from pratique.delivery.expressions.values import Array, Record, Value, compare, is_equal, number_of, to_text

WORDS = st.sampled_from(
    ["eq", "and", "format", "join", "(", ")", ",", ".", "[", "]", "*", "'a'", "'{0}'", "1", "-.5", "1.2.3", "null",
     "true", "variables", "x", " ", "''", "'", "$(", "replace", "length", "convertToJson", "each", "ß"]
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.text(max_size=8), st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.just(Array(("a",))), st.just(Record((("k", "v"),))),
)  # fmt: skip
NAMES: dict[str, Value] = {"variables": Record((("x", "1"), ("l", Array(("a", "b")))))}


@given(st.lists(WORDS, max_size=14).map("".join))
@settings(max_examples=300)
def test_any_words_are_a_value_or_an_error(text: str) -> None:
    with suppress(ExpressionError):
        evaluate(text, Context(NAMES, COMPILE_TIME))


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_cut_or_refused(text: str) -> None:
    with suppress(ExpressionError):
        assert list(tokens(text))[-1].text == ""


@given(st.lists(WORDS, max_size=14).map("".join))
@settings(max_examples=300)
def test_what_is_written_again_is_the_same_expression(text: str) -> None:
    try:
        first = parse(text)
    except ExpressionError:
        return
    assert str(parse(str(first))) == str(first)


@given(VALUES, VALUES)
def test_two_values_are_equal_or_not_and_ordered_or_not(left: Value, right: Value) -> None:
    assert is_equal(left, right) in (True, False)
    with suppress(ExpressionError):
        assert compare(left, right) in range(-2, 3)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**12), max_value=10**12))
def test_a_number_is_read_as_it_is_written(number: object) -> None:
    text = to_text(number)  # type: ignore[arg-type] # a Decimal.
    assert number_of(text) == number


@given(st.text(alphabet="$()ab ", max_size=40))
def test_a_text_without_variables_stays(text: str) -> None:
    assert replaced(text, lambda _: None) == text
