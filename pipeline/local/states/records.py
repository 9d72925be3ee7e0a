"""What the store keeps: plain records, one class a table. Times are seconds since 1970, documents JSON text."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class MachineRecord:
    """A state machine as it stands; `revision_id` names its current definition."""

    arn: str
    name: str
    type: str
    definition: str
    role_arn: str
    revision_id: str
    created: float
    updated: float
    options: str = "{}"
    """What came with it and is only given back: loggingConfiguration, tracingConfiguration, encryptionConfiguration."""


@dataclass(slots=True)
class VersionRecord:
    """A version of a state machine: a revision that has a number for ever."""

    arn: str
    machine_arn: str
    number: int
    revision_id: str
    description: str
    created: float


@dataclass(slots=True)
class AliasRecord:
    """An alias of a state machine, which starts one of its versions."""

    arn: str
    machine_arn: str
    name: str
    version_arn: str
    description: str
    created: float
    updated: float


@dataclass(slots=True)
class ExecutionRecord:
    """An execution; `stopped` None while it runs. Children of a distributed map name their map run and position."""

    id: int
    arn: str
    name: str
    machine_arn: str
    revision_id: str
    input: str
    started: float
    status: str = "RUNNING"
    stopped: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    express: bool = False
    map_run_arn: str | None = None
    position: int = 0
    item_count: int = 0
    redrive_count: int = 0
    redriven: float | None = None
    """When it was redriven last."""


@dataclass(slots=True)
class Counts:
    """What DescribeMapRun counts, once for items and once for child executions."""

    total: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timedOut: int = 0  # noqa: N815  (names as on the wire)
    aborted: int = 0
    resultsWritten: int = 0  # noqa: N815


@dataclass(slots=True)
class MapRunRecord:
    """A run of a distributed Map state."""

    arn: str
    execution_arn: str
    machine_arn: str
    started: float
    max_concurrency: int
    tolerated_failure_count: int | None
    tolerated_failure_percentage: float | None
    status: str = "RUNNING"
    stopped: float | None = None
    redrive_count: int = 0
    redriven: float | None = None
    items: Counts = field(default_factory=Counts)
    executions: Counts = field(default_factory=Counts)


@dataclass(slots=True)
class ActivityRecord:
    """An activity."""

    arn: str
    name: str
    created: float
