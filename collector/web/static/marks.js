// Signs that show the same as colours, for readers who cannot tell colours apart.

export const SIGNS = { critical: "▲", warning: "◆", info: "●", uncertain: "?", ended: "✓" };
// Conditions that are not reported as problems yet have the same signs, hollow.
export const BEGINS = { critical: "△", warning: "◇", info: "○" };
// Somebody takes care of the problem: it was acknowledged, or is in a maintenance window.
export const CARE = { acknowledged: "✎", maintenance: "⚒" };
// The state of a device or agent.
export const STATE_SIGNS = { up: SIGNS.ended, down: SIGNS.critical, unknown: SIGNS.uncertain };
export const RANK = { critical: 0, warning: 1, info: 2 };

/** How a problem is shown: its severity, or `uncertain` where nobody can tell whether it goes on, or where it only says what is not known. */
export function look(problem) {
  if (problem.status === "ended" || problem.ended) return "ended";
  return problem.status === "uncertain" || problem.name === "DcimReadingSuspect" ? "uncertain" : problem.severity;
}

/** A name without the names of the places around it, which are written there: `hall-1-a-cdu-1` in row `hall-1-a` is `cdu-1`. */
export function shortName(name, ...places) {
  const around = places.filter((place) => place && name.length > place.length && name.startsWith(place) && /^[-_./ ]/.test(name.slice(place.length)));
  const longest = around.reduce((best, place) => (place.length > best.length ? place : best), "");
  return longest ? name.slice(longest.length + 1) : name;
}

/** A rack, UPS or panel that does not survive the loss of a feed, and why. `name` is its name as shown here. */
export function blamedText(each, name, words, format) {
  return words.say(`blamed.${each.kind === "overload" ? each.place : each.kind}`,
    { name, feed: each.figure.labels.feed, phase: each.phase, ratio: each.load_ratio == null ? null : format.percent(each.load_ratio, 0) });
}

/** Why something is not observed, in words. */
export function why(cause, words) {
  return cause ? words.say(`cause.${cause.cause}`, { agent: cause.agent }) : words.say("state.unknown");
}
