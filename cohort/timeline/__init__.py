"""One person's way through the study, for the eyes of who may see patients: why in or out, and where each dose went."""

from cohort.timeline.person import Timeline, read_timeline
from cohort.timeline.picture import picture
from cohort.timeline.words import words

__all__ = ["Timeline", "picture", "read_timeline", "words"]
