// The page: what the address asks for (`route`), what is known (`stream` for streamed documents, `fetched` for fetched ones), and one view
// made of both, at most once per frame. A view is a function of the page in a file of its own (`VIEWS`); it returns a description for dom.js.

import { agentsView } from "./agents.js";
import { answersColumn } from "./answers.js";
import { ApiError, get, getList } from "./api.js";
import { daySection } from "./day.js";
import { figureView, problemView, rackView } from "./details.js";
import { devicesView, deviceView } from "./device.js";
import { h, show } from "./dom.js";
import { floorSection, roomToShow } from "./floor.js";
import { Format, instant } from "./format.js";
import { allSeen, head, lostLine } from "./head.js";
import { linkTo, readLink } from "./links.js";
import { shortName, SIGNS } from "./marks.js";
import { fitCards, problemColumn } from "./problems.js";
import { Stream } from "./stream.js";
import { totalView } from "./total.js";
import { LANGUAGES, Words } from "./words.js";

// From the origin, because fetch refuses addresses with a name and a password in them, which kiosks are often started with.
const BASE = new URL(new URL("api/v1/", document.baseURI).pathname, location.origin).href;
// Documents that are fetched again and again, because they are not streamed.
const FETCH_MS = 5_000;
const HISTORY_MS = 60_000;
const SPARKS_MS = 60_000;
const SEARCH_PAUSE_MS = 250;
const PAGE_OF_DEVICES = 200;
const FIGURES = 500;
const LABELS_SHOWN_SHORT = new Set(["device", "rack", "loop", "group", "ups", "row"]);
const VIEWS = { problem: problemView, rack: rackView, figure: figureView, total: totalView, devices: devicesView, device: deviceView, agents: agentsView };

class Page {
  constructor(root, live) {
    this._root = root;
    this._live = live;
    // The frame in which the page is drawn next; 0 if nothing has changed.
    this._frame = 0;
    // Selectors: what gets the focus once it is drawn, and the rack from which the floor was left.
    this._focus = this._leftRack = null;
    // Parts of the page that failed: each is logged once.
    this._failed = new Set();
    // The problems that screen readers were told of, with their titles; null before the first ones.
    this._announced = null;
    // The collector's clock minus the browser's, in ms.
    this._clockOffset = 0;
    // When a document of the view, the history and the courses of a device's readings were last fetched (ms).
    this._fetchedAt = 0;
    this._historyAt = 0;
    this._sparksAt = 0;
    this._wasLive = false;
    // Who cares for each problem (an acknowledgement, a maintenance window), as text: if it changes, the history is fetched again.
    this._careNoted = "";
    this._query = "";
    this._limit = PAGE_OF_DEVICES;
    // What views read.
    // The document of the site; `route`, `words` and `format` are set by `start`, before anything is drawn.
    this.site = null;
    this.room = "";
    this.quantity = recall("quantity") ?? "power";
    this.history = null;
    // What the present view has fetched: `document`, and `error` if the last attempt failed.
    this.fetched = null;
    this.sparks = null;
    // By a problem's id: the seconds left that the collector last computed, and when they were received.
    this.timesLeft = new Map();
    this.stream = new Stream(BASE, (part) => this._received(part));
    this.choose = (quantity) => {
      this.quantity = quantity;
      keep("quantity", quantity);
      this.draw();
    };
    // If there is only one room, names are shown without it, because the head of the page has it.
    this.short = (labels) => {
      const rooms = this.site?.rooms.filter((room) => room.racks) ?? [];
      return rooms.length === 1 ? Object.fromEntries(Object.entries(labels ?? {}).map(([name, text]) => [name, LABELS_SHOWN_SHORT.has(name) ? shortName(text, rooms[0].id) : text])) : labels;
    };
    this.settings = {
      theme: "auto",
      chooseLanguage: (language) => this._set("lang", language),
      chooseTheme: (theme) => this._set("theme", theme),
      chooseSite: (site) => this.go(linkTo({ site })),
      search: (text) => this._search(text),
      more: () => this._more(),
    };
  }

  start() {
    addEventListener("popstate", () => {
      this._readAddress();
      this._returnToRack();
    });
    addEventListener("resize", () => this.draw());
    document.addEventListener("click", (event) => this._click(event));
    document.addEventListener("visibilitychange", () => this.draw());
    setInterval(() => this._tick(), 1000);
    this._readAddress();
  }

  /** Follow an address of this page. */
  go(address) {
    window.history.pushState(null, "", address);
    this._readAddress();
    this._focus = "#main";
    scrollTo(0, 0);
  }

  /** Set the focus once its target exists: a view is drawn in the next frame, and its floor may arrive even later. */
  _moveFocus() {
    const target = this._focus && document.querySelector(this._focus);
    if (!target) return;
    const here = document.activeElement;
    // If the user has moved the focus meanwhile, it stays there.
    if (here === document.body || here?.id === "main" || !here?.isConnected || this._focus === "#main") target.focus({ preventScroll: this._focus === "#main" });
    this._focus = null;
  }

  _set(name, value) {
    keep(name, value);
    window.history.replaceState(null, "", linkTo({ [name]: new URLSearchParams(location.search).has(name) ? value : null }));
    this._readAddress();
  }

  _click(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.pathname !== location.pathname || link.hash) return;
    event.preventDefault();
    const isBack = this.route.view !== "floor" && readLink(link.search).view === "floor";
    if (link.dataset.rack) this._leftRack = `[data-rack="${CSS.escape(link.dataset.rack)}"]`;
    this.go(link.href);
    if (isBack) this._returnToRack();
  }

  /** Back on the floor, restore the focus, so that keyboard users go on at the same rack instead of at the top. */
  _returnToRack() {
    if (this.route.view !== "floor" || !this._leftRack) return;
    this._focus = this._leftRack;
    this._leftRack = null;
  }

  _readAddress() {
    const route = readLink(location.search);
    const isOtherView = route.view !== this.route?.view;
    const isOther = isOtherView || route.id !== this.route.id || String(route.parameters) !== String(this.route.parameters);
    this.route = route;
    const { parameters } = route;
    this.settings.theme = pick(parameters.get("theme") ?? recall("theme"), ["light", "dark"], "auto");
    this._setLanguage(pick(parameters.get("lang") ?? recall("lang"), Object.keys(LANGUAGES), preferred()));
    const root = document.documentElement;
    root.dataset.theme = this.settings.theme;
    root.toggleAttribute("data-wall", parameters.has("wall"));
    root.dataset.view = route.view;
    if (isOther) {
      this.fetched = null;
      this.sparks = null;
      this._limit = PAGE_OF_DEVICES;
      // The field for it is a new one, and empty, when the list is shown again.
      if (isOtherView) this._query = "";
      this._fetch();
    }
    this._followDocuments();
    this.draw();
  }

  _setLanguage(language) {
    if (this.words?.language === language) return;
    this.words = new Words(language);
    this.format = new Format(language, this._zone());
    document.documentElement.lang = language;
  }

  _zone() {
    return this.site?.timezone ?? "";
  }

  _followDocuments() {
    const { view, id, parameters } = this.route;
    const parts = ["site", "problems"];
    this.room = view === "floor" ? roomToShow(this.site, this.route, this.room) : this.room;
    // With several rooms, wait for the list of rooms before asking for a floor: the whole floor of a large site would be sent in vain.
    if (view === "floor" && (this.site || parameters.has("room"))) parts.push(this.room ? `floor:${this.room}` : "floor");
    if (view === "rack") parts.push("floor");
    if (view === "device") parts.push(`device:${id}`);
    if (view === "agents") parts.push("agents");
    this.stream.follow(parts, parameters.get("site") ?? "");
  }

  _received(part) {
    const { documents } = this.stream;
    if (part === "site" && documents.site?.totals) {
      const before = this.format.zone;
      this.site = documents.site;
      this._clockOffset = (instant(this.site.time) ?? Date.now()) - Date.now();
      if (this._zone() !== before) this.format = new Format(this.words.language, this._zone());
      this._followDocuments();
    }
    if (part === "problems") {
      this._noteTimesLeft();
      this._announce();
      this._noteCare();
    }
    if (this.stream.link.state === "live" && !this._wasLive) this._reconnected();
    this._wasLive = this.stream.link.state === "live";
    this.draw();
  }

  /** After a lost connection: another collector version may serve another page, and all fetched documents are out of date. */
  async _reconnected() {
    this._fetch();
    if (this.route.view === "floor") this._fetchHistory();
    const own = document.querySelector("script[type=module]")?.src;
    try {
      const answer = own ? await fetch(own, { method: "HEAD", cache: "no-store" }) : null;
      if (answer?.status === 404) location.reload();
    } catch {
      // The stream will report the failure.
    }
  }

  get now() {
    return this.stream.link.state === "lost" ? this.stream.link.since + this._clockOffset : Date.now() + this._clockOffset;
  }

  get problems() {
    const document = this.stream.documents.problems;
    return document?.causes ? document : null;
  }

  get floor() {
    const document = this.stream.documents[this.room && this.route.view === "floor" ? `floor:${this.room}` : "floor"];
    return document && !document.error ? document : null;
  }

  get device() {
    return this.stream.documents[`device:${this.route.id}`] ?? null;
  }

  get agents() {
    return this.stream.documents.agents ?? null;
  }

  _noteTimesLeft() {
    const told = new Map();
    for (const [id, { time_left: left }] of Object.entries(this.problems?.problems ?? {})) {
      if (!left) continue;
      const before = this.timesLeft.get(id);
      told.set(id, before?.seconds === left.seconds ? before : { seconds: left.seconds, at: this.now });
    }
    this.timesLeft = told;
  }

  /** Announce new problems to screen readers. At the first load everything is new, and nothing is announced. */
  _announce() {
    const { problems } = this;
    if (!problems) return;
    const known = new Map(problems.causes.map((id) => [id, this.words.problemTitle(problems.problems[id] ?? { labels: {} }, this.short)]));
    if (this._announced) {
      const said = [
        ...[...known].filter(([id]) => !this._announced.has(id)).map(([, what]) => this.words.say("problems.new", { what })),
        ...[...this._announced].filter(([id]) => !known.has(id)).map(([, what]) => this.words.say("problems.gone", { what })),
      ];
      if (said.length) {
        this._live.textContent = said.join(". ");
        this._historyAt = 0; // asked for with the next tick
      }
    }
    this._announced = known;
  }

  /** Who acknowledged a problem, and its window, are in the history, too: if they change, it is fetched with the next tick. */
  _noteCare() {
    const { problems } = this;
    if (!problems) return;
    const care = JSON.stringify(problems.causes.map((id) => [problems.problems[id]?.acknowledged?.by, problems.problems[id]?.maintenance?.id]));
    if (care !== this._careNoted) this._historyAt = 0;
    this._careNoted = care;
  }

  _tick() {
    if (document.hidden) return;
    const now = Date.now();
    if (now - this._fetchedAt > FETCH_MS && this.stream.link.state === "live") this._fetch();
    if (now - this._historyAt > HISTORY_MS && this.stream.link.state === "live" && this.route.view === "floor") this._fetchHistory();
    this.draw();
  }

  async _fetch() {
    this._fetchedAt = Date.now();
    const { view, id, parameters } = this.route;
    const site = parameters.get("site");
    const { route, _query: query, _limit: limit } = this;
    const labels = Object.fromEntries([...parameters].filter(([name]) => name.startsWith("label.")).map(([name, value]) => [name.slice(6), value]));
    // Views that are missing here, such as that of agents, are made from streamed documents only.
    const wanted = {
      devices: ["devices", { site, q: query, agent: parameters.get("agent"), rack: parameters.get("rack"), room: parameters.get("room"), state: parameters.get("state"), limit }],
      device: this.sparks && Date.now() - this._sparksAt < SPARKS_MS ? null : [`devices/${encodeURIComponent(id)}`, { site }],
      figure: ["figures", { site, metric: id, labels: labelsToAsk(labels), limit: FIGURES }],
      total: [`totals/${encodeURIComponent(id)}`, { site }],
      problem: ["problems", { site }],
    }[view];
    if (!wanted) return;
    let fetched;
    try {
      fetched = { document: view === "devices" ? await getList(BASE, ...wanted) : await get(BASE, ...wanted) };
      if (view === "figure") fetched.document = await this._figure(fetched.document.items, labels, site);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fetched = { error, document: error.status === 404 ? undefined : this.fetched?.document };
    }
    // Another one was asked for meanwhile, by a click or with the next letter, and may be here already.
    if (route !== this.route || query !== this._query || limit !== this._limit) return;
    this.fetched = fetched;
    if (view === "device" && fetched.document) {
      this.sparks = fetched.document.series;
      this._sparksAt = Date.now();
    }
    this.draw();
  }

  /** The one figure that fits, with its inputs, or the figures to choose from. */
  async _figure(found, labels, site) {
    const items = found.filter((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value));
    const [first] = items;
    return items.length === 1 ? get(BASE, `figures/${encodeURIComponent(first.metric)}`, { ...first.labels, site: site ?? first.labels.site }) : { items };
  }

  async _fetchHistory() {
    this._historyAt = Date.now();
    const site = this.route.parameters.get("site");
    try {
      const items = [];
      let cursor = null;
      // Bounded: with a day of flapping problems there would be no end of pages to fetch.
      for (let pages = 0; pages < 5 && (pages === 0 || cursor); pages += 1) {
        const found = await get(BASE, "problems/history", { site, cursor, limit: 500 });
        items.push(...found.items);
        cursor = found.next ?? null;
      }
      this.history = { items };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.history ??= { items: null };
    }
    this.draw();
  }

  _search(text) {
    this._query = text;
    clearTimeout(this._searching);
    this._searching = setTimeout(() => this._fetch(), SEARCH_PAUSE_MS);
  }

  _more() {
    this._limit += PAGE_OF_DEVICES;
    this._fetch();
  }

  /** Show what is known, in the next frame. */
  draw() {
    if (!this._frame) this._frame = requestAnimationFrame(() => this._draw());
  }

  _draw() {
    this._frame = 0;
    const { route, words, stream } = this;
    const root = document.documentElement;
    root.dataset.link = stream.link.state;
    const state = this._state();
    root.dataset.state = state;
    document.title = `${{ critical: `${SIGNS.critical} `, warning: `${SIGNS.warning} `, unknown: `${SIGNS.uncertain} `, ok: "" }[state]}${this.site?.site ?? words.say("app.title")} · Rackflow`;
    const view = VIEWS[route.view];
    show(this._root, [
      h("a", { class: "skip", href: view ? "#main" : "#problems" }, words.say("app.skip")),
      this._part(head),
      this._part(lostLine),
      view
        ? h("main", { id: "main", tabindex: "-1", key: "view", class: "view" }, this._part(view))
        : h("main", { id: "main", tabindex: "-1", key: "home", class: "home" }, this._part(problemColumn), this._part(floorSection), this._part(answersColumn)),
      view ? null : this._part(daySection),
    ]);
    fitCards(words);
    this._moveFocus();
  }

  /** One part of the page. If it fails the others are shown all the same: a mistake about one rack must not hide a lost feed. */
  _part(make) {
    try {
      return make(this);
    } catch (error) {
      if (!this._failed.has(make)) console.error(error);
      this._failed.add(make);
      return h("p", { class: "verdict unknown", role: "status" }, SIGNS.uncertain, " ", this.words.say("app.failed"));
    }
  }

  _state() {
    const { site, problems } = this;
    if (this.stream.link.state !== "live" || !site || !problems) return "unknown";
    const worst = problems.causes.map((id) => problems.problems[id]?.severity);
    if (worst.includes("critical")) return "critical";
    if (worst.includes("warning")) return "warning";
    return problems.complete && !Object.keys(problems.beginning ?? {}).length && !site.devices.down && allSeen(site, this.floor) ? "ok" : "unknown";
  }
}

/** Labels as the collector takes them. It takes none with a comma in it, as of a source that a file names: the page chooses those itself. */
function labelsToAsk(labels) {
  return Object.entries(labels).filter(([, value]) => /^[^=,]+$/.test(value)).map((each) => each.join("=")).join();
}

function pick(value, allowed, otherwise) {
  return allowed.includes(value) ? value : otherwise;
}

function preferred() {
  const languages = navigator.languages ?? [];
  return languages.map((language) => language.slice(0, 2)).find((language) => language in LANGUAGES) ?? "en";
}

// The browser may refuse to keep anything.
function recall(name) {
  try {
    return localStorage.getItem(`rackflow.${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`rackflow.${name}`, value);
  } catch {
    // then the choice lasts until the page is closed
  }
}

new Page(document.getElementById("app"), document.getElementById("live")).start();
