"""Download sources of all datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PublicFile:
    """File that can be downloaded without an account.

    Args:
        path: target path, relative to the dataset's folder.
        url: download URL.
        size: size in bytes.
        md5: checksum stated by the publisher.
    """

    path: str
    url: str
    size: int
    md5: str


@dataclass(frozen=True)
class Repository:
    """Git repository that is the dataset's folder.

    Args:
        url: URL of the repository.
        counts: number of files per glob pattern in a complete copy.
        checked: path of a file whose content is verified.
        sha256: checksum of that file.
    """

    url: str
    counts: Mapping[str, int]
    checked: str
    sha256: str


@dataclass(frozen=True)
class ManualDownload:
    """Download that needs the user, because of an account, a form or a license.

    Args:
        what: description of the files.
        source: URL or description of where to get them.
        path: target path, relative to the dataset's folder.
    """

    what: str
    source: str
    path: str


@dataclass(frozen=True)
class DatasetSource:
    """Download source of one dataset.

    Args:
        repository: repository with the entire dataset, if there is one.
        files: files to download automatically.
        manual: downloads that need the user.
    """

    repository: Repository | None = None
    files: Sequence[PublicFile] = field(default_factory=tuple)
    manual: Sequence[ManualDownload] = field(default_factory=tuple)


MODANET = "https://media.githubusercontent.com/media/eBay/modanet/master/annotations"
"""Git LFS files of the repository eBay/modanet; a clone without LFS only has pointers to them."""

CIHP = ManualDownload(
    "images and annotations of CIHP: the folders Training, Validation and Testing",
    "the Multi-Human Parsing page of https://www.sysu-hcp.net/lip",
    ".",
)

SOURCES: dict[str, DatasetSource] = {
    "ccp": DatasetSource(
        repository=Repository(
            "https://github.com/bearpaw/clothing-co-parsing",
            {
                "photos/*.jpg": 2098,
                "annotations/pixel-level/*.mat": 1004,
                "annotations/image-level/*.mat": 1094,
            },
            "label_list.mat",
            "fac89afde57ba333106173018c09a087d0466affc149bfde72c6cde3eeaa55bc",
        )
    ),
    "cfpd": DatasetSource(
        manual=[
            ManualDownload(
                "the annotations of all 2,682 images",
                "the Google Drive link on https://sites.google.com/site/fashionparsing",
                "fashon_parsing_data.mat",
            ),
            ManualDownload("the images", "the same archive", "image/<number>.jpg"),
        ]
    ),
    "imaterialist": DatasetSource(
        manual=[
            ManualDownload(
                f"{what} (needs a Kaggle account that has accepted the competition's rules)",
                "https://www.kaggle.com/c/imaterialist-fashion-2019-FGVC6/data",
                path,
            )
            for what, path in (
                ("the annotations", "train.csv"),
                ("the 45,625 images, unpacked", "train/<32 letters>.jpg"),
            )
        ]
    ),
    "modanet": DatasetSource(
        files=[
            PublicFile(
                "annotations/modanet2018_instances_train.json",
                f"{MODANET}/modanet2018_instances_train.json",
                105_924_292,
                "96478657d20e322e9d3282c6d73c0c4c",
            ),
            PublicFile(
                "annotations/modanet2018_instances_val.json",
                f"{MODANET}/modanet2018_instances_val.json",
                215_183,
                "900b24b7d6c0c48203e6244f45d65499",
            ),
        ],
        manual=[
            ManualDownload(
                "the images (photos.lmdb of PaperDoll, 40 GB: key = image id, value = image file)",
                "https://github.com/kyamagu/paperdoll, folder data/chictopia",
                "images/<id, 7 digits>.jpg",
            )
        ],
    ),
    "cihp": DatasetSource(manual=[CIHP]),
    "ccihp": DatasetSource(
        manual=[
            CIHP,
            ManualDownload(
                "the annotations of CCIHP, which replace those of CIHP",
                "https://kalisteo.cea.fr/index.php/free-resources",
                ".",
            ),
        ]
    ),
}
"""Sources: the repositories of bearpaw, eBay and kyamagu, hrsma2i/dataset-CFPD, Kaggle, and the
papers of CIHP (Gong et al., 2018) and CCIHP (Loesch and Audigier, 2021)."""
