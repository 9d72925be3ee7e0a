"""The `stepfunctions` SDK 2.3.0, with the fields that the Amazon States Language gained after its last release.

The SDK knows the language of 2022. Each class here is the SDK's own with more `allowed_fields()`; chaining,
placeholders and `Graph` go on working. What is new:

    Task, Map, Parallel    ResultSelector, Assign (Pass has Assign too)
    Map                    ItemProcessor in place of Iterator, inline or distributed, with ItemSelector, ItemReader,
                           ItemBatcher, ResultWriter, tolerances, Label
    Retry                  MaxDelaySeconds, JitterStrategy
    Catch                  Assign
    Fail                   ErrorPath, CausePath

Importing the SDK takes seconds, so this is for authoring: nothing that runs in AWS or in the local cloud imports it.

Source: the Amazon States Language specification, and "State machine structure" in the Step Functions Developer Guide.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, ClassVar, Literal


@contextmanager
def _quietly() -> Iterator[None]:
    """Undo what importing the SDK does to its host: warnings of its age, log lines, a root logger set to ERROR."""
    root, disabled = logging.getLogger(), logging.root.manager.disable
    level = root.level
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.setLevel(level)


with _quietly():
    from stepfunctions import steps
    from stepfunctions.steps import Chain, ChoiceRule, Graph
    from stepfunctions.steps.states import State

__all__ = [
    "Catch",
    "Chain",
    "Choice",
    "ChoiceRule",
    "Fail",
    "Graph",
    "Map",
    "Parallel",
    "Pass",
    "Retry",
    "State",
    "Succeed",
    "Task",
    "Wait",
]


class Field(Enum):
    """Fields that the SDK's own `Field` does not have; the value is the keyword argument, as in the SDK."""

    Assign = "assign"
    CausePath = "cause_path"
    ErrorPath = "error_path"
    ItemBatcher = "item_batcher"
    ItemReader = "item_reader"
    ItemSelector = "item_selector"
    JitterStrategy = "jitter_strategy"
    Label = "label"
    MaxConcurrencyPath = "max_concurrency_path"
    MaxDelaySeconds = "max_delay_seconds"
    ResultSelector = "result_selector"
    ResultWriter = "result_writer"
    ToleratedFailureCount = "tolerated_failure_count"
    ToleratedFailurePercentage = "tolerated_failure_percentage"


_HOLD_PLACEHOLDERS = ("Assign", "ItemBatcher", "ItemReader", "ItemSelector", "ResultSelector", "ResultWriter")


class _Widened:
    """Mixed in before a class of the SDK: allows the fields in `also` and renders the placeholders inside them."""

    also: ClassVar[tuple[Field, ...]] = ()

    def allowed_fields(self) -> list[Enum]:
        return [*super().allowed_fields(), *self.also]  # type: ignore[misc]

    def to_dict(self) -> dict[str, Any]:
        rendered: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        for name in _HOLD_PLACEHOLDERS:
            if name in rendered:
                rendered[name] = self._replace_placeholders(rendered[name])  # type: ignore[attr-defined]
        # What kind of state it is, and why it is there, is what a reader wants first.
        first = {name: rendered.pop(name) for name in ("Type", "Comment") if name in rendered}
        return first | rendered


class Task(_Widened, steps.Task):  # type: ignore[misc]
    also = (Field.ResultSelector, Field.Assign)


class Pass(_Widened, steps.Pass):  # type: ignore[misc]
    also = (Field.Assign,)


class Choice(_Widened, steps.Choice):  # type: ignore[misc]
    pass


class Wait(_Widened, steps.Wait):  # type: ignore[misc]
    pass


class Succeed(_Widened, steps.Succeed):  # type: ignore[misc]
    pass


class Parallel(_Widened, steps.Parallel):  # type: ignore[misc]
    also = (Field.ResultSelector, Field.Assign)


class Fail(_Widened, steps.Fail):  # type: ignore[misc]
    also = (Field.ErrorPath, Field.CausePath)


class Retry(_Widened, steps.Retry):  # type: ignore[misc]
    also = (Field.MaxDelaySeconds, Field.JitterStrategy)


class Catch(_Widened, steps.Catch):  # type: ignore[misc]
    also = (Field.Assign,)


class Map(_Widened, steps.Map):  # type: ignore[misc]
    """A Map state with an ItemProcessor.

    `processor` is the state or chain that runs for each item. `execution_type` makes the map distributed: every item,
    or batch of items, becomes a child execution of that type. Without it the map is inline.
    """

    also = (
        Field.Assign,
        Field.ItemBatcher,
        Field.ItemReader,
        Field.ItemSelector,
        Field.Label,
        Field.MaxConcurrencyPath,
        Field.ResultSelector,
        Field.ResultWriter,
        Field.ToleratedFailureCount,
        Field.ToleratedFailurePercentage,
    )

    def __init__(
        self,
        state_id: str,
        *,
        processor: State | Chain,
        execution_type: Literal["STANDARD", "EXPRESS"] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(state_id, **fields)
        self.attach_iterator(processor)
        self.processor_config = (
            {"Mode": "DISTRIBUTED", "ExecutionType": execution_type} if execution_type else {"Mode": "INLINE"}
        )

    def to_dict(self) -> dict[str, Any]:
        rendered = super().to_dict()
        processor = {"ProcessorConfig": self.processor_config} | rendered.pop("Iterator")
        following = {name: rendered.pop(name) for name in ("Next", "End", "Retry", "Catch") if name in rendered}
        return rendered | {"ItemProcessor": processor} | following
