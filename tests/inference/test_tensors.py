"""The half of the contract that shapes numbers, against the formula as the contract writes it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.contract import Colour, DataType, Layout, ModelContract, Numbers
from pipeline.inference.tensors import TensorMaker

per_channel = st.tuples(*(st.floats(-300, 300) for _ in range(3)))
divisors = st.tuples(*(st.floats(0.01, 300) for _ in range(3)))


def images(count: int = 3) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


def with_input(contract: ModelContract, **fields: object) -> ModelContract:
    return replace(contract, input=replace(contract.input, **fields))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(scale=st.floats(0.001, 2), mean=per_channel, std=divisors)
def test_numbers_are_scaled_shifted_and_divided_as_the_formula_says(
    contract: ModelContract, scale: float, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    maker = TensorMaker(replace(contract, numbers=Numbers(scale, mean, std)), batch_size=3)
    formula = (images().astype(np.float64) * scale - np.array(mean)) / np.array(std)
    # The error of float32 is relative to the terms, which may cancel.
    tolerance = 1e-6 * (255 * scale + 300) / min(std)
    np.testing.assert_allclose(maker(images()).transpose(0, 2, 3, 1), formula, rtol=1e-5, atol=tolerance)


def test_efficientnets_formula_is_exact_in_float32(contract: ModelContract) -> None:
    numbers = Numbers(1.0, (127.0,) * 3, (128.0,) * 3)
    tensor = TensorMaker(replace(contract, numbers=numbers), batch_size=3)(images())
    assert np.array_equal(tensor.transpose(0, 2, 3, 1), (images().astype(np.float32) - 127) / 128)


def test_channels_come_first_where_the_layout_says_so(contract: ModelContract) -> None:
    assert TensorMaker(contract, batch_size=3)(images()).shape == (3, 3, 8, 8)


def test_channels_come_last_where_the_layout_says_so(contract: ModelContract) -> None:
    nhwc = TensorMaker(with_input(contract, layout=Layout.NHWC), batch_size=3)(images())
    nchw = TensorMaker(contract, batch_size=3)(images())
    assert np.array_equal(nhwc, nchw.transpose(0, 2, 3, 1))


def test_bgr_is_rgb_backwards(contract: ModelContract) -> None:
    bgr = TensorMaker(with_input(contract, colour=Colour.BGR), batch_size=3)(images())
    assert np.array_equal(bgr, TensorMaker(contract, batch_size=3)(images()[..., ::-1]))


def test_mean_and_std_are_in_the_order_of_the_models_channels(contract: ModelContract) -> None:
    blue_shifted = replace(contract, numbers=Numbers(1.0, (100.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    tensor = TensorMaker(with_input(blue_shifted, colour=Colour.BGR), batch_size=1)(images(1))
    assert np.array_equal(tensor[0, 0], images(1)[0, :, :, 2].astype(np.float32) - 100)


@pytest.mark.parametrize("dtype", [DataType.FLOAT32, DataType.FLOAT16])
def test_the_tensor_has_the_type_that_the_model_takes(contract: ModelContract, dtype: DataType) -> None:
    assert TensorMaker(with_input(contract, dtype=dtype), batch_size=3)(images()).dtype == str(dtype)


def test_a_model_of_uint8_gets_the_pixels_as_they_are(contract: ModelContract) -> None:
    raw = replace(with_input(contract, dtype=DataType.UINT8, layout=Layout.NHWC), numbers=None)
    tensor = TensorMaker(raw, batch_size=3)(images())
    assert tensor.dtype == np.uint8
    assert np.array_equal(tensor, images())


def test_a_shorter_last_batch_gives_a_shorter_tensor(contract: ModelContract) -> None:
    maker = TensorMaker(contract, batch_size=3)
    maker(images())
    assert np.array_equal(maker(images(2)), TensorMaker(contract, batch_size=2)(images(2)))
