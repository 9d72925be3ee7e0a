"""Bytes of an uploaded file -> pixels that fit a contract, or a rejection with a reason."""
