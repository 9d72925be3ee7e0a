import base64
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.intrinsics import Scope, resolve

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    # One key may make a function; two never do.
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner, min_size=2),
    max_leaves=20,
)


def evaluated(node, **values):
    return resolve(node, Scope(values=values, attributes={("Topic", "TopicName"): "t"}), "here")


@given(PLAIN)
def test_what_holds_no_function_is_left_as_it_is(node):
    before = copy.deepcopy(node)
    assert evaluated(node) == before == node


@given(st.lists(st.text(alphabet="abc${}!"), min_size=1))
def test_split_undoes_join(items):
    assert evaluated({"Fn::Split": ["|", {"Fn::Join": ["|", items]}]}) == items


@given(st.lists(st.integers(), min_size=1), st.data())
def test_select_is_an_index(items, data):
    index = data.draw(st.integers(0, len(items) - 1))
    assert evaluated({"Fn::Select": [index, items]}) == items[index]


@given(st.text())
def test_base64_decodes_to_the_text(text):
    assert base64.b64decode(evaluated({"Fn::Base64": text})).decode() == text


@given(st.lists(st.sampled_from(["a", "${A}", "${B}", "$", "}"])))
def test_sub_is_a_join_of_refs(pieces):
    refs = [{"Ref": piece[2:-1]} if piece.startswith("${") else piece for piece in pieces]
    assert evaluated({"Fn::Sub": "".join(pieces)}, A="1", B="2") == evaluated({"Fn::Join": ["", refs]}, A="1", B="2")


def test_sub_reads_attributes_and_keeps_literals():
    assert evaluated({"Fn::Sub": "${A}/${Topic.TopicName}/${!A}"}, A="a") == "a/t/${A}"


def test_the_names_of_a_sub_s_own_map_win():
    assert evaluated({"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}, A="a", B="b") == "b"


@given(st.text(alphabet="${!}ab"))
def test_sub_leaves_what_it_puts_in_as_it_is(text):
    assert evaluated({"Fn::Sub": "<${A}>"}, A=text) == f"<{text}>"


def test_no_value_takes_its_key_and_its_item_away():
    assert evaluated({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}) == {"b": [1]}


def test_booleans_in_text_are_lower_case():
    assert evaluated({"Fn::Join": ["", [True, 1]]}) == "true1"


def test_a_mapping_is_looked_up():
    scope = Scope(values={"AWS::Region": "eu-west-1"}, mappings={"Sizes": {"eu-west-1": {"Small": "xs"}}})
    assert resolve({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Small"]}, scope, "here") == "xs"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"Ref": "Nothing"}, "here.Ref: there is no parameter or resource 'Nothing'"),
        ({"Fn::GetAtt": ["Topic", "Colour"]}, "no attribute 'Colour'"),
        ({"Fn::GetAtt": ["Topic"]}, "expected a resource and an attribute of it, got ['Topic']"),
        ({"Fn::GetAtt": None}, "expected a resource and an attribute of it, got None"),
        ({"Fn::Sub": "${}"}, "no parameter or resource ''"),
        ({"Fn::Select": ["first", ["a"]]}, "no item first in a list of 1"),
        ({"Fn::Select": [-1, ["a"]]}, "no item -1 in a list of 1"),
        ({"Fn::Select": [3, ["a"]]}, "no item 3 in a list of 1"),
        ({"Fn::Join": ["-", "ab"]}, "expected a list"),
        ({"Fn::Split": ["-"]}, "expected a list of 2 arguments"),
        ({"Fn::FindInMap": ["Sizes", "a", "b"]}, "the mapping has no 'Sizes'"),
        ({"a": [{"Fn::Cidr": ["10.0.0.0/16", 1]}]}, "here.a[0]: the function Fn::Cidr is not understood"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_its_place(node, said):
    with pytest.raises(TemplateError) as refusal:
        evaluated(node)
    assert said in str(refusal.value)
