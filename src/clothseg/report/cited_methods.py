"""Times and precisions of multi-person human parsing on CIHP and CCIHP, as printed in loesch2021.

The times are means of 50 runs on a Titan X GPU; those of PGN are without its post-processing.
"""

from clothseg.report.speed_accuracy import Method

REGION, PART = "AP^r", "AP^p"
"""Means over the IoU thresholds 0.1 to 0.9, of parts of people and of whole people."""

CITED = (
    Method("HPTR", (50, 50), {REGION: 0.295, PART: 0.416}, "CIHP"),
    Method("HPTR", (56, 56), {REGION: 0.297, PART: 0.408}, "CCIHP"),
    Method("RP R-CNN", (136, 195), {PART: 0.595}, "CIHP, 2 to 18 people"),
    Method("PGN", (1400, 1400), {REGION: 0.336, PART: 0.39}, "CIHP"),
    Method("M-CE2P", (752, 6600), {REGION: 0.428}, "CIHP, 2 to 18 people"),
    Method("NAN", (275, 275), {}, "CIHP"),
)
"""Methods of loesch2021, section 4 and Fig. 4."""
