"""Ways to plant a fault into a copy of the stack: into its template, its policies, its state machines."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

Source = dict[str, Any]
Definitions = dict[str, str]


class Fault(NamedTuple):
    name: str
    check: str
    plant: Callable[[Source, Definitions], None]
    said: str
    """What the finding has to say, so that nothing else is taken for it."""


def properties(source: Source, name: str) -> dict[str, Any]:
    found: dict[str, Any] = source["Resources"][name]["Properties"]
    return found


def statements(source: Source, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties(source, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def allow(action: Any, resource: Any, **more: Any) -> Callable[[Source, Definitions], None]:
    """One more statement in the role of StartRun."""

    def plant(source: Source, _: Definitions) -> None:
        statements(source, "StartRunRole").append({"Effect": "Allow", "Action": action, "Resource": resource, **more})

    return plant


def put(name: str, path: str, value: Any) -> Callable[[Source, Definitions], None]:
    """A property of a resource changed; or taken away, where the value is None."""

    def plant(source: Source, _: Definitions) -> None:
        *folders, last = path.split(".")
        node = properties(source, name)
        for folder in folders:
            node = node[int(folder)] if isinstance(node, list) else node[folder]
        place = int(last) if isinstance(node, list) else last
        if value is None:
            del node[place]
        else:
            node[place] = value

    return plant


def state(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Source, Definitions], None]:
    """A state of the batch machine changed, at whatever depth it is."""

    def plant(_: Source, definitions: Definitions) -> None:
        definition = json.loads(definitions["BatchStateMachine"])
        change(_find(definition, name))
        definitions["BatchStateMachine"] = json.dumps(definition)

    return plant


def _find(branch: dict[str, Any], name: str) -> dict[str, Any]:
    if name in branch["States"]:
        found: dict[str, Any] = branch["States"][name]
        return found
    inner = [each["ItemProcessor"] for each in branch["States"].values() if "ItemProcessor" in each]
    return next(_find(each, name) for each in inner if f'"{name}": {{' in json.dumps(each))


def let(name: str, **statement: Any) -> Callable[[Source, Definitions], None]:
    """One more statement in the policy of a bucket, a topic or the key."""

    def plant(source: Source, _: Definitions) -> None:
        document = properties(source, name).get("KeyPolicy") or properties(source, name)["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Resource": "*", **statement})

    return plant


def trust(role: str, **changed: Any) -> Callable[[Source, Definitions], None]:
    """Who may assume a role, changed."""

    def plant(source: Source, _: Definitions) -> None:
        properties(source, role)["AssumeRolePolicyDocument"]["Statement"][0].update(changed)

    return plant


def add(kind: str, **given: Any) -> Callable[[Source, Definitions], None]:
    """One more resource."""

    def plant(source: Source, _: Definitions) -> None:
        source["Resources"]["Planted"] = {"Type": kind, "Properties": given}

    return plant


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """A parameter of a state misspelt."""

    def change(node: dict[str, Any]) -> None:
        node["Parameters"][new] = node["Parameters"].pop(old)

    return change


def unreachable(_: Source, definitions: Definitions) -> None:
    definition = json.loads(definitions["BatchStateMachine"])
    definition["States"]["Lost"] = {"Type": "Pass", "End": True}
    definitions["BatchStateMachine"] = json.dumps(definition)


def without_policy(source: Source, _: Definitions) -> None:
    del source["Resources"]["ResultsBucketPolicy"]


def without_key(source: Source, _: Definitions) -> None:
    properties(source, "PlanRetryRole")["ManagedPolicyArns"] = []
