"""How many instances of SageMaker's an account may run at once, as Service Quotas tells it.

    ml.c7i.xlarge for processing job usage             of one type, in one use
    Number of instances across all transform jobs      of all types, in one use

A quota counts instances, and never jobs; and it counts those of the whole account and region, whoever runs them. So
what is read here is what a run may have when nobody else runs anything: ResourceLimitExceeded says the rest.

A quota's name is the same everywhere, in errors, too. Its code says nothing, and is needed to ask for more. Quotas that
the service does not list are unknown, and so are all where it does not answer: nobody fails for that.

Sources: Service Quotas API reference, ListServiceQuotas; AWS General Reference, "Amazon SageMaker AI endpoints and
quotas".
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

SERVICE = "sagemaker"
_PAGE = 100  # ListServiceQuotas, `MaxResults`


@dataclass(frozen=True)
class Quota:
    name: str
    code: str
    value: int
    """Instances at once."""


@dataclass(frozen=True)
class Quotas:
    """What is known of an account's quotas; `note` says what is not, and why."""

    known: Mapping[str, Quota] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"known": [asdict(quota) for quota in self.known.values()], "note": self.note}


NOT_ASKED = Quotas(note="No quota was asked for.")


def of_type(instance_type: str, use: str) -> str:
    """The name of the quota of a type; `use` is `processing` or `transform`."""
    return f"{instance_type} for {use} job usage"


def of_all_types(use: str) -> str:
    """The name of the quota of all types together."""
    return f"Number of instances across all {use} jobs"


def read(client: Any, names: Iterable[str]) -> Quotas:
    """The quotas of these names. Raises nothing: what cannot be read is told by the answer's note.

    SageMaker has some three thousand quotas, 100 to a page, so reading ends when all have been found.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, Quota] = {}
    failure = ""
    try:
        pages = client.get_paginator("list_service_quotas").paginate(
            ServiceCode=SERVICE, PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            for entry in page["Quotas"]:
                if entry["QuotaName"] in wanted:
                    found[entry["QuotaName"]] = Quota(entry["QuotaName"], entry["QuotaCode"], int(entry["Value"]))
            if len(found) == len(wanted):
                break
    except (ClientError, BotoCoreError) as error:
        failure = f" ({error})"
    missing = [name for name in wanted if name not in found]
    if not missing:
        return Quotas(found)
    why = f"Service Quotas could not be read{failure}" if failure else "Service Quotas does not list them"
    unknown = ", ".join(map(repr, missing))
    return Quotas(found, f"Planned without these quotas: {unknown}. {why}.")
