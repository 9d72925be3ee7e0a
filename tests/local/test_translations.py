"""Templates translated once, against SAM's translator itself."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import sam, translations
from pipeline.local.deploy.template import load, package

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "template.yaml"
TOPIC = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}


def order(template: dict[str, Any], region: str = "eu-west-1", **parameters: str) -> sam.Order:
    return {"template": template, "parameters": {"DefaultModel": "any", **parameters}, "region": region}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where translations are kept: in a folder that is new."""
    monkeypatch.setenv("IMAGEBATCH_CACHE", str(tmp_path))
    return tmp_path / "templates"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[sam.Order]:
    """What the translator is asked."""
    asked: list[sam.Order] = []
    translate = sam.translated

    def asks(order: sam.Order) -> sam.Translated:
        asked.append(order)
        return translate(order)

    monkeypatch.setattr(sam, "translated", asks)
    return asked


@pytest.mark.usefixtures("kept")
def test_a_template_is_the_same_whether_it_was_kept_or_not(asked: list[sam.Order]) -> None:
    template = package(load(TEMPLATE), TEMPLATE.parent)
    theirs = sam.translated(order(template))
    asked.clear()

    assert [translations.translated(order(template)) for _ in range(3)] == [theirs] * 3
    assert len(asked) == 1


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "other",
    [
        lambda: order({**TOPIC, "Description": "another"}),
        lambda: order(TOPIC, region="eu-west-2"),
        lambda: order(TOPIC, DefaultModel="another"),
        lambda: order(TOPIC, Another="any"),
    ],
)
def test_whatever_it_depends_on_makes_another(other: Callable[[], sam.Order], asked: list[sam.Order]) -> None:
    translations.translated(order(TOPIC))
    translations.translated(other())

    assert len(asked) == 2


@pytest.mark.usefixtures("kept")
def test_another_translator_makes_another(asked: list[sam.Order], monkeypatch: pytest.MonkeyPatch) -> None:
    translations.translated(order(TOPIC))
    monkeypatch.setattr(translations, "version", lambda package: "0.0.0")
    translations.translated(order(TOPIC))

    assert len(asked) == 2


def test_what_is_broken_is_made_again(kept: Path, asked: list[sam.Order]) -> None:
    made = translations.translated(order(TOPIC))
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:-1])

    assert translations.translated(order(TOPIC)) == made
    assert len(asked) == 2


def test_where_nothing_can_be_kept_it_is_made_again(kept: Path, asked: list[sam.Order]) -> None:
    kept.touch()

    assert translations.translated(order(TOPIC)) == translations.translated(order(TOPIC))
    assert len(asked) == 2


def test_what_is_refused_is_not_kept(kept: Path) -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}
    refused = order({**TOPIC, "Resources": {"F": function}})

    assert "[F]" in translations.translated(refused)["problems"][0]
    assert not kept.exists()


def test_what_must_not_be_echoed_is_not_kept(kept: Path) -> None:
    secret = copy.deepcopy(TOPIC) | {"Parameters": {"Token": {"Type": "String", "NoEcho": True}}}

    translations.translated(order(secret, Token="of-somebody"))

    assert not kept.exists()
