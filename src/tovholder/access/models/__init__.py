"""Tables of the access context: users, assignments, tokens, relations, blocks, break-glass, audit trail."""

from tovholder.access.models.login import Attempt, Generation, Identity, Kept, Session
from tovholder.access.models.people import AccessToken, Assignment, User
from tovholder.access.models.relations import (
    Block,
    Emergency,
    Relation,
    Relative,
    Representation,
    Stated,
    Unit,
)
from tovholder.access.models.smart import (
    SmartAssertion,
    SmartClient,
    SmartCode,
    SmartGrant,
    SmartKey,
    SmartLaunch,
    SmartRequest,
    SmartToken,
)
from tovholder.access.models.trail import AuditAnchor, AuditEvent, AuditPatient, AuditPruning, AuditSeal

__all__ = [
    "AccessToken",
    "Assignment",
    "Attempt",
    "AuditAnchor",
    "AuditEvent",
    "AuditPatient",
    "AuditPruning",
    "AuditSeal",
    "Block",
    "Emergency",
    "Generation",
    "Identity",
    "Kept",
    "Relation",
    "Relative",
    "Representation",
    "Session",
    "SmartAssertion",
    "SmartClient",
    "SmartCode",
    "SmartGrant",
    "SmartKey",
    "SmartLaunch",
    "SmartRequest",
    "SmartToken",
    "Stated",
    "Unit",
    "User",
]
