"""boto3 clients: configured in one place, made when first used.

Region, endpoint and credentials come from the ordinary environment (AWS_REGION, AWS_ENDPOINT_URL, …).
"""

from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=25,  # longer than the longest SQS poll, 20 s
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=16,
    tcp_keepalive=True,
)


class Clients:
    """The clients that the adapters take. One a process is enough: they are safe to share between threads."""

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self._session.client("dynamodb", config=CONFIG)

    @cached_property
    def kinesis(self) -> "KinesisClient":
        """Kinesis Data Streams."""
        return self._session.client("kinesis", config=CONFIG)

    @cached_property
    def kms(self) -> "KMSClient":
        """Key Management Service."""
        return self._session.client("kms", config=CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self._session.client("s3", config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return self._session.client("sqs", config=CONFIG)

    @cached_property
    def stepfunctions(self) -> "SFNClient":
        """Step Functions."""
        return self._session.client("stepfunctions", config=CONFIG)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session()
