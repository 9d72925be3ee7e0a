import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.graph import creation_order, references


@st.composite
def stacks(draw):
    """Resources in any order, each of which refers only to ones of a lower number."""
    resources = {}
    for number in range(draw(st.integers(1, 8))):
        needed = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        way = draw(st.sampled_from(["Ref", "Fn::GetAtt", "Fn::Sub", "DependsOn"]))
        names = [f"R{other}" for other in needed]
        if way == "DependsOn":
            resources[f"R{number}"] = {"DependsOn": names}
        else:
            argument = {"Ref": "{}", "Fn::GetAtt": "{}.Arn", "Fn::Sub": "x${{{}.Arn}}y"}[way]
            resources[f"R{number}"] = {"Properties": {"Deep": [{way: argument.format(name)} for name in names]}}
    return dict(draw(st.permutations(list(resources.items())))), resources


@given(stacks())
def test_a_resource_is_made_after_all_that_it_refers_to(pair):
    shuffled, _ = pair
    order = creation_order(shuffled)
    assert sorted(order) == sorted(shuffled)
    for name, resource in shuffled.items():
        needed = {reference.name for reference in references(resource.get("Properties", {}), "")}
        needed |= set(resource.get("DependsOn", []))
        assert all(order.index(other) < order.index(name) for other in needed)


@given(stacks(), st.data())
def test_what_is_wanted_soonest_waits_for_nothing_but_what_it_needs(pair, data):
    shuffled, _ = pair
    soonest = data.draw(st.sets(st.sampled_from(sorted(shuffled))))
    typed = {name: {**each, "Type": "Soon" if name in soonest else "Late"} for name, each in shuffled.items()}
    order = creation_order(typed, soonest={"Soon"})

    def needed(name):
        resource = shuffled[name]
        for each in {reference.name for reference in references(resource.get("Properties", {}), "")} | set(
            resource.get("DependsOn", [])
        ):
            yield each
            yield from needed(each)

    ahead = soonest | {each for name in soonest for each in needed(name)}
    assert set(order[: len(ahead)]) == ahead
    assert all(order.index(each) < order.index(name) for name in shuffled for each in needed(name))


def test_a_circle_is_refused_and_named():
    resources = {
        "Role": {"Properties": {"Policy": {"Fn::Sub": "${Machine.Arn}/*"}}},
        "Machine": {"Properties": {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}},
        "Topic": {},
    }
    with pytest.raises(TemplateError, match=r"(Role needs Machine needs Role|Machine needs Role needs Machine)"):
        creation_order(resources)


def test_a_name_of_a_sub_s_own_map_is_no_reference():
    node = {"Fn::Sub": ["${A}-${B}", {"A": {"Ref": "C"}}]}
    assert sorted(reference.name for reference in references(node, "")) == ["B", "C"]


def test_a_literal_of_a_sub_is_no_reference():
    assert list(references({"Fn::Sub": "${!A}"}, "")) == []
