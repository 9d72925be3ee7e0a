"""What people, or programs, are told of one image: rows, or a line of JSON."""

import json

from pipeline.endpoints.prediction import Prediction
from pipeline.errors import ImageBatchError
from pipeline.given import printable


def predicted(prediction: Prediction, *, as_json: bool) -> str:
    """What an endpoint says of an image."""
    if as_json:
        top = [{"label": each.label, "index": each.index, "score": each.score} for each in prediction.top]
        answer: dict[str, object] = {"top": top}
        if prediction.boxes is not None:
            boxes = zip(top, prediction.boxes, strict=True)
            answer = {"boxes": [{**each, "box": box} for each, box in boxes]}
        elif prediction.values:
            answer = {"values": prediction.values}
        told = {"file": prediction.image, "endpoint": prediction.endpoint, "resized": prediction.resized}
        return json.dumps({**told, **answer})
    head = printable(prediction.image) + (" (resized to fit)" if prediction.resized else "")
    return "\n".join([head, *_rows(prediction)])


def failed(file: str, error: Exception, text: str, *, as_json: bool) -> str:
    """Why there is no prediction of a file."""
    if as_json:
        retry = isinstance(error, ImageBatchError) and error.worth_a_retry
        return json.dumps({"file": file, "error": type(error).__name__, "detail": text, "worth_a_retry": retry})
    named = text if repr(file)[1:-1] in text or ascii(file)[1:-1] in text else f"{file!r}: {text}"
    return f"imagebatch: {printable(named)}"


def _rows(prediction: Prediction) -> list[str]:
    if prediction.values:
        return [f"  {len(prediction.values)} values, as JSON with --json"]
    if not prediction.top:
        return ["  nothing was found"]
    boxes = prediction.boxes or (None,) * len(prediction.top)
    return [
        f"  {each.score:8.4f}  {printable(each.label)}"
        + ("" if box is None else f"  {', '.join(f'{side:.0f}' for side in box)}")
        for each, box in zip(prediction.top, boxes, strict=True)
    ]
