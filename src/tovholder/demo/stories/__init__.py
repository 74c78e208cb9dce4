"""Owns which story each persona patient has; a theme's stories stand in a module of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tovholder.demo.personas import Story
from tovholder.demo.scene import Scene
from tovholder.demo.stories import backs, chronic, clocks, doubts, lungs, referring, several

TELL: Mapping[Story, Callable[[Scene], None]] = {
    Story.NEW: lungs.new,
    Story.UNDECIDED: lungs.undecided,
    Story.MISSED: lungs.missed,
    Story.TOGETHER: lungs.together,
    Story.STEADY: lungs.steady,
    Story.DECLINED: lungs.declined,
    Story.BACK_FOUND: backs.back_found,
    Story.BACK_FLAG: backs.back_flag,
    Story.BACK_AWAY: backs.back_away,
    Story.BACK_WELL: backs.back_well,
    Story.BACK_AGAIN: backs.back_again,
    Story.DIABETES: chronic.diabetes,
    Story.HEART: chronic.heart,
    Story.SEVERAL: several.several,
    Story.ONE_MORE: several.one_more,
    Story.LATE: clocks.late,
    Story.WAITING: clocks.waiting,
    Story.UNKNOWN: doubts.unknown,
    Story.DIFFERENT: doubts.different,
    Story.SUSPECTED: doubts.suspected,
    Story.REFUSED: referring.refused,
    Story.ONWARD: referring.onward,
}
