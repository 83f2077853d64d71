"""The ledger in memory: which messages are stored, waiting or dead-lettered. `LedgerFile` makes its changes durable.

Records of all epochs and the full chunks stay in memory; an open chunk may be on disk only. Before a number is touched,
its chunk must be loaded (`unloaded`, `add_chunk`): a chunk begun empty would overwrite what the file has.
"""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby

from collector.ledger.epochs import (
    CHUNK,
    FULL,
    Changes,
    Chunk,
    Entry,
    EpochKey,
    EpochRecord,
    Retirement,
    Statement,
    born_ms,
)
from rackflow.documents import MAX_RANGES, Numbers

# Open chunks kept in memory: 11 MB at 0.54 kB each (tracemalloc, Python 3.11). An agent normally writes to one chunk, and
# one more for its backlog, so thousands of agents fit before any chunk is read from disk a second time.
MAX_OPEN_CHUNKS = 20_000
# Any client of the broker can invent agents and epochs; these two limits keep that from filling memory and disk. 50,000 records take
# 28 MB. Messages of further epochs are still stored, but not accounted for (counted as `refused`).
MAX_EPOCHS = 50_000
# 2,000 restarts of one agent within the ledger's `days` are a crash loop; only that agent's oldest epochs are dropped.
MAX_EPOCHS_PER_AGENT = 2_000
# Ranges of all epochs of one agent, 130 bytes each. A statement has at most `MAX_RANGES` in each list, but another statement may
# name other epochs.
MAX_RANGES_OF_AGENT = 10_000
# Reasons why one agent dropped messages; each is a series on /metrics. Rackflow's agent has five. Further ones count as `other`.
MAX_REASONS_OF_AGENT = 20
OTHER = "other"
# How many chunks an agent may begin: FREE_CHUNKS, and one more for each MESSAGES_PER_CHUNK messages. A good agent numbers without gaps, so
# it begins a chunk with every 512th message, or with every 16th if 32 collectors share the subscription. An agent whose numbers jump on
# purpose would begin a chunk with each message.
FREE_CHUNKS = 1_000
MESSAGES_PER_CHUNK = 16
# If two processes of one name take turns, an epoch counts as running for this long after its last statement. With growing pauses they may
# take turns every few minutes; `receive/clones.py` remembers them for the same time.
TURN_MS = 900_000


class Ledger:
    """All epochs. At most about `max_open_chunks` stay in memory; ask `unloaded` before touching a number.

    There are at most `max_epochs`, and at most `max_per_agent` of one agent. At either limit, an agent's new epoch replaces the one of its
    epochs that has been silent for longest; if it has none, the new epoch is refused. `rejected` counts both cases, and messages whose
    numbers jump (`sparse`).
    """

    def __init__(
        self,
        created_ms: int,
        max_open_chunks: int = MAX_OPEN_CHUNKS,
        max_epochs: int = MAX_EPOCHS,
        max_per_agent: int = MAX_EPOCHS_PER_AGENT,
    ) -> None:
        self._created_ms = created_ms
        self._max_open_chunks = max_open_chunks
        self._max_epochs = max_epochs
        self._max_per_agent = max_per_agent
        self.epochs: dict[EpochKey, EpochRecord] = {}
        self.rejected = Counter[str]()
        self._by_agent: dict[tuple[str, str], dict[str, EpochRecord]] = {}
        self._retired: dict[tuple[str, str], Retirement] = {}
        self._newly_retired: set[tuple[str, str]] = set()
        self._ranges = Counter[tuple[str, str]]()
        """By agent: how many ranges its epochs have in `undelivered` and `dropped`."""
        self._reasons: dict[tuple[str, str], set[str]] = {}
        self._messages_seen = Counter[tuple[str, str]]()
        """By agent, since the start. Compared with `_chunks_begun`, to find an agent whose numbers jump."""
        self._chunks_begun = Counter[tuple[str, str]]()
        self._stated: dict[EpochKey, tuple[int, int, int]] = {}
        """Of each epoch that made statements since the start: the numbers of its first and last one, and when that was received, ms."""
        self._statements = 0
        self._next_order = 0
        """The `order` of the next epoch that is begun."""
        self._forgotten: set[EpochKey] = set()
        """Epochs that were dropped, and whose rows the next commit deletes."""
        self._chunks: OrderedDict[tuple[EpochKey, int], Chunk] = OrderedDict()
        self._dirty_epochs: set[EpochKey] = set()
        self._dirty: dict[tuple[EpochKey, int], Chunk] = {}
        """Chunks that changed since the last commit; `_dirty_epochs` are the epochs that did."""
        self._merged_away: set[tuple[EpochKey, int]] = set()
        """Chunks that became part of another one, and whose rows the next commit deletes."""

    def mark_stored(self, entry: Entry) -> None:
        """Record a message as stored. One that was stored before is counted in `duplicates` of its epoch."""
        record, chunk, bit = self._locate(entry)
        if record is None:
            return
        if chunk is None or chunk.stored & bit:
            record.duplicates += 1
            return
        chunk.stored |= bit
        chunk.waiting &= ~bit
        # A message that waited on disk, or was a dead letter when it first came, counts only as stored now.
        for reason in [reason for reason, bits in chunk.dead.items() if bits & bit]:
            chunk.dead[reason] &= ~bit
            if not chunk.dead[reason]:
                del chunk.dead[reason]
        self._touch(entry, chunk)
        if chunk.stored == FULL:
            self._add_full(record, chunk)

    def mark_waiting(self, entry: Entry) -> None:
        """Record a message as waiting on the collector's own disk."""
        _, chunk, bit = self._locate(entry)
        if chunk is not None and not chunk.stored & bit:
            chunk.waiting |= bit
            self._touch(entry, chunk)

    def mark_dead(self, entry: Entry) -> None:
        """Record a message as a dead letter, for the reason `entry.dead`."""
        _, chunk, bit = self._locate(entry)
        if chunk is not None and not chunk.stored & bit:
            chunk.waiting &= ~bit
            chunk.dead[entry.dead] = chunk.dead.get(entry.dead, 0) | bit
            self._touch(entry, chunk)

    def is_stored(self, entry: Entry) -> bool:
        """Whether a message is stored. Its chunk must be loaded."""
        record = self.epochs.get(entry.key)
        index, bit = (entry.seq - 1) // CHUNK, 1 << (entry.seq - 1) % CHUNK
        if record is None:
            return False
        chunk = self._chunks.get((entry.key, index))
        return bool(chunk.stored & bit) if chunk is not None else record.covers(index)

    def is_waiting(self, entry: Entry) -> bool:
        """Whether a message waits on the collector's own disk. Its chunk must be loaded."""
        chunk = self._chunks.get((entry.key, (entry.seq - 1) // CHUNK))
        return chunk is not None and bool(chunk.waiting & 1 << (entry.seq - 1) % CHUNK)

    def apply_statement(self, statement: Statement) -> None:
        """Apply what an agent's status says about its message numbers.

        A statement is about its own epoch and each epoch it names. Of an earlier epoch that it does not name, the agent has no message
        left. Later epochs that it does not name are not changed, because an old status may come late (retained, or sent again). Neither are
        epochs of another process with the same name, which has its own outbox.
        """
        key, account = statement.key, statement.account
        own = self._epoch_record(key, 1, statement.wall_ms, is_message=False)
        if own is None:
            return
        undelivered, dropped, ended = (
            _by_epoch(said) for said in (account.undelivered, account.dropped, account.ended)
        )
        first, _, _ = self._stated.get(key, (self._statements, 0, 0))
        self._stated[key] = first, self._statements, statement.wall_ms
        self._statements += 1
        for epoch, record in self._by_agent[key[:2]].items():
            said = undelivered.get(epoch, ()), dropped.get(epoch, ()), ended.get(epoch, ())
            is_ours = record.order <= own.order and not self._takes_turns(record.key, key, statement.wall_ms)
            if is_ours or any(said):
                self._apply_to_epoch(record, *said, is_running=record is own)

    def _takes_turns(self, key: EpochKey, stating: EpochKey, wall_ms: int) -> bool:
        """Whether an epoch, `key`, still makes statements after the first one of another epoch: then both run, under the same name.

        After a restart, in contrast, the earlier epoch is silent.
        """
        if key == stating or key not in self._stated:
            return False
        _, last, seen_ms = self._stated[key]
        return last > self._stated[stating][0] and 0 <= wall_ms - seen_ms < TURN_MS

    def retire(self, retirement: Retirement) -> None:
        """Record that an agent is gone for good. Ignored if the ledger has nothing of it: anybody can invent names."""
        agent = retirement.site, retirement.agent
        if agent in self._by_agent:
            self._retired[agent] = retirement
            self._newly_retired.add(agent)

    def shown(self) -> frozenset[EpochKey]:
        """Epochs for /metrics: all but those of retired agents. An epoch seen after the retirement means that the agent is back."""
        # A difference of sets, whose hashes are stored: checking each of 50,000 epochs in a loop took 28 ms every 5 s.
        gone = {
            record.key
            for agent, retirement in self._retired.items()
            for record in self._by_agent[agent].values()
            if record.seen_ms <= retirement.wall_ms
        }
        return frozenset(self.epochs) - gone

    def has_agent(self, site: str, agent: str) -> bool:
        """Whether the ledger has anything of an agent that is not retired, or is back."""
        retirement = self._retired.get((site, agent))
        records = self._by_agent.get((site, agent), {})
        return bool(records) and (
            retirement is None or any(each.seen_ms > retirement.wall_ms for each in records.values())
        )

    def wanted_of(self, site: str, agent: str) -> dict[EpochKey, int]:
        """The epochs of which an agent may still hold messages, newest first, each with its lowest such number.

        These are the epochs that its last statement named as undelivered, and the running one: the newest, and the one that last sent a
        message, because an agent need not make statements. Empty if the agent was retired or is unknown.
        """
        retired = self._retired.get((site, agent))
        records = [
            record
            for record in self._by_agent.get((site, agent), {}).values()
            if retired is None or record.seen_ms > retired.wall_ms
        ]
        if not records:
            return {}
        running = {
            max(records, key=lambda record: record.order).key.epoch,
            max(records, key=lambda record: (record.seen_ms, record.order)).key.epoch,
        }
        wanted = [record for record in records if record.undelivered or record.key.epoch in running]
        wanted.sort(key=lambda record: record.order, reverse=True)
        return {record.key: min((first for first, _ in record.undelivered), default=1) for record in wanted}

    def agents(self) -> list[tuple[str, str]]:
        """Site and name of each agent that is not retired."""
        return sorted(agent for agent in self._by_agent if self.has_agent(*agent))

    def _apply_to_epoch(
        self,
        record: EpochRecord,
        now_undelivered: Sequence[Numbers],
        now_dropped: Sequence[Numbers],
        now_ended: Sequence[Numbers],
        *,
        is_running: bool,
    ) -> None:
        """Replace what is known of one epoch by what a statement says about it. `is_running`: the statement comes from this epoch."""
        undelivered = [(each.first, 0 if is_running else each.last) for each in now_undelivered[:MAX_RANGES]]
        reasons = self._reasons.setdefault(record.key[:2], set())
        dropped = [(each.first, each.last, _known_reason(each.reason, reasons)) for each in now_dropped[:MAX_RANGES]]
        # An agent keeps a bounded list of what it dropped and may name fewer ranges than before; ranges it named earlier
        # are still dropped, and would otherwise turn into "missing".
        if len(dropped) < len(record.dropped):
            known = set(dropped)
            dropped += [each for each in record.dropped if each not in known][: MAX_RANGES - len(dropped)]
        agent = record.key[:2]
        room = max(0, MAX_RANGES_OF_AGENT - self._ranges[agent] + len(record.undelivered) + len(record.dropped))
        undelivered, dropped = undelivered[:room], dropped[: max(0, room - len(undelivered))]
        ended = max([record.ended, *(each.last for each in now_ended)])
        if (undelivered, dropped, ended) != (record.undelivered, record.dropped, record.ended):
            self._ranges[agent] += len(undelivered) + len(dropped) - len(record.undelivered) - len(record.dropped)
            record.undelivered, record.dropped, record.ended = undelivered, dropped, ended
            self._dirty_epochs.add(record.key)

    def unloaded(self, entries: Iterable[Entry]) -> set[tuple[EpochKey, int]]:
        """Chunks that are on disk only. Read them and hand them to `add_chunk` before touching these numbers."""
        found = set()
        for entry in entries:
            index = (entry.seq - 1) // CHUNK
            record = self.epochs.get(entry.key)
            if (
                record is None
                or index > record.last_chunk
                or (entry.key, index) in self._chunks
                or record.covers(index)
            ):
                continue
            found.add((entry.key, index))
        return found

    def add_chunk(self, key: EpochKey, chunk: Chunk) -> None:
        """Add an open chunk read from disk, or an empty one if the disk has none."""
        self._chunks.setdefault((key, chunk.number), chunk)

    def restore(self, record: EpochRecord) -> None:
        """Add an epoch read from disk, with its full chunks. Open chunks stay on disk until they are needed."""
        self._add(record)
        self._next_order = max(self._next_order, record.order + 1)

    def restore_retirement(self, retirement: Retirement) -> None:
        """Add a retirement read from disk, after the epochs."""
        if (retirement.site, retirement.agent) in self._by_agent:
            self._retired[retirement.site, retirement.agent] = retirement

    def forget(self, before_ms: int) -> list[EpochKey]:
        """Drop epochs of which nothing was received since `before_ms`; returns their keys."""
        old = [record.key for record in self.epochs.values() if record.seen_ms < before_ms]
        if old:
            self._remove_epochs(set(old))
        return old

    def _remove_epochs(self, keys: set[EpochKey]) -> None:
        """Drop epochs with all that is known of them, and note that their rows are to be deleted."""
        for key in keys:
            siblings = self._by_agent[key[:2]]
            self._ranges[key[:2]] -= len(self.epochs[key].undelivered) + len(self.epochs[key].dropped)
            del self.epochs[key], siblings[key.epoch]
            self._stated.pop(key, None)
            if not siblings:
                del self._by_agent[key[:2]]
                self._retired.pop(key[:2], None)
                for count in (self._ranges, self._messages_seen, self._chunks_begun):
                    del count[key[:2]]
                self._reasons.pop(key[:2], None)
        for chunks in (self._chunks, self._dirty):
            for place in [place for place in chunks if place[0] in keys]:
                del chunks[place]
        self._forgotten |= keys

    def changes(self) -> Changes:
        """What has changed since the last call. Give it to `put_back` if it could not be made durable."""
        found = Changes(
            forgotten=list(self._forgotten),
            epochs=[self.epochs[key] for key in self._dirty_epochs if key in self.epochs],
            chunks=[(key, chunk) for (key, _), chunk in self._dirty.items()],
            merged_away=list(self._merged_away),
            retired=[self._retired[agent] for agent in self._newly_retired if agent in self._retired],
        )
        self._newly_retired = set()
        self._forgotten, self._dirty_epochs, self._dirty, self._merged_away = set(), set(), {}, set()
        return found

    def put_back(self, changes: Changes) -> None:
        """Add changes that could not be made durable to the next commit."""
        self._forgotten |= set(changes.forgotten)
        self._dirty_epochs |= {record.key for record in changes.epochs}
        self._merged_away |= set(changes.merged_away)
        self._newly_retired |= {(each.site, each.agent) for each in changes.retired}
        # A chunk that was changed again meanwhile is newer than the one that failed: keep it.
        for key, chunk in changes.chunks:
            self._dirty.setdefault((key, chunk.number), chunk)

    def trim(self) -> None:
        """Drop the chunks used longest ago from memory, except those that are not on disk yet."""
        for at in list(self._chunks)[: max(0, len(self._chunks) - self._max_open_chunks)]:
            if at not in self._dirty:
                del self._chunks[at]

    def _locate(self, entry: Entry) -> tuple[EpochRecord | None, Chunk | None, int]:
        """The record (None if there is no room), the chunk (None if all of it is stored) and the bit of a message."""
        key = entry.key
        record = self._epoch_record(key, entry.seq, entry.wall_ms, is_message=True)
        if record is None:
            return None, None, 0
        record.seen_ms = max(record.seen_ms, entry.wall_ms)
        self._dirty_epochs.add(key)
        self._messages_seen[key[:2]] += 1
        index, bit = (entry.seq - 1) // CHUNK, 1 << (entry.seq - 1) % CHUNK
        chunk = self._chunks.get((key, index))
        if chunk is None and record.covers(index):
            return record, None, bit
        # An empty one was looked for on disk, because it is below the highest chunk, and was not there.
        if chunk is None or chunk.is_empty:
            if self._chunks_begun[key[:2]] > FREE_CHUNKS + self._messages_seen[key[:2]] // MESSAGES_PER_CHUNK:
                self.rejected["sparse"] += 1
                return None, None, 0
            self._chunks_begun[key[:2]] += 1
        if chunk is None:
            chunk = self._chunks[key, index] = Chunk(index, entry.time_ms, entry.time_ms)
            record.last_chunk = max(record.last_chunk, index)
        else:
            self._chunks.move_to_end((key, index))
        return record, chunk, bit

    def _epoch_record(self, key: EpochKey, seq: int, wall_ms: int, *, is_message: bool) -> EpochRecord | None:
        """The record of an epoch, made if it is new; None if there is no room for it.

        `is_message` if message `seq` of the epoch was received, not only a statement about it: its numbers are known from there on.
        """
        record = self.epochs.get(key)
        if record is None:
            siblings = self._by_agent.get(key[:2], {})
            # Numbers below the first one seen count as missing only if this collector would have received them: it knew the
            # agent before (an earlier ULID sorts first), and the epoch began after the ledger did. Otherwise a collector
            # added today would report all earlier messages as missing.
            known = any(epoch < key.epoch for epoch in siblings) and born_ms(key.epoch) > self._created_ms
            if not self._make_room(siblings):
                return None
            record = EpochRecord(
                key, 1 if known else seq if is_message else 0, wall_ms, wall_ms, order=self._next_order
            )
            self._next_order += 1
            self._add(record)
            self._dirty_epochs.add(key)
        elif is_message and record.known_from == 0:
            record.known_from = seq
        return record

    def _add(self, record: EpochRecord) -> None:
        self._ranges[record.key[:2]] += len(record.undelivered) + len(record.dropped)
        self._reasons.setdefault(record.key[:2], set()).update(reason for _, _, reason in record.dropped)
        self.epochs[record.key] = record
        self._by_agent.setdefault(record.key[:2], {})[record.key.epoch] = record

    def _make_room(self, siblings: dict[str, EpochRecord]) -> bool:
        """Make room for one more epoch of an agent by dropping one of its own. Returns False if it has none to drop."""
        if len(self.epochs) < self._max_epochs and len(siblings) < self._max_per_agent:
            return True
        self.rejected["forgotten" if siblings else "refused"] += 1
        if siblings:
            # Not chosen by the time in the epoch's ULID: an agent with a wrong clock would then lose its running epoch.
            self._remove_epochs({min(siblings.values(), key=lambda record: (record.seen_ms, record.order)).key})
        return bool(siblings)

    def _touch(self, entry: Entry, chunk: Chunk) -> None:
        """A message of the chunk has changed: take its time into the chunk's, and write the chunk with the next commit."""
        chunk.widen(entry.time_ms, entry.time_ms)
        self._dirty[entry.key, chunk.number] = chunk

    def _add_full(self, record: EpochRecord, chunk: Chunk) -> None:
        """Join a chunk of which every message is stored to its full neighbours, so that a long run is one row."""
        key, full = record.key, record.full
        del self._chunks[key, chunk.number]
        at = bisect_left(full, chunk.number, key=lambda each: each.number)
        if at < len(full) and full[at].number == chunk.number + 1:
            self._join(record, chunk, full.pop(at))
        if at and full[at - 1].number + full[at - 1].span == chunk.number:
            self._join(record, full[at - 1], chunk)
        else:
            full.insert(at, chunk)

    def _join(self, record: EpochRecord, first: Chunk, second: Chunk) -> None:
        """Make a full chunk a part of the one before it."""
        first.span += second.span
        first.widen(second.first_ms, second.last_ms)
        self._dirty[record.key, first.number] = first
        self._dirty.pop((record.key, second.number), None)
        self._merged_away.add((record.key, second.number))


def _known_reason(reason: str, known: set[str]) -> str:
    """The reason, or `OTHER` if it is one too many for its agent."""
    if reason not in known:
        if len(known) >= MAX_REASONS_OF_AGENT:
            return OTHER
        known.add(reason)
    return reason


def _by_epoch(said: Sequence[Numbers]) -> dict[str, list[Numbers]]:
    ordered = sorted(said, key=lambda each: each.epoch)
    return {epoch: list(some) for epoch, some in groupby(ordered, key=lambda each: each.epoch)}
