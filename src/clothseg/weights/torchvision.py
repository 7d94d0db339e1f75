"""Weights published by torchvision: cached, downloaded, or an error message on how to get them."""

import os
from dataclasses import dataclass
from pathlib import Path

from clothseg.error import ConfigError
from clothseg.terminal.screen import say
from clothseg.weights.hub import is_reachable


@dataclass(frozen=True)
class TorchvisionFile:
    """File of weights in torchvision's cache.

    Args:
        url: download URL; the file name ends with the first digits of the file's SHA-256.
        option: setting that requires the file, such as `backbone.weights=voc`.
        content: description for messages.
    """

    url: str
    option: str
    content: str

    @property
    def digest(self) -> str:
        """First digits of the SHA-256, from the file name."""
        return self.url.rpartition("-")[2].removesuffix(".pth")

    @property
    def path(self) -> Path:
        """Path in the cache, computed without torch, whose import takes seconds."""
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
        home = Path(os.environ.get("TORCH_HOME", cache)).expanduser()
        return home / "hub" / "checkpoints" / self.url.rpartition("/")[2]

    def require(self) -> None:
        """Fail within about a second if the file is neither cached nor downloadable.

        Raises:
            ConfigError: the file is unavailable; gives its URL and the folder to put it into.
        """
        if not self.path.is_file() and not is_reachable(self.url):
            raise ConfigError([self._missing_file_message("the server is unreachable")])

    def fetch(self) -> Path:
        """Download the file if it is not cached, and return its path.

        Raises:
            ConfigError: the download fails, or the downloaded file has another hash.
        """
        if not self.path.is_file():
            self._download()
        return self.path

    def _download(self) -> None:
        import torch

        self.require()
        say(f"downloading {self.url} to {self.path.parent}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(self.url, str(self.path), self.digest, progress=False)
        except (OSError, RuntimeError) as error:  # RuntimeError: the file has another hash
            raise ConfigError([self._missing_file_message(str(error))]) from error

    def _missing_file_message(self, reason: str) -> str:
        key = self.option.partition("=")[0]
        return (
            f"{self.option}: {self.content} are not available locally ({reason}). "
            f"Download {self.url} on a machine with internet access and put the file into "
            f"{self.path.parent}, or pass it: {key}=<path>"
        )
