"""Claims on the trials of a search, which several processes may run at the same time."""

import math
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from clothseg.error import DataError, WriteError
from clothseg.run.record import CLAIM_TIMEOUT, FOREIGN_CLAIM


class Claims:
    """Claims of this process.

    A claim ends with its process, or two minutes after the last sign of life of another machine. If
    a suspended process loses one, the trial may run twice, but not its folds, whose records are
    claimed as well.

    Args:
        folder: folder of the search.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[int, SoftFileLease] = {}

    def take(self, number: int, wait: float = 0) -> bool:
        """Claim a trial unless another process holds it.

        Args:
            number: number of the trial.
            wait: seconds to wait for the other process; may be infinity.

        Raises:
            DataError: the claim cannot be written, or is none of this program.
        """
        if number in self._held:
            return True
        path = self.folder / f".trial-{number}.claim"
        lease = SoftFileLease(path, lease_duration=CLAIM_TIMEOUT)
        try:
            lease.acquire(timeout=-1 if math.isinf(wait) else wait, poll_interval=1)
        except Timeout:
            return False
        except OSError as error:
            raise WriteError(path, error) from error
        except LeaseSettingsMismatch as error:
            raise DataError(f"{path} {FOREIGN_CLAIM}") from error
        self._held[number] = lease
        return True

    def release(self, number: int) -> None:
        """Give up a claim."""
        self._held.pop(number).release()

    def release_all(self) -> None:
        """Give up all claims."""
        for number in [*self._held]:
            self.release(number)
