"""A real S3 server on the loopback interface; its answers are moto's, the requests go over HTTP."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BUCKET = "tables"


class Bucket(logging.Handler):
    """A bucket; ``copied`` lists the objects that were read since it was cleared, by the server's own log."""

    def __init__(self, url: str, client: Any) -> None:
        super().__init__()
        self.url, self.client = url, client
        self.copied: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note what the server says that it answered."""
        self.copied += re.findall(rf"GET /{BUCKET}/([^? ]+) ", record.getMessage())

    def put(self, name: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=BUCKET, Key=name, Body=content)

    def remove(self, name: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=BUCKET, Key=name)


@contextmanager
def serve_s3() -> Iterator[Bucket]:
    """Serve an empty bucket until the block ends."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    log = logging.getLogger("werkzeug")
    level = log.level
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    bucket = Bucket(url, client)
    log.setLevel(logging.INFO)
    log.addHandler(bucket)
    try:
        yield bucket
    finally:
        log.removeHandler(bucket)
        log.setLevel(level)
        client.close()
        server.stop()
