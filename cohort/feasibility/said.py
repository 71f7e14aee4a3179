"""Counts as they may be told before a run: a small one is said to be small."""


class Said:
    """Counts as text.

    >>> said = Said(5)
    >>> said(0), said(4), said(1234)
    ('0', '<5', '1,234')
    """

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold

    def __call__(self, count: int) -> str:
        """A count as text."""
        return f"<{self.threshold}" if self.is_small(count) else f"{count:,}"

    def is_small(self, count: int) -> bool:
        """Whether a count may not be told; zero may."""
        return 0 < count < self.threshold

    def value(self, count: int) -> int | str:
        """A count for machines: the number, or a text such as `<5`."""
        return self(count) if self.is_small(count) else count

    def part(self, count: int, whole: int) -> int | str:
        """A part of what is told as a whole: `nearly all` where the rest is too small to be told."""
        is_nearly_all = self.is_small(whole - count) and count >= self.threshold
        return "nearly all" if is_nearly_all else self.value(count)

    def part_of(self, count: int, whole: int) -> str:
        """A part and its whole in words.

        >>> Said(5).part_of(2000, 2003), Said(5).part_of(3, 2003)
        ('nearly all of 2,003', '<5 of 2,003')
        """
        told = self.part(count, whole)
        return f"{told:,} of {self(whole)}" if isinstance(told, int) else f"{told} of {self(whole)}"
