"""The objects of the cloud's buckets: on disk, or served in place from a folder or from a bucket of the real S3."""

from pipeline.local.buckets.base import Bucket, BucketError, ObjectInfo, Page
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.folder import FolderBucket
from pipeline.local.buckets.remote import RemoteBucket

__all__ = ["Bucket", "BucketError", "DiskBucket", "FolderBucket", "ObjectInfo", "Page", "RemoteBucket"]
