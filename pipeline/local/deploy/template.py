"""A template file: read, pointed at the sources on this machine, and translated from SAM to CloudFormation.

In AWS `sam package` uploads what CodeUri and DefinitionUri name, and writes S3 addresses in their place. Here the
address is the bucket `local-source` with an absolute path as key: functions run from their source folder in place.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import yaml

from pipeline.local.deploy.errors import TemplateError

LOCAL_SOURCE = "local-source"
"""The bucket name that stands for this machine's file system."""

SAM = "AWS::Serverless-2016-10-31"

_PACKAGED = {
    ("Function", "CodeUri"): Path.is_dir,
    ("StateMachine", "DefinitionUri"): Path.is_file,
}


def load(path: Path) -> dict[str, Any]:
    """The template in its long form (`{"Fn::GetAtt": ["Topic", "Arn"]}`), from YAML or JSON."""
    if not path.is_file():
        raise TemplateError(f"there is no template {path}")
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader, with tags added
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} holds no template: expected a section Resources")
    for place, entry in _mappings(document):
        if not isinstance(entry, dict):
            raise TemplateError(f"{place}: expected a mapping, got {entry!r}")
    return document


def package(template: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`template` with each relative CodeUri and DefinitionUri, read from `folder`, turned into an address here."""
    template = copy.deepcopy(template)
    for kind, section in template.get("Globals", {}).items():
        _package_properties(kind, section, folder, f"Globals.{kind}")
    for logical_id, resource in template.get("Resources", {}).items():
        kind = str(resource.get("Type")).removeprefix("AWS::Serverless::")
        _package_properties(kind, resource.get("Properties", {}), folder, f"Resources.{logical_id}.Properties")
    return template


def translate(template: dict[str, Any], parameters: dict[str, Any], region: str) -> dict[str, Any]:
    """SAM resources become CloudFormation resources, by the translator that CloudFormation itself applies.

    A template without the SAM transform comes back as it is. No network and no credentials are used.
    """
    transforms = template.get("Transform", [])
    if transforms in ([], None):
        return template
    if transforms not in (SAM, [SAM]):
        raise TemplateError(f"Transform: expected {SAM}, got {transforms!r}")

    # Importing the translator takes a third of a second, so a plain CloudFormation template does without.
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    session = boto3.Session(region_name=region)  # else the translator asks for the region of the user's own account
    translator = Translator(None, Parser(), boto_session=session)
    try:
        translated: dict[str, Any] = translator.translate(copy.deepcopy(template), parameters)
    except InvalidDocumentException as error:
        raise TemplateError(*(cause.message for cause in error.causes)) from error
    translator.metrics.publish()  # to nobody; unpublished, they are complained about when they are collected
    translated.pop("Transform", None)
    return translated


def _mappings(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What has to be a mapping, with its place; whatever holds something comes before what it holds."""
    for section in ("Globals", "Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        if section in document:
            yield section, document[section]
            yield from ((f"{section}.{name}", entry) for name, entry in document[section].items())
    for name, resource in document["Resources"].items():
        if "Properties" in resource:
            yield f"Resources.{name}.Properties", resource["Properties"]


def _package_properties(kind: str, properties: dict[str, Any], folder: Path, path: str) -> None:
    for (packaged, name), is_there in _PACKAGED.items():
        uri = properties.get(name)
        if packaged != kind or not isinstance(uri, str) or uri.startswith("s3://"):
            continue
        source = (folder / uri).resolve()
        if not is_there(source):
            raise TemplateError(f"{path}.{name}: there is nothing at {source}")
        properties[name] = {"Bucket": LOCAL_SOURCE, "Key": str(source)}


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
