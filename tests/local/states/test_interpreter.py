"""The interpreter against a much simpler one, on state machines that hypothesis makes up."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Meaning = Callable[[Any], Any]
Branch = tuple[dict[str, Any], Meaning]
Step = tuple[dict[str, Any], Meaning]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)

SERVICE_STAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def _passing(result: Any) -> list[Step]:
    return [({"Type": "Pass", "Result": result}, lambda _: result)]


def _wrapping(name: str) -> list[Step]:
    return [({"Type": "Pass", "Parameters": {f"{name}.$": "$"}}, lambda value: {name: value})]


def _parallel(branches: list[Branch]) -> list[Step]:
    state = {"Type": "Parallel", "Branches": [definition for definition, _ in branches]}
    return [(state, lambda value: [meaning(value) for _, meaning in branches])]


def _each_of_two(branch: Branch) -> list[Step]:
    definition, meaning = branch
    pair = {"Type": "Pass", "Parameters": {"pair.$": "States.Array($, 1)"}}
    each = {"Type": "Map", "ItemsPath": "$.pair", "ItemProcessor": definition}
    return [
        (pair, lambda value: {"pair": [value, 1]}),
        (each, lambda value: [meaning(item) for item in value["pair"]]),
    ]


def _chained(steps: list[Step], names: list[str]) -> Branch:
    states = {
        name: step | ({"Next": following} if following else {"End": True})
        for name, (step, _), following in zip(names, steps, [*names[1:], None], strict=True)
    }

    def meaning(value: Any) -> Any:
        for _, step in steps:
            value = step(value)
        return value

    return {"StartAt": names[0], "States": states}, meaning


@st.composite
def branches(draw: st.DrawFn, depth: int = 2, prefix: str = "s") -> Branch:
    """A branch of a few states, nested up to `depth`, and what it makes of its input."""
    steps: list[Step] = []
    for position in range(draw(st.integers(1, 3))):
        inner = branches(depth=depth - 1, prefix=f"{prefix}{position}")
        kinds = [VALUES.map(_passing), st.sampled_from("ab").map(_wrapping)]
        if depth:
            siblings = [branches(depth=depth - 1, prefix=f"{prefix}{position}{n}") for n in "xy"]
            kinds += [inner.map(_each_of_two), st.tuples(*siblings).map(list).map(_parallel)]
        steps += draw(st.one_of(kinds))
    return _chained(steps, [f"{prefix}{position}" for position in range(len(steps))])


@SERVICE_STAYS
@given(branch=branches(), value=VALUES)
def test_a_machine_gives_what_its_states_mean(machines: Any, branch: Branch, value: Any) -> None:
    definition, meaning = branch
    outcome = machines.run(definition, [value])
    assert outcome.output == meaning([value])


@SERVICE_STAYS
@given(branch=branches(), value=VALUES)
def test_every_state_that_is_entered_is_left_and_events_follow_earlier_ones(
    machines: Any, branch: Branch, value: Any
) -> None:
    events = machines.run(branch[0], [value]).events
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    exited = [event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event]
    assert sorted(entered) == sorted(exited)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events)


@SERVICE_STAYS
@given(branch=branches(depth=1), items=st.lists(VALUES, max_size=6))
def test_both_modes_of_a_map_give_the_same(machines: Any, branch: Branch, items: list[Any]) -> None:
    def each(config: dict[str, str]) -> dict[str, Any]:
        selector = {"index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value"}
        processor = {"ProcessorConfig": config, **branch[0]}
        state = {"Type": "Map", "ItemSelector": selector, "ItemProcessor": processor, "End": True}
        return {"StartAt": "Each", "States": {"Each": state}}

    inline = machines.run(each({"Mode": "INLINE"}), items)
    distributed = machines.run(each({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}), items)
    assert inline.output == distributed.output
    assert inline.output == [branch[1]({"index": index, "item": item}) for index, item in enumerate(items)]
