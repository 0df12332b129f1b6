from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import trustme

from tests.offline import sitecustomize
from tests.servers import Handler, Server

# The processes the tests start (kernels, JupyterLab, a proxy) are cut off as well.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.dirname(sitecustomize.__file__), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(handler)` starts a loopback server that lives as long as the test."""
    with ExitStack() as stack:

        def start(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Server:
            return stack.enter_context(Server(handler, tls=tls))

        yield start


@pytest.fixture(scope="session")
def self_signed() -> ssl.SSLContext:
    """For `serve(handler, tls=self_signed)`: a certificate no client trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context
