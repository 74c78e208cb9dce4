"""Owns what has happened to the patients with low-back pain, told in days before now."""

from __future__ import annotations

from tovholder.demo.scene import Scene
from tovholder.fhir import systems as s
from tovholder.plan import actions as plan
from tovholder.plan.values import Code
from tovholder.referral import actions as referral

BACK = Code(s.ICPC2, "L84", "Rygsyndrom uden smerteudstråling")
SCIATICA = Code(s.ICPC2, "L86", "Rygsyndrom med smerteudstråling")
SYMPTOM = Code(s.ICPC2, "L03", "Lændesmerter")


def back_found(scene: Scene) -> None:
    """Came with back pain 110 days ago. 22 days ago it had lasted more than 12 weeks; nobody has started."""
    scene.registered(900)
    scene.diagnosed(110, code=SYMPTOM)
    scene.measured(60, numbers={"pain": 6})
    scene.found(22)


def back_flag(scene: Scene) -> None:
    """Started four days ago; cannot pass water as usual, which must be assessed before anything else."""
    scene.registered(1100)
    scene.diagnosed(12, recorded=130, code=SCIATICA)
    scene.started(4)
    scene.measured(4, numbers={"pain": 8, "rmdq": 17, "sick_leave": 3}, risk="Middel")
    scene.assessed(4, (2, 2, 1, 1))
    scene.red_flags(0, "blaere-tarm")


def back_away(scene: Scene) -> None:
    """Level 3: on sick leave for long, has left physiotherapy, and nobody has talked about work since."""
    scene.registered(1400)
    scene.diagnosed(160, recorded=300, code=SCIATICA)
    scene.started(150)
    scene.measured(150, numbers={"pain": 7, "rmdq": 15, "sick_leave": 6}, risk="Høj")
    scene.red_flags(150)
    scene.assessed(150, (2, 3, 2, 1))
    scene.decided(150, 3)
    scene.planned(145, "Jeg vil tilbage på lageret, først på halv tid.", without=("sygdomsmestring",))
    work = scene.booked(scene.doctor(145, 14), "lrs-arbejde", scene.at(138, 9))
    scene.kept(scene.doctor(138, 11), work)
    training = scene.referred(
        144, "fysioterapi", scene.clinic.physio, "physio", "Gradvis træning; bange for at bukke sig."
    )
    referral.accept(scene.physio(141), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.physio(134), patient_id=scene.patient_id, referral_id=training)
    for ago in (108, 54):
        control = scene.booked(scene.nurse(ago + 20), "lrs-kontrol", scene.at(ago, 9))
        scene.kept(scene.nurse(ago, 11), control)
    measuring = scene.booked(scene.nurse(90), "lrs-funktion", scene.at(54, 8))
    scene.kept(scene.nurse(54, 10), measuring)
    scene.measured(54, numbers={"pain": 7, "rmdq": 14, "sick_leave": 20})
    referral.stop(
        scene.physio(20),
        patient_id=scene.patient_id,
        referral_id=training,
        reason="patient-stopped",
        text="Synes ikke, at træningen hjælper.",
    )
    scene.measured(18, numbers={"pain": 8, "rmdq": 16, "sick_leave": 25})


def back_well(scene: Scene) -> None:
    """Level 2: the plan was kept, function is good, there is little pain and no sick leave; the course could end."""
    scene.registered(1400)
    scene.diagnosed(215, recorded=420, code=BACK)
    scene.started(205)
    scene.measured(205, numbers={"pain": 6, "rmdq": 13, "sick_leave": 2}, risk="Middel")
    scene.red_flags(205)
    scene.assessed(205, (2, 1, 1, 1))
    scene.decided(205, 2)
    scene.planned(200, "Jeg vil kunne gå til håndbold igen med min datter.", without=("sygdomsmestring",))
    training = scene.referred(199, "fysioterapi", scene.clinic.physio, "physio", "Holdtræning for ryg.")
    referral.accept(scene.physio(196), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.physio(188), patient_id=scene.patient_id, referral_id=training)
    referral.complete(scene.physio(110), patient_id=scene.patient_id, referral_id=training)
    work = scene.booked(scene.doctor(199, 14), "lrs-arbejde", scene.at(186, 9))
    scene.kept(scene.doctor(186, 11), work)
    measuring = scene.booked(scene.nurse(150), "lrs-funktion", scene.at(108, 9))
    scene.kept(scene.nurse(108, 10), measuring)
    for ago in (164, 108):
        control = scene.booked(scene.nurse(ago + 20), "lrs-kontrol", scene.at(ago, 10))
        scene.kept(scene.nurse(ago, 12), control)
    scene.measured(108, numbers={"pain": 3, "rmdq": 6, "sick_leave": 0})
    scene.measured(15, numbers={"pain": 2, "rmdq": 3, "sick_leave": 0})


def back_again(scene: Scene) -> None:
    """Was well after a course that ended ten months ago. The pain is back; the clinic has begun again."""
    scene.registered(1800)
    scene.diagnosed(640, recorded=760, code=BACK)
    scene.started(632)
    scene.measured(632, numbers={"pain": 6, "rmdq": 11, "sick_leave": 1}, risk="Middel")
    scene.red_flags(632)
    scene.assessed(632, (2, 1, 1, 1))
    scene.decided(632, 2)
    scene.planned(628, "Jeg vil kunne bære mit barnebarn op ad trappen.", without=("sygdomsmestring",))
    training = scene.referred(627, "fysioterapi", scene.clinic.physio, "physio", "Øvelser og tryghed ved bevægelse.")
    referral.accept(scene.physio(624), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.physio(617), patient_id=scene.patient_id, referral_id=training)
    referral.complete(
        scene.physio(545),
        patient_id=scene.patient_id,
        referral_id=training,
        answer="Er i gang med selvtræning to gange om ugen og tør bøje sig igen.",
    )
    for ago in (540, 420):
        control = scene.booked(scene.nurse(ago + 21), "lrs-kontrol", scene.at(ago, 9))
        scene.kept(scene.nurse(ago, 11), control)
    scene.measured(420, numbers={"pain": 2, "rmdq": 2, "sick_leave": 0})
    scene.resolved(305)
    plan.end_episode(scene.doctor(305), patient_id=scene.patient_id, episode_id=scene.episode_id, reason="completed")
    scene.diagnosed(118, recorded=118, code=SCIATICA)
    scene.found(26)
    scene.started(19)
    scene.measured(19, numbers={"pain": 7, "rmdq": 12, "sick_leave": 0}, risk="Middel")
    scene.red_flags(19)
    scene.assessed(19, (2, 2, 1, 1))
    scene.decided(19, 2)
    scene.planned(12, "Jeg vil kunne lave havearbejde en halv time ad gangen.", without=("sygdomsmestring",))
    scene.referred(12, "fysioterapi", scene.clinic.physio, "physio", "Tilbagefald efter godt forløb for to år siden.")
