// The view of agents: whether each is up, how far it lags behind, and what the ledger says about its messages.

import { h } from "./dom.js";
import { absent, columns, heading } from "./details.js";
import { instant } from "./format.js";
import { linkTo } from "./links.js";
import { STATE_SIGNS, why } from "./marks.js";

// Headings, as keys of the words `table.…`. `row` makes a cell for each of them, in this order.
const COLUMNS = ["agent", "state", "heard", "lag", "backlog", "ledger", "clock", "devices", "version"];

export function agentsView(page) {
  const { agents, words } = page;
  return [heading(words, words.say("agents.title")), agents ? table(Object.values(agents.items ?? {}), page) : absent(page, "agents.none")];
}

function table(items, page) {
  const { words } = page;
  if (!items.length) return h("p", { class: "dim" }, words.say("agents.none"));
  return h("div", { class: "scroll" }, h("table", { class: "list agents" },
    h("thead", null, h("tr", null, columns(COLUMNS, words))),
    h("tbody", null, items.sort((a, b) => a.id.localeCompare(b.id)).map((each) => row(each, page)))));
}

/** A number, or the sum of numbers by reason. */
function count(number) {
  return typeof number === "object" ? Object.values(number ?? {}).reduce((sum, each) => sum + each, 0) : (number ?? 0);
}

/** The commonest cause for which its devices are not observed. */
function cause(agent) {
  return Object.entries(agent.unobserved ?? {}).reduce((most, each) => (each[1] > (most?.[1] ?? 0) ? each : most), null)?.[0];
}

function row(agent, { words, format, now }) {
  const { ledger } = agent;
  const reason = agent.state === "up" ? null : cause(agent);
  const unobserved = count(agent.unobserved);
  const heard = agent.last_message == null ? null : Math.max(0, Math.round((now - instant(agent.last_message)) / 1000));
  // The lag is known only while the agent sends messages.
  const lag = agent.state === "up" ? agent.lag_seconds : null;
  const account = ledger && [
    words.say("agents.stored", { stored: format.number(ledger.stored), produced: format.number(ledger.produced) }),
    ...[["missing", count(ledger.missing)], ["dropped", count(ledger.dropped)], ["waiting", count(ledger.in_flight)]]
      .filter(([, n]) => n).map(([name, n]) => words.say(`agents.${name}`, { n: format.number(n) })),
  ].join(", ");
  return h("tr", { key: agent.id, class: agent.state, "data-agent": agent.id },
    h("td", null, agent.id, agent.hostname ? h("span", { class: "dim" }, ` ${agent.hostname}`) : null),
    h("td", null, h("span", { class: `state ${agent.state}` }, h("span", { "aria-hidden": "true" }, STATE_SIGNS[agent.state]), " ", words.say(`state.${agent.state}`)),
      reason ? h("span", { class: "dim" }, ` ${why({ cause: reason, agent: agent.id }, words)}`) : null,
      agent.is_cloned ? h("strong", null, ` ${words.say("problem.DcimAgentCloned", { agent: agent.id })}`) : null),
    h("td", { class: "number" }, heard == null ? "?" : words.say("agents.heard", { age: format.duration(heard) })),
    h("td", { class: "number" }, lag == null ? "?" : format.duration(lag)),
    h("td", { class: "number" }, agent.backlog_messages == null ? "?" : format.number(agent.backlog_messages)),
    h("td", null, account || words.say("head.ledger.unknown")),
    h("td", { class: "number" }, agent.clock_offset_seconds == null ? "?" : words.say("agents.behind", { seconds: format.duration(agent.clock_offset_seconds) })),
    h("td", { class: "number" }, h("a", { href: linkTo({ devices: "", agent: agent.id }) }, words.say("agents.answering", { answering: format.number(agent.answering), devices: format.number(agent.devices), unobserved: unobserved ? format.number(unobserved) : null }))),
    h("td", null, agent.version ?? "?"));
}
