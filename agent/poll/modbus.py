"""Polls one Modbus unit: opens it, and reads a poll class. A register that cannot be read affects no other register.

A block that is refused is read in smaller parts at once, until the registers that cannot be read are found. From then on these are
requested alone and less and less often, and the others as before (`agent/modbus/refusals.py`). A refusal that means "not now" is never
taken for "there is no such register".
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from agent.config import Device
from agent.deadline import Deadline
from agent.modbus import (
    DEVICE_BUSY,
    GATEWAY,
    ILLEGAL_ADDRESS,
    Block,
    ModbusClient,
    Refusals,
    coalesce,
    field_alone,
    is_temporary,
    parts_of,
    split_block,
)
from agent.poll.checks import Checks
from agent.poll.derive import PlannedInputs
from agent.poll.halves import Halves, halves_apart, may_carry
from agent.poll.identity import coolant_of, identified
from agent.poll.leak_detectors import LeakDetectors
from agent.poll.not_now import Answers, NotNow, mark_unread
from agent.poll.planned_cells import REOPEN_MIN_S, PlannedCells
from agent.poll.plans import SharedPlans
from agent.poll.register_fit import RegisterFit
from agent.poll.series_count import SeriesCount
from agent.poll.sliced import add_figures, readings_of
from agent.poll.unit_identity import UnitIdentity
from agent.poll.word_order import WordOrders
from agent.profile import (
    Plan,
    Profile,
    RawValue,
    Slot,
    planning_registers,
    readable_ref,
    watched_registers,
)
from agent.readings import Identified, Readings
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout
from rackflow.register_tables import RegisterTable

# What to do if a unit has none of the registers of its profile.
OTHER_FAMILY: Final = (
    "it is probably of another family (`rackflow-agent profiles` lists them), or another unit is meant"
)
# Pause before a busy unit is asked again; it doubles with each try. Units are busy for some tenths of a second while they start or store a
# setting. Chosen value, short against the 0.9 s that a poll of the safety class may take.
BUSY_PAUSE_S = 0.1
# The longest time that a poll may additionally spend on finding refused registers and on requesting them again. Together with the poll
# itself it must stay below the 0.9 s of the safety class. The search continues at the next poll.
SEARCH_S = 0.4
# The most refused values that one poll requests again: of its own class, and as many of those that were absent when the unit was opened.
ASKED_AGAIN = 4


class ModbusPoller:
    """A `DevicePoller` over a `ModbusClient`, which may be a share of a link used by several units. `clock` gives monotonic seconds.

    `plans` are those of all devices of the agent, `connections` says how often the link was connected so far.
    """

    def __init__(
        self,
        device: Device,
        profile: Profile,
        client: ModbusClient,
        clock: Callable[[], float] = time.monotonic,
        plans: SharedPlans | None = None,
        connections: Callable[[], int] = lambda: 0,
        detectors: LeakDetectors | None = None,
    ) -> None:
        self._device = device
        self._plans = plans or SharedPlans()
        self._family = self._plans.family(profile, outlets=device.outlets)
        self._profile = self._family.profile
        self._watched = watched_registers(self._profile)
        self._coolant = coolant_of(device, self._profile)
        self._client = client
        self._unit = profile.modbus.unit if device.given_unit is None else device.given_unit
        self._clock = clock
        self._plan = Plan({})
        self._refusals = Refusals(clock)
        # Whether the last opening was cut short. The next one then keeps what was learnt, because a slow unit with many absent registers
        # could otherwise never be opened within the deadline.
        self._unfinished = False
        # Blocks that are only refused because of the registers between their fields.
        self._gapless: set[Block] = set()
        # By reference: the block that reads this value alone.
        self._single_blocks: dict[str, Block] = {}
        # By poll class: the blocks to request, without refused registers, and the value of `Refusals.changes` for which they are valid.
        self._requests: dict[PollClass, tuple[int, tuple[Block, ...]]] = {}
        # By poll class: numbers whose high and low registers are read in two requests.
        self._halves_apart: dict[PollClass, list[Halves]] = {}
        # By reference: the value of the high register of each such number in the last poll.
        self._last_highs: dict[str, RawValue] = {}
        self._identity = UnitIdentity(self._ask_beside, self._profile, clock, connections)
        # Whether the last poll failed, so that the unit may have been restarted or replaced since.
        self._last_poll_failed = False
        # How often a request may still be repeated if the unit answers "not now". Any other answer restores the full number.
        self._busy_retries_left = device.retries
        self._not_now = NotNow()
        # The block that was read last: it shows whether the unit answers at all.
        self._neighbour: Block | None = None
        self._series_count = SeriesCount()
        self._checks = Checks(device.id)
        self._word_orders = WordOrders(device.id)
        self._register_fit = RegisterFit(device.id)
        self._inputs = PlannedInputs()
        self._leak_detectors = detectors or LeakDetectors()
        self._cells = PlannedCells()
        # Cells that planning could not read. The device is opened again once one of them answers.
        self._unread: list[str] = []
        self._reopened_at = -math.inf

    async def open(self) -> Identified:
        """See `DevicePoller.open`. Registers that the device does not have are found here and asked for again only now and then."""
        if not self._unfinished:
            self._refusals = Refusals(self._clock)
            self._gapless.clear()
        self._unfinished = True
        self._requests.clear()
        found, self._busy_retries_left = Answers(math.inf), self._device.retries
        deciding, cells = await self._planning_cells(found)
        await self._cells.add_use(self._profile, {}, cells, partial(self._read_again_of, deciding))
        key, plan = await self._plans.plan(self._family, {}, cells, self._device.role)
        await self._find_absent(plan, deciding, found)
        self._plan = await self._plans.trim(key, plan, frozenset(self._refusals.absent), self._gapless)
        if not self._plan.classes:
            raise self._has_nothing("has none of the registers")
        self._cells.begin(self._plan)
        self._halves_apart = {poll: halves_apart(part) for poll, part in self._plan.classes.items()}
        self._last_highs.clear()
        before, identity = self._identity.last, await self._identity.read()
        if not self._identity.may_be_as(before):
            self._leak_detectors.forget()
            # Another unit answers, and the plan was made from what the former one had in use.
            if self._cells.forget():
                return await self.open()
        self._leak_detectors.opened(identity, self._clock())
        if identity != before:  # the unit or only its firmware has changed
            self._checks.forget()
            self._register_fit.forget()
            self._word_orders.forget()
        self._begin(found.raw)
        self._unfinished = self._last_poll_failed = False
        return identified(self._device, self._profile, identity, self._plan)

    async def _find_absent(self, plan: Plan, deciding: Sequence[Block], found: Answers) -> None:
        """Read all blocks of the plan once, so that `Refusals` learns which registers the unit lacks. Raises DeviceError if it has none.

        `deciding` are the blocks that planning has read.
        """
        blocks = [block for part in plan.classes.values() for block in part.blocks]
        self._single_blocks = {
            each.ref: field_alone(block, each) for block in (*deciding, *blocks) for each in block.fields
        }
        for block in self._not_now.in_turn(blocks):
            if not all(self._refusals.is_known(each.ref) for each in block.fields):
                await self._read_block(block, found)
        if not self._refusals.any_answered:
            for error in found.errors:
                if is_temporary(error) or not error.code:
                    raise error
            raise self._has_nothing("refuses every register")

    def _begin(self, raw: dict[str, RawValue]) -> None:
        """Count and check the readings of this plan from now on. `raw` are the first answers; see `WordOrders.hide`."""
        self._series_count.begin(self._plan)
        self._leak_detectors.begin(self._plan)
        self._word_orders.begin(self._plan)
        self._word_orders.hide(raw)
        self._register_fit.begin(self._plan, raw)
        self._checks.begin(self._plan, raw)

    def _has_nothing(self, what: str) -> DeviceProtocolError:
        """The error of an opening that found nothing to read. The next opening asks for all registers again."""
        self._unfinished = False
        return DeviceProtocolError(
            f"{what} of profile {self._profile.profile}; {OTHER_FAMILY}", device=self._device.id, operation="plan"
        )

    async def _planning_cells(self, found: Answers) -> tuple[list[Block], dict[str, RawValue]]:
        """The blocks of registers that planning reads (conditions and units), and their values.

        Raises DeviceError if they cannot be read now.
        """
        limits = self._profile.modbus
        blocks = list(coalesce(planning_registers(self._profile), limits.max_registers, limits.max_gap))
        watched = [block for block in blocks if all(each.ref in self._watched for each in block.fields)]
        passed_by = set(watched) if self._not_now.take_unreached(watched) else set[Block]()
        for block in blocks:
            if block in passed_by:
                continue
            try:
                await self._read_block(block, found)
            except DeviceProtocolError as error:
                if block in watched:
                    raise
                raise self._cannot_plan(error) from error
        for each in (each for block in blocks for each in block.fields):
            if each.ref not in found.raw and each.ref not in self._refusals:
                failure = found.failed.get(each.ref)
                if failure and each.ref not in self._watched:
                    # A busy unit has the register all the same: planning without it would leave out readings.
                    raise self._cannot_plan(failure) from failure
                # A register that only shows whether a part is fitted may be read later, and must not prevent the opening.
                self._refusals.note_refused(each.ref, failure.code if failure else DEVICE_BUSY)
        self._unread = [each.ref for block in blocks for each in block.fields if each.ref not in found.raw]
        return blocks, dict(found.raw)

    def _cannot_plan(self, error: DeviceProtocolError) -> DeviceProtocolError:
        """The error of an opening that could not read a register which decides how others are read."""
        text = f"{error.args[0]}; profile {self._profile.profile} needs these registers to know how the others are read"
        failure = DeviceProtocolError(text, device=self._device.id, operation=error.operation)
        failure.code = error.code
        return failure

    async def _read_again_of(self, blocks: Sequence[Block], refs: Sequence[str]) -> dict[str, RawValue]:
        """The values of these registers, read anew with the blocks that they are in."""
        found = Answers(math.inf)
        for block in blocks:
            if any(each.ref in refs for each in block.fields):
                await self._read_block(block, found)
        return found.raw

    async def poll(self, poll_class: PollClass, now: float) -> Readings:  # noqa: ARG002 - the seam's signature
        """See `DevicePoller.poll`. Readings of registers that are refused now are in `bad`, as `refused` or `busy`."""
        part = self._plan.classes.get(poll_class)
        if part is None:
            return Readings()
        had_failed, self._last_poll_failed = self._last_poll_failed, True
        found = await self._read_class(poll_class, are_others_read=not had_failed)
        self._last_poll_failed = False
        other_unit = await self._identity.other_unit()
        readings = await self._readings(part.slots, found.raw)
        if len(found.raw) < sum(len(block.fields) for block in part.blocks):
            mark_unread(part.slots, found.raw, found.busy, readings)
        self._register_fit.reject(poll_class, readings, found.raw)
        self._cells.update(found.raw)
        self._cells.reject(readings, everything=bool(other_unit))
        self._checks.reject(poll_class, readings, found.raw)
        self._series_count.add(poll_class, readings)
        if self._leak_detectors.are_any:
            self._leak_detectors.report(poll_class, readings, self._clock())
        await add_figures(
            readings,
            poll_class,
            part.slots,
            planned=self._inputs,
            device_class=self._profile.class_,
            coolant=self._coolant,
        )
        if had_failed:
            self._refusals.ask_all_again()
            self._identity.read_soon()
        readings.reopen = other_unit or await self._check_for_changes(found.until_s)
        return readings

    async def _readings(self, slots: Sequence[Slot], raw: dict[str, RawValue]) -> Readings:
        while True:
            self._word_orders.hide(raw)
            readings = await readings_of(slots, raw)
            if not self._word_orders.reject(readings, raw):
                return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _read_class(self, poll_class: PollClass, *, are_others_read: bool) -> Answers:
        """Everything that can be read of a class. Raises DeviceError if nothing can.

        `are_others_read`: whether the poll before, mostly of another class, was answered. Then a class that gives nothing but "not now"
        does not show that the unit as a whole is busy, or out of its gateway's reach.
        """
        found, self._busy_retries_left = Answers(self._clock() + SEARCH_S), self._device.retries
        found.are_others_read = are_others_read
        try:
            await self._read_blocks(poll_class, found)
        except DeviceProtocolError as error:
            if error.code not in GATEWAY:
                raise
            found.busy.update(each.ref for block in self._plan.classes[poll_class].blocks for each in block.fields)
        may_be_only_these = bool(found.raw) or are_others_read
        busy = found.busy - found.raw.keys() if may_be_only_these else ()
        for ref in self._not_now.end_poll(busy, self._refusals):
            self._refusals.note_refused(ref, DEVICE_BUSY)
        for halves in self._halves_apart.get(poll_class, ()):
            await self._read_halves(halves, found)
        if not found.raw:
            are_never_read = may_be_only_these and all(ref in self._refusals for ref in found.busy)
            for each in found.errors:
                # But a unit that refuses one class for good and answers others is up.
                is_later = is_temporary(each) and not are_never_read
                if is_later or not each.code or not self._refusals.any_answered:
                    raise each
        return found

    async def _read_blocks(self, poll_class: PollClass, found: Answers) -> None:
        """Make the requests of a class, and those for some of its refused values. Raises DeviceError if the unit does not answer."""
        blocks = self._not_now.in_turn(self._requests_of(poll_class))
        for block in blocks:
            await self._read_block(block, found)
        again: list[str] = []
        refs: list[str] = []
        if self._refusals.any_refused or not blocks:
            refs = [each.ref for block in self._plan.classes[poll_class].blocks for each in block.fields]
            again = self._refusals.due(refs, ASKED_AGAIN)
        # A poll must make at least one request: without any, the device would be reported as up although it may be dead.
        for number, ref in enumerate(again or ([] if blocks else refs[:1])):
            if number and self._clock() >= found.until_s:
                break
            if not found.raw or not self._not_now.is_silent(ref):
                await self._read_block(self._single_blocks[ref], found)
                continue
            # Its timeout may be longer than a poll may be silent, and then this poll and the next ones would fail for its sake.
            with contextlib.suppress(TimeoutError), Deadline(SEARCH_S * POLL_SECONDS[poll_class]):
                await self._read_block(self._single_blocks[ref], found)
            if ref not in found.raw:
                found.busy.add(ref)

    async def _read_halves(self, halves: Halves, found: Answers) -> None:
        """Make sure that the two halves of a number belong together: 65,535 that becomes 65,536 between two requests would be 0 or 131,071.

        A low half is valid if the high half was the same before and after it. The earlier reading of the high half may be that of the last
        poll, unless a carry is near.
        """
        high, low = halves.high, halves.low
        before = found.raw.get(high)
        if before is None or low not in found.raw:
            return
        if halves.low_is_first:
            if self._last_highs.get(high) == before and not may_carry(found.raw[low]):
                return
            await self._read_again(low, found)
        if (after := await self._read_again(high, found)) != before:
            await self._read_again(low, found)
            if await self._read_again(high, found) != after:
                found.raw[high] = None
        self._last_highs[high] = found.raw.get(high)

    async def _read_again(self, ref: str, found: Answers) -> RawValue:
        found.raw.pop(ref, None)
        await self._read_block(self._single_blocks[ref], found)
        return found.raw.get(ref)

    def _requests_of(self, poll_class: PollClass) -> tuple[Block, ...]:
        """The blocks to request for a class, without refused registers."""
        known = self._requests.get(poll_class)
        if known is None or known[0] != self._refusals.changes:
            blocks: list[Block] = []
            for block in self._plan.classes[poll_class].blocks:
                used = {each.ref: None for each in block.fields if each.ref not in self._refusals}
                blocks += split_block(block, used, whole=block not in self._gapless)
            known = self._requests[poll_class] = self._refusals.changes, tuple(blocks)
        return known[1]

    async def _read_block(self, block: Block, found: Answers) -> None:
        """Read a block, in smaller parts if it is refused. Raises DeviceError if the unit does not answer."""
        try:
            values = await self._read_or_pass_by(block, found)
        except DeviceProtocolError as error:
            refs = [each.ref for each in block.fields]
            found.errors.append(error)
            found.failed |= dict.fromkeys(refs, error)
            self._not_now.note_refused(block, error.code)
            if error.code in GATEWAY and not found.raw:
                # Each further request would make the gateway wait again for a unit that is not there.
                raise
            if is_temporary(error):
                found.busy.update(refs)
            elif not error.code and not (error.is_short and len(refs) > 1):
                pass  # garbage, which says nothing about the registers
            elif len(refs) == 1:
                self._refusals.note_refused(refs[0], error.code)
            elif self._clock() < found.until_s:
                for part in parts_of(block):
                    await self._read_block(part, found)
                if all(ref in found.raw for ref in refs):
                    self._gapless.add(block)
                    self._requests.clear()
        else:
            found.raw.update(values)
            self._neighbour = block
            self._not_now.note_read(block)
            self._refusals.note_read(values)

    async def _read_or_pass_by(self, block: Block, found: Answers) -> Mapping[str, RawValue]:
        """The values of a block. Where others are answered and this one is not, that counts as "not now" (DeviceProtocolError).

        What was read in an earlier poll is asked only after a second silence: most silent units are off, and others share their link.
        """
        try:
            return await self._read(block)
        except (DeviceTimeout, asyncio.CancelledError) as error:
            was_silent = self._not_now.note_silent(block)
            if isinstance(error, asyncio.CancelledError) or not (found.raw or (was_silent and found.are_others_read)):
                raise
            raise await self._not_answered(error) from error

    async def _not_answered(self, error: DeviceTimeout) -> DeviceProtocolError:
        """What this silence means, if it is only about these registers. Raises DeviceTimeout if the unit answers nothing else, either."""
        if self._neighbour is None:
            raise error
        with contextlib.suppress(DeviceProtocolError):
            await self._read(self._neighbour)
        silence = DeviceProtocolError(error.args[0], device=error.device, operation=error.operation)
        silence.code = DEVICE_BUSY
        return silence

    async def _ask_beside(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """The same as `_ask`, of a unit that was read just now: registers that it does not answer cost no more than refused ones."""
        try:
            return await self._ask(table, address, count)
        except DeviceTimeout as error:
            raise await self._not_answered(error) from error

    async def _read(self, block: Block) -> Mapping[str, RawValue]:
        registers = await self._ask(block.table, block.address, block.count)
        self._word_orders.note(block, registers)
        return block.values(registers)

    async def _ask(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """One request, repeated while the unit is busy, and where the configuration says so also when there is no answer."""
        # Unless `retries` is set, a request without an answer is not repeated: waiting twice for a unit delays all others on its link.
        timeout_retries_left = self._device.retries if "retries" in self._device.model_fields_set else 0
        pause_s = BUSY_PAUSE_S
        while True:
            try:
                values = await self._client.read(self._unit, table, address, count)
            except DeviceProtocolError as error:
                if not is_temporary(error):
                    self._busy_retries_left = self._device.retries
                    raise
                # Counted over all blocks, because a unit that stays busy must not cost a pause for each of them.
                if self._busy_retries_left <= 0:
                    raise
                self._busy_retries_left -= 1
                await asyncio.sleep(pause_s)
                pause_s *= 2
            except DeviceTimeout:
                if timeout_retries_left <= 0:
                    raise
                timeout_retries_left -= 1
            else:
                self._busy_retries_left = self._device.retries
                return values

    async def _check_for_changes(self, until_s: float) -> str:
        """Why the unit must be opened again: it was replaced, or has registers that it did not have. Empty if it need not be."""
        now = self._clock()
        if (cell := self._cells.changed()) and now - self._reopened_at >= REOPEN_MIN_S:
            self._reopened_at = now
            return f"{readable_ref(cell)} has changed, which the plan depends on"
        # The poll itself has succeeded. If one of these additional requests fails, it is repeated after its pause.
        with contextlib.suppress(DeviceError):
            if changed := await self._identity.changed():
                return changed
        absent = (
            self._refusals.due({*self._refusals.absent, *self._unread}, ASKED_AGAIN)
            if self._refusals.any_refused
            else ()
        )
        for number, ref in enumerate(absent):
            if number and self._clock() >= until_s:
                break
            found = Answers(0.0)
            try:
                with Deadline(SEARCH_S) if self._not_now.is_silent(ref) else contextlib.nullcontext():
                    await self._read_block(self._single_blocks[ref], found)
            except (DeviceError, TimeoutError):
                # Whatever the error, the register must not be requested in each poll: counted as absent, it gets the long pause.
                self._refusals.note_refused(ref, ILLEGAL_ADDRESS)
            if found.raw:
                return "registers that were absent answer"
        return ""
