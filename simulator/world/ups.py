"""A UPS with its battery: modes, losses, and what it draws from its input."""

from dataclasses import dataclass, field
from typing import Final, Literal

from simulator.world.battery import Battery

Mode = Literal["normal", "battery", "bypass", "none"]
# Typical values of double-conversion units, chosen; not from one product.
# Losses over rated power: fixed (control, fans, magnetisation), with the load (semiconductors) and with its square (copper).
# Computed: 88.4 % efficiency at a tenth of the load, 94.1 % at a quarter, 95.9 % at half, 96.2 % at full load.
NO_LOAD_LOSS, LINEAR_LOSS, SQUARE_LOSS = 0.012, 0.010, 0.018
# Part of these losses that remains on battery, while the rectifier is off.
INVERTER_SHARE: Final = 0.6
# Losses on the static bypass: over rated power, and over the load.
BYPASS_NO_LOAD_LOSS: Final = 0.003
BYPASS_LINEAR_LOSS: Final = 0.004
# How long the input must be good before the rectifier takes the load again, so that an unsteady input does not cause repeated transfers.
RETRANSFER_S: Final = 10.0
# A load above OVERLOAD_RATIO is carried for OVERLOAD_S before the static bypass takes over, one above INSTANT_OVERLOAD_RATIO not at all.
# Stricter than most data sheets, which allow 125 % for minutes: an overload then has its effect within a minute.
OVERLOAD_RATIO: Final = 1.1
OVERLOAD_S: Final = 60.0
INSTANT_OVERLOAD_RATIO: Final = 1.5
# Voltage over nominal below which the input is not used; data sheets give 0.8 to 0.9 at full load.
MIN_VOLTAGE_RATIO: Final = 0.85


@dataclass(slots=True)
class Ups:
    """A UPS, or one module of several in parallel. Its output voltage is regulated except on bypass."""

    id: str
    rated_w: float
    volts: float
    battery: Battery
    mode: Mode = "normal"
    forced_bypass: bool = False
    input_volts: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    output_volts: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    output_w: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    input_w: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    loss_w: float = 0.0
    on_battery_s: float = 0.0
    input_faults: int = 0
    output_j: float = 0.0
    input_j: float = 0.0
    _good_s: float = RETRANSFER_S
    _overloaded_s: float = 0.0

    @property
    def load(self) -> float:
        """Load over rated power, as of the last step."""
        return sum(self.output_w) / self.rated_w

    @property
    def battery_draw_w(self) -> float:
        """Power that the battery would have to deliver at the present load, W."""
        # At least a watt: a UPS without load still has a finite, very long runtime.
        return max(1.0, battery_draw_w(sum(self.output_w), self.rated_w))

    def supply(self, input_volts: list[float], dt_s: float) -> list[float]:
        """Decide the mode for this step; returns the output's voltages, V."""
        good = min(input_volts) >= MIN_VOLTAGE_RATIO * self.volts
        if not good and min(self.input_volts) >= MIN_VOLTAGE_RATIO * self.volts:
            self.input_faults += 1
        self.input_volts = input_volts
        self._good_s = self._good_s + dt_s if good else 0.0
        self._overloaded_s = self._overloaded_s + dt_s if self.load > OVERLOAD_RATIO else 0.0
        overload = self._overloaded_s > OVERLOAD_S or self.load > INSTANT_OVERLOAD_RATIO
        # On battery there is no input for the bypass, so an overload switches the output off. A UPS that has shut down stays off
        # until its input has been good for RETRANSFER_S, even if the battery has recovered.
        if self.forced_bypass or (overload and self.mode != "battery"):
            self.mode = "bypass" if max(input_volts) > 0 else "none"
        elif good and (self.mode == "normal" or self._good_s > RETRANSFER_S):
            self.mode = "normal"
        elif self.mode == "none" or self.battery.empty or (overload and self.mode == "battery"):
            self.mode = "none"
        else:
            self.mode = "battery"
        regulated = [self.volts] * 3
        self.output_volts = {"bypass": input_volts, "none": [0.0] * 3}.get(self.mode, regulated)
        return self.output_volts

    def carry(self, output_w: list[float], dt_s: float) -> list[float]:
        """Carry this load for a step; returns the power taken from the input on each phase, W."""
        self.output_w = output_w
        total = sum(output_w)
        charge = 0.0
        self.loss_w = _double_conversion_loss_w(total, self.rated_w)
        if self.mode == "bypass":
            self.loss_w = BYPASS_NO_LOAD_LOSS * self.rated_w + BYPASS_LINEAR_LOSS * total
            self.battery.rest()
        elif self.mode == "battery":
            self.loss_w *= INVERTER_SHARE
            self.battery.discharge(total + self.loss_w, dt_s)
        elif self.mode == "none":
            self.loss_w = 0.0
            self.battery.rest()
        else:
            charge = self.battery.recharge(dt_s)
        self.on_battery_s = self.on_battery_s + dt_s if self.mode == "battery" else 0.0
        if self.mode in {"battery", "none"}:
            self.input_w = [0.0, 0.0, 0.0]
        elif self.mode == "bypass":
            self.input_w = _add_evenly(output_w, self.loss_w, self.input_volts)
        else:
            self.input_w = [(total + self.loss_w + charge) / 3] * 3  # the rectifier loads all phases equally
        self.output_j += total * dt_s
        self.input_j += sum(self.input_w) * dt_s
        return self.input_w


def battery_draw_w(load_w: float, rated_w: float) -> float:
    """Power that the battery must deliver for a load, W."""
    return load_w + INVERTER_SHARE * _double_conversion_loss_w(load_w, rated_w)


def _double_conversion_loss_w(load_w: float, rated_w: float) -> float:
    load = load_w / rated_w
    return rated_w * (NO_LOAD_LOSS + LINEAR_LOSS * load + SQUARE_LOSS * load * load)


def _add_evenly(power_w: list[float], loss_w: float, volts: list[float]) -> list[float]:
    """The phases' power with `loss_w` added in equal parts to those that have voltage, W."""
    live = [each > 0 for each in volts]
    part_w = loss_w / max(1, live.count(True))
    return [power + part_w if is_live else power for power, is_live in zip(power_w, live, strict=True)]
