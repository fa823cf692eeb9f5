"""What an option of a command chooses from; light, because every command loads it."""

from __future__ import annotations

from enum import StrEnum


class Health(StrEnum):
    """The health of a credential, worst first."""

    #: The last run could not finish what it began.
    FAILING = "failing"
    #: The secret no longer works.
    EXPIRED = "expired"
    #: It could have rotated for some time, and no run has done it.
    OVERDUE = "overdue"
    #: Its state, inputs or dates cannot be read from here, or not be relied on.
    UNKNOWN = "unknown"
    #: The next run rotates it, takes the next step of its last rotation, or hands its consumers over to rotate then.
    DUE = "due"
    #: It is due, and waits for its window, its turn, or the end of a freeze or of a grace.
    DEFERRED = "deferred"
    #: Nothing rotates it until its owner ends the pause.
    PAUSED = "paused"
    #: No rule by time makes it due.
    NEVER = "never-due"
    #: Nothing is due.
    OK = "ok"


class Order(StrEnum):
    """What a report is sorted by."""

    HEALTH = "health"
    NAME = "name"
    DUE = "due"
    EXPIRES = "expires"
    AGE = "age"
