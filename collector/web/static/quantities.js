// What the floor can be coloured by: the value at a rack, and the steps of its five shades.

// Each step is the upper end of a shade. The comment on each list names its source.
const SHARE = [0.25, 0.5, 0.75, 0.9];
// Inlet air: the recommended range of ASHRAE TC 9.9 (5th edition) is 18 to 27 °C, class A1 allows 15 to 32 °C.
const INLET = [18, 22, 27, 32];
// Classes W17 to W45 of ASHRAE's facility water, which cold plates are specified by.
const SUPPLY = [17, 27, 32, 40];
// 2 K is the limit of DcimCduDewPointMarginLow; less is darker.
const DEW = [2, 4, 7, 12];
// Readings expire after three polls of up to 10 s; half a minute is late, five minutes is silence.
const AGE = [5, 15, 30, 300];

/**
 * The quantities of a floor with these feeds. `key` and `parameters` are its words, `value` takes it from the values of a rack, `unit` is
 * that of the value. `steps` are the upper ends of the shades, of `share` if there is one, in `stepUnit`; `over` is the end of what is
 * allowed. `isFalling`: less is darker.
 */
export function quantities(feeds) {
  return [
    { id: "power", key: "quantity.power", value: (v) => v.power_watts, share: (v) => v.power_ratio, unit: "watts", stepUnit: "ratio", steps: SHARE, over: 1 },
    ...feeds.map((feed) => ({
      id: `loss.${feed}`, key: "quantity.loss", parameters: { feed }, value: (v) => v.loss_ratio?.[feed], unit: "ratio", steps: SHARE, over: 1,
    })),
    { id: "supply", key: "quantity.supply", value: (v) => v.supply_celsius, unit: "celsius", steps: SUPPLY },
    { id: "inlet", key: "quantity.inlet", value: (v) => v.inlet_celsius, unit: "celsius", steps: INLET },
    { id: "dew", key: "quantity.dew", value: (v) => v.dew_point_margin_kelvin, unit: "kelvin", steps: DEW, isFalling: true },
    { id: "age", key: "quantity.age", value: (v) => v.age_seconds, unit: "seconds", steps: AGE },
    { id: "problem", key: "quantity.problem", value: () => null, unit: "", steps: [] },
  ];
}

/** The shade of a rack from 0 to 4, 5 beyond what is allowed, or null where the value is not known. */
export function shade(quantity, values) {
  const value = (quantity.share ?? quantity.value)(values);
  if (value === null || value === undefined) return null;
  if (quantity.over !== undefined && value > quantity.over) return 5;
  const index = quantity.steps.findIndex((step) => value < step);
  const level = index < 0 ? quantity.steps.length : index;
  return quantity.isFalling ? quantity.steps.length - level : level;
}

/** Rows of the legend: [shade, from, to], in the order of the shades. */
export function legend(quantity) {
  const rows = quantity.steps.map((to, index) => [index, quantity.steps[index - 1] ?? null, to]);
  rows.push([quantity.steps.length, quantity.steps.at(-1), quantity.over ?? null]);
  if (quantity.isFalling) return rows.map(([level, from, to]) => [quantity.steps.length - level, from, to]).reverse();
  return quantity.over === undefined ? rows : [...rows, [5, quantity.over, null]];
}
