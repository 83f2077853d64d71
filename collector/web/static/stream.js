// The parts of the site that are on the screen, kept current by Server-Sent Events.
//
// They are read with fetch, because EventSource hides the HTTP status and the comments that keep a quiet connection alive. So it could not
// tell a wrong password from a collector that is down, nor a dead connection from a quiet one.

import { merge } from "./merge.js";

// The collector sends a comment or an event at least every 10 s.
const SILENT_MS = 25_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
// A connection that ends is made again at once by most proxies and restarts; the page turns grey if that takes longer than this.
const GRACE_MS = 1_500;
// A hidden tab closes its stream: browsers allow six connections to one host, and hidden tabs would take them from the visible one.
const HIDDEN_MS = 60_000;
const LARGEST_EVENT = 32 * 1024 * 1024;

export class Stream {
  /**
   * `changed` is called when a document or the connection is another one.
   * `documents` maps a part to what it says; `link` is {state: "connecting" | "live" | "lost", since, cause, retryAt}.
   */
  constructor(base, changed) {
    this.documents = Object.create(null);
    this.link = { state: "connecting", since: Date.now(), cause: null, retryAt: 0 };
    // When anything was last received, a comment included (ms); 0 before.
    this.receivedAt = 0;
    this._base = base;
    this._changed = changed;
    this._parts = [];
    this._site = "";
    // Connections since a document was last received.
    this._attempt = 0;
    // Ends the present connection, and the attempts that follow it.
    this._run = null;
    document.addEventListener("visibilitychange", () => this._visibility());
    addEventListener("online", () => this._reconnect());
    addEventListener("pagehide", () => this._disconnect());
    addEventListener("pageshow", (event) => event.persisted && this._reconnect());
  }

  /** Follow these parts of a site; documents of other parts are dropped. */
  follow(parts, site) {
    if (parts.join() === this._parts.join() && site === this._site) return;
    for (const part of Object.keys(this.documents)) {
      if (site !== this._site || !parts.includes(part)) delete this.documents[part];
    }
    this._parts = parts;
    this._site = site;
    this._reconnect();
  }

  _visibility() {
    clearTimeout(this._hidden);
    if (document.hidden) this._hidden = setTimeout(() => this._disconnect(), HIDDEN_MS);
    else if (!this._run || this._run.signal.aborted) this._reconnect();
  }

  /** Close the stream of a page that nobody sees. */
  _disconnect() {
    this._run?.abort();
    this.link = { state: "lost", since: this.receivedAt || this.link.since, cause: { key: "hidden" }, retryAt: 0 };
  }

  /** Connect now, instead of the present connection and without the pause that has grown. */
  _reconnect() {
    this._run?.abort();
    this._attempt = 0;
    const run = (this._run = new AbortController());
    this._keepConnected(run);
  }

  async _keepConnected(run) {
    while (!run.signal.aborted) {
      let cause;
      try {
        cause = await this._connection(run.signal);
      } catch (error) {
        cause = error instanceof Refusal ? error.linkCause : { key: "unreachable" };
      }
      if (run.signal.aborted) return;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this._attempt) * (0.5 + Math.random() / 2);
      this._attempt += 1;
      this._lost(cause, Date.now() + pause);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  _lost(cause, retryAt) {
    const since = this.link.state === "lost" ? this.link.since : this.receivedAt || this.link.since;
    const hasGrace = this.link.state === "live" && this._attempt <= 1;
    this.link = { state: hasGrace ? "live" : "lost", since, cause, retryAt };
    if (hasGrace) setTimeout(() => this._graceEnds(), GRACE_MS);
    this._changed(null);
  }

  _graceEnds() {
    if (this.link.state !== "live" || this.link.cause === null) return;
    this.link = { ...this.link, state: "lost" };
    this._changed(null);
  }

  /** One connection until it ends; resolves to why it did. */
  async _connection(signal) {
    const own = new AbortController();
    const end = () => own.abort();
    signal.addEventListener("abort", end);
    let watch = setTimeout(end, SILENT_MS);
    try {
      const query = new URLSearchParams({ show: this._parts.join() });
      if (this._site) query.set("site", this._site);
      const response = await fetch(`${this._base}events?${query}`, { signal: own.signal, headers: { Accept: "text/event-stream" }, cache: "no-store" });
      if (!response.ok) throw new Refusal(response.status, this._site);
      // A new connection starts with whole documents, whatever was known before.
      const begun = new Set();
      const events = new EventReader();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return { key: "ended" };
        clearTimeout(watch);
        watch = setTimeout(end, SILENT_MS);
        this.receivedAt = Date.now();
        for (const event of events.read(value)) this._event(event, begun);
      }
    } catch (error) {
      if (own.signal.aborted && !signal.aborted) return { key: "silent" };
      throw error;
    } finally {
      clearTimeout(watch);
      signal.removeEventListener("abort", end);
      own.abort();
    }
  }

  _event({ name, data }, begun) {
    if (!this._parts.includes(name)) return;
    const { whole, patch, error } = JSON.parse(data);
    if (error !== undefined) this.documents[name] = { error };
    else if (whole !== undefined) this.documents[name] = merge(undefined, whole);
    else if (begun.has(name)) this.documents[name] = merge(this.documents[name], patch);
    else throw new Error(`a patch of ${name} without the document`);
    begun.add(name);
    this._attempt = 0;
    if (this.link.state !== "live" || this.link.cause !== null) {
      this.link = { state: "live", since: Date.now(), cause: null, retryAt: 0 };
    }
    this._changed(name);
  }
}

class Refusal extends Error {
  constructor(status, site) {
    super(`status ${status}`);
    // With status 404 the collector answers, but has no such site (yet). A bookmark or a wall display may name one.
    this.linkCause = status === 404 && site ? { key: "site", site } : { key: status === 401 || status === 403 ? "password" : "status", status };
  }
}

/** Cuts a stream of text into events (WHATWG HTML, 9.2.6). */
export class EventReader {
  constructor() {
    this._unread = "";
    this._name = "";
    this._data = [];
  }

  read(text) {
    const events = [];
    const lines = (this._unread + text).split(/\r\n|\n|\r(?!$)/);
    this._unread = lines.pop();
    if (this._unread.length > LARGEST_EVENT) throw new Error("an event without end");
    for (const line of lines) {
      if (line === "") {
        if (this._data.length) events.push({ name: this._name || "message", data: this._data.join("\n") });
        this._name = "";
        this._data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") this._name = value;
      else if (field === "data") this._data.push(value);
    }
    return events;
  }
}
