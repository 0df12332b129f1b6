"""The programs that show streams: marimo, notebooks, and any other that has a standard output."""

from nbstream import host

from .marimo import Marimo
from .notebook import Notebook
from .script import Script

for _host in (Marimo(), Notebook(), Script()):
    host.register(_host)
