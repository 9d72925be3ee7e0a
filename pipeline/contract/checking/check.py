"""A model package, checked as far as it can be without a run: `imagebatch contract check`.

    schema       contract.json                              pipeline/contract/definition.py
    practice     what few models are trained with           pipeline/contract/checking/practice.py
    labels       a label a line                             pipeline/contract/packages.py
    model        the model, and files of weights beside it  pipeline/contract/model_signature.py
    signature    the model's own inputs and outputs         pipeline/contract/signature.py
    probe        a few images through the runtime           pipeline/contract/checking/probe.py
    photos       which of them validation accepts           pipeline/contract/checking/survey_findings.py
    neighbours   whether another contract does better       pipeline/contract/checking/survey.py

Every check that can be made is made: what is wrong first does not hide what is wrong second.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.contract import CONTRACT_FILE, ModelContract, parse_contract
from pipeline.contract.checking.findings import Finding, Outcome, note, ok, wrong
from pipeline.contract.checking.photo_folder import find_photos, label_of, named_but_missing, read_labels
from pipeline.contract.checking.photo_set import PhotoSet, load_photos, most_photos
from pipeline.contract.checking.practice import unusual
from pipeline.contract.checking.probe import made_up_images, probe
from pipeline.contract.checking.recognition import Pixels
from pipeline.contract.checking.survey import Survey, survey
from pipeline.contract.checking.survey_findings import photo_findings, survey_findings
from pipeline.contract.model_files import ModelFile, find_model
from pipeline.contract.model_signature import folder_signature
from pipeline.contract.packages import ModelPackage, parse_labels
from pipeline.contract.signature import Signature, TensorType, mismatches, shown
from pipeline.errors import ImageBatchError, InvalidModelPackage, InvalidPrediction
from pipeline.images import decode as images
from pipeline.inference.runtimes import RuntimeSettings, TensorRuntime, open_runtime


@dataclass
class Report:
    """What the checks found, in order, and the table of neighbouring contracts where there were photos."""

    findings: list[Finding] = field(default_factory=list)
    survey: Survey | None = None

    @property
    def passed(self) -> bool:
        return not any(finding.outcome is Outcome.WRONG for finding in self.findings)


class Check:
    """One check of one package. `tell` is called with each finding as soon as there is one."""

    def __init__(self, folder: Path, tell: Callable[[Finding], None] = lambda finding: None) -> None:
        self._folder = folder
        self._tell = tell
        self.report = Report()

    def run(self, photos: Path | None = None, labels: Path | None = None) -> Report:
        """Checks the package; on the photos in a folder too, and with labels (a CSV file) for them.

        Raises UnusablePhotos where the folder or the file of labels cannot be used: that is no fault of the package.
        """
        contract = self._check_schema()
        names = self._check_labels(contract) if contract else None
        if contract is not None and contract.payload is not None:
            self._found(
                note("model", "it lies in a container that is not ours: nothing here can be held to the contract.")
            )
            return self.report
        model = self._check_model()
        if contract is None or model is None:
            return self.report
        file, signature = model
        fits = self._check_signature(signature, contract, len(names) if names else None)
        if not fits or names is None:
            return self.report
        package = ModelPackage(self._folder, contract, names, file)
        try:
            runtime = open_runtime(package, RuntimeSettings())
        except ImageBatchError as error:
            self._found(wrong("probe", str(error)))
            return self.report
        if photos is None:
            self._found(*probe(package, runtime, made_up_images(contract)))
        else:
            self._check_photos(package, runtime, signature, photos, labels)
        return self.report

    def _found(self, *findings: Finding) -> None:
        for finding in findings:
            self.report.findings.append(finding)
            self._tell(finding)

    def _check_schema(self) -> ModelContract | None:
        path = self._folder / CONTRACT_FILE
        try:
            contract = parse_contract(path.read_bytes(), source=str(path), images=True)
        except OSError as error:
            self._found(wrong("schema", f"{path} cannot be read: {error.strerror}."))
            return None
        except InvalidModelPackage as error:
            self._found(wrong("schema", f"{error}."))
            return None
        self._found(ok("schema", f"{CONTRACT_FILE} reads as a contract for {contract.task}, {contract.digest}."))
        if contract.payload is None:
            self._found(*unusual(contract))
        return contract

    def _check_labels(self, contract: ModelContract) -> tuple[str, ...] | None:
        """The labels, empty where the contract names none; None where they do not read."""
        name = contract.output.labels
        if name is None:
            if contract.task.is_labelled:
                self._found(note("labels", "the contract names no labels: predictions will name classes by number."))
            return ()
        try:
            labels = parse_labels((self._folder / name).read_bytes(), source=name)
        except OSError as error:
            self._found(wrong("labels", f"{self._folder / name} cannot be read: {error.strerror}."))
            return None
        except InvalidModelPackage as error:
            self._found(wrong("labels", f"{error}."))
            return None
        self._found(ok("labels", f"{name} has {len(labels)} labels."))
        return labels

    def _check_model(self) -> tuple[ModelFile, Signature | None] | None:
        """Which file is the model, and what it says of itself; None where there is no model."""
        try:
            file = find_model([each.name for each in self._folder.iterdir() if each.is_file()], str(self._folder))
            signature = folder_signature(self._folder, file)
        except OSError as error:
            self._found(wrong("model", f"{self._folder} cannot be read: {error.strerror}."))
            return None
        except InvalidModelPackage as error:
            self._found(wrong("model", str(error)))
            return None
        if signature is None:
            self._found(note("model", f"{file} does not say what it takes and answers: the probe will tell."))
        else:
            told = f"{file} takes {_told(signature.inputs)}, and answers {_told(signature.outputs)}."
            self._found(ok("model", told))
        return file, signature

    def _check_signature(self, signature: Signature | None, contract: ModelContract, labels: int | None) -> bool:
        if signature is None:
            return True
        problems = [wrong("signature", problem) for problem in mismatches(signature, contract, labels)]
        self._found(*(problems or [ok("signature", "the model can be what the contract says.")]))
        return not problems

    def _check_photos(
        self,
        package: ModelPackage,
        runtime: TensorRuntime,
        signature: Signature | None,
        folder: Path,
        labels: Path | None,
    ) -> None:
        paths = find_photos(folder, most_photos(package.contract))
        named = {} if labels is None else read_labels(labels, package.labels)
        classes = {path: label for path in paths if (label := label_of(path, folder, named)) is not None}
        photos = load_photos(paths, package.contract, classes)
        self._found(*photo_findings(photos))
        missing = list(named_but_missing(named, paths, folder))
        if missing:
            self._found(
                note("photos", f"{labels} names {len(missing)} that are not in {folder}, such as {missing[0]!r}.")
            )
        self._found(*probe(package, runtime, _first_images(photos, package.contract)))
        if not self.report.passed or not photos.paths:
            return
        try:
            self.report.survey = survey(runtime, signature, package.contract, photos)
        except InvalidPrediction as error:
            self._found(wrong("neighbours", str(error)))
            return
        self._found(*survey_findings(self.report.survey, package.contract))


def _first_images(photos: PhotoSet, contract: ModelContract) -> Pixels:
    """Photos to probe the model with: enough for more than one batch, whatever their number."""
    pixels = made_up_images(contract)
    for path, out in zip(photos.paths, pixels, strict=False):
        images.decode(path.read_bytes(), contract, out=out)
    return pixels


def _told(tensors: tuple[TensorType, ...]) -> str:
    named = (f"{each.name!r} " if each.name else "" for each in tensors)
    told = (f"{name}{each.dtype} {shown(each.shape)}" for name, each in zip(named, tensors[:4], strict=False))
    return ", ".join(told) or "nothing"
