"""JSONPath: the Jayway dialect, held against a naive evaluator and against jsonpath-ng where the dialects meet."""

from typing import Any

import jsonpath_ng
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states import jsonpath
from pipeline.local.states.errors import ExpressionSyntaxError

STORE = {
    "book": [
        {"title": "Sayings", "price": 8.95, "isbn": None},
        {"title": "Sword", "price": 12.99, "tags": ["a", "b"]},
        {"title": "Moby", "price": 8.99, "isbn": "0-553"},
    ],
    "delivery-partner": {"x y": 1, "it's": 2},
    "limit": 10,
    "nothing": None,
}

NAMES = st.sampled_from(["a", "b", "c", "d-e"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
DEFINITE_STEPS = st.one_of(NAMES, st.integers(0, 3))
WIDE_STEPS = st.one_of(st.just("*"), st.tuples(st.integers(-3, 3) | st.none(), st.integers(-3, 3) | st.none()))
INDEFINITE = st.tuples(
    st.lists(DEFINITE_STEPS, max_size=2), WIDE_STEPS, st.lists(st.one_of(DEFINITE_STEPS, WIDE_STEPS), max_size=3)
).map(lambda parts: [*parts[0], parts[1], *parts[2]])


def text_of(steps: list[Any]) -> str:
    """The path that takes these steps: a name, an index, `*` or a (start, end) slice each."""
    text = "$"
    for step in steps:
        match step:
            case "*":
                text += "[*]"
            case str():
                text += f".{step}"
            case int():
                text += f"[{step}]"
            case (start, end):
                text += f"[{'' if start is None else start}:{'' if end is None else end}]"
    return text


def naive(node: Any, steps: list[Any]) -> list[Any]:
    """Every node that the steps lead to, found the slow and plain way."""
    if not steps:
        return [node]
    step, rest = steps[0], steps[1:]
    if step == "*":
        nexts = list(node.values()) if isinstance(node, dict) else list(node) if isinstance(node, list) else []
    elif isinstance(step, str):
        nexts = [node[step]] if isinstance(node, dict) and step in node else []
    elif isinstance(step, int):
        nexts = [node[step]] if isinstance(node, list) and step < len(node) else []
    else:
        nexts = node[step[0] : step[1]] if isinstance(node, list) else []
    return [found for following in nexts for found in naive(following, rest)]


def read(text: str, document: Any) -> Any:
    return jsonpath.compile(text).read(document)


@given(DOCUMENTS, INDEFINITE)
def test_an_indefinite_path_gives_the_list_that_a_naive_evaluator_finds(document: Any, steps: list[Any]) -> None:
    assert read(text_of(steps), document) == naive(document, steps)


@given(DOCUMENTS, st.lists(DEFINITE_STEPS, max_size=4))
def test_a_definite_path_gives_the_one_value_or_is_not_found(document: Any, steps: list[Any]) -> None:
    expected = naive(document, steps)
    try:
        found = [read(text_of(steps), document)]
    except jsonpath.PathNotFound:
        found = []
    assert found == expected


@given(DOCUMENTS, st.lists(st.one_of(st.sampled_from(["a", "b", "c"]), st.just("*")), min_size=1, max_size=3))
def test_names_and_wildcards_agree_with_jsonpath_ng(document: Any, steps: list[str]) -> None:
    text = "$" + "".join(f".{step}" for step in steps)
    # jsonpath-ng's `.*` passes over arrays, so only objects are compared.
    objects_only = without_arrays(document)
    theirs = [match.value for match in jsonpath_ng.parse(text).find(objects_only)]
    try:
        ours = read(text, objects_only)
    except jsonpath.PathNotFound:
        ours = []
    assert (ours if "*" in steps or theirs == [] else [ours]) == theirs


def without_arrays(node: Any) -> Any:
    if isinstance(node, list):
        return len(node)
    return {name: without_arrays(member) for name, member in node.items()} if isinstance(node, dict) else node


@given(DOCUMENTS)
def test_descending_to_everything_finds_every_node_below_the_root(document: Any) -> None:
    def below(node: Any) -> list[Any]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return [found for child in children for found in [child, *below(child)]]

    assert sorted(map(repr, read("$..*", document))) == sorted(map(repr, below(document)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$", STORE),
        ("$.book[0].title", "Sayings"),
        ("$['book'][1]['price']", 12.99),
        ('$["limit"]', 10),
        ("$.delivery-partner['x y']", 1),
        ("$.delivery-partner.['x y']", 1),
        (r"$.delivery-partner['it\'s']", 2),
        ("$.book[-1].title", "Moby"),
        ("$.nothing", None),
        ("$.book[*].title", ["Sayings", "Sword", "Moby"]),
        ("$.book[0,2].title", ["Sayings", "Moby"]),
        ("$.book[1:].title", ["Sword", "Moby"]),
        ("$.book[::2].title", ["Sayings", "Moby"]),
        ("$..price", [8.95, 12.99, 8.99]),
        ("$..tags[0]", ["a"]),
        ("$.book[0]['title','price']", {"title": "Sayings", "price": 8.95}),
        ("$.book[*]['title','missing']", [{"title": "Sayings"}, {"title": "Sword"}, {"title": "Moby"}]),
    ],
)
def test_a_path_reads(text: str, expected: Any) -> None:
    assert read(text, STORE) == expected


@pytest.mark.parametrize(
    ("test", "titles"),
    [
        ("@.price < 9", ["Sayings", "Moby"]),
        ("@.price < $.limit && @.isbn", ["Sayings", "Moby"]),
        ("@.isbn == null", ["Sayings"]),
        ("!@.isbn", ["Sword"]),
        ("@.title == 'Sword' || @.price==8.99", ["Sword", "Moby"]),
        ("@.title =~ /s.*/i", ["Sayings", "Sword"]),
        ("@.title in ['Moby', \"Sword\"]", ["Sword", "Moby"]),
        ("@.title nin ['Moby']", ["Sayings", "Sword"]),
        ("@.tags contains 'b'", ["Sword"]),
        ("@.tags size 2", ["Sword"]),
        ("@.tags subsetof ['a', 'b', 'c']", ["Sword"]),
        ("@.tags anyof ['b', 'z']", ["Sword"]),
        ("@.tags noneof ['z']", ["Sword"]),
        ("@.tags empty false", ["Sword"]),
        ("(@.price > 9 || @.price < 8.96) && @.title != 'Sword'", ["Sayings"]),
        ("@.price >= '9'", []),
        ("@.price == '12.99'", ["Sword"]),
        ("9 <= @.price", ["Sword"]),
        ("@.no == @.way", []),
        ("@.no != @.way", ["Sayings", "Sword", "Moby"]),
    ],
)
def test_a_filter_selects(test: str, titles: list[str]) -> None:
    assert read(f"$.book[?({test})].title", STORE) == titles


@pytest.mark.parametrize("text", ["$.no.items[*]", "$.no[1:5].x", "$.no[?(@.x)]", "$.no..x", "$.limit[*]", "$[*].x[0]"])
def test_an_indefinite_path_below_a_missing_property_is_an_empty_list(text: str) -> None:
    assert read(text, {"limit": 10}) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$.x", "No results for path: $['x']"),
        ("$.book[0].x.y", "Missing property in path $['book'][0]['x']"),
        ("$.book.x", "Expected to find an object with property ['x'] in path $['book'] but found an array"),
        ("$.book[9]", "Index out of bounds when evaluating path $['book'][9]"),
        (
            "$.book.length()",
            "Expected to find an object with property ['length()'] in path $['book'] but found an array",
        ),
        ("$.limit[0]", "Filter: [0] can only be applied to arrays. Current context is: a number"),
    ],
)
def test_a_missing_value_says_where_the_path_stopped(text: str, reason: str) -> None:
    with pytest.raises(jsonpath.PathNotFound) as caught:
        read(text, STORE)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        *["", "a", "$x", "$ ", "$.", "$..", "$.a.", "$.a b", "$.a]"],
        *["$[", "$[]", "$[a]", "$['a", "$['a'", "$.a[1", "$.a[::0]"],
        *["$.a[?()]", "$.a[?(@.b)", "$.a[?(@.b ==)]", "$.a[?(@.b =~ 'x')]", "$.a[?(@.b =~ /(/)]"],
        *["$.a.length()x", "$.a.length(1)", "$.a()()"],
    ],
)
def test_a_text_that_is_not_a_path_is_refused(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        jsonpath.compile(text)


@given(st.text("$@.[]()'*?:,ab1 &|=<!", max_size=12))
def test_any_text_compiles_or_is_refused_and_never_crashes(text: str) -> None:
    try:
        path = jsonpath.compile(text)
    except ExpressionSyntaxError:
        return
    try:
        path.read({"a": [{"b": 1}], "b": "a"})
    except jsonpath.PathNotFound:
        assert path.definite
