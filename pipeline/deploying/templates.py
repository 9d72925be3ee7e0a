"""infra/template.yaml read, and with addresses in S3 for what it names on this machine."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from pipeline.deploying.bundles import functions_of
from pipeline.deploying.errors import TemplateError

Address = Mapping[str, str]
"""`{"Bucket": ..., "Key": ...}`: where something was uploaded."""


def load(path: Path) -> dict[str, Any]:
    """The template in its long form (`{"Fn::GetAtt": ["Topic", "Arn"]}`), from YAML or JSON."""
    if not path.is_file():
        raise TemplateError(f"there is no template {path}")
    return parsed(path.read_text(encoding="utf-8"), str(path))


def parsed(text: str, path: str) -> dict[str, Any]:
    """The same of a template's text, which messages call `path`."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a safe loader, with tags added
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} holds no template: expected a section Resources")
    for place, entry in _mappings(document):
        if not isinstance(entry, dict):
            raise TemplateError(f"{place}: expected a mapping, got {entry!r}")
    return document


def packaged(
    template: Mapping[str, Any],
    folder: Path,
    code: Mapping[str, Address],
    upload: Callable[[Path], Address],
    release: str = "",
) -> str:
    """The template as JSON that CloudFormation takes, SAM still to be transformed.

    Each function has the address of its bundle in `code`. `upload` takes the definition of a state machine, which the
    template names relative to `folder`. `release`, where it differs, makes new versions of the functions that have
    them: SAM makes them for new code alone, and a function's variables belong to its version.
    """
    template = copy.deepcopy(dict(template))
    resources = template["Resources"]
    template["Globals"]["Function"].pop("CodeUri", None)
    for function, bundle in functions_of(template):
        resources[function]["Properties"]["CodeUri"] = code[bundle]
        resources[function].pop("Metadata", None)  # how the SAM CLI builds it
        if release and "AutoPublishAlias" in resources[function]["Properties"]:
            resources[function]["Properties"]["AutoPublishCodeSha256"] = release
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            properties = resource["Properties"]
            properties["DefinitionUri"] = upload((folder / properties["DefinitionUri"]).resolve())
    return json.dumps(template, indent=1, sort_keys=False)


def _mappings(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What has to be a mapping, with its place; whatever holds something comes before what it holds."""
    for section in ("Globals", "Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        if section in document:
            yield section, document[section]
            yield from ((f"{section}.{name}", entry) for name, entry in document[section].items())
    for name, resource in document["Resources"].items():
        if "Properties" in resource:
            yield f"Resources.{name}.Properties", resource["Properties"]


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it is built


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML as CloudFormation reads it: short-form functions, no timestamps, no duplicate keys."""

    # PyYAML shares this table between loaders; `Version: 2012-10-17` is a string here and not a date.
    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key has to be text", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_function(self, suffix: str, node: yaml.Node) -> dict[str, Any]:
        argument: Any
        if isinstance(node, yaml.ScalarNode):
            argument = self.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            argument = self.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.MappingNode):
            argument = self.construct_mapping(node, deep=True)
        if suffix in ("Ref", "Condition"):
            return {suffix: argument}
        if suffix == "GetAtt" and isinstance(argument, str):
            argument = argument.split(".", 1)
        return {f"Fn::{suffix}": argument}


_Loader.add_multi_constructor("!", _Loader.construct_function)
