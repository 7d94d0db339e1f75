"""Sizes of images that a network takes, known without building it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Heights and widths that a network takes, pixels.

    Args:
        least: smallest height and width.
        multiple: height and width must be multiples of this.
        exact: the only height and width; None if there are others.
    """

    least: int = 1
    multiple: int = 1
    exact: int | None = None

    @property
    def smallest(self) -> int:
        """Smallest height and width that the network takes."""
        return self.exact or -(-self.least // self.multiple) * self.multiple

    def take(self, *sides: int) -> bool:
        """Return whether the network takes images with these sides."""
        if self.exact is not None:
            return set(sides) == {self.exact}
        return all(side >= self.least and side % self.multiple == 0 for side in sides)

    def __str__(self) -> str:
        """Describe the sizes as part of a sentence."""
        if self.exact is not None:
            return f"{self.exact} px only"
        multiples = f"multiples of {self.multiple} px" if self.multiple > 1 else "any size"
        return f"{multiples} from {self.smallest} px" if self.smallest > 1 else multiples


ANY = Sizes()
"""Sizes of a network whose images are padded as necessary."""
