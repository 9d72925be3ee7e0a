"""What is known of a function: its configuration as the API gives it, and where its code lies."""

import base64
import datetime
import hashlib
import io
import sysconfig
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pipeline.local.protocol import ServiceError

VERSION = "$LATEST"
DEFAULT_TIMEOUT = 3  # seconds; Lambda API reference, CreateFunction
DEFAULT_MEMORY = 128  # MB
ZIP_TASK_ROOT = "/var/task"

# Members of CreateFunction and UpdateFunctionConfiguration that are kept and given back as they came.
CONFIGURABLE = (
    "Runtime",
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "VpcConfig",
    "DeadLetterConfig",
    "TracingConfig",
    "KMSKeyArn",
    "Layers",
    "EphemeralStorage",
    "LoggingConfig",
    "SnapStart",
)


@dataclass(frozen=True)
class Code:
    """The unpacked code of a function. `shown_root` is the task root as stack traces name it."""

    root: Path
    shown_root: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Function:
    """One state of a function; an update makes a new one, with a new revision."""

    name: str
    arn: str
    settings: Mapping[str, Any]
    code: Code
    version: str = VERSION
    """$LATEST, or the number under which this was published."""
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))
    modified: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    @property
    def timeout(self) -> int:
        """Seconds that one invocation may take."""
        return int(self.settings.get("Timeout", DEFAULT_TIMEOUT))

    @property
    def memory(self) -> int:
        """Megabytes that the function was given."""
        return int(self.settings.get("MemorySize", DEFAULT_MEMORY))

    @property
    def variables(self) -> Mapping[str, str]:
        """The function's own environment variables."""
        variables: Mapping[str, str] = self.settings.get("Environment", {}).get("Variables", {})
        return variables

    @property
    def log_group(self) -> str:
        return str(self.settings.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{self.name}"))

    def configuration(self) -> dict[str, Any]:
        """The function as GetFunctionConfiguration describes it."""
        return {
            "Timeout": DEFAULT_TIMEOUT,
            "MemorySize": DEFAULT_MEMORY,
            "Description": "",
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": self.log_group},
            **self.settings,
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "CodeSize": self.code.size,
            "CodeSha256": self.code.sha256,
            "LastModified": self.modified.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Version": self.version,
            "RevisionId": self.revision,
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }

    def to_json(self) -> dict[str, Any]:
        code = {**vars(self.code), "root": str(self.code.root)}
        return {**vars(self), "code": code, "modified": self.modified.isoformat()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        code = Code(**{**document["code"], "root": Path(document["code"]["root"])})
        modified = datetime.datetime.fromisoformat(document["modified"])
        return cls(**{**document, "code": code, "modified": modified})


def unpack(archive: bytes, folder: Path) -> Code:
    """Unpack a function's zip file into `folder`, which must not exist.

    Raises:
        ServiceError: the file is no zip file, or one of its names leads out of the folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for name in opened.namelist():
                if Path(name).is_absolute() or ".." in Path(name).parts:
                    raise ServiceError("InvalidParameterValueException", f"The zip file names {name!r}, outside itself")
            # Built for Lambda's processor: this machine has packages of its own.
            opened.extractall(folder, [name for name in opened.namelist() if not _is_installed(name.split("/")[0])])
    except zipfile.BadZipFile as error:
        raise ServiceError(
            "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try again."
        ) from error
    digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
    return Code(folder, ZIP_TASK_ROOT, digest, len(archive))


@cache
def _is_installed(name: str) -> bool:
    """Whether a folder or file at the root of a zip file belongs to a package that this interpreter has, too."""
    if name.endswith((".dist-info", ".libs")):
        return True
    module = name.removesuffix(".py")
    found = find_spec(module) if module.isidentifier() else None
    places = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return found is not None and str(found.origin or "").startswith(places)


def in_place(folder: Path) -> Code:
    """Code that runs from where it lies, such as a source tree: an edit counts from the next worker on.

    Raises:
        ServiceError: there is no such folder.
    """
    if not folder.is_absolute() or not folder.is_dir():
        raise ServiceError("InvalidParameterValueException", f"There is no folder {folder} to run a function from")
    digest = base64.b64encode(hashlib.sha256(str(folder).encode()).digest()).decode()
    return Code(folder, str(folder), digest, 0)
