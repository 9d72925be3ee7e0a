"""How shards are sent to a model server: what a transform job sends is what the server takes.

A shard has at most 23 MiB of pixels and 2 MiB of header (shard.py). The pixels and most headers fit even where a
megabyte is a million bytes, which AWS does not say. As many at once as are a hundred MB together
(CreateTransformJob, `MaxPayloadInMB`).
"""

PAYLOAD_MB = 25
AT_ONCE = 4
