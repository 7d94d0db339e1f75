"""Where each dataset comes from: all that is known, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OpenFile:
    """A file that anybody can download.

    Args:
        path: where it goes, below the dataset's folder.
        url: where it is.
        size: bytes.
        md5: checksum, as its publisher states it.
    """

    path: str
    url: str
    size: int
    md5: str


@dataclass(frozen=True)
class Repository:
    """A git repository that is the dataset's folder.

    Args:
        url: where it is.
        counts: number of files of each pattern in a complete copy.
        checked: a file whose content is checked.
        sha256: checksum of that file.
    """

    url: str
    counts: Mapping[str, int]
    checked: str
    sha256: str


@dataclass(frozen=True)
class ByHand:
    """Something that only a person can fetch: an account, a form or a licence is in the way.

    Args:
        what: what it is.
        source: where it is to be had.
        path: where it goes, below the dataset's folder.
    """

    what: str
    source: str
    path: str


@dataclass(frozen=True)
class Place:
    """Where one dataset comes from.

    Args:
        repository: the whole dataset, if it is a repository.
        files: what can be downloaded.
        by_hand: what cannot.
    """

    repository: Repository | None = None
    files: Sequence[OpenFile] = field(default_factory=tuple)
    by_hand: Sequence[ByHand] = field(default_factory=tuple)


MODANET = "https://media.githubusercontent.com/media/eBay/modanet/master/annotations"
"""Git LFS files of the repository eBay/modanet; a clone without LFS has only pointers to them."""

CIHP = ByHand(
    "photos and annotations of CIHP: the folders Training, Validation and Testing",
    "the Multi-Human Parsing page of https://www.sysu-hcp.net/lip",
    ".",
)

PLACES: dict[str, Place] = {
    "ccp": Place(
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
    "cfpd": Place(
        by_hand=[
            ByHand(
                "the annotations of all 2,682 photos",
                "the Google Drive link on https://sites.google.com/site/fashionparsing",
                "fashon_parsing_data.mat",
            ),
            ByHand("the photos", "the same archive", "image/<number>.jpg"),
        ]
    ),
    "imaterialist": Place(
        by_hand=[
            ByHand(
                f"{what} (needs a Kaggle account that has accepted the competition's rules)",
                "https://www.kaggle.com/c/imaterialist-fashion-2019-FGVC6/data",
                path,
            )
            for what, path in (
                ("the annotations", "train.csv"),
                ("the 45,625 photos, unpacked", "train/<32 letters>.jpg"),
            )
        ]
    ),
    "modanet": Place(
        files=[
            OpenFile(
                "annotations/modanet2018_instances_train.json",
                f"{MODANET}/modanet2018_instances_train.json",
                105_924_292,
                "96478657d20e322e9d3282c6d73c0c4c",
            ),
            OpenFile(
                "annotations/modanet2018_instances_val.json",
                f"{MODANET}/modanet2018_instances_val.json",
                215_183,
                "900b24b7d6c0c48203e6244f45d65499",
            ),
        ],
        by_hand=[
            ByHand(
                "the photos (photos.lmdb of PaperDoll, 40 GB: key = id of the photo, value = file)",
                "https://github.com/kyamagu/paperdoll, folder data/chictopia",
                "images/<id, 7 digits>.jpg",
            )
        ],
    ),
    "cihp": Place(by_hand=[CIHP]),
    "ccihp": Place(
        by_hand=[
            CIHP,
            ByHand(
                "the annotations of CCIHP, which replace those of CIHP",
                "https://kalisteo.cea.fr/index.php/free-resources",
                ".",
            ),
        ]
    ),
}
"""Sources: the repositories of bearpaw, eBay and kyamagu, hrsma2i/dataset-CFPD, Kaggle, and the
papers of CIHP (Gong et al., 2018) and CCIHP (Loesch and Audigier, 2021)."""
