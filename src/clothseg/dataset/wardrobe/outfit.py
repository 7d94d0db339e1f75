"""Outfit of a person and the order in which it is painted."""

from dataclasses import dataclass, replace

import numpy as np

from clothseg.dataset.wardrobe import (
    accessories,
    dresses,
    footwear,
    garments,
    head,
    lettering,
    outerwear,
)
from clothseg.dataset.wardrobe.body import draw_arm, draw_body, draw_face
from clothseg.dataset.wardrobe.canvas import Canvas
from clothseg.dataset.wardrobe.figure import Figure

TOPS = ("t-shirt", "blouse", "shirt", "sweater", "jumper", "sweatshirt", "hoodie", "top", "vest")
COATS = ("coat", "coat", "blazer", "jacket", "cardigan", "cape", "suit")
TROUSERS = ("jeans", "jeans", "pants", "pants", "leggings")
SHOES = ("boots", "heels", "sneakers", "sandals", "flats", "loafers", "pumps", "shoes", "wedges")
KRONECKER_STEPS = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
"""Irrational step per decision, so that any run of consecutive photos covers it evenly."""


@dataclass(frozen=True)
class Outfit:
    """CCP names that one person wears; empty where nothing is worn.

    Args:
        main: romper, bodysuit, dress, skirt, shorts or a kind of trousers.
        top: garment above skirt, shorts or trousers.
        coat: garment over the top.
        socks: socks or stockings below bare legs, or tights.
        shoes: kind of shoes, on both feet.
        hat: on the hair.
        glasses: glasses or sunglasses.
        scarf: scarf or tie.
        bag: bag or purse.
        crop: framing of the figure: full, knee, half or legs.
        belt: around the waist.
        necklace: on the chest.
        gloves: on both hands.
        face_mask: over mouth and nose.
        lettering: on the top, if its cloth has no pattern.
        sparse: True if the hair is sparse.
    """

    main: str
    top: str
    coat: str
    socks: str
    shoes: str
    hat: str
    glasses: str
    scarf: str
    bag: str
    crop: str
    belt: bool = False
    necklace: bool = False
    gloves: bool = False
    face_mask: bool = False
    lettering: bool = False
    sparse: bool = False


def choose_outfit(seed: int, index: int, rng: np.random.Generator) -> Outfit:
    """Sample the outfit of one photo.

    Decisions follow a Kronecker sequence (index times an irrational number, modulo 1) with an
    offset given by the seed: class frequencies hold in any run of consecutive photos, and a photo
    does not depend on the number of photos.
    """
    offset = np.random.default_rng(np.random.SeedSequence([seed, 1])).random(len(KRONECKER_STEPS))
    quantiles = np.mod(offset + (index + 1) * KRONECKER_STEPS, 1)
    main = _look_up(
        quantiles[0],
        ((0.14, "romper"), (0.30, "dress"), (0.44, "skirt"), (0.64, "shorts"), (1, "trousers")),
    )
    crop = _look_up(quantiles[1], ((0.18, "full"), (0.4, "knee"), (0.7, "half"), (1, "legs")))
    if main != "trousers" and crop == "half":
        crop = "knee"
    bare = main != "trousers"
    top = "" if main in ("romper", "dress") else str(rng.choice(TOPS))
    coat = str(rng.choice(COATS)) if quantiles[2] < (0.2 if main == "romper" else 0.42) else ""
    scarf = "scarf" if quantiles[3] < 0.26 else ""
    if not scarf and quantiles[3] < 0.42 and top in ("shirt", "blouse", "vest"):
        scarf = "tie"
    return Outfit(
        main=str(rng.choice(TROUSERS)) if not bare
        else str(rng.choice(["romper", "romper", "bodysuit"])) if main == "romper" else main,
        top=top,
        coat=coat,
        socks=str(rng.choice(["socks", "socks", "stockings"])) if bare and quantiles[4] < 0.76
        else "tights" if bare and quantiles[4] > 0.93 else "",
        shoes=str(rng.choice(SHOES)),
        hat="hat" if quantiles[5] < 0.32 else "",
        glasses=str(rng.choice(["sunglasses", "glasses"])) if quantiles[6] < 0.5 else "",
        scarf=scarf,
        bag=str(rng.choice(["bag", "bag", "purse"])) if quantiles[7] < 0.52 else "",
        crop=crop,
    )  # fmt: skip


def add_extras(outfit: Outfit, rng: np.random.Generator) -> Outfit:
    """Add accessories that other datasets than Clothing Co-Parsing annotate."""
    belt, necklace, gloves, face_mask, lettering, sparse = rng.random(6) < (
        [0.3, 0.3, 0.22, 0.15, 0.4, 0.14]
    )
    return replace(
        outfit,
        belt=bool(belt),
        necklace=bool(necklace),
        gloves=bool(gloves),
        face_mask=bool(face_mask),
        lettering=bool(lettering),
        sparse=bool(sparse),
    )


def _look_up(quantile: float, table: tuple[tuple[float, str], ...]) -> str:
    """Return the first entry whose upper bound lies above a quantile of 0 to 1."""
    return next(name for bound, name in table if quantile < bound)


def dress_figure(canvas: Canvas, figure: Figure, outfit: Outfit, rng: np.random.Generator) -> None:
    """Paint a person from back to front, so that nearer pieces occlude those behind."""
    hair = head.choose_hair(rng)
    if outfit.sparse:
        hair = head.thin_out(hair)
    gloves = accessories.choose_gloves(rng) if outfit.gloves else None
    coat = outerwear.choose_coat(rng, outfit.coat) if outfit.coat else None
    if not figure.behind:
        hair.draw_back(canvas, figure)
    if coat:
        outerwear.draw_coat_back(canvas, figure, coat)
    draw_body(canvas, figure, rng)
    sleeve = _draw_clothes(canvas, figure, outfit, rng)
    _draw_on_clothes(canvas, figure, outfit, rng)
    if coat and coat.name != "cape":
        outerwear.draw_coat_front(canvas, figure, coat, rng)
    for side in rng.permutation(2):
        draw_arm(canvas, figure, rng, side)
        if gloves:
            accessories.draw_glove(canvas, figure, gloves, side)
        sleeve(side)
        if coat and coat.name != "cape":
            outerwear.draw_coat_sleeve(canvas, figure, coat, side)
    if coat and coat.name == "cape":
        outerwear.draw_coat_front(canvas, figure, coat, rng)
    draw_face(canvas, figure, rng)
    if outfit.face_mask and not figure.behind:
        head.draw_face_mask(canvas, figure, rng)
    if outfit.scarf == "scarf":
        accessories.draw_scarf(canvas, figure, rng)
    if figure.behind:
        hair.draw_back(canvas, figure)
    else:
        hair.draw_front(canvas, figure)
    if outfit.glasses and not figure.behind:
        head.draw_glasses(canvas, figure, rng, outfit.glasses)
    if outfit.hat:
        head.draw_hat(canvas, figure, rng)
    if outfit.bag:
        accessories.draw_bag(canvas, figure, rng, outfit.bag)


def _draw_on_clothes(
    canvas: Canvas, figure: Figure, outfit: Outfit, rng: np.random.Generator
) -> None:
    """Paint the items on top of the clothes and below a coat."""
    for piece in canvas.pieces:
        if outfit.lettering and piece.name == outfit.top and piece.pattern == "solid":
            lettering.draw_lettering(canvas, figure, rng, piece, rng.uniform(0.3, 0.4))
    if outfit.belt:
        accessories.draw_belt(canvas, figure, rng)
    if figure.behind:
        return
    if outfit.scarf == "tie":
        accessories.draw_tie(canvas, figure, rng)
    if outfit.necklace:
        accessories.draw_necklace(canvas, figure, rng)


def _draw_clothes(
    canvas: Canvas, figure: Figure, outfit: Outfit, rng: np.random.Generator
) -> garments.Sleeve:
    """Paint everything between skin and coat; return the function that paints the sleeves."""
    if outfit.socks == "tights":
        garments.draw_trousers(canvas, figure, rng, "tights")
    elif outfit.socks:
        footwear.draw_socks(canvas, figure, rng, outfit.socks)
    wide = outfit.main in ("jeans", "pants") and outfit.shoes != "boots"
    if wide:
        footwear.draw_shoes(canvas, figure, rng, outfit.shoes, bare=not outfit.socks)
    tucked = outfit.main == "skirt" or rng.random() < 0.4
    if outfit.top and tucked:
        sleeve = garments.draw_top(canvas, figure, rng, outfit.top, tucked)
    if outfit.main in ("romper", "bodysuit"):
        sleeve = dresses.draw_romper(canvas, figure, rng, outfit.main)
    elif outfit.main == "dress":
        sleeve = dresses.draw_dress(canvas, figure, rng)
    elif outfit.main == "skirt":
        dresses.draw_skirt(canvas, figure, rng, "skirt", 0.7)
    elif outfit.main == "shorts":
        garments.draw_shorts(canvas, figure, rng)
    else:
        garments.draw_trousers(canvas, figure, rng, outfit.main)
    if outfit.top and not tucked:
        sleeve = garments.draw_top(canvas, figure, rng, outfit.top, tucked)
    if not wide:
        footwear.draw_shoes(canvas, figure, rng, outfit.shoes, bare=not outfit.socks)
    return sleeve
