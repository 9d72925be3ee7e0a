"""What a torch model says of itself, from archives made here as torch makes them; tests/inference has torch's own."""

import contextlib
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.model_files import ModelFile
from pipeline.contract.signature import TensorType
from pipeline.contract.torch_file import read_torch_model
from pipeline.errors import InvalidModelPackage

LEAF = {"type": None, "context": None, "children_spec": []}
FREE = {"as_expr": {"expr_str": "Symbol('s31', positive=True, integer=True)", "hint": {"as_int": 2}}}
CALL = {"target": "torch.ops.aten.conv2d.default", "inputs": [], "outputs": []}


def archive(*files: str, **contents: bytes) -> io.BytesIO:
    """A zip archive with these files in its one folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in files:
            written.writestr(f"m/{name}", contents.get(name, b"x"))
    return file


def exported(tree: dict[str, Any] = LEAF, answers: int = 1, fed: int = 1, size: Any = FREE, call: Any = CALL) -> Any:
    """A model.pt2 of a graph with so many inputs and outputs."""
    inputs, outputs = [f"x{n}" for n in range(fed)], [f"y{n}" for n in range(answers)]
    values = {name: {"dtype": 7, "sizes": [size, *({"as_int": n} for n in (3, 8, 8))]} for name in inputs}
    values |= {name: {"dtype": 7, "sizes": [size, {"as_int": 4}]} for name in outputs}
    specs = {
        "input_specs": [
            {"parameter": {"arg": {"name": "weight"}}},
            *({"user_input": {"arg": {"as_tensor": {"name": name}}}} for name in inputs),
        ],
        "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": name}}}} for name in outputs],
    }
    module = {
        "graph": {"nodes": [call], "tensor_values": values},
        "signature": specs,
        "module_call_graph": [{"signature": {"out_spec": json.dumps([1, tree])}}],
    }
    program = json.dumps({"graph_module": module}).encode()
    return archive("models/model.json", "data/weights/weight_0", **{"models/model.json": program})


def read(file: Any, kind: ModelFile = ModelFile.EXPORTED) -> Any:
    return read_torch_model(file, kind, "the model")


def test_an_exported_program_says_what_it_takes_and_answers() -> None:
    signature = read(exported())
    assert signature.inputs == (TensorType("", "float32", ("s31", 3, 8, 8)),)
    assert signature.outputs == (TensorType("", "float32", ("s31", 4)),)
    assert signature.fixed_batch is None


def test_a_program_for_exactly_four_images_says_so() -> None:
    assert read(exported(size={"as_int": 4})).fixed_batch == 4


def test_the_keys_of_a_dictionary_are_the_names_of_the_outputs() -> None:
    tree = {"type": "builtins.dict", "context": json.dumps(["logits", "aux"]), "children_spec": [LEAF, LEAF]}
    assert [each.name for each in read(exported(tree, answers=2)).outputs] == ["logits", "aux"]


def test_the_outputs_of_a_tuple_are_named_by_position() -> None:
    tree = {"type": "builtins.tuple", "context": "null", "children_spec": [LEAF, LEAF]}
    assert [each.name for each in read(exported(tree, answers=2)).outputs] == ["0", "1"]


def test_several_inputs_keep_their_names() -> None:
    assert [each.name for each in read(exported(fed=2)).inputs] == ["x0", "x1"]


def test_torchscript_says_nothing_of_itself() -> None:
    assert read(archive("data.pkl", "code/__torch__/m.py"), ModelFile.TORCHSCRIPT) is None


@pytest.mark.parametrize(
    ("files", "kind", "words"),
    [
        (["data.pkl", "data/0"], ModelFile.TORCHSCRIPT, "was written by torch.save: weights, or a pickled module"),
        (["data.pkl", "data/0"], ModelFile.EXPORTED, "was written by torch.save"),
        (["data.pkl", "code/m.py"], ModelFile.EXPORTED, "is TorchScript: name it model.pt"),
        (["models/model.json"], ModelFile.TORCHSCRIPT, "is an exported program: name it model.pt2"),
        (["serialized_exported_program.json"], ModelFile.EXPORTED, "holds no exported program that torch still reads"),
        (["models/a.json", "models/b.json"], ModelFile.EXPORTED, "holds 2 programs"),
        (["models/model.json", "data/constants/opaque_obj_0"], ModelFile.EXPORTED, "has a pickled object"),
    ],
)
def test_what_is_no_model_is_told_what_it_is(files: list[str], kind: ModelFile, words: str) -> None:
    with pytest.raises(InvalidModelPackage, match=f"^the model {words}"):
        read(archive(*files), kind)


@pytest.mark.parametrize("kind", [ModelFile.EXPORTED, ModelFile.TORCHSCRIPT])
def test_a_file_that_is_no_archive_is_refused(kind: ModelFile) -> None:
    with pytest.raises(InvalidModelPackage, match="no torch model: a whole one is a zip archive"):
        read(io.BytesIO(b"\x80\x02}q\x00."), kind)


@pytest.mark.parametrize(
    "target", ["torch.os.system", "os.system", "torch.ops.load_library", "torch.load", "builtins.eval"]
)
def test_a_graph_that_calls_what_is_no_operator_is_refused(target: str) -> None:
    with pytest.raises(InvalidModelPackage, match="which is no operator of torch"):
        read(exported(call={**CALL, "target": target}))


@pytest.mark.parametrize(
    "expression",
    ["eval('x')", "__import__('os')", "Symbol.__class__", "Symbol('x').name", "[].append", "exec('a b')", 'f"{1}"'],
)
def test_a_size_that_is_more_than_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(InvalidModelPackage, match="as a size, which is no arithmetic"):
        read(exported(size={"as_expr": {"expr_str": expression}}))


@pytest.mark.parametrize(
    "expression", ["Symbol('s0', integer=True)", "Add(Symbol('s0'), Integer(-1))", "FloorDiv(s0, 2) + 1", "0.5*s0"]
)
def test_arithmetic_is_a_size(expression: str) -> None:
    assert read(exported(size={"as_expr": {"expr_str": expression}})) is not None


def test_a_graph_of_a_form_that_is_not_known_stays_open() -> None:
    assert read(archive("models/model.json", **{"models/model.json": b'{"graph_module": {}}'})) is None


def test_a_graph_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidModelPackage, match="a graph that is no JSON"):
        read(archive("models/model.json"))


WHOLE = exported().getvalue()


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(end: int, place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    for data in (bytes(damaged), WHOLE[:end]):
        with contextlib.suppress(InvalidModelPackage):
            read(io.BytesIO(data))
