from __future__ import annotations

import asyncio
import os
import ssl
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.offline import sitecustomize
from tests.servers import Handler, Server
from tests.third_party.servers import ServerProcess, start_aimock, start_litellm_proxy

# The processes the tests start (kernels, JupyterLab, a proxy) are cut off as well.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.dirname(sitecustomize.__file__), *filter(None, [os.environ.get("PYTHONPATH")])]
)

#: Folders and files that take a browser, a kernel, a server of others or an installation: `make check`
#: leaves them to `make test`.
SLOW = frozenset(
    """e2e sdks third_party test_aimock test_cell test_chaos test_chats test_docs test_exports test_headless test_magic test_package
    test_quickstart test_terminal""".split()
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if {Path(item.path.relative_to(here).parts[0]).stem, item.path.stem} & SLOW:
            item.add_marker("slow")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(handler)` starts a loopback server that lives as long as the test."""
    with ExitStack() as stack:

        def start(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Server:
            return stack.enter_context(Server(handler, tls=tls))

        yield start


@pytest.fixture(params=["httptools", "httpx"])
def each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs on each of what can read from the network; the processes it starts too."""
    pytest.importorskip(request.param)
    monkeypatch.setenv("NBSTREAM_TRANSPORT", request.param)
    return request.param


@pytest.fixture(scope="session")
def self_signed() -> ssl.SSLContext:
    """For `serve(handler, tls=self_signed)`: a certificate no client trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(autouse=True)
def asyncio_as_it_was() -> Iterator[None]:
    """Takes back what nest_asyncio did to all of asyncio, so that no later test runs on it."""
    loop = asyncio.SelectorEventLoop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.14 is to lose policies
        policy = type(asyncio.get_event_loop_policy())
    patched = [asyncio, asyncio.tasks, asyncio.futures, asyncio.events, policy, loop]
    before = [dict(vars(namespace)) for namespace in patched]
    yield
    if hasattr(asyncio, "_nest_patched"):
        for namespace, values in zip(patched, before, strict=True):
            for name in vars(namespace).keys() - values.keys():
                delattr(namespace, name)
            for name, value in values.items():
                if vars(namespace)[name] is not value:
                    setattr(namespace, name, value)


@pytest.fixture
async def litellm_clients(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Closes the clients that litellm keeps open, on the loop where they were made; aiohttp's it cannot."""
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")
    yield
    if "litellm" in sys.modules:
        import litellm

        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()


_STARTERS = {"aimock": start_aimock, "litellm_proxy": start_litellm_proxy}
_processes: dict[str, ServerProcess] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Starts the slow servers while other tests run."""
    if not session.config.option.collectonly:
        wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
        for name in wanted & _STARTERS.keys():
            _processes[name] = _STARTERS[name]()


def pytest_sessionfinish() -> None:
    for process in _processes.values():
        process.stop()


@pytest.fixture(scope="session")
def aimock() -> str:
    """The URL of an aimock server that answers what third_party/aimock.json says."""
    return _processes["aimock"].wait()


@pytest.fixture(scope="session")
def litellm_proxy() -> str:
    """The URL of a litellm proxy with mock answers."""
    return _processes["litellm_proxy"].wait()
