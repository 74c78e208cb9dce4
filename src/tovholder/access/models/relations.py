"""Tables of why somebody may see a patient, and of what the patient keeps from them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Relation(models.Model):
    """Why an organisation may see a patient; projected from the record by store, never written by hand.

    The rows of kind ``stated`` alone come from the table below.
    """

    patient_id = models.CharField(max_length=64)
    organization_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=100)
    from_day = models.BigIntegerField(default=0)
    to_day = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "patient_id"], name="relation_org_patient"),
            models.Index(fields=["source"], name="relation_source"),
            models.Index(fields=["patient_id"], name="relation_patient"),
        ]


class Stated(models.Model):
    """A relation a professional stated themselves to get access at once; whether evidence came is looked for later.

    Times are epoch milliseconds, days integer days. status: open, confirmed, failed, ended.
    """

    number = models.BigAutoField(primary_key=True)
    patient_id = models.CharField(max_length=64)
    organization_id = models.CharField(max_length=64)
    actor = models.CharField(max_length=100)
    person = models.CharField(max_length=100)
    reason = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    stated_ms = models.BigIntegerField()
    to_day = models.BigIntegerField()
    check_day = models.BigIntegerField()
    status = models.CharField(max_length=20, default="open")
    evidence = models.CharField(max_length=100, blank=True)
    settled_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["patient_id", "organization_id"], name="stated_patient"),
            models.Index(fields=["organization_id", "stated_ms"], name="stated_org"),
            models.Index(fields=["status", "check_day"], name="stated_due"),
        ]


class Block(models.Model):
    """What a patient keeps from somebody; projected from a Consent (deny), one row for each actor and kind of data.

    actor: ``Practitioner/<id>``, ``Organization/<id>`` (with all below it) or ``*`` for every professional. from_ms,
    until_ms: when the block holds, half open. narrow: not everything is kept back, only what meets the rest:
    data_from, data_until: what happened then (half open, epoch milliseconds); type: a resource type; kind: only those
    of the type that are of this kind of data (fhir/data_kinds.toml), told by their codes.
    """

    patient_id = models.CharField(max_length=64)
    actor = models.CharField(max_length=100)
    source = models.CharField(max_length=100)
    from_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField()
    narrow = models.BooleanField()
    data_from = models.BigIntegerField(null=True)
    data_until = models.BigIntegerField(null=True)
    type = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["patient_id", "actor"], name="block_patient"),
            models.Index(fields=["actor"], name="block_actor"),
            models.Index(fields=["source"], name="block_source"),
        ]


class Unit(models.Model):
    """An organisation that is part of another (Organization.partOf)."""

    organization_id = models.CharField(max_length=64)
    part_of = models.CharField(max_length=64)
    source = models.CharField(max_length=100)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id"], name="unit_organization"),
            models.Index(fields=["part_of"], name="unit_part_of"),
            models.Index(fields=["source"], name="unit_source"),
        ]


class Relative(models.Model):
    """A person related to a patient, projected from RelatedPerson. person: keyed hash of their CPR number.

    kind: parent, guardian, or relative for those who need a power of attorney. Days are integer days.
    """

    related_id = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64)
    person = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=100)
    from_day = models.BigIntegerField(default=0)
    to_day = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["person"], name="relative_person"),
            models.Index(fields=["related_id"], name="relative_related"),
            models.Index(fields=["patient_id"], name="relative_patient"),
            models.Index(fields=["source"], name="relative_source"),
        ]


class Representation(models.Model):
    """What a patient lets a relative do (power of attorney) or takes from them, projected from Consent.

    areas: words with blanks between. denied: taken from them, whatever else gives it.
    """

    related_id = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64)
    areas = models.CharField(max_length=200, blank=True)
    denied = models.BooleanField(default=False)
    source = models.CharField(max_length=100)
    from_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["related_id"], name="representation_related"),
            models.Index(fields=["patient_id"], name="representation_patient"),
            models.Index(fields=["source"], name="representation_source"),
        ]


class Emergency(models.Model):
    """Break-glass: who opened what is blocked, on whom, why, until when, and how it was followed up."""

    number = models.BigAutoField(primary_key=True)
    patient_id = models.CharField(max_length=64)
    person = models.CharField(max_length=100)
    actor = models.CharField(max_length=100)
    role = models.CharField(max_length=20)
    organization_id = models.CharField(max_length=64)
    reason = models.CharField(max_length=40)
    text = models.TextField()
    opened_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)
    status = models.CharField(max_length=20, default="open")
    note = models.TextField(blank=True)
    followed_by = models.CharField(max_length=100, blank=True)
    followed_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["person", "until_ms"], name="emergency_person"),
            models.Index(fields=["patient_id", "opened_ms"], name="emergency_patient"),
            models.Index(fields=["organization_id", "opened_ms"], name="emergency_org"),
        ]
