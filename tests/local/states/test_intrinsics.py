"""Intrinsic functions, through the text that an author writes."""

import base64
import hashlib
import json
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.errors import ExpressionSyntaxError, IntrinsicError, StatesRuntimeError
from pipeline.local.states.scope import Scope
from pipeline.local.states.templates import compile_expression

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


def call(text: str, **input: Any) -> Any:
    return compile_expression(text)(Scope(input, {"Name": "machine"}, {"kept": [1, 2]}))


@given(DOCUMENTS)
def test_json_text_of_any_document_reads_back_as_the_document(document: Any) -> None:
    assert call("States.StringToJson(States.JsonToString($.a))", a=document) == document


@given(DOCUMENTS)
def test_json_to_string_is_compact_json(document: Any) -> None:
    assert call("States.JsonToString($.a)", a=document) == json.dumps(
        document, separators=(",", ":"), ensure_ascii=False
    )


@given(TEXTS)
def test_base64_agrees_with_the_standard_library(text: str) -> None:
    assert call("States.Base64Encode($.a)", a=text) == base64.b64encode(text.encode()).decode()


@given(TEXTS)
def test_base64_decodes_what_it_encodes(text: str) -> None:
    assert call("States.Base64Decode(States.Base64Encode($.a))", a=text) == text


@given(st.lists(DOCUMENTS, max_size=12), st.integers(1, 5))
def test_the_partitions_of_an_array_make_the_array_again(array: list[Any], size: int) -> None:
    partitions = call("States.ArrayPartition($.a, $.n)", a=array, n=size)
    assert [item for partition in partitions for item in partition] == array


@given(st.lists(DOCUMENTS, max_size=12), st.integers(1, 5))
def test_every_partition_but_the_last_is_full(array: list[Any], size: int) -> None:
    partitions = call("States.ArrayPartition($.a, $.n)", a=array, n=size)
    assert all(len(partition) == size for partition in partitions[:-1])


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_a_range_includes_its_end_where_a_step_lands_on_it(first: int, last: int, step: int) -> None:
    numbers = call("States.ArrayRange($.a, $.b, $.c)", a=first, b=last, c=step)
    inside = [first + step * count for count in range(101)]
    assert numbers == [number for number in inside if (number <= last if step > 0 else number >= last)]


@given(st.lists(st.sampled_from([1, 1.0, True, "1", None, [1], [True], {"a": 1}, {"a": 1.0}]), max_size=8))
def test_unique_items_are_contained_and_none_is_kept_twice(array: list[Any]) -> None:
    unique = call("States.ArrayUnique($.a)", a=array)
    assert all(call("States.ArrayContains($.u, $.i)", u=unique, i=item) for item in array)
    assert call("States.ArrayUnique($.a)", a=unique) == unique


@given(st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_math_add_rounds_each_operand_to_the_nearest_integer_halves_upwards(left: float, right: float) -> None:
    assert call("States.MathAdd($.a, $.b)", a=left, b=right) == math.floor(left + 0.5) + math.floor(right + 0.5)


@given(TEXTS, st.sampled_from([("MD5", "md5"), ("SHA-1", "sha1"), ("SHA-256", "sha256"), ("SHA-512", "sha512")]))
def test_hash_agrees_with_hashlib(text: str, algorithm: tuple[str, str]) -> None:
    expected = hashlib.new(algorithm[1], text.encode(), usedforsecurity=False).hexdigest()
    assert call("States.Hash($.a, $.b)", a=text, b=algorithm[0]) == expected


@given(st.text("ab,;", max_size=10), st.text(",;", min_size=1, max_size=3))
def test_split_tokens_hold_no_delimiter_and_are_not_empty(text: str, delimiters: str) -> None:
    tokens = call("States.StringSplit($.a, $.b)", a=text, b=delimiters)
    assert all(token and not set(token) & set(delimiters) for token in tokens)


@given(st.integers(-1000, 1000), st.integers(1, 1000))
def test_a_random_number_is_at_least_the_start_and_below_the_end(start: int, width: int) -> None:
    assert start <= call("States.MathRandom($.a, $.b)", a=start, b=start + width) < start + width


@given(TEXTS)
def test_a_string_literal_with_its_specials_escaped_is_the_string(text: str) -> None:
    escaped = "".join("\\" + character if character in "'{}\\" else character for character in text)
    assert call(f"States.Array('{escaped}')") == [text]


@given(st.text("{}\\'a", max_size=8))
def test_format_leaves_escaped_braces_alone(text: str) -> None:
    escaped = "".join("\\" + character if character in "'{}\\" else character for character in text)
    assert call(f"States.Format('{escaped}{{}}', $.a)", a=1) == text + "1"


def test_the_same_seed_gives_the_same_random_number() -> None:
    first, second = (call("States.MathRandom(0, 1000000, 7)") for _ in range(2))
    assert first == second


def test_a_uuid_is_a_random_one() -> None:
    assert uuid.UUID(call("States.UUID()")).version == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("States.Array()", []),
        ("States.Array( 'a' , 1.5,-2,true,false,null )", ["a", 1.5, -2, True, False, None]),
        ("States.Array($.o ,$$.Name,$kept[1])", [{"k": [1]}, "machine", 2]),
        ("States.Array($.list[?(@.n > 1)].n, 'x')", [[2], "x"]),
        ("States.Format('{} of {}', 1, 'x')", "1 of x"),
        ("States.Format($.template, 7)", "7!"),
        ("States.Format('{}|{}|{}|{}', null, true, $.o, 'q')", "null|true|{k=[1]}|q"),
        (r"States.Array('a\nb')", [r"a\nb"]),
        ("States.StringToJson('  ')", None),
        ("States.ArrayGetItem($kept, 1)", 2),
        ("States.ArrayGetItem($kept, 0.5)", 2),
        ("States.ArrayLength(States.ArrayRange(1, 3, 1))", 3),
        ("States.ArrayContains($kept, 2.0)", True),
        ("States.ArrayContains($kept, true)", False),
        ("States.JsonMerge($.o, States.StringToJson('{\"l\":2}'), false)", {"k": [1], "l": 2}),
        ("States.StringSplit('a', '')", ["a"]),
    ],
)
def test_a_call_gives(text: str, expected: Any) -> None:
    document = {"o": {"k": [1]}, "list": [{"n": 1}, {"n": 2}], "template": "{}!"}
    assert call(text, **document) == expected


@pytest.mark.parametrize(
    "text",
    [
        "States.Format($.template, 1, 2)",
        "States.Format($.one, 1)",
        "States.StringToJson('{')",
        "States.StringToJson('NaN')",
        "States.StringToJson('[1e999]')",
        "States.StringToJson($.deep)",
        "States.ArrayRange(0, 1e300, 1)",
        "States.StringToJson(1)",
        "States.ArrayPartition($.list, 0)",
        "States.ArrayPartition('a', 1)",
        "States.ArrayContains(1, 1)",
        "States.ArrayRange(1, 2, 0)",
        "States.ArrayRange(0, 1000, 1)",
        "States.ArrayGetItem($.list, 9)",
        "States.ArrayGetItem($.list, -1)",
        "States.ArrayGetItem($.list, true)",
        "States.ArrayLength('abc')",
        "States.ArrayUnique($.one)",
        "States.Base64Encode(1)",
        "States.Base64Decode('?')",
        "States.Base64Decode('/w==')",
        "States.Base64Encode($.long)",
        "States.Hash($.long, 'MD5')",
        "States.Hash('a', 'MD4')",
        "States.JsonMerge($.list, $.list, false)",
        "States.JsonMerge($.o, $.o, true)",
        "States.MathRandom(2, 2)",
        "States.MathAdd(2147483648, 0)",
        "States.MathAdd('1', 1)",
        "States.StringSplit(1, ',')",
    ],
)
def test_arguments_that_a_function_does_not_take_are_an_intrinsic_failure(text: str) -> None:
    with pytest.raises(IntrinsicError):
        call(text, template="{}", one=1, list=[1], o={}, long="a" * 10_001, deep="[" * 100_000)


def test_an_intrinsic_failure_names_the_function_that_failed() -> None:
    with pytest.raises(IntrinsicError) as caught:
        call("States.Array(States.ArrayGetItem($kept, 2))")
    assert caught.value.cause == "Invalid arguments in States.ArrayGetItem: index 2 of 2 items"


def test_a_path_that_finds_nothing_inside_a_call_is_a_runtime_error() -> None:
    with pytest.raises(StatesRuntimeError, match=r"'\$\.missing'"):
        call("States.Array($.missing)")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("States.Nothing()", "unknown intrinsic function"),
        ("States.Array", r"expected '\('"),
        ("States.Array(", "expected a path, a string"),
        ("States.Array(1", "expected ','"),
        ("States.Array(1,)", "expected a path, a string"),
        ("States.Array(1 2)", "expected ','"),
        ("States.Array(1) ", "unexpected"),
        ("States.Array('a)", "expected a path, a string"),
        ('States.Array("a")', "expected a path, a string"),
        ("States.Array($.)", "expected a name"),
        ("States.Array(1e999)", "not a number that JSON can hold"),
        (f"States.Array({'1' * 5_000})", "integer string conversion"),
        ("States.UUID(1)", "does not take 1 arguments"),
        ("States.MathAdd(1)", "does not take 1 arguments"),
        ("States.Format()", "does not take 0 arguments"),
        ("States.Format('{} {}', 1)", "2 '{}', but 1 values"),
        ("States.ArrayLength(" * 11 + "$" + ")" * 11, "more than 10"),
    ],
)
def test_a_text_that_is_not_a_call_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match=problem):
        compile_expression(text)
