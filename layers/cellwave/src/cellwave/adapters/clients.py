"""Clients of AWS services: configured in one place, made when first used.

They are what `boto3.client` returns, made by botocore itself: boto3 would load its resources too, which nothing
here uses and every cold start would pay for (about 60 ms). Region, endpoint and credentials come from the ordinary
environment (AWS_DEFAULT_REGION, AWS_ENDPOINT_URL, …).
"""

from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from botocore.config import Config
from botocore.session import Session, get_session

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
        return cast("DynamoDBClient", self._session.create_client("dynamodb", config=CONFIG))

    @cached_property
    def kinesis(self) -> "KinesisClient":
        """Kinesis Data Streams."""
        return cast("KinesisClient", self._session.create_client("kinesis", config=CONFIG))

    @cached_property
    def kms(self) -> "KMSClient":
        """Key Management Service."""
        return cast("KMSClient", self._session.create_client("kms", config=CONFIG))

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return cast("S3Client", self._session.create_client("s3", config=CONFIG))

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return cast("SQSClient", self._session.create_client("sqs", config=CONFIG))

    @cached_property
    def stepfunctions(self) -> "SFNClient":
        """Step Functions."""
        return cast("SFNClient", self._session.create_client("stepfunctions", config=CONFIG))

    @cached_property
    def _session(self) -> Session:
        return get_session()
