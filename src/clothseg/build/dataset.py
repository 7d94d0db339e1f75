"""Construction of readers of datasets."""

from clothseg.build.people import require_people
from clothseg.config.run_config import DatasetConfig, RunConfig
from clothseg.config.schema import Preparation
from clothseg.config.source_code import code_hashes
from clothseg.config.target import own_package, targets
from clothseg.dataset import Reader
from clothseg.dataset.cropped import crop_to_persons
from clothseg.dataset.skip_defects import skip_defects
from clothseg.task import Parsing


def build_dataset(config: DatasetConfig) -> Reader:
    """Build the dataset's reader; skips defective samples and crops to persons as configured."""
    preparation = config.preparation
    reader: Reader = config.dataset()
    own = [
        own_package(node["_target_"], config.trust) for _, node in targets(config.plain["dataset"])
    ]
    if packages := sorted({package.partition(".")[0] for package in own if package}):
        # An edited reader of the user's own decodes the same files in another way.
        for part in {id(one): one for one in (reader, *reader.parts.values())}.values():
            part.treatment += f" {code_hashes(packages)}"
    if preparation.on_error == "skip":
        shared = Preparation.model_fields
        node = {key: v for key, v in config.plain["dataset"].items() if key not in shared}
        reader = skip_defects(reader, node, config.cache / "defects")
    if isinstance(config, RunConfig) and isinstance(config.task, Parsing):
        require_people(config, reader)
    if preparation.crop == "none":
        return reader
    choice = preparation.crop, preparation.crop_margin, preparation.detector
    return crop_to_persons(reader, *choice, config.cache / "boxes")
