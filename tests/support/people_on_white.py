"""Different people cut out on white, whose perceptual hashes are similar."""

import cv2
import numpy as np


def person_on_white(seed):
    """Image uint8 [144,96,3] of a standing person with random proportions and garments."""
    random = np.random.default_rng([7, seed])
    image = np.full((144, 96, 3), 255, np.uint8)
    colors = random.integers(0, 200, (6, 3)).tolist()
    x, top = 48 + int(random.integers(-2, 3)), 14 + int(random.integers(-2, 3))
    shoulder, hip = int(random.integers(15, 19)), int(random.integers(11, 15))
    waist, foot = 66 + int(random.integers(-3, 4)), 132 + int(random.integers(-2, 3))
    torso = [(x - shoulder, top + 18), (x + shoulder, top + 18), (x + hip, waist), (x - hip, waist)]
    cv2.fillPoly(image, [np.array(torso)], colors[0])
    for row in range(top + 18, waist, int(random.integers(4, 12))):  # stripes of the shirt
        cv2.line(image, (x - hip, row), (x + hip, row), colors[1], 2)
    for side in (-1, 1):
        arm = (x + side * shoulder, top + 20), (x + side * (shoulder + 4), waist)
        cv2.line(image, *arm, colors[0], 6)
        leg = (x + side * hip // 2, waist), (x + side * (hip // 2 + 2), foot)
        cv2.line(image, *leg, colors[2], 10)
        cv2.circle(image, leg[1], 6, colors[3], -1)
    cv2.circle(image, (x, top + 4), 10, colors[4], -1)
    cv2.ellipse(image, (x, top), (10, 8), 0, 180, 360, colors[5], -1)
    return image
