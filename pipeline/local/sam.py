"""SAM's translator, the one that CloudFormation itself applies, as a function."""

import copy
import json
from typing import Any, TypedDict


class Order(TypedDict):
    """A template with SAM's transform, its parameters' values, and where it is deployed."""

    template: dict[str, Any]
    parameters: dict[str, Any]
    region: str


class Translated(TypedDict):
    """The template in CloudFormation's own types, as JSON has it; or why there is none, where there are problems."""

    template: dict[str, Any]
    problems: list[str]


def translated(order: Order) -> Translated:
    """SAM's resources become CloudFormation's. No network and no credentials are used."""
    # Imported here: it takes a quarter of a second, and what was translated before is kept (translations.py).
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # Else the translator asks for the region of the user's own account.
    session = boto3.Session(region_name=order["region"])
    translator = Translator(None, Parser(), boto_session=session)
    try:
        template: dict[str, Any] = translator.translate(copy.deepcopy(order["template"]), order["parameters"])
    except InvalidDocumentException as error:
        return Translated(template={}, problems=[cause.message for cause in error.causes])
    translator.metrics.publish()  # to nobody; unpublished, they are complained about when they are collected
    template.pop("Transform", None)
    return Translated(template=json.loads(json.dumps(template)), problems=[])
