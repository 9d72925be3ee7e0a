"""`cloud.json`: where the local cloud is that `imagebatch up` keeps running.

    .imagebatch/cloud.json   {"endpoint_url": "http://127.0.0.1:4566", "region": "us-east-1", "account": "123456789012",
                              "stack": "imagebatch", "pid": 4711}

`up` writes it once it answers, and removes it when it ends. One that was left by a process that was killed is told by
its process, which is no more.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UnknownDeployment

DEFAULT_FOLDER = Path(".imagebatch")
FILE = "cloud.json"
ACCESS_KEY = "local"
"""Id and secret of the one user of a local cloud."""
_TEXTS = ("endpoint_url", "region", "account", "stack")


@dataclass(frozen=True)
class CloudFile:
    """A local cloud, as others find it."""

    endpoint_url: str
    region: str
    account: str
    stack: str
    pid: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The cloud whose state lies in `folder`. Raises UnknownDeployment where none is running on it."""
        path = folder / FILE
        start = f"Start it with `imagebatch up{'' if folder == DEFAULT_FOLDER else f' --state {folder}'}`."
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            texts = {name: _member(document, name, str) for name in _TEXTS}
            found = cls(**texts, pid=_member(document, "pid", int))
        except OSError as error:
            hint = (
                "" if folder.is_dir() else " (A RUN or PREFIX goes before --local, which takes what follows for DIR.)"
            )
            raise UnknownDeployment(f"No local cloud is running on {str(folder)!r}. {start}{hint}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise UnknownDeployment(f"{str(path)!r} was not written by `imagebatch up`: {error!r}. {start}") from error
        if not found.is_running:
            raise UnknownDeployment(
                f"The local cloud on {str(folder)!r} has ended: process {found.pid} is no more. {start}"
            )
        return found

    def write(self, folder: Path) -> None:
        """Write the file in one step, so that nobody reads half of it."""
        unfinished = folder / f".{FILE}-{os.getpid()}"
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE)

    @property
    def is_running(self) -> bool:
        """Whether there is a process of the number; another may have it by now, and does not answer then."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send every AWS client to this cloud, whatever account its user has elsewhere."""
        return client_environment(self.endpoint_url, self.region)


def client_environment(endpoint_url: str, region: str) -> dict[str, str]:
    """The variables that send every AWS client to a local cloud, whatever account its user has elsewhere."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        # A profile of the user's would win over the variables above, and might name another endpoint.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _member(document: Any, name: str, kind: type) -> Any:
    value = document[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}")
    return value
