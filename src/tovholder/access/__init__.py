"""Who may see what: people, organisations, roles, relations, scope, audit trail."""

from tovholder.access.domain import Context, Role, system_context

__all__ = ["Context", "Role", "system_context"]
