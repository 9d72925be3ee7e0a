"""What a resource type is, and what its function gets and gives."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.deploy.errors import TemplateError

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Where a resource is made, and for which place in which stack."""

    logical_id: str
    stack_name: str
    region: str
    account_id: str
    client: Callable[[str], Any]
    build_image: Callable[[str], None]
    """Has a repository, by its name, hold the image that is built of this product's sources."""

    def name(self, longest: int = 64, content: "Properties | None" = None) -> str:
        """A name for a resource that was given none: stack, logical id and a suffix, as CloudFormation does it.

        The suffix is a hash where CloudFormation's is random: the same template gets the same names in each cloud. What
        cannot be changed, and is made anew beside the one that it replaces, has a name of its `content`.
        """
        told = json.dumps(content, sort_keys=True, default=str) if content is not None else ""
        place = f"{self.account_id}/{self.stack_name}/{self.logical_id}{told}"
        suffix = hashlib.sha256(place.encode()).hexdigest()[:8]
        return f"{self.stack_name}-{self.logical_id}"[: longest - len(suffix) - 1] + f"-{suffix}"


@dataclass(frozen=True)
class Created:
    """What a resource became: `ref` is what Ref gives, `attributes` are what Fn::GetAtt may ask for."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ResourceType:
    """How to make a resource of one type.

    `properties` are understood and acted on, and `required` are those of them that `create` cannot do without.
    `meaningless` are accepted, have no effect on one machine, and say why. `attributes` name what `create` puts into
    `Created.attributes`. A type that means nothing as a whole is `noted`, which says why: it is named, and nothing is
    made.

    What a cloud keeps in its folder may be there already, by an earlier deployment of the stack: there `create` changes
    it into what is asked for, and `delete` deletes the one with a physical id (its Ref) that the stack no longer has.
    """

    create: Callable[[Target, Properties], Created]
    properties: frozenset[str]
    required: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    meaningless: Mapping[str, str] = field(default_factory=dict)
    noted: str = ""
    delete: Callable[[Target, str], object] | None = None


def inside(target: Target, value: Properties, path: str, *known: str) -> Properties:
    """`value`, which stands at `path` in the resource's properties, if it holds nothing but what is `known`.

    Most of what is nested goes to an API whole, and botocore refuses what the API does not have. This is for the rest.
    """
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise TemplateError(f"Resources.{target.logical_id}.Properties.{path}: {unknown[0]} is not understood")
    return value


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Those of the properties that are there: an API tells an absent parameter from an empty one."""
    return {name: properties[name] for name in names if name in properties}
