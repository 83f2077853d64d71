"""Where each message of an outbox on disk is, from `put` until it is deleted. No I/O: what the thread must do is only collected here."""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from rackflow.outbox.awaiting import Awaiting
from rackflow.outbox.held import HeldKeys, Which
from rackflow.outbox.lanes import Lanes
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.seam import Message
from rackflow.outbox.unsaved import Unsaved


class MessagePlaces:
    """The place of each message on the way out, and whether it is on disk.

    A message is in `present` until a collector has stored it or the limits evict it, and in `unsaved` until it is on disk. Its place on
    the way out is one of: `lanes` (live, backlog in memory, or in flight), `held` (its topic is refused), `resumed` (no longer held, to
    be read from disk), `backlog` (on disk, to be read and sent), or `awaiting` (confirmed by the broker).
    """

    def __init__(self, awaiting: Awaiting, backlog_per_s: Callable[[], float], has_work: asyncio.Event) -> None:
        """`backlog_per_s` as in `Lanes`. `has_work` is set when the thread has to read or delete."""
        self.present = RangeSet()
        self.unsaved = Unsaved()
        self.lanes = Lanes(backlog_per_s, self.request_backlog)
        self.held = HeldKeys()
        self.resumed = array("q")
        """Keys, ascending."""
        self.backlog = RangeSet()
        self.awaiting = awaiting
        self.to_delete = RangeSet()
        """Keys of messages that are, or may be, on disk and that the next commits delete."""
        self.handed_out = 0
        """The highest key that was handed out. A message that becomes durable late must not be handed out twice."""
        self._has_work = has_work

    def add(self, message: Message) -> None:
        """Take a new message, which is not on disk yet and not to be sent before `release`."""
        self.present.add(message.key, message.key)
        self.unsaved.add(message)

    def load(self, ranges: Iterable[Range]) -> None:
        """Take the messages that a file held when it was opened: they become backlog."""
        for first, last in ranges:
            self.present.add(first, last)
            self.backlog.add(first, last)

    def release(self, message: Message) -> None:
        """Add a message to the live lane, unless it was handed out before.

        If the lane is too long, its oldest message becomes backlog: it is read from disk again when its turn comes, or stays in
        memory if it is not on disk yet.
        """
        if message.key <= self.handed_out:
            return
        self.handed_out = message.key
        if (relegated := self.lanes.push(message)) is None:
            return
        if relegated.key in self.unsaved.messages:
            self.lanes.backlog[relegated.key] = relegated
            return
        self.backlog.add(relegated.key, relegated.key)
        self.request_backlog()

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        if (message := self.lanes.hold(key)) is not None:
            self.held.add(message.topic, key)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        keys, unsaved = self.held.take(topic, which), self.unsaved.messages
        self.lanes.put_first([unsaved[key] for key in keys if key in unsaved])
        self.resumed = array("q", sorted([*self.resumed, *(key for key in keys if key not in unsaved)]))
        self.request_backlog()

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        for key in self.resumed:
            self.backlog.add(key, key)
        self.resumed = array("q")
        # Messages on disk are read again, in order. Messages that are only in memory must be kept in the backlog lane.
        for message in self.lanes.clear():
            if message.key in self.unsaved.messages:
                self.lanes.backlog[message.key] = message
            elif message.key in self.present:
                self.backlog.add(message.key, message.key)
        self.lanes.wake()
        self.request_backlog()

    def send_again(self, ranges: Iterable[Range]) -> None:
        """Make messages backlog that were confirmed and did not reach the collector."""
        for first, last in ranges:
            self.backlog.add(first, last)
            for key in self.unsaved.keys_between(first, last):
                self.backlog.take(key, key)
                self.lanes.backlog[key] = self.unsaved.messages[key]
        self.lanes.wake()
        self.request_backlog()

    def free(self, ranges: Iterable[Range]) -> None:
        """Delete messages, wherever they are."""
        for given in ranges:
            for first, last in self.present.take(*given):
                self.to_delete.add(first, last)
                self.awaiting.remove(first, last)
                self.backlog.take(first, last)
                if self.held:
                    self.held.remove_between(first, last)
                # In place, not by a copy of the array for each range. Messages of a topic that is accepted again lie between those of
                # others, so a report that 1,000 are stored frees as many ranges; with 20,000 to be read, copies blocked the loop for 12 s.
                del self.resumed[bisect_left(self.resumed, first) : bisect_right(self.resumed, last)]
                self.lanes.drop_between(first, last)
                self.unsaved.remove_freed(first, last)
                self._has_work.set()

    def forget_evicted(self, evicted: Iterable[Range]) -> None:
        """The thread has deleted these messages because of the limits."""
        # A message that is already in memory to be sent is still sent, so the lanes are not changed.
        for first, last in evicted:
            self.present.take(first, last)
            self.awaiting.remove(first, last)
            self.backlog.take(first, last)
            self.held.remove_between(first, last)

    def saved(self, message: Message) -> None:
        """The thread has written a message: it may be sent, unless it was freed meanwhile."""
        self.unsaved.remove(message.key)
        if message.key in self.present:
            self.release(message)

    def put_backlog(self, read: Iterable[Range], found: Sequence[Message]) -> None:
        """Put messages that were read into the lane, unless they were freed, or sent from memory, meanwhile."""
        for message in found:
            if self.backlog.take(message.key, message.key):
                self.lanes.backlog[message.key] = message
        for given in read:
            # A message that is not found was in a damaged file. It has been counted as lost already.
            for first, last in self.backlog.take(*given):
                self.present.take(first, last)
        if found:
            self.lanes.wake()

    def put_resumed(self, read: list[int], found: Sequence[Message]) -> None:
        """Put messages that were no longer held, and have been read, at the head of the backlog; not if `resumed` has changed meanwhile."""
        if not read or self.resumed[: len(read)].tolist() != read:
            return
        del self.resumed[: len(read)]
        self.lanes.put_first([each for each in found if self._is_resumed(each)])
        # What is not found was in a damaged file, and has been counted as lost already.
        for key in set(read) - {each.key for each in found}:
            self.present.take(key, key)

    def _is_resumed(self, message: Message) -> bool:
        """Whether a message that was read from disk is still to be handed out: it may have been freed, or held again, meanwhile."""
        key = message.key
        is_elsewhere = key in self.lanes or key in self.awaiting.keys or self.held.has(message.topic, key)
        return key in self.present and not is_elsewhere

    def request_backlog(self) -> None:
        """Have the thread read, if there is something to be read."""
        if self.resumed or self.backlog:
            self._has_work.set()

    def oldest_to_drop(self) -> tuple[int, str] | None:
        """Of the messages that are not on disk, the key of the one to drop first, and the reason; None if none may be dropped."""
        # Messages that the thread is writing may soon be on disk, and messages in flight may soon be confirmed.
        unsaved = self.unsaved
        spared = unsaved.being_written | self.lanes.in_flight.keys()
        doomed, reason = self.held.from_key(next(iter(unsaved.messages))), "refused"
        if doomed is None or doomed not in unsaved.messages or doomed in spared:
            doomed, reason = unsaved.oldest(spared), "disk"
        return None if doomed is None else (doomed, reason)

    def undelivered(self) -> Range | None:
        """The lowest and the highest key of messages that are still on their way to the collector; None if there are none."""
        # Ranges and arrays are ascending, so their first and last keys suffice.
        keys = [*self.lanes.in_flight, *self.lanes.backlog, *self.resumed[:1], *self.resumed[-1:]]
        for each in (self.held, self.awaiting.keys, self.backlog):
            keys += [key for key in (each.first, each.last) if key is not None]
        return (min(keys), max(keys)) if keys else None
