"""Files of weights that torchvision offers: stored, downloaded, or a message that helps."""

import os
from dataclasses import dataclass
from pathlib import Path

from clothseg.error import ConfigError
from clothseg.screen import say
from clothseg.weights.hub import answers


@dataclass(frozen=True)
class TorchvisionFile:
    """One file of weights, kept where torchvision looks for it.

    Args:
        url: its address; the name ends with the first digits of its SHA-256.
        option: the setting that asks for it, such as `backbone.weights=voc`.
        content: what it is, for people.
    """

    url: str
    option: str
    content: str

    @property
    def digest(self) -> str:
        """First digits of its SHA-256, from its name."""
        return self.url.rpartition("-")[2].removesuffix(".pth")

    @property
    def path(self) -> Path:
        """Where it is stored; stated here because importing torch takes seconds."""
        store = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
        home = Path(os.environ.get("TORCH_HOME", store)).expanduser()
        return home / "hub" / "checkpoints" / self.url.rpartition("/")[2]

    def require(self) -> None:
        """Fail within about a second when it is neither stored nor reachable.

        Raises:
            ConfigError: names the file, where it is, and where it belongs.
        """
        if not self.path.is_file() and not answers(self.url):
            raise ConfigError([self._how_to_supply("the server does not answer")])

    def stored(self) -> Path:
        """Its path, after a download where it was not stored.

        Raises:
            ConfigError: it cannot be downloaded, or what comes is another file.
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
        except (OSError, RuntimeError) as error:  # RuntimeError: the content has another digest
            raise ConfigError([self._how_to_supply(str(error))]) from error

    def _how_to_supply(self, reason: str) -> str:
        key = self.option.partition("=")[0]
        return (
            f"{self.option}: {self.content} are not here ({reason}). "
            f"Download {self.url} on a machine with a network and put the file into "
            f"{self.path.parent}, or pass it: {key}=<path>"
        )
