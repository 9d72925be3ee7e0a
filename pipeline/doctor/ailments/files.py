"""Objects that are not what they should be: photos, model archives, keys."""

from pipeline.doctor.signs import ailment

AILMENTS = (
    ailment(
        "truncated_image",
        "An image file ends before its picture does",
        # Pillow
        "image file is truncated",
        "broken data stream when reading image file",
        "Truncated File Read",
        # libjpeg, libpng, OpenCV
        "Premature end of JPEG file",
        "Corrupt JPEG data",
        "libpng error: Read Error",
        why="An upload broke off, or was copied while it was still being written.",
        remedy="Upload it again. A run rejects it as `truncated` and predicts the others; `imagebatch replay` runs"
        " over those that were fixed since.",
    ),
    ailment(
        "decompression_bomb",
        "An image has more pixels than the decoder allows",
        "could be decompression bomb",
        "DecompressionBombError",
        "DecompressionBombWarning",
        why="The header of the file declares a huge picture: a scan, a map, or an attack.",
        remedy="A run rejects it as `too_many_pixels`, above MaxImagePixels (`limits.max_pixels` of a run's input).",
    ),
    ailment(
        "not_an_image",
        "A file is no image, or of a format without a decoder",
        "cannot identify image file",
        "UnidentifiedImageError",
        "OpenCV({}) {}error: (-215:Assertion failed) !_src.empty()",
        "Unknown image file format. One of JPEG, PNG, GIF, BMP required",
        why="What a key's suffix says does not decide: a JPEG by name may be HEIC, a web page, or nothing at all.",
        remedy="A run rejects it as `not_an_image` or `format_not_allowed`, with a note on what it is; AllowedFormats"
        " is the list. A container that gets photos as they are has to skip it itself.",
    ),
    ailment(
        "model_archive_broken",
        "model.tar.gz cannot be unpacked",
        "Failed to extract model data archive",
        "valid tar.gz archive",
        "ReadError: not a gzip file",
        "tarfile.ReadError",
        "gzip: stdin: not in gzip format",
        "BadGzipFile",
        why="SageMaker unpacks a gzipped tar into /opt/ml/model. This object is a zip, a plain tar, an error page, or"
        " holds symbolic links.",
        remedy="Pack it again from inside the model's folder: tar -czhf model.tar.gz -C MODEL_DIR . (h follows links).",
    ),
    ailment(
        "model_file_missing",
        "A file of the model is missing where the container looks for it",
        "No such file or directory: '/opt/ml/model",
        'No such file or directory: "/opt/ml/model',
        "Load model from {} failed:File doesn't exist",
        "Load model {} failed. File doesn't exist",
        ": NO_SUCHFILE :",
        "Failed to download model data",
        "Could not find model data at",
        "Could not access model data at",
        "model_fn implementation",
        why="Most often the archive holds a folder with the files in it, where the files have to lie at its top; or"
        " the script looks for another name.",
        remedy="List it (tar -tzf model.tar.gz): model.onnx and contract.json, or code/, have to stand without a"
        " folder in front. Check that the URL is right and that the role may read it.",
    ),
    ailment(
        "no_such_object",
        "S3 has no such object or bucket",
        "NoSuchKey",
        "The specified key does not exist",
        "NoSuchBucket",
        "The specified bucket does not exist",
        "An error occurred (404) when calling the HeadObject operation",
        "No S3 objects found under S3 URL",
        why="It was deleted or renamed since it was listed, or the key is wrong: keys in classic S3 notifications are"
        " URL-encoded (a space is +), and a prefix without a trailing / matches its siblings.",
        remedy="Check bucket, region and key as they are, byte for byte. A run rejects an image that is gone as"
        " `unreadable`.",
    ),
)
