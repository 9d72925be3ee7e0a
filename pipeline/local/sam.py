"""SAM's translator, the one that CloudFormation itself applies, as a function and as a process.

Run as a script, `python -P sam.py LOADS`, it loads the translator and closes the file descriptor LOADS; then it reads
an order from standard input and writes what `translated` gives, both in JSON. It ends when nobody is there any more to
order something. It imports nothing of the product: translations.py starts it before anything else is loaded.
"""

import copy
import json
import os
import sys
from typing import Any, TypedDict


class Order(TypedDict):
    """A template with SAM's transform, its parameters' values, and where it is deployed."""

    template: dict[str, Any]
    parameters: dict[str, Any]
    region: str


class Translated(TypedDict):
    """The template in CloudFormation's own types; or why there is none, where there are problems."""

    template: dict[str, Any]
    problems: list[str]


def translated(order: Order) -> Translated:
    """SAM's resources become CloudFormation's. No network and no credentials are used."""
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
    return Translated(template=template, problems=[])


def main() -> None:
    sys.modules["awscrt"] = None  # type: ignore[assignment]  # botocore would load it, and has no use for it here
    import samtranslator.translator.translator  # noqa: F401 - what takes long, before there is an order

    os.close(int(sys.argv[1]))
    if order := sys.stdin.read():
        sys.stdout.write(json.dumps(translated(json.loads(order))))
        sys.stdout.flush()
    os._exit(0)  # nothing to put away: Python would go through all that was loaded once more


if __name__ == "__main__":
    main()
