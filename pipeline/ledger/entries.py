"""An entry of the ledger, as an item of its table.

image          S    s3://bucket/key: the partition key (UTF-8, at most 1,093 bytes of the 2,048 that it may have)
model          S    the name of the model package: the sort key, so that two models know the image each by itself
format         N    1; whatever has another was not written by this code, and is believed nothing
etag           S    of the bytes that were predicted, without quotes
contract       S    digest of the model contract
model_digest   S    of the files behind the model's name (contract/store.py)
run            S    the run id
predicted_at   S    ISO 8601, UTC, always with microseconds: as text it sorts as time does
label, score   S, N the best answer, where the task ranks any
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pipeline.errors import CorruptLedger

_FORMAT = "1"
_TEXTS = ("image", "model", "etag", "contract", "model_digest", "run", "predicted_at")
_LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """What one model answered for one image, and of which bytes."""

    image: str
    """`s3://bucket/key`, the key as it is in S3."""
    model: str
    etag: str
    contract: str
    model_digest: str
    run_id: str
    predicted_at: datetime
    label: str | None = None
    score: float | None = None

    def vouches_for(self, etag: str | None, contract: str, model_digest: str) -> bool:
        """Whether these bytes, this contract and these files of the model are what was predicted."""
        return (self.etag, self.contract, self.model_digest) == (etag, contract, model_digest)

    @property
    def key(self) -> dict[str, Any]:
        return key(self.image, self.model)

    def to_item(self) -> dict[str, Any]:
        """The item, in the low-level notation of DynamoDB."""
        predicted_at = self.predicted_at.astimezone(UTC).isoformat(timespec="microseconds")
        texts = (self.image, self.model, self.etag, self.contract, self.model_digest, self.run_id, predicted_at)
        item: dict[str, Any] = {name: {"S": text} for name, text in zip(_TEXTS, texts, strict=True)}
        item["format"] = {"N": _FORMAT}
        if self.label is not None:
            item["label"] = {"S": self.label}
        if self.score is not None:
            item["score"] = {"N": f"{self.score:.7g}"}
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """The entry in an item. Raises CorruptLedger, which names the image, where it is none of ours."""
        try:
            _check_format(item["format"])
            image, model, etag, contract, model_digest, run_id, predicted_at = (_text(item, name) for name in _TEXTS)
            time = _time(predicted_at)
            label = _text(item, "label") if "label" in item else None
            score = float(item["score"]["N"]) if "score" in item else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            name = item.get("image", {}).get("S") if isinstance(item.get("image"), Mapping) else None
            raise CorruptLedger(
                f"The ledger's item for {name or 'an image'} is no entry of this product ({error!r}). It is not "
                f"believed; the next run predicts the image again and replaces it. {dict(item)!r:.{_LONGEST_SHOWN}}"
            ) from error
        return cls(image, model, etag, contract, model_digest, run_id, time, label, score)


def key(image: str, model: str) -> dict[str, Any]:
    """The key of an item, in the low-level notation of DynamoDB."""
    return {"image": {"S": image}, "model": {"S": model}}


def _text(item: Mapping[str, Any], name: str) -> str:
    text = item[name]["S"]
    if not isinstance(text, str):
        raise TypeError(f"{name} should be text: {text!r}")
    return text


def _check_format(value: Any) -> None:
    if value != {"N": _FORMAT}:
        raise ValueError(f"its format is {value!r}, and this version reads {_FORMAT}")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"predicted_at has no time zone: {text}")
    return time.astimezone(UTC)
