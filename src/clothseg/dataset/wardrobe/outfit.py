"""What a person wears, and the order in which it is painted."""

from dataclasses import dataclass, replace

import numpy as np

from clothseg.dataset.wardrobe import accessories, footwear, garments, head, lettering, outerwear
from clothseg.dataset.wardrobe.body import draw_arm, draw_body, draw_face
from clothseg.dataset.wardrobe.canvas import Canvas
from clothseg.dataset.wardrobe.figure import Figure

TOPS = ("t-shirt", "blouse", "shirt", "sweater", "jumper", "sweatshirt", "hoodie", "top", "vest")
COATS = ("coat", "coat", "blazer", "jacket", "cardigan", "cape", "suit")
TROUSERS = ("jeans", "jeans", "pants", "pants", "leggings")
SHOES = ("boots", "heels", "sneakers", "sandals", "flats", "loafers", "pumps", "shoes", "wedges")
SEQUENCE = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
"""Irrational steps: one coordinate per decision, so that every run of photos is evenly filled."""


@dataclass(frozen=True)
class Outfit:
    """The CCP names that one person wears; empty where there is nothing.

    Args:
        main: romper, bodysuit, dress, skirt, shorts or a kind of trousers.
        top: what is worn above skirt, shorts or trousers.
        coat: worn over it.
        socks: below bare legs, or tights.
        shoes: on both feet.
        hat: on the hair.
        glasses: before the eyes.
        scarf: scarf or tie.
        bag: bag or purse.
        crop: how much of the figure is in the frame: full, knee, half or legs.
        belt: around the waist.
        necklace: on the chest.
        gloves: on both hands.
        face_mask: over mouth and nose.
        lettering: on the top, if its cloth has no pattern.
        sparse: whether most of the hair is lost.
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
    """Draw the outfit of one photo.

    The share of every class comes from a Kronecker sequence (index times an irrational number,
    modulo 1) that starts at a place given by the seed: frequencies are met in any run of photos,
    and a photo does not depend on how many others there are.
    """
    start = np.random.default_rng(np.random.SeedSequence([seed, 1])).random(len(SEQUENCE))
    share = np.mod(start + (index + 1) * SEQUENCE, 1)
    main = _at(
        share[0],
        ((0.14, "romper"), (0.30, "dress"), (0.44, "skirt"), (0.64, "shorts"), (1, "trousers")),
    )
    crop = _at(share[1], ((0.18, "full"), (0.4, "knee"), (0.7, "half"), (1, "legs")))
    if main != "trousers" and crop == "half":
        crop = "knee"
    bare = main != "trousers"
    top = "" if main in ("romper", "dress") else str(rng.choice(TOPS))
    coat = str(rng.choice(COATS)) if share[2] < (0.2 if main == "romper" else 0.42) else ""
    scarf = "scarf" if share[3] < 0.26 else ""
    if not scarf and share[3] < 0.42 and top in ("shirt", "blouse", "vest"):
        scarf = "tie"
    return Outfit(
        main=str(rng.choice(TROUSERS)) if not bare
        else str(rng.choice(["romper", "romper", "bodysuit"])) if main == "romper" else main,
        top=top,
        coat=coat,
        socks=str(rng.choice(["socks", "socks", "stockings"])) if bare and share[4] < 0.76
        else "tights" if bare and share[4] > 0.93 else "",
        shoes=str(rng.choice(SHOES)),
        hat="hat" if share[5] < 0.32 else "",
        glasses=str(rng.choice(["sunglasses", "glasses"])) if share[6] < 0.5 else "",
        scarf=scarf,
        bag=str(rng.choice(["bag", "bag", "purse"])) if share[7] < 0.52 else "",
        crop=crop,
    )  # fmt: skip


def add_extras(outfit: Outfit, rng: np.random.Generator) -> Outfit:
    """The outfit with what people wear in other datasets than Clothing Co-Parsing."""
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


def _at(share: float, table: tuple[tuple[float, str], ...]) -> str:
    """The first entry whose upper bound lies above a share of 0 to 1."""
    return next(name for bound, name in table if share < bound)


def dress_figure(canvas: Canvas, figure: Figure, outfit: Outfit, rng: np.random.Generator) -> None:
    """Paint a person from the back to the front: what lies nearer hides what lies behind."""
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
    """Paint what lies on the clothes and below a coat."""
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
    """Paint everything between skin and coat; returns what paints the sleeves."""
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
        sleeve = garments.draw_romper(canvas, figure, rng, outfit.main)
    elif outfit.main == "dress":
        sleeve = garments.draw_dress(canvas, figure, rng)
    elif outfit.main == "skirt":
        garments.draw_skirt(canvas, figure, rng, "skirt", 0.7)
    elif outfit.main == "shorts":
        garments.draw_shorts(canvas, figure, rng)
    else:
        garments.draw_trousers(canvas, figure, rng, outfit.main)
    if outfit.top and not tucked:
        sleeve = garments.draw_top(canvas, figure, rng, outfit.top, tucked)
    if not wide:
        footwear.draw_shoes(canvas, figure, rng, outfit.shoes, bare=not outfit.socks)
    return sleeve
