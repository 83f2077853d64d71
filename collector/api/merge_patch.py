"""JSON merge patches (RFC 7386): what has to be sent of a document to who has its last version. Pure."""

from collections.abc import Mapping
from typing import Any


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What turns `before` into `after`; empty if they are equal.

    A patch says null for a member that is gone, so it cannot say that a member became null. A receiver therefore takes a member that
    it lacks for null; nothing in these documents means anything else by its absence.
    """
    patch: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if old == value:
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            patch[key] = merge_patch(old, value)
        else:
            patch[key] = value
    for key in before:
        if key not in after and before[key] is not None:
            patch[key] = None
    return patch


def apply_patch(document: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """The document with a patch applied, as the RFC defines it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply_patch(result.get(key), value)
    return result
