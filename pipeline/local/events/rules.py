"""Rules of the default event bus, and what they are compiled to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.local.events.inputs import Input, input_of
from pipeline.local.events.patterns import Pattern

BUS = "default"


@dataclass(frozen=True)
class Rule:
    """One state of a rule; a change makes a new one. `targets` are PutTargets' by their ids."""

    name: str
    arn: str
    event_pattern: str | None = None
    schedule_expression: str | None = None
    state: str = "ENABLED"
    description: str | None = None
    role_arn: str | None = None
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"

    def described(self) -> dict[str, Any]:
        """The rule as ListRules tells it."""
        return {
            "Name": self.name,
            "Arn": self.arn,
            "EventPattern": self.event_pattern,
            "ScheduleExpression": self.schedule_expression,
            "State": self.state,
            "Description": self.description,
            "RoleArn": self.role_arn,
            "EventBusName": BUS,
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class CompiledRule:
    """A rule whose pattern and inputs are ready for events."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.pattern = Pattern(rule.event_pattern) if rule.event_pattern is not None else None
        self.inputs: dict[str, Input] = {
            number: input_of(target, rule.name, rule.arn) for number, target in rule.targets.items()
        }

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the rule is on and has a pattern that fits."""
        return self.rule.enabled and self.pattern is not None and self.pattern.matches(event)
