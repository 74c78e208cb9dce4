"""Owns the sentences fictitious patients and clinicians say."""

from __future__ import annotations

from tovholder.appointments.domain import CancelledBy, CancelReason
from tovholder.referral.domain import StopReason

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
BACK_GOALS = (
    "Jeg vil kunne løfte mine børn uden at være bange for ryggen.",
    "Jeg vil tilbage på arbejde, først på halv tid.",
    "Jeg vil kunne sidde til en hel middag.",
    "Jeg vil kunne gå en tur på en time.",
    "Jeg vil sove en hel nat igennem.",
    "Jeg vil i gang med håndbold igen.",
    "Jeg vil kunne passe haven, når jeg holder pauser.",
    "Jeg vil vide, hvad jeg gør, når det låser sig.",
)
GOALS_OF = {
    "t2d": (
        "Jeg vil undgå at skulle have insulin, så længe det går.",
        "Jeg vil kunne gå med turklubben hver onsdag.",
        "Jeg vil tabe mig nok til at kunne binde mine sko uden at puste.",
        "Jeg vil lære at lave mad, som hele familien kan lide, og som er god for mit blodsukker.",
        "Jeg vil kunne se at læse for mine oldebørn.",
        "Jeg vil cykle på arbejde tre dage om ugen.",
        "Jeg vil vide, hvad jeg skal gøre, når mit blodsukker er for højt.",
    ),
    "hjerte": (
        "Jeg vil turde tage på ferie igen uden at være bange for mit hjerte.",
        "Jeg vil kunne slå græsset uden pauser.",
        "Jeg vil ned på højst to slags blodtryksmedicin.",
        "Jeg vil kunne danse til min datters bryllup.",
        "Jeg vil holde mit blodtryk nede uden at skulle tænke på det hver dag.",
        "Jeg vil i gang med at svømme igen.",
        "Jeg vil vide, hvilke smerter jeg skal ringe om.",
    ),
}
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
CANCELS = (
    (CancelReason.ILLNESS, "Patienten er syg", CancelledBy.PATIENT),
    (CancelReason.TRANSPORT, "Patienten kunne ikke komme frem", CancelledBy.PATIENT),
    (CancelReason.NOT_WANTED, "", CancelledBy.PATIENT),
    (CancelReason.STAFF, "Sygdom i klinikken", CancelledBy.PROVIDER),
)
STOPS = (
    (StopReason.PATIENT_STOPPED, "Patienten ønsker ikke at fortsætte"),
    (StopReason.NO_SHOW, "Udeblevet"),
    (StopReason.NO_CONTACT, "Ingen kontakt trods flere forsøg"),
    (StopReason.OTHER_ILLNESS, "Anden sygdom"),
    (StopReason.TRANSPORT, "Transporten er for besværlig"),
    (StopReason.NO_FURTHER_NEED, "Målet er nået"),
)
OUTSIDE = (StopReason.NOT_SUITABLE, "Uden for målgruppen")
