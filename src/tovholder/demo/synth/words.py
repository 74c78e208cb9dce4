"""Owns the sentences fictitious patients and clinicians say, and the answers they give to a needs assessment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.plan.resources.extensions import Json

GOALS = (
    "Jeg vil kunne gå en tur med hunden uden at skulle stoppe op.",
    "Jeg vil kunne passe mine børnebørn en hel eftermiddag.",
    "Jeg vil holde op med at ryge inden sommer.",
    "Jeg vil kunne gå til mit kor igen.",
    "Jeg vil kunne ordne haven uden at blive bange for min vejrtrækning.",
    "Jeg vil undgå at blive indlagt i vinter.",
    "Jeg vil kunne cykle til stranden.",
    "Jeg vil have mere ro om min sygdom.",
    "Jeg vil kunne gå op ad trappen til anden sal.",
    "Jeg vil i gang med træning to gange om ugen.",
)
NO_GOAL = (
    "Patienten ønsker ikke at sætte mål nu; tages op ved næste kontrol.",
    "Patienten er træt efter en infektion; mål aftales ved årsstatus.",
)
OVERRIDES = (
    "Ægtefællen hjælper godt; patienten klarer selv opfølgningen.",
    "Har mistet sin ægtefælle for nylig; følges tættere.",
    "Sagen er kendt i klinikken gennem mange år; vurderet samlet.",
)
DECLINES = (
    "Ønsker ikke et pakkeforløb nu.",
    "Følges fast på hospitalet og ønsker ikke flere kontroller.",
    "Synes ikke, at sygdommen fylder nok.",
)
WAITS = (
    "Patientens ønske: rejser bort.",
    "Patientens ønske: venter til efter operation.",
    "Patientens ønske: pårørende er syg.",
)


def answers(items: Any, needs: Mapping[str, int]) -> list[Json]:
    """Answers to the fields of the needs assessment, in the shape of its questionnaire."""
    made: list[Json] = []
    for item in items:
        inner = answers(item.get("item") or (), needs)
        held: Json = {"linkId": item["linkId"]}
        if item.get("text"):
            held["text"] = item["text"]
        if item["linkId"] in needs:
            held["answer"] = [_answer(item, needs[item["linkId"]])]
        if inner:
            held["item"] = inner
        if inner or "answer" in held:
            made.append(held)
    return made


def _answer(item: Mapping[str, Any], value: int) -> Json:
    for option in item.get("answerOption") or ():
        if (option.get("valueCoding") or {}).get("code") == str(value):
            coding = {
                key: option["valueCoding"][key] for key in ("system", "code", "display") if key in option["valueCoding"]
            }
            return {"valueCoding": coding}
    return {"valueInteger": value}
