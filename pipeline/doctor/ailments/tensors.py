"""The model is fed a tensor that it does not take: type, batch dimension, channels, size, name."""

from pipeline.doctor.signs import ailment

_CHECK = "`imagebatch contract check MODEL_DIR` says what the model itself takes."
# ONNX Runtime's, of which the indices say what is wrong
_DIMENSIONS = "Got invalid dimensions for input: {} for the following indices"

AILMENTS = (
    ailment(
        "wrong_data_type",
        "The model takes another data type than it was sent",
        # ONNX Runtime
        "Unexpected input data type. Actual: ({}) , expected: ({})",
        # PyTorch
        "expected scalar type {} but found {}",
        "Input type ({}) and weight type ({}) should be the same",
        "Input type ({}) and bias type ({}) should be the same",
        "expected Byte tensor (got Float tensor)",
        "\"_conv2d\" not implemented for 'Byte'",
        # TensorFlow
        "was expected to be a {} tensor but is a {} tensor",
        "Value for attr 'T' of uint8 is not in the list of allowed values",
        "Type: String is not of expected type:",
        why="A decoded photo is uint8, 0 to 255; most models take float32. Something sent one where the other is"
        " declared.",
        remedy="Set input.dtype in contract.json to the type that the model declares (float32 with numbers, or uint8"
        f" without). {_CHECK} A container of your own has to convert before it calls the model.",
    ),
    ailment(
        "missing_batch_dimension",
        "The batch dimension is missing",
        # ONNX Runtime
        "Invalid rank for input: {} Got: 3 Expected: 4",
        # PyTorch
        "but got 3-dimensional input of size",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size",
        "expected 4D input (got 3D input)",
        # TensorFlow, Keras
        "input must be 4-dimensional[",
        "expected ndim=4, found ndim=3",
        "expected min_ndim=4, found ndim=3",
        "transpose expects a vector of size 3. But input(1) is a vector of size 4",
        why="One photo is [H, W, C]; a model takes a batch of them, [N, ...], even where N is 1.",
        remedy="A container of your own has to add the dimension (numpy: image[None]). imagebatch always sends"
        " batches: a model that really has three dimensions has to be exported again with a batch dimension in front.",
    ),
    ailment(
        "wrong_rank",
        "The model takes another number of dimensions",
        "Invalid rank for input: {} Got: {} Expected: {}",
        "Invalid rank for input:",
        why="Images are [N, C, H, W] or [N, H, W, C]: four dimensions. This model takes another number of them.",
        remedy=f"Export the model with one input of images in four dimensions. {_CHECK}",
    ),
    ailment(
        "fixed_batch",
        "The model takes only batches of the size that it was exported with",
        f"{_DIMENSIONS} index: 0 Got: {{}} Expected: {{}}",
        why="Its batch dimension is a number and not free, so a batch of any other size is refused.",
        remedy="Export it with a free batch dimension (torch.onnx.export: dynamic_axes or dynamic_shapes). imagebatch"
        " fills the last batch up, so a fixed size works there; a container of your own has to do the same.",
    ),
    ailment(
        "wrong_channel_count",
        "Photos have another number of channels than the model takes",
        # ONNX Runtime; 1 is grey, 4 is a PNG with transparency
        f"{_DIMENSIONS} index: 1 Got: 1 Expected: 3",
        f"{_DIMENSIONS} index: 3 Got: 1 Expected: 3",
        f"{_DIMENSIONS} index: 1 Got: 3 Expected: 1",
        f"{_DIMENSIONS} index: 3 Got: 3 Expected: 1",
        f"{_DIMENSIONS} index: 1 Got: 4 Expected: 3",
        f"{_DIMENSIONS} index: 3 Got: 4 Expected: 3",
        # PyTorch
        "to have 3 channels, but got 1 channels instead",
        "to have 3 channels, but got 4 channels instead",
        "to have 1 channels, but got 3 channels instead",
        # TensorFlow
        "input depth must be evenly divisible by filter depth: 1 vs 3",
        "input depth must be evenly divisible by filter depth: 4 vs 3",
        why="A grey photo has one channel, one with transparency four; the model takes a fixed number.",
        remedy="Set input.colour in contract.json to RGB, BGR or GREY, as the model takes it: validation converts"
        " every photo to that. A container of your own has to convert too (Pillow: image.convert('RGB')).",
    ),
    ailment(
        "channels_in_another_place",
        "Channels come first where they should come last, or last where they should come first",
        # ONNX Runtime: 224 where 3 is expected
        f"{_DIMENSIONS} index: 1 Got: {{}} Expected: 3",
        f"{_DIMENSIONS} index: 1 Got: 3 Expected: {{}} index: 3",
        f"{_DIMENSIONS} index: 3 Got: {{}} Expected: 3",
        # PyTorch
        "to have 3 channels, but got {} channels instead",
        # TensorFlow
        "The Conv2D op currently only supports the NHWC tensor format on the CPU",
        "input depth must be evenly divisible by filter depth: {} vs 3",
        why="The tensor is [N, H, W, C] and the model takes [N, C, H, W], or the other way round.",
        remedy=f"Set input.layout in contract.json to NCHW or NHWC, as the model declares. {_CHECK}",
    ),
    ailment(
        "wrong_shape",
        "The model takes images of another size",
        "Got invalid dimensions for input:",
        "mat1 and mat2 shapes cannot be multiplied",
        "size mismatch, m1:",
        "is invalid for input of size",
        "Input to reshape is a tensor with {} values, but the requested shape",
        "is incompatible with the layer: expected shape=",
        "Sizes of tensors must match except in dimension",
        "The size of tensor a ({}) must match the size of tensor b ({})",
        why="Height and width of the tensor are not those that the model was built for.",
        remedy=f"Set input.height and input.width in contract.json to what the model declares. {_CHECK}",
    ),
    ailment(
        "wrong_tensor_name",
        "The model's input or output is called otherwise",
        "Required inputs ({}) are missing from input feed",
        "Invalid Feed Input Name:",
        "Invalid input name:",
        "Invalid Output Name:",
        "You must feed a value for placeholder tensor '{}' with dtype",
        why="A model takes its tensors by name, and the name that it was given is not one of its own.",
        remedy=f"Set input.name and output.name in contract.json. {_CHECK}",
    ),
    ailment(
        "not_finite",
        "The model answers NaN or infinity",
        # imagebatch
        "the model answers NaN or infinity for",
        "Input contains NaN, infinity or a value too large",
        "Out of range float values are not JSON compliant",
        why="Numbers outside of what the model was trained on overflow; float16 does so early, from 65,504 on.",
        remedy="Check numbers.scale, mean and std in contract.json with `imagebatch contract show`; try the model in"
        " float32.",
    ),
    ailment(
        "model_does_not_load",
        "The runtime cannot load the model",
        # ONNX Runtime
        "Protobuf parsing failed",
        "No graph was found in the protobuf",
        ": INVALID_PROTOBUF :",
        "Unsupported model IR version:",
        "Could not find an implementation for",
        "support for models stamped with official released onnx opset versions",
        "does not load in ONNX Runtime",
        # PyTorch, TensorFlow
        "Error(s) in loading state_dict for",
        "PytorchStreamReader failed",
        "Unknown model file format version",
        "no SavedModel bundles found",
        "SavedModel file does not exist at",
        why="The file is damaged or no model, or it was exported for a newer version of the runtime than the job has.",
        remedy="Load it with the very version of the runtime that the container has. Export it again with an older"
        " opset, or raise the runtime's version; where the file is damaged, upload it again.",
    ),
)
