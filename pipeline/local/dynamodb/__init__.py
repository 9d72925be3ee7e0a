"""DynamoDB: tables by moto, their items on disk."""

from pipeline.local.dynamodb.service import DynamoDBService

__all__ = ["DynamoDBService"]
