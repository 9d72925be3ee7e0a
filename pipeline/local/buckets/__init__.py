"""Buckets that are served in place, without a copy: a folder of this machine, or a bucket of the real S3."""

from pipeline.local.buckets.base import Bucket, BucketError, ObjectInfo, Page
from pipeline.local.buckets.folder import FolderBucket
from pipeline.local.buckets.remote import RemoteBucket

__all__ = ["Bucket", "BucketError", "FolderBucket", "ObjectInfo", "Page", "RemoteBucket"]
