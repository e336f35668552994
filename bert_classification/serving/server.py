"""uvicorn with our limits: of connections, of their times, and of the time to stop."""

import logging
import math
import os
import socket
from functools import partial
from typing import Any, Optional, cast

import uvicorn
from allennlp.common.checks import ConfigurationError
from fastapi import FastAPI

from bert_classification.serving.connections import BODY_GRACE, Connections, TimedProtocol
from bert_classification.serving.settings import Settings

logger = logging.getLogger(__name__)

LISTEN = 2048
"""Connections that wait in the kernel until they are accepted."""

ACCEPT = 16
"""
Connections that asyncio accepts before it looks at those it has. Until then they count against the
files of the process, and against no limit of ours.
"""

SPARE_FILES = 100
"""Files beside the connections: those that are being accepted or closed, and the page's."""


class Server(uvicorn.Server):
    """A server whose kernel queue is longer than what is accepted at once."""

    async def startup(self, sockets: Optional[list[socket.socket]] = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                with listening.dup() as same:
                    same.listen(LISTEN)


def make_server(app: FastAPI, settings: Settings, **options: Any) -> Server:
    """Makes the server of an application; the options are uvicorn's, such as `host` and `port`."""
    room = Connections(fit_connections(settings.max_connections))
    protocol = partial(TimedProtocol, room=room, settings=settings)
    config = uvicorn.Config(
        app,
        # uvicorn calls it as it would the class.
        http=cast(Any, protocol),
        # What these two do about a flood is known.
        ws="none",
        loop="asyncio",
        backlog=ACCEPT,
        timeout_graceful_shutdown=math.ceil(settings.timeout + BODY_GRACE),
        # By default uvicorn closes the log files that are open.
        log_config=None,
        access_log=False,
        **options,
    )
    return Server(config)


def fit_connections(wanted: int) -> int:
    """
    Gives the process as many files as so many connections need, and says how many it can have.

    # Raises

    `ConfigurationError` when there are not enough for a single one.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return wanted
    taken = len(os.listdir("/dev/fd")) + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY == soft or soft >= wanted + taken:
        return wanted
    limit = wanted + taken if hard == resource.RLIM_INFINITY else min(hard, wanted + taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit <= taken:
        raise ConfigurationError(
            f"the process may open {hard} files, and needs {taken} beside the connections; raise "
            "the limit (`ulimit -n`)."
        )
    if limit < wanted + taken:
        logger.warning(
            "the process may open %d files (`ulimit -n`), enough for %d connections and not for "
            "the %d of `--max-connections`.",
            *(hard, limit - taken, wanted),
        )
    return limit - taken
