// Takes a description of the page, and changes only what differs in the document.
//
// Text reaches the document as text nodes and attribute values only, so markup in a device's name is shown, never parsed. A view is
// made again from the data each second; nodes stay the same, so that focus, selection and scroll positions do.

const SVG = new Set(["svg", "polyline", "line", "rect", "title", "path", "circle"]);
const NAMESPACE = "http://www.w3.org/2000/svg";
// What the document shows at each node: {key, tag, attributes, listeners, uses}.
const shown = new WeakMap();

/** An element. Attributes that are null or false are left out; `on` has listeners, `style` custom properties, `key` tells siblings apart. */
export function h(tag, attributes, ...children) {
  return { tag, attributes: attributes ?? {}, key: attributes?.key, children: children.flat(Infinity).filter(isShown) };
}

/** An element that is made again only if a value in `uses` has changed. (Unchanged parts of a document stay the same objects.) */
export function memo(key, uses, make) {
  return { key, uses, make };
}

// Control characters, and marks that reverse the direction of text: with them a name could be made to look like another one.
const MISLEADING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function clean(text) {
  return String(text).replace(MISLEADING, "\ufffd");
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/** Make the children of `parent` match the description. */
export function show(parent, children) {
  const focused = document.activeElement;
  reconcile(parent, children.flat(Infinity).filter(isShown));
  // Moving a node takes the focus away from it.
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function reconcile(parent, children) {
  const keys = new Set(children.map((child) => child.key).filter((key) => key !== undefined));
  const kept = new Map();
  // Nodes whose key is gone go first: the others then need not be moved past them.
  for (const node of [...parent.childNodes]) {
    const key = shown.get(node)?.key;
    if (key === undefined) continue;
    if (keys.has(key)) kept.set(key, node);
    else node.remove();
  }
  let cursor = parent.firstChild;
  for (const child of children) {
    const node = fitting(child, cursor, kept) ?? created(child, parent);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
    update(node, child);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function fitting(child, cursor, kept) {
  if (child.key !== undefined) {
    const node = kept.get(child.key);
    return node && (child.make || shown.get(node).tag === child.tag) ? node : null;
  }
  if (!cursor) return null;
  if (!child.tag) return cursor.nodeType === Node.TEXT_NODE ? cursor : null;
  const before = shown.get(cursor);
  return before && before.key === undefined && before.tag === child.tag ? cursor : null;
}

function created(child, parent) {
  const tag = child.make ? child.make().tag : child.tag;
  if (!tag) return document.createTextNode("");
  const isSvg = SVG.has(tag) && (tag !== "title" || parent.namespaceURI === NAMESPACE);
  const node = isSvg ? document.createElementNS(NAMESPACE, tag) : document.createElement(tag);
  shown.set(node, { key: child.key, tag, attributes: {}, listeners: {} });
  return node;
}

function update(node, child) {
  if (node.nodeType === Node.TEXT_NODE) {
    const text = clean(child);
    if (node.data !== text) node.data = text;
    return;
  }
  const state = shown.get(node);
  if (child.make) {
    if (state.uses && state.uses.length === child.uses.length && child.uses.every((use, index) => use === state.uses[index])) return;
    state.uses = child.uses;
    const made = child.make();
    setAttributes(node, state, made.attributes);
    reconcile(node, made.children);
    return;
  }
  setAttributes(node, state, child.attributes);
  reconcile(node, child.children);
}

function setAttributes(node, state, attributes) {
  const before = state.attributes;
  for (const name of Object.keys(before)) {
    if (!(name in attributes) && name !== "key" && name !== "on" && name !== "style") node.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "key") continue;
    if (name === "on") listen(node, state, value);
    else if (name === "style") setStyle(node, before.style ?? {}, value);
    else if (value === before[name]) continue;
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : clean(value));
  }
  state.attributes = attributes;
}

// Set through the object model: a strict Content-Security-Policy allows that, but no style attribute.
function setStyle(node, before, style) {
  for (const [name, value] of Object.entries(style)) {
    if (before[name] !== value) node.style.setProperty(name, value);
  }
}

function listen(node, state, listeners) {
  for (const name of Object.keys(listeners)) {
    if (!(name in state.listeners)) node.addEventListener(name, (event) => state.listeners[name]?.(event));
  }
  state.listeners = listeners;
}
