"""A template: pointed at the sources on this machine, and translated from SAM to CloudFormation.

In AWS `sam package` uploads what CodeUri and DefinitionUri name, and writes S3 addresses in their place. Here the
address is the bucket `local-source` with an absolute path as key: functions run from their source folder in place.
"""

import copy
from pathlib import Path
from typing import Any

from pipeline.deploying.templates import load
from pipeline.local import translations
from pipeline.local.deploy.errors import TemplateError

__all__ = ["LOCAL_SOURCE", "SAM", "load", "package", "translate"]

LOCAL_SOURCE = "local-source"
"""The bucket name that stands for this machine's file system."""

SAM = "AWS::Serverless-2016-10-31"

_PACKAGED = {
    ("Function", "CodeUri"): Path.is_dir,
    ("StateMachine", "DefinitionUri"): Path.is_file,
}


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

    answer = translations.translated({"template": template, "parameters": parameters, "region": region})
    if answer["problems"]:
        raise TemplateError(*answer["problems"])
    return answer["template"]


def _package_properties(kind: str, properties: dict[str, Any], folder: Path, path: str) -> None:
    for (packaged, name), is_there in _PACKAGED.items():
        uri = properties.get(name)
        if packaged != kind or not isinstance(uri, str) or uri.startswith("s3://"):
            continue
        source = (folder / uri).resolve()
        if not is_there(source):
            raise TemplateError(f"{path}.{name}: there is nothing at {source}")
        properties[name] = {"Bucket": LOCAL_SOURCE, "Key": str(source)}
