"""The expression language, row by row: what the documentation says an expression gives, errors included."""

import json
from datetime import UTC, datetime

import pytest

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import COMPILE_TIME
from pratique.delivery.expressions.values import Array, Record, Value, kind, to_text
from pratique.delivery.run.status import counter_function


def _value(data: object) -> Value:
    """JSON's types as the language's, numbers as text, as YAML has them."""
    if isinstance(data, list):
        return Array(tuple(_value(item) for item in data))
    if isinstance(data, dict):
        return Record((name, _value(inner)) for name, inner in data.items())
    assert isinstance(data, str | bool | None)
    return data


NAMES: dict[str, Value] = {
    "variables": _value(
        {
            "letters": "ABC", "numbers": "123", "empty": "", "no": "false", "yes": "true", "version": "1.2.3",
            "Build.SourceBranch": "refs/heads/main", "two words": "found", "auto-trigger-training": "true",
        }
    ),
    "parameters": _value(
        {
            "list": ["one", "Two", "3"], "none": [], "flag": True, "off": False,
            "object": {"a": "1", "B": {"c": ["x", "y"]}}, "foo": [{"id": "1", "a": "p"}, {"id": "2"}, {"x": "3"}],
        }
    ),
    "pipeline": Record((("startTime", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)),)),
}  # fmt: skip

# (expression, what it gives as text); booleans are True and False.
GIVES = [
    # Literals
    ("true", "True"), ("TRUE", "True"), ("True", "True"), ("false", "False"), ("FALSE", "False"), ("null", ""),
    ("1", "1"), ("-1.2", "-1.2"), ("+3", "3"), (".5", "0.5"), ("-.5", "-0.5"), ("0", "0"), ("1.50", "1.5"),
    ("1.12345678", "1.1234568"), ("100000000000", "100000000000"), ("'a b c'", "a b c"), ("''", ""),
    ("'It''s OK if they''re using contractions.'", "It's OK if they're using contractions."), ("''''", "'"),
    ("1.2.3", "1.2.3"), ("1.2.3.4", "1.2.3.4"), ("10.0.0", "10.0.0"), ("' spaces '", " spaces "), ("'}}'", "}}"),
    # Names, indexes, filtered arrays
    ("variables.letters", "ABC"), ("variables['letters']", "ABC"), ("VARIABLES.LETTERS", "ABC"),
    ("variables['Build.SourceBranch']", "refs/heads/main"), ("variables['build.sourcebranch']", "refs/heads/main"),
    ("variables['two words']", "found"), ("variables['auto-trigger-training']", "true"), ("variables.noSuch", ""),
    ("variables['noSuch']", ""), ("variables.noSuch.deeper", ""), ("parameters.list[0]", "one"),
    ("parameters.list['1']", "Two"), ("parameters.list[2]", "3"), ("parameters.list[3]", ""),
    ("parameters.list[-1]", ""), ("parameters.list['x']", ""), ("parameters.list[0.5]", ""),
    ("parameters.object.a", "1"), ("parameters.object.b.c[1]", "y"), ("parameters['object']['B']['c'][0]", "x"),
    ("parameters.flag", "True"), ("join(',', parameters.foo.*.id)", "1,2"), ("join(',', parameters.foo[*].id)", "1,2"),
    ("join(',', parameters.object.B.*)", ""), ("length(parameters.foo.*)", "3"), ("length(parameters.foo.*.nope)", "0"),
    ("join('-', parameters.object.B.*.*)", "x-y"), ("variables[format('{0}s', 'letter')]", "ABC"),
    (" variables . letters ", "ABC"), ("variables [ 'letters' ]", "ABC"), ("eq ( 1 , 1 )", "True"),
    ("variables.letters.deeper", ""), ("'text'", "text"), ("parameters.object['a']", "1"),
    # and, or, xor, not
    ("and(true, true)", "True"), ("and(true, false)", "False"), ("and(true, true, false)", "False"),
    ("and('a', 1)", "True"), ("and('', true)", "False"), ("and(true, 'false')", "True"), ("and(true, 0)", "False"),
    ("and(true, null)", "False"), ("and(1.2.3, true)", "True"), ("and(parameters.none, true)", "True"),
    ("and(false, nosuch())", "False"), ("or(true, nosuch())", "True"), ("or(false, false)", "False"),
    ("or(false, 'x')", "True"), ("or(eq(1, 1), eq(2, 3))", "True"), ("or('', 0, null, false)", "False"),
    ("or(0, 0, 1)", "True"), ("xor(true, false)", "True"), ("xor(true, true)", "False"), ("xor('', 'a')", "True"),
    ("xor(false, 0)", "False"), ("not(true)", "False"), ("not(false)", "True"), ("not('')", "True"),
    ("not('false')", "False"), ("not(0)", "True"), ("not(null)", "True"), ("not(eq(1, 2))", "True"),
    ("AND(TRUE, Not(False))", "True"), ("not(parameters.none)", "False"), ("and(variables.letters, true)", "True"),
    ("and(variables.empty, true)", "False"), ("and(eq(variables.letters, 'ABC'), eq(variables.numbers, 123))", "True"),
    # eq and ne: the right side becomes the type of the left
    ("eq('a', 'A')", "True"), ("eq('a', 'b')", "False"), ("eq('ä', 'Ä')", "True"), ("eq('ß', 'SS')", "False"),
    ("eq(1, 1)", "True"), ("eq(1, 1.0)", "True"), ("eq(1, '1')", "True"), ("eq(1, ' 1 ')", "True"),
    ("eq('1', 1)", "True"), ("eq('1.0', 1)", "False"), ("eq(1000, '1,000')", "True"), ("eq(1, 'one')", "False"),
    ("eq(0, '')", "True"), ("eq('', 0)", "False"), ("eq(1, true)", "True"), ("eq(0, false)", "True"),
    ("eq(true, 1)", "True"), ("eq(true, 'x')", "True"), ("eq(true, 'false')", "True"), ("eq(false, 'false')", "False"),
    ("eq(false, '')", "True"), ("eq('true', true)", "True"), ("eq('True', true)", "True"),
    ("eq('false', false)", "True"),
    ("eq('x', true)", "False"), ("eq(variables.yes, true)", "True"), ("eq(variables.no, false)", "True"),
    ("eq(variables.no, true)", "False"), ("eq(null, '')", "True"), ("eq('', null)", "True"), ("eq(null, null)", "True"),
    ("eq(null, 0)", "False"), ("eq(0, null)", "True"), ("eq(null, 'a')", "False"), ("eq(null, false)", "False"),
    ("eq(false, null)", "True"), ("eq(1.2.3, '1.2.3')", "True"), ("eq('1.2.3', 1.2.3)", "True"),
    ("eq(1.2.3, '1.2')", "False"), ("eq(1.2.3, 'x')", "False"), ("eq(1.2.3, true)", "False"),
    ("eq(true, 1.2.3)", "True"), ("eq(1, 1.2.3)", "False"), ("eq(variables.version, 1.2.3)", "True"),
    ("eq(parameters.list, parameters.list)", "True"), ("eq(parameters.list, parameters.none)", "False"),
    ("eq(parameters.object, parameters.object)", "True"), ("eq('Array', parameters.list)", "False"),
    ("eq(1, parameters.list)", "False"), ("eq(true, parameters.list)", "True"), ("eq(variables.noSuch, '')", "True"),
    ("eq(variables.numbers, 123)", "True"), ("eq(123, variables.numbers)", "True"),
    ("eq(parameters.flag, true)", "True"),
    ("eq(parameters.flag, 'true')", "True"), ("eq(parameters.off, 'false')", "False"), ("eq(True, true)", "True"),
    ("eq('True', true)", "True"), ("ne(1, 2)", "True"), ("ne(1, 1)", "False"), ("ne(1, 'one')", "True"),
    ("ne('a', 'A')", "False"), ("ne(null, '')", "False"), ("ne(variables.letters, 'abc')", "False"),
    ("ne(variables['Build.SourceBranch'], 'refs/heads/main')", "False"), ("ne(true, '')", "True"),
    # gt, ge, lt, le
    ("gt(5, 2)", "True"), ("gt(2, 5)", "False"), ("gt(5, 5)", "False"), ("gt(5, '4')", "True"),
    ("gt('b', 'A')", "True"),
    ("gt('a', 'B')", "False"), ("gt('10', 9)", "False"), ("gt(10, '9')", "True"), ("gt(1.2.3, '1.2')", "True"),
    ("gt(1.10.0, 1.9.0)", "True"), ("gt(true, false)", "True"), ("gt(null, -1)", "True"), ("gt(1, null)", "True"),
    ("ge(5, 5)", "True"), ("ge(4, 5)", "False"), ("ge('b', 'B')", "True"), ("ge(true, 'x')", "True"),
    ("ge(1.2.0, '1.2.0')", "True"), ("lt(2, 5)", "True"), ("lt(5, 2)", "False"), ("lt('a', 'b')", "True"),
    ("lt(1.2.3, 1.3)", "True"), ("lt(-1, 0)", "True"), ("lt(false, true)", "True"), ("lt(1, '1,000')", "True"),
    ("le(2, 2)", "True"), ("le(3, 2)", "False"), ("le('B', 'b')", "True"), ("le(null, 0)", "True"),
    ("le('', 'a')", "True"),
    # in, notIn
    ("in('B', 'A', 'B', 'C')", "True"), ("in('b', 'A', 'B', 'C')", "True"), ("in('D', 'A', 'B')", "False"),
    ("in('A')", "False"), ("in(1, '1')", "True"), ("in(1, 'x', '1')", "True"),
    ("in('A', 'A', nosuch())", "True"), ("notIn('D', 'A', 'B', 'C')", "True"), ("notIn('A', 'a')", "False"),
    ("notIn('A')", "True"), ("notIn(1, 'x')", "True"), ("in(true, 'anything')", "True"),
    # contains, startsWith, endsWith
    ("contains('ABCDE', 'BCD')", "True"), ("contains('ABCDE', 'bcd')", "True"), ("contains('ABCDE', 'X')", "False"),
    ("contains('', '')", "True"), ("contains('abc', '')", "True"), ("contains(123, 2)", "True"),
    ("contains(true, 'RU')", "True"), ("contains(null, 'a')", "False"), ("contains(1.2.3, '.2.')", "True"),
    ("startsWith('ABCDE', 'AB')", "True"), ("startsWith('ABCDE', 'ab')", "True"),
    ("startsWith('ABCDE', 'BC')", "False"),
    ("startsWith(variables['Build.SourceBranch'], 'refs/heads/')", "True"), ("startsWith(123, 12)", "True"),
    ("startsWith('a', null)", "True"), ("endsWith('ABCDE', 'DE')", "True"), ("endsWith('ABCDE', 'de')", "True"),
    ("endsWith('ABCDE', 'AB')", "False"), ("endsWith(1.2.3, '.3')", "True"), ("endsWith('', 'a')", "False"),
    # containsValue
    ("containsValue(parameters.list, 'two')", "True"), ("containsValue(parameters.list, 3)", "True"),
    ("containsValue(parameters.list, 'x')", "False"), ("containsValue(parameters.object, '1')", "True"),
    ("containsValue(parameters.object, 1)", "True"), ("containsValue(parameters.none, '')", "False"),
    ("containsValue('abc', 'b')", "False"), ("containsValue(split('a;b', ';'), 'B')", "True"),
    # coalesce, iif
    ("coalesce('', 'b')", "b"), ("coalesce(null, '', 'c')", "c"), ("coalesce('a', nosuch())", "a"),
    ("coalesce('', '')", ""), ("coalesce(null, null)", ""), ("coalesce(0, 1)", "0"), ("coalesce(false, 'x')", "False"),
    ("coalesce(variables.noSuch, variables.empty, 'literal so it always works')", "literal so it always works"),
    ("coalesce(variables['auto-trigger-training'], 'true')", "true"), ("iif(true, 'a', 'b')", "a"),
    ("iif(false, 'a', 'b')", "b"), ("iif('', 1, 2)", "2"), ("iif('false', 1, 2)", "1"),
    ("iif(eq(variables.letters, 'abc'), 'yes', 'no')", "yes"),
    # format
    ("format('Hello {0} {1}', 'John', 'Doe')", "Hello John Doe"), ("format('{0}{0}', 'a')", "aa"),
    ("format('literal left brace {{ and literal right brace }}')", "literal left brace { and literal right brace }"),
    ("format('{{{0}}}', 'a')", "{a}"), ("format('{1}', 'a', 'b')", "b"), ("format('{0}', true)", "True"),
    ("format('{0}', null)", ""), ("format('{0}', 1.50)", "1.5"), ("format('none')", "none"),
    ("format('{0}', '{1}')", "{1}"),
    ("format('{0:yyyyMMdd}', pipeline.startTime)", "20260304"), ("format('{0:yy.M.d}', pipeline.startTime)", "26.3.4"),
    ("format('{0:HH:mm:ss}', pipeline.startTime)", "05:06:07"), ("format('{0}', 1.2.3)", "1.2.3"),
    ("format('{0:MMM dd, yyyy}', pipeline.startTime)", "Mar 04, 2026"),
    # join, split, replace, substring, length, lower, upper, trim
    ("join(',', parameters.list)", "one,Two,3"), ("join('', parameters.list)", "oneTwo3"), ("join(',', 'a')", "a"),
    ("join(',', null)", ""), ("join(',', parameters.none)", ""), ("join(',', parameters.foo)", ",,"),
    ("join(', ', 1)", "1"),
    ("join('|', split('a,b,c', ','))", "a|b|c"), ("join('|', split('a,b;c', ',;'))", "a|b|c"),
    ("join('|', split('a,,b,', ','))", "a||b|"), ("length(split('', ','))", "1"),
    ("split('refs/heads/main', '/')[2]", "main"),
    ("join('|', split('abc', ''))", "abc"), ("replace('a-b-c', '-', '_')", "a_b_c"),
    ("replace('aaa', 'aa', 'b')", "ba"),
    ("replace('https://www.x.com/saml/consume', 'https://www.x.com', 'http://server')", "http://server/saml/consume"),
    ("replace('ABC', 'b', 'x')", "ABC"), ("replace('abc', 'b', '')", "ac"), ("replace(123, 2, 9)", "193"),
    ("replace(variables['Build.SourceBranch'], 'refs/heads/', '')", "main"), ("substring('abcdef', 0, 3)", "abc"),
    ("substring('abcdef', 4, 2)", "ef"), ("substring('abc', '1', '1')", "b"), ("substring('abc', 3, 0)", ""),
    ("length('fabrikam')", "8"), ("length('')", "0"), ("length(null)", "0"), ("length(parameters.list)", "3"),
    ("length(parameters.object)", "2"), ("length(123)", "3"), ("length(parameters.none)", "0"), ("lower('FOO')", "foo"),
    ("lower(true)", "true"), ("lower('ÄÖ')", "äö"), ("lower(null)", ""), ("upper('bah')", "BAH"), ("upper('ß')", "ß"),
    ("upper(variables.yes)", "TRUE"), ("trim('  variable  ')", "variable"), ("trim('')", ""), ("trim(null)", ""),
    ("lower(variables.letters)", "abc"),
    # convertToJson
    ("convertToJson('a')", '"a"'), ("convertToJson(true)", "true"), ("convertToJson(1)", "1"),
    ("convertToJson(1.5)", "1.5"),
    ("convertToJson(null)", "null"), ("convertToJson(parameters.none)", "[]"),
    ("convertToJson(parameters.list)", json.dumps(["one", "Two", "3"], indent=2)),
    ("convertToJson(parameters.object)", json.dumps({"a": "1", "B": {"c": ["x", "y"]}}, indent=2)),
    # counter
    ("counter('p', 100)", "101"), ("counter('p')", "1"), ("counter()", "1"), ("counter(variables.letters, '5')", "6"),
]  # fmt: skip

# (expression, words of the error)
FAILS = [
    # Syntax
    ("", "expression is expected"), ("   ", "expression is expected"), ("'open", "not closed"),
    ("eq(1, 1", "expected ,"),
    ("eq(1 1)", "expected ,"), ("eq(1, 1))", ") is not expected"), ("eq(,1)", ", is not expected"),
    ("eq(1,)", ") is not expected"), ("variables.", "expected a name"), ("variables['a'", "expected ]"),
    ("variables[]", "] is not expected"), ("variables.'a'", "expected a name"), ("1 == 1", "not an operator"),
    ("a && b", "not an operator"), ("a || b", "not an operator"), ("a != b", "not an operator"),
    ("!a", "not an operator"),
    ("a < b", "not an operator"), ("a >= b", "not an operator"), ('"a"', "single quotes"), ("$(x)", "not part"),
    ("eq($(x), 1)", "not part"), ("variables.my-name", "brackets"), ("@", "not expected"), ("1x", "neither a number"),
    ("1.2.3.4.5", "neither a number"), ("1..2", "neither a number"), ("a b", "b is not expected"),
    ("(1)", "( is not expected"),
    ("true false", "false is not expected"), ("'a' 'b'", "not expected"), ("eq(1, 1) eq(1, 1)", "not expected"),
    ("%", "not expected"), ("variables.*.", "expected a name"), ("a.1", "not expected"),
    # What is not known
    ("nosuch", "nosuch is not known"), ("nosuch.a", "nosuch is not known"), ("variable.a", "variable is not known"),
    ("nosuch()", "no function nosuch"), ("equals(1, 1)", "no function equals"), ("and(true, nosuch())", "no function"),
    ("or(false, nosuch.a)", "nosuch is not known"), ("iif(true, 'a', nosuch())", "no function"),
    ("succeeded()", "no function succeeded"), ("coalesce('', nosuch())", "no function"),
    # How many parameters
    ("and(true)", "at least 2"), ("and()", "at least 2"), ("or(true)", "at least 2"), ("not()", "1 parameter"),
    ("not(1, 2)", "1 parameter"), ("xor(true)", "2 parameters"), ("xor(1, 2, 3)", "2 parameters"),
    ("eq(1)", "2 parameters"), ("eq(1, 2, 3)", "2 parameters"), ("ne(1)", "2 parameters"), ("gt(1)", "2 parameters"),
    ("ge(1)", "2 parameters"), ("lt(1)", "2 parameters"), ("le(1, 2, 3)", "2 parameters"), ("in()", "at least 1"),
    ("notIn()", "at least 1"), ("contains('a')", "2 parameters"), ("containsValue('a')", "2 parameters"),
    ("startsWith('a')", "2 parameters"), ("endsWith('a', 'b', 'c')", "2 parameters"), ("coalesce('a')", "at least 2"),
    ("format()", "at least 1"), ("join(',')", "2 parameters"), ("split('a')", "2 parameters"),
    ("replace('a', 'b')", "3 parameters"), ("length()", "1 parameter"), ("lower('a', 'b')", "1 parameter"),
    ("upper()", "1 parameter"), ("trim()", "1 parameter"), ("iif(true, 1)", "3 parameters"),
    ("convertToJson()", "1 parameter"), ("substring('a', 1)", "3 parameters"), ("counter(1, 2, 3)", "0 to 2"),
    # Conversions
    ("gt(1, 'one')", "cannot convert"), ("gt(1.2.3, 'x')", "cannot convert"),
    ("lt(1, parameters.list)", "cannot convert"),
    ("le('a', parameters.object)", "cannot convert"), ("ge(parameters.list, 1)", "cannot convert"),
    ("gt(1.2.3, 1)", "cannot convert"), ("contains(parameters.list, 'a')", "from Array to String"),
    ("startsWith(parameters.object, 'a')", "from Object to String"), ("lower(parameters.list)", "from Array to String"),
    ("replace(parameters.list, 'a', 'b')", "from Array"), ("join(parameters.list, 'a')", "from Array"),
    ("format('{0}', parameters.object)", "from Object"), ("trim(parameters.object)", "from Object"),
    ("substring('abc', 'x', 1)", "cannot convert"), ("counter('a', 'x')", "cannot convert"),
    # Values
    ("format('{')", "not valid"), ("format('}')", "not valid"), ("format('{x}', 1)", "not valid"),
    ("format('{0')", "not valid"),
    ("format('{0}')", "no parameter"), ("format('{2}', 'a', 'b')", "no parameter"), ("format('{0:yyyy}', 'a')", "date"),
    ("replace('a', '', 'b')", "empty"), ("substring('abc', 2, 2)", "beyond"),
    ("substring('abc', -1, 1)", "no position"),
    ("substring('abc', 0.5, 1)", "no position"),
]  # fmt: skip


def _context() -> Context:
    return Context(NAMES, COMPILE_TIME | counter_function(lambda _, seed: seed + 1))


def test_the_table_is_as_long_as_the_language_is_wide() -> None:
    assert len(GIVES) + len(FAILS) >= 250
    assert len({text for text, _ in GIVES}) > len(GIVES) - 3, "rows are not repeated"


@pytest.mark.parametrize(("text", "expected"), GIVES)
def test_an_expression_gives_its_value(text: str, expected: str) -> None:
    assert to_text(evaluate(text, _context())) == expected


@pytest.mark.parametrize(("text", "words"), FAILS)
def test_an_expression_without_a_value_says_why(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, _context())
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variables.noSuch", "Null"), ("true", "Boolean"), ("1", "Number"), ("'1'", "String"), ("1.2.3", "Version"),
        ("parameters.list", "Array"), ("parameters.foo.*.id", "Array"), ("parameters.object", "Object"),
        ("length('a')", "Number"), ("coalesce('', null)", "Null"), ("split('a', ',')", "Array"),
        ("parameters.flag", "Boolean"), ("eq(1, 1)", "Boolean"), ("convertToJson(true)", "String"), ("1.2", "Number"),
    ],
)  # fmt: skip
def test_an_expression_has_a_type(text: str, expected: str) -> None:
    assert kind(evaluate(text, _context())) == expected


def test_every_function_is_in_the_table() -> None:
    written = " ".join(text.lower() for text, _ in [*GIVES, *FAILS])
    assert [one.name for one in COMPILE_TIME.values() if f"{one.name.lower()}(" not in written] == []


def test_an_expression_may_be_long_and_deep_but_not_endless() -> None:
    with pytest.raises(ExpressionError, match="longer than"):
        evaluate("'" + "a" * 21_000 + "'", _context())
    assert evaluate("not(" * 48 + "true" + ")" * 48, _context()) is True
    with pytest.raises(ExpressionError, match="deeper than"):
        evaluate("not(" * 51 + "true" + ")" * 51, _context())
    with pytest.raises(ExpressionError, match="deeper than"):
        evaluate("a" + ".b" * 60, _context())


def test_a_result_cannot_grow_without_bound() -> None:
    long = Context({"long": "a" * 400_000}, COMPILE_TIME)
    for text in ("format('{0}{0}{0}', long)", "replace(long, 'a', 'bbb')", "convertToJson(format('{0}{0}{0}', long))"):
        with pytest.raises(ExpressionError, match="longer than"):
            evaluate(text, long)


def test_an_error_names_the_position() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("and(true, equal(1, 2))", _context())
    assert caught.value.position == 11
    with pytest.raises(ExpressionError) as caught:
        evaluate("gt(1, 'x')", _context())
    assert caught.value.position == 1
