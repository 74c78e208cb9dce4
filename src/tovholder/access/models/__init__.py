"""Tables of the access context: users, assignments, tokens, relations, audit trail."""

from tovholder.access.models.people import AccessToken, Assignment, User
from tovholder.access.models.relations import Relation
from tovholder.access.models.trail import AuditEvent, AuditPatient, AuditSeal

__all__ = ["AccessToken", "Assignment", "AuditEvent", "AuditPatient", "AuditSeal", "Relation", "User"]
