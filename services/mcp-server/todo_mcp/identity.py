"""For whom a tool works. The only place that knows; a later issue puts signed tokens here.

It is never an argument of a tool: what a model writes must not choose whose tasks it sees.
"""

LOCAL = "local"


def identity() -> str:
    """The user of the request that is being answered. Without accounts there is just one."""
    return LOCAL
