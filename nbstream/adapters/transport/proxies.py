"""Which proxy a request takes, as the environment and the system say.

httpx reads the same variables, but refuses an IPv6 range in NO_PROXY, and does not tell which variable sent
a request to a proxy that is not there.
"""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from nbstream.events.errors import UsageError

from .masking import Secret, shown_url


class Proxy(NamedTuple):
    """`variable` is what sends a request there, "" where it is the system's settings."""

    url: Secret
    variable: str

    def __str__(self) -> str:
        origin = f" (from {self.variable})" if self.variable else ""
        return f"the proxy {shown_url(self.url)}{origin}"


def proxy_for(url: str) -> Proxy | None:
    """The proxy a request to `url` takes, None for the direct way.

    Raises `UsageError`, which names the variable, for a proxy that cannot be used.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    value = proxies.get(parts.scheme) or proxies.get("all")
    if not value or not parts.hostname:
        return None
    names = [
        name
        for scheme in (parts.scheme, "all")
        for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
        if os.environ.get(name) == value
    ]
    if names:
        listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        if bypassed(parts.hostname, parts.port, listed):
            return None
    elif proxy_bypass(parts.hostname):
        return None
    variable = names[-1] if names else ""
    return Proxy(Secret(_usable(value, variable or "the system's proxy settings")), variable)


def bypassed(host: str, port: int | None, listed: str) -> bool:
    """Whether a list in the form of NO_PROXY names the host: names, domains, addresses and ranges of them."""
    address = _address(host)
    for entry in listed.replace(",", " ").split():
        entry = entry.lower().partition("://")[2] or entry.lower()
        if entry == "*":
            return True
        if address is not None and _within(address, entry):
            return True
        name, _, end = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
        if end and end != str(port):
            continue
        name = name.removeprefix("*").lstrip(".")
        if name and (host.lower() == name or host.lower().endswith(f".{name}")):
            return True
    return False


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    entry = entry.replace("[", "").partition("]")[0] if entry.startswith("[") else entry
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except (ValueError, TypeError):
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _usable(value: str, variable: str) -> str:
    url = value if "://" in value else f"http://{value}"
    scheme = urlsplit(url).scheme.lower()
    if scheme == "socks":  # as desktops write it
        scheme, url = "socks5", f"socks5://{url.partition('://')[2]}"
    if scheme in ("socks5", "socks5h"):
        import importlib.util

        if importlib.util.find_spec("socksio") is None:
            raise UsageError(
                f"{variable} names a SOCKS proxy, {shown_url(url)}, for which a library is missing",
                hint='pip install "httpx[socks]", or add the host to NO_PROXY.',
            )
    elif scheme not in ("http", "https"):
        raise UsageError(
            f"{variable} names a proxy that cannot be used: {shown_url(url)}",
            hint="It looks like http://127.0.0.1:3128 or socks5://127.0.0.1:1080.",
        )
    try:
        ok = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        ok = False
    if not ok:
        raise UsageError(
            f"{variable} is not the address of a proxy",
            hint="It looks like http://127.0.0.1:3128 or socks5://127.0.0.1:1080.",
        )
    return url
