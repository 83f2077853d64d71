// JSON merge patches (RFC 7386). The former document is not changed; unchanged parts are the same objects in the new one.

/** The document after a patch. */
export function merge(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  // Without a prototype: a device may be called `constructor` or `__proto__`.
  const merged = Object.create(null);
  if (target !== null && typeof target === "object" && !Array.isArray(target)) Object.assign(merged, target);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
