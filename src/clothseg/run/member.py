"""Processes of a run: their ranks, and what rank 0 decides for all of them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True)
class Member:
    """One of the processes of a run.

    Args:
        rank: number of the process; 0 writes the record and the console output.
        peers: pipes to all other processes, of rank 0; the pipe to rank 0, of any other.
    """

    rank: int = 0
    peers: Sequence["Connection[Any, Any]"] = ()

    def follow(self) -> Any:
        """Wait, for however long, for the decision of rank 0.

        Returns:
            What rank 0 passed to :meth:`lead`; None if it ended before it decided.
        """
        (rank_0,) = self.peers
        try:
            return rank_0.recv()
        except EOFError:
            return None

    def lead(self, decision: Any) -> None:
        """Send the decision of rank 0 to the other processes."""
        for peer in self.peers:
            with contextlib.suppress(BrokenPipeError):  # whoever follows the processes ends all
                peer.send(decision)
