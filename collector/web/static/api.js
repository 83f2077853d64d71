// Documents of the collector that are asked for, not streamed. The browser keeps them with their ETag.

// Most items of a list that the collector gives at a time (collector/api/requests.py).
const MOST_ITEMS = 1000;

export class ApiError extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** GET a document below api/v1/. Raises ApiError; status 0 means that nobody answered. */
export async function get(base, path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  let response;
  try {
    response = await fetch(`${base}${path}${query.size ? `?${query}` : ""}`, { cache: "no-cache", signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new ApiError(0);
  }
  if (!response.ok) throw new ApiError(response.status);
  return response.json();
}

/** GET the first `limit` items of a list, in as many pages of at most `most` as that takes. */
export async function getList(base, path, { limit, ...parameters }, most = MOST_ITEMS) {
  const found = { items: [], next: null };
  do {
    const page = await get(base, path, { ...parameters, cursor: found.next, limit: Math.min(limit - found.items.length, most) });
    Object.assign(found, page, { items: [...found.items, ...page.items] });
  } while (found.next && found.items.length < limit);
  return found;
}
