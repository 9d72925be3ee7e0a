"""A compiled state machine: what the interpreter walks, with every path, template and rule ready to call.

Absent and null paths are resolved here once, so that the interpreter has no special cases: `input_path` and
`output_path` are always callable, and `result_path` is None only where the author wrote null (discard the result).

Source: the Amazon States Language specification (states-language.net) and the Step Functions Developer Guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pipeline.local.states.choice import Test
from pipeline.local.states.jsonpath import ReferencePath
from pipeline.local.states.references import WHOLE_INPUT
from pipeline.local.states.scope import Expression, Json, Template


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of Retry. `max_delay_seconds` None: no cap."""

    errors: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True)
class Catcher:
    """One entry of Catch. The error output is placed at `result_path` of the state's raw input."""

    errors: tuple[str, ...]
    next: str
    result_path: ReferencePath | None
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every state has. `next` None and `end` True: the state is terminal."""

    name: str
    type: str
    comment: str | None
    input_path: Expression = WHOLE_INPUT
    output_path: Expression = WHOLE_INPUT
    assign: Template | None = None
    next: str | None = None
    end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    """`result` (a literal; `has_result` tells null from absent) wins over the input, `parameters` reshape the input."""

    parameters: Template | None
    has_result: bool
    result: Json
    result_path: ReferencePath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(State):
    """What Task, Parallel and Map share: a result that is selected, placed, retried and caught."""

    parameters: Template | None
    result_selector: Template | None
    result_path: ReferencePath | None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Work):
    """A unit of work. At most one of `timeout_seconds` and `timeout_seconds_path` is set; heartbeats alike.

    `resource` keeps the ARN as written; the integration behind it is the interpreter's matter.
    """

    resource: str
    timeout_seconds: int | None = None
    timeout_seconds_path: Expression | None = None
    heartbeat_seconds: int | None = None
    heartbeat_seconds_path: Expression | None = None
    credentials: Template | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One choice rule: where `test(scope)` holds, `assign` is applied and `next` follows."""

    test: Test
    next: str
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    """Rules in order; `default` (with the state's own `assign`) when none holds."""

    rules: tuple[Rule, ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Exactly one of the four is set."""

    seconds: int | None = None
    seconds_path: Expression | None = None
    timestamp: datetime | None = None
    timestamp_path: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    """Ends the machine with its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    """Ends the machine with an error; a literal excludes the path form of the same field."""

    error: str | None = None
    error_path: Expression | None = None
    cause: str | None = None
    cause_path: Expression | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """The states of a Parallel branch or of a Map's item processor."""

    start_at: str
    states: Mapping[str, State]
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Work):
    """Every branch runs on the same input; the result is the list of their outputs in order."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """ReaderConfig of an ItemReader; absent members are None. CSV fields apply to InputType CSV only."""

    input_type: Literal["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"] | None = None
    manifest_type: Literal["ATHENA_DATA", "S3_INVENTORY"] | None = None
    transformation: Literal["NONE", "LOAD_AND_FLATTEN"] = "NONE"
    csv_delimiter: Literal["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"] = "COMMA"
    csv_header_location: Literal["FIRST_ROW", "GIVEN"] | None = None
    csv_headers: tuple[str, ...] | None = None
    items_pointer: str | None = None
    max_items: int | None = None
    max_items_path: Expression | None = None


@dataclass(frozen=True, slots=True)
class ItemReader:
    """Where a distributed map reads its items: `resource` is an s3:getObject or s3:listObjectsV2 ARN."""

    resource: str
    parameters: Template | None
    config: ReaderConfig


@dataclass(frozen=True, slots=True)
class ItemBatcher:
    """Several items to one child execution. Sizes are bytes of UTF-8 JSON; a limit of 0 is no limit, hence None."""

    max_items_per_batch: int | None = None
    max_items_per_batch_path: Expression | None = None
    max_input_bytes_per_batch: int | None = None
    max_input_bytes_per_batch_path: Expression | None = None
    batch_input: Template | None = None


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """WriterConfig of a ResultWriter, with AWS's defaults."""

    transformation: Literal["NONE", "COMPACT", "FLATTEN"] = "NONE"
    output_type: Literal["JSON", "JSONL"] = "JSON"


@dataclass(frozen=True, slots=True)
class ResultWriter:
    """Where a distributed map writes its results; without a resource only the `config` shapes the state's result."""

    resource: str | None
    parameters: Template | None
    config: WriterConfig | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Work):
    """A Map state of either mode.

    `parameters` is always None here: the legacy `Parameters` and `Iterator` are compiled into `item_selector` and
    `processor`, which mean the same. `max_concurrency` 0 is AWS's "no limit".
    """

    items_path: Expression
    item_selector: Template | None
    processor: Branch
    mode: Literal["INLINE", "DISTRIBUTED"] = "INLINE"
    execution_type: Literal["STANDARD", "EXPRESS"] | None = None
    max_concurrency: int = 0
    max_concurrency_path: Expression | None = None
    item_reader: ItemReader | None = None
    item_batcher: ItemBatcher | None = None
    result_writer: ResultWriter | None = None
    tolerated_failure_count: int | None = None
    tolerated_failure_count_path: Expression | None = None
    tolerated_failure_percentage: float | None = None
    tolerated_failure_percentage_path: Expression | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A whole definition."""

    start_at: str
    states: Mapping[str, State] = field(default_factory=dict)
    comment: str | None = None
    version: str = "1.0"
    timeout_seconds: int | None = None
