"""Reads a registry with the client of langchain-mcp-registry:

    python run.py URL NAME VERSION HIDDEN_NAME

NAME must be listed, found and looked up at VERSION, its latest; HIDDEN_NAME must be absent.
Prints the results as one line of JSON; exits with 1 and a message if a check fails.
"""

import asyncio
import json
import sys
import tempfile

from langchain_mcp_registry import MCPRegistryClient, RegistryToMCPConverter, ServerNotFoundError

PAGE = 7  # Small, so that even a few servers need several pages.
MOST_PAGES = 1000


class Amiss(Exception):
    pass


def expect(holds, message):
    if not holds:
        raise Amiss(message)


def find(servers, name, what):
    found = [server for server in servers if server.name == name]
    expect(len(found) == 1, f"{what} has {name} {len(found)} times")
    return found[0]


async def read_all(client, **filters):
    """Reads every page. The client hides `nextCursor`, so this continues by `name:version`."""
    servers, pages = [], 0
    while True:
        cursor = f"{servers[-1].name}:{servers[-1].version}" if servers else None
        page = await client.search_servers(limit=PAGE, cursor=cursor, **filters)
        servers += page
        pages += 1
        if len(page) < PAGE:
            break
        expect(pages < MOST_PAGES, "the pages do not end")
    entries = [(server.name, server.version) for server in servers]
    expect(len(set(entries)) == len(entries), "a list names an entry twice")
    for server in servers:
        expect(server.metadata is not None, f"{server.name} has no official metadata")
    return servers, pages


async def gone(lookup, what):
    try:
        await lookup
    except ServerNotFoundError:
        return
    raise Amiss(f"{what} is found")


async def read(client, name, version, hidden):
    listed, pages = await read_all(client, version="latest")
    shown = find(listed, name, "the list")
    expect(shown.version == version, f"the list has {name} at {shown.version}, not {version}")
    expect(shown.metadata.is_latest, f"the list has {name} not as the latest")
    everything, _ = await read_all(client)

    searched, _ = await read_all(client, query=name.split("/", 1)[1], version="latest")
    expect(find(searched, name, "the search") == shown, f"list and search differ over {name}")

    latest = await client.get_server_details(name)
    expect(latest == shown, f"list and lookup differ over {name}")
    exact = await client.get_server_details(name, version)
    expect(exact == latest, f"{version} and latest differ over {name}")
    versions = await client.get_server_versions(name)
    expect(
        [server.version for server in versions if server.metadata.is_latest] == [version],
        f"{version} is not the one latest version of {name}",
    )
    config = RegistryToMCPConverter().convert(latest)  # The server that LangChain would start or connect to.

    for server in listed + everything + await client.search_servers(query=hidden):
        expect(server.name != hidden, f"{hidden} is listed")
    await gone(client.get_server_details(hidden), f"{hidden} at latest")
    await gone(client.get_server_versions(hidden), f"versions of {hidden}")

    return {
        "listed": len(listed),
        "pages": pages,
        "entries": len(everything),
        "searched": len(searched),
        "name": latest.name,
        "version": latest.version,
        "versions": [server.version for server in versions],
        "transport": config.transport,
        "hidden": "not found",
    }


async def main(url, name, version, hidden):
    found = {}
    # The client's default is /v0; /v0.1 is the frozen API. Both must answer the same.
    for api in ("v0", "v0.1"):
        with tempfile.TemporaryDirectory() as cache:
            async with MCPRegistryClient(
                registry_url=f"{url.rstrip('/')}/{api}/servers", cache_enabled=False, cache_dir=cache
            ) as client:
                found[api] = await read(client, name, version, hidden)
    expect(found["v0"] == found["v0.1"], f"/v0 and /v0.1 differ: {found}")
    print(json.dumps({"client": "langchain", **found["v0.1"]}))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(f"usage: {sys.argv[0]} URL NAME VERSION HIDDEN_NAME")
    try:
        asyncio.run(main(*sys.argv[1:]))
    except Exception as error:  # Includes the client's own errors; one line is enough.
        sys.exit(f"langchain: {type(error).__name__}: {error}")
